"""Read sentences and passages that are aligned with English, and keep those of a run in one small file.

A data folder holds `train/LANG.jsonl.gz` with rows `{"en", "text"}`. A run's file stores each English text once: first
lines `["en", TEXT]`, then for each language lines `[LANG, PLACE, TEXT]` with the place of the English side. The
sentences of a passage stand near enough to it to be compressed away, so it has about half of the folder's size.
"""

from __future__ import annotations

import gzip
import json
import lzma
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import read_rows
from openclaw_instructor.train.distill.multilingual.sentences import ENGLISH, everyday_sentences

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
    sources: Counter[str] = field(default_factory=Counter, compare=False)  # rows read from each, where they were read

    @property
    def languages(self) -> list[str]:
        """The languages besides English, sorted."""
        return sorted({each.language for each in self.translations})


def read_aligned(
    data: Sequence[Path],
    languages: Sequence[str],
    english: Iterable[str] = (),
    seed: int = 0,
    *,
    everyday: bool = False,
) -> AlignedTexts:
    """Read the rows of these languages below `train` of each folder, with further texts that are English only.

    With `everyday`, the sentences of this package are among them. Raises InvalidData for a language without a file in
    any folder, where there are no rows at all, and for a row whose sides are no texts.
    """
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    sources: Counter[str] = Counter()
    for language in dict.fromkeys(languages):
        paths = [path for folder in data if (path := folder / "train" / f"{language}{_SUFFIX}").is_file()]
        if not paths:
            where, known = " or ".join(str(folder / "train") for folder in data), ", ".join(_languages(data))
            raise InvalidData(f"{where}: no rows for language {language!r}; there are: {known or 'none'}")
        for path in paths:
            for row in read_rows(path, (ENGLISH, "text")):
                side, text, source = row[ENGLISH], row["text"], row.get("source")
                if not isinstance(side, str) or not isinstance(text, str):
                    raise InvalidData(f"{path}: `{ENGLISH}` and `text` of a row have to be texts: {row}")
                found[side].append((language, text))
                if not isinstance(source, str) or not source.strip():
                    source = f"rows of {path.parents[1].resolve().name} without a source"
                sources[source] += 1
        for side, text in everyday_sentences(language) if everyday else ():
            found[side].append((language, text))
            sources["everyday"] += 1
    if not found:
        raise InvalidData(f"{' or '.join(map(str, data))}: no rows for {' '.join(languages)}")
    for text in english:
        found.setdefault(text, [])
    return replace(_shuffled(found, seed), sources=sources)


def _languages(data: Sequence[Path]) -> list[str]:
    files = (each.name for folder in data for each in (folder / "train").glob(f"*{_SUFFIX}"))
    return sorted({name.removesuffix(_SUFFIX) for name in files})


def write_rows(data: Path, language: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Write rows of (English side, text, source) where `read_aligned` finds them in the folder `data`."""
    (data / "train").mkdir(parents=True, exist_ok=True)
    with gzip.open(data / "train" / f"{language}{_SUFFIX}", "wt", encoding="utf-8") as file:
        for english, text, source in rows:
            file.write(json.dumps({ENGLISH: english, "text": text, "source": source}, ensure_ascii=False) + "\n")


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
    """Order by the seed alone, wherever the texts were read from, each translation once."""
    draw = random.Random(seed)
    english = sorted(found)
    draw.shuffle(english)
    translations = [
        Translation(index, language, text)
        for index, each in enumerate(english)
        for language, text in sorted(set(found[each]))
    ]
    draw.shuffle(translations)
    return AlignedTexts(english, translations)
