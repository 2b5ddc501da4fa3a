"""Make text-evaluation sets of Billboard's files: human scores of generated texts, and references of each source.

    python -m openclaw_instructor.evaluate.billboard mscoco_references.jsonl mscoco_THumB-1.0.jsonl billboard
    openclaw-instructor evaluate billboard

The first file has rows {seg_id, refs: [...]}, the second {seg_id, hyp, human_score}. OUT gets a set named as the second
file. The data are those of Kasai et al., "Bidimensional Leaderboards: Generate and Evaluate Language Hand in Hand",
NAACL 2022.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import numbered_rows, read_rows, stem


def convert(references: Path, scored: Path, out: Path) -> int:
    """Write the set and return its number of rows. Raises InvalidData for a text without references."""
    known = {str(row["seg_id"]): row["refs"] for row in read_rows(references, ("seg_id", "refs"))}
    rows = []
    for number, row in numbered_rows(scored, ("seg_id", "hyp", "human_score")):
        if str(row["seg_id"]) not in known:
            raise InvalidData(f"{scored}:{number}: `seg_id` {row['seg_id']!r} is not in {references}")
        rows.append({"hypothesis": row["hyp"], "references": known[str(row["seg_id"])], "score": row["human_score"]})
    out.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (out / f"{stem(scored)}.jsonl").write_text("".join(lines), encoding="utf-8")
    return len(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the set, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("references", type=Path)
    parser.add_argument("scored", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    count = convert(options.references, options.scored, options.out)
    sys.stdout.write(f"{count} texts in {options.out}\n")


if __name__ == "__main__":
    main()
