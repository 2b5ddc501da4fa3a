"""Write words and their translations, from dictionaries that public packages carry, as a folder of aligned rows.

    python -m openclaw_instructor.train.distill.multilingual.words OUT --cldr NPM --freedict DICTD --jmdict FILE

OUT gets `train/LANG.jsonl.gz`, so that it can be given to the recipe as a second DATA. `dictionaries.py` says which
packages hold what. Only words whose English side is made of the checkpoint's whole pieces are kept: they are the common
ones, and their vectors can be relied on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.train.distill.command import RecipeCommand
from openclaw_instructor.train.distill.multilingual import dictionaries
from openclaw_instructor.train.distill.multilingual.dictionaries import Word
from openclaw_instructor.train.distill.multilingual.rows import write_rows

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=RecipeCommand, help=__doc__)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cldr", type=_FOLDER, help="with the unpacked packages cldr-annotations-* and cldr-localenames-full")
@click.option("--freedict", type=_FOLDER, help="with freedict-*.index and .dict.dz")
@click.option("--jmdict", type=_FILE, help="jamdict.db")
@click.option("--cedict", type=_FILE, help="cedict_1_0_ts_utf-8_mdbg.txt.gz")
@click.option("--languages", required=True, help="codes, separated by spaces")
@click.option("--checkpoint", default="mini", show_default=True, help="the one that is to learn them")
def main(
    out: Path,
    cldr: Path | None,
    freedict: Path | None,
    jmdict: Path | None,
    cedict: Path | None,
    languages: str,
    checkpoint: str,
) -> None:
    """Write `out/train/LANG.jsonl.gz` for each language."""
    whole = _whole_words(Checkpoint.open(checkpoint).folder)
    for language in languages.split():
        sources: dict[str, Iterator[Word]] = {}
        if cldr:
            sources["cldr"] = dictionaries.cldr(cldr, language)
        if freedict:
            sources["freedict-wikdict"] = dictionaries.freedict(freedict, language)
        if jmdict and language == "ja":
            sources["jmdict"] = dictionaries.jmdict(jmdict)
        if cedict and language == "zh":
            sources["cc-cedict"] = dictionaries.cedict(cedict)
        rows = [{"en": word.english, "text": word.text, "source": name} for name in sources for word in sources[name]]
        kept = {(row["en"], row["text"]): row for row in rows if _known(row["en"], whole) and row["en"] != row["text"]}
        write_rows(out, language, ((row["en"], row["text"], row["source"]) for row in kept.values()))
        click.echo(f"{language}: {len(kept)} of {len(rows)} rows", err=True)


def _whole_words(folder: Path) -> frozenset[str]:
    """Return the pieces of a checkpoint that begin a word."""
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return frozenset(piece for piece in content["model"]["vocab"] if not piece.startswith("##"))


def _known(english: str, whole: frozenset[str]) -> bool:
    words = list(chain.from_iterable(part.split("-") for part in english.lower().replace(",", " ").split()))
    return bool(words) and all(word.strip(".:;!?'\"") in whole for word in words)


if __name__ == "__main__":
    main()
