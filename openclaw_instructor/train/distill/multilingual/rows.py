"""Read sentences and passages that are aligned with English, and keep those of a run in one small file.

A data folder holds `train/LANG.jsonl.gz` with rows `{"en", "text"}`. A run's file stores each English text once: first
lines `["en", TEXT]`, then for each language lines `[LANG, PLACE, TEXT]` with the place of the English side. The
sentences of a passage stand near enough to it to be compressed away, so it has about half of the folder's size.
"""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import read_rows

ENGLISH = "en"
_SUFFIX = ".jsonl.gz"
# All texts of one language fit into the window in which repeated ones are found.
_COMPRESSION = {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 24}


class Translation(NamedTuple):
    """A text in another language; `english` is the place of its English side."""

    english: int
    language: str
    text: str


@dataclass(frozen=True)
class AlignedTexts:
    """Unique English texts and translations of some of them, both in a fixed random order."""

    english: list[str]
    translations: list[Translation]

    @property
    def languages(self) -> list[str]:
        """The languages besides English, sorted."""
        return sorted({each.language for each in self.translations})


def read_aligned(
    data: Sequence[Path], languages: Sequence[str], english: Iterable[str] = (), seed: int = 0
) -> AlignedTexts:
    """Read the rows of these languages below `train` of each folder, with further texts that are English only.

    Raises InvalidData for a language without a file in any of them.
    """
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for language in languages:
        paths = [path for folder in data if (path := folder / "train" / f"{language}{_SUFFIX}").is_file()]
        if not paths:
            where, known = " or ".join(str(folder / "train") for folder in data), ", ".join(_languages(data))
            raise InvalidData(f"{where}: no rows for language {language!r}; there are: {known or 'none'}")
        for path in paths:
            for row in read_rows(path, (ENGLISH, "text")):
                found[row[ENGLISH]].append((language, row["text"]))
    for text in english:
        found.setdefault(text, [])
    return _shuffled(found, seed)


def _languages(data: Sequence[Path]) -> list[str]:
    files = (each.name for folder in data for each in (folder / "train").glob(f"*{_SUFFIX}"))
    return sorted({name.removesuffix(_SUFFIX) for name in files})


def write_texts(texts: AlignedTexts, path: Path) -> None:
    """Write a run's texts, each language by itself."""
    order = sorted(range(len(texts.english)), key=texts.english.__getitem__)
    places = {index: place for place, index in enumerate(order)}
    rows = sorted((each.language, places[each.english], each.text) for each in texts.translations)
    new = path.with_name(path.name + ".new")
    with lzma.open(new, "wt", encoding="utf-8", filters=[_COMPRESSION]) as file:
        for line in (*((ENGLISH, texts.english[index]) for index in order), *rows):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    new.replace(path)


def read_texts(path: Path, seed: int = 0) -> AlignedTexts:
    """Read what `write_texts` wrote."""
    english: list[str] = []
    found: dict[str, list[tuple[str, str]]] = {}
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            language, *rest = json.loads(line)
            if language == ENGLISH:
                english.append(rest[0])
                found[rest[0]] = []
            else:
                found[english[rest[0]]].append((language, rest[1]))
    return _shuffled(found, seed)


def _shuffled(found: dict[str, list[tuple[str, str]]], seed: int) -> AlignedTexts:
    """Order by the seed alone, wherever the texts were read from."""
    draw = random.Random(seed)
    english = sorted(found)
    draw.shuffle(english)
    translations = [
        Translation(index, language, text)
        for index, each in enumerate(english)
        for language, text in sorted(found[each])
    ]
    draw.shuffle(translations)
    return AlignedTexts(english, translations)
