"""Read sentences and passages that are aligned with English, and keep those of a run in one small file.

A data folder holds `train/LANG.jsonl.gz` with rows `{"en", "text"}`. A run's file has a line for each English text with
all its translations, `{"en", "de", "ja", ...}`, so that what many languages share is stored once. A line with `en`
alone is an English text without a translation. The file has about a third of the folder's size.
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


def read_aligned(data: Path, languages: Sequence[str], english: Iterable[str] = (), seed: int = 0) -> AlignedTexts:
    """Read the rows of these languages below `data/train`, with further texts that are English only.

    Raises InvalidData for a language without a file.
    """
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for language in languages:
        path = data / "train" / f"{language}{_SUFFIX}"
        if not path.is_file():
            known = ", ".join(sorted(each.name.removesuffix(_SUFFIX) for each in path.parent.glob(f"*{_SUFFIX}")))
            raise InvalidData(f"{path}: no rows for language {language!r}; there are: {known or 'none'}")
        for row in read_rows(path, (ENGLISH, "text")):
            found[row[ENGLISH]].append((language, row["text"]))
    for text in english:
        found.setdefault(text, [])
    return _shuffled(found, seed)


def write_texts(texts: AlignedTexts, path: Path) -> None:
    """Write a run's texts, sorted so that passages stand beside their sentences and compress well."""
    translations: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for each in texts.translations:
        translations[each.english].append((each.language, each.text))
    new = path.with_name(path.name + ".new")
    with lzma.open(new, "wt", encoding="utf-8", preset=4) as file:
        for index in sorted(range(len(texts.english)), key=texts.english.__getitem__):
            for line in _lines(texts.english[index], sorted(translations[index])):
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    new.replace(path)


def read_texts(path: Path, seed: int = 0) -> AlignedTexts:
    """Read what `write_texts` wrote."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row: dict[str, str] = json.loads(line)
            found[row.pop(ENGLISH)] += row.items()
    return _shuffled(found, seed)


def _lines(english: str, translations: Sequence[tuple[str, str]]) -> Iterable[dict[str, str]]:
    """Yield one line, or more where a language has several translations."""
    lines: list[dict[str, str]] = [{ENGLISH: english}]
    for language, text in translations:
        line = next((line for line in lines if language not in line), None)
        if line is None:
            lines.append(line := {ENGLISH: english})
        line[language] = text
    return lines


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
