"""Say what an index takes on disk, against the texts and vectors in it, and where the bytes go.

    python benchmarks/store_size.py ~/.openclaw-instructor/index.db [more.db ...]

Texts are the passages in UTF-8, without titles and headings; vectors as they are stored. Give back the room of what was
deleted before (`openclaw-instructor index compact`). The parts need SQLite's `dbstat`, which not every build has.
"""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path

_PARTS = {
    "texts, headings, locations": ("chunks",),
    "vectors": ("vectors",),
    "full text": ("passages_data", "passages_idx", "passages_docsize", "passages_config"),
    "their indexes": ("chunks_by_digest", "chunks_by_document"),
}


def main() -> None:
    """Print a row for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    print(f"| index | passages | texts MB | vectors MB | index.db MB | of both | {' | '.join(_PARTS)} |")
    print("| --- |" + " --- |" * (5 + len(_PARTS)))
    for file in parser.parse_args().files:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            print(_row(file, connection))


def _row(file: Path, connection: sqlite3.Connection) -> str:
    count, texts = connection.execute("SELECT count(*), sum(length(CAST(text AS BLOB))) FROM chunks").fetchone()
    (vectors,) = connection.execute("SELECT sum(length(vector)) FROM vectors").fetchone()
    pages = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
    size = pages[0] * pages[1]
    try:
        parts = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    except sqlite3.OperationalError:
        parts = {}
    shares = [sum(parts.get(name, 0) for name in names) / 1e6 for names in _PARTS.values()]
    numbers = " | ".join(f"{number:.1f}" for number in (texts / 1e6, vectors / 1e6, size / 1e6))
    told = " | ".join(f"{share:.1f}" for share in shares)
    return f"| {file.parent.name} | {count:,} | {numbers} | {size / (texts + vectors):.2f} | {told} |"


if __name__ == "__main__":
    main()
