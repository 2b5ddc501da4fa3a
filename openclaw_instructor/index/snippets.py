"""Cut a passage to the lines that match the query best."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

from openclaw_instructor.index import words
from openclaw_instructor.index.query import Query
from openclaw_instructor.index.word_family import relatives

MAX_CHARACTERS = 1_500
_STEM_LENGTH = 5
_ELLIPSIS = "…"
# What a clause counts as it is written, and by the stems of its words.
_WRITTEN, _STEMMED = 2.0, 1.0
_VERSION = re.compile("[vV][0-9]+")

_Hits = list[tuple[int, int, float]]  # (position, number of the clause, what it counts), in order


def snippet(text: str, first_line: int, query: Query, limit: int = MAX_CHARACTERS) -> tuple[str, int, int]:
    """Return (excerpt of at most `limit` characters, its first line, its last line).

    The excerpt is a run of whole lines: the one with most of the query, and of those the first; what few lines have
    counts more. Only when the best line alone is too long is it cut, around its best part, with an ellipsis at each
    cut.
    """
    lines = text.split("\n")
    if len(text) <= limit:
        return _trimmed(lines, first_line)
    sought = _Sought.of(query)
    found = _weighed([sought.hits(line) for line in lines])
    best, best_score = (0, 0), -1.0
    end = 0
    size = -1
    for start in range(len(lines)):
        if end <= start:
            end, size = start, -1
        while end < len(lines) and size + len(lines[end]) + 1 <= limit:
            size += len(lines[end]) + 1
            end += 1
        score = _score([hit for hits in found[start : max(end, start + 1)] for hit in hits])
        if score > best_score:
            best, best_score = (start, max(end, start + 1)), score
        if end > start:
            size -= len(lines[start]) + 1
    start, stop = best
    if stop - start == 1 and len(lines[start]) > limit:
        return _clipped(lines[start], found[start], limit), first_line + start, first_line + start
    return _trimmed(lines[start:stop], first_line + start)


def _trimmed(lines: list[str], first_line: int) -> tuple[str, int, int]:
    """Remove the blank lines at both ends."""
    written = [number for number, line in enumerate(lines) if line.strip()] or [0]
    kept = lines[written[0] : written[-1] + 1]
    return "\n".join(kept), first_line + written[0], first_line + written[-1]


def _clipped(line: str, hits: _Hits, limit: int) -> str:
    """Cut one line to the part with most of the query close together."""
    room = limit - 2 * len(_ELLIPSIS)
    best, best_score = 0, 0.0
    for index, (position, _, _) in enumerate(hits):
        score = _score([hit for hit in hits[index:] if hit[0] < position + room * 3 // 4])
        if score > best_score:
            best, best_score = position, score
    start = max(0, min(best - room // 4, len(line) - room))
    if start:
        # A run without blanks may begin before and end behind the best part: there is no word to start at.
        start = next((place for place, _ in words.standing(line) if start <= place <= best), start)
    stop = min(len(line), start + room)
    return f"{_ELLIPSIS if start else ''}{line[start:stop]}{_ELLIPSIS if stop < len(line) else ''}"


def _score(hits: _Hits) -> float:
    best: dict[int, float] = {}
    for _, number, weight in hits:
        best[number] = max(best.get(number, 0.0), weight)
    return sum(best.values())


def _weighed(found: list[_Hits]) -> list[_Hits]:
    """Make each hit count more the fewer lines have its clause."""
    lines: dict[int, int] = defaultdict(int)
    for hits in found:
        for number in {number for _, number, _ in hits}:
            lines[number] += 1
    return [
        [(at, number, weight * (1 + log(len(found) / lines[number]))) for at, number, weight in hits] for hits in found
    ]


@dataclass(frozen=True)
class _Sought:
    """What to look for in lines: the first word of each sequence, and stems, each with the number of its clause."""

    sequences: Mapping[str, Sequence[tuple[int, tuple[str, ...]]]]
    stems: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, query: Query) -> _Sought:
        sequences: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        stems: dict[str, list[int]] = defaultdict(list)
        for number, clause in enumerate((*query.required, *query.clauses)):
            for sequence in clause.sequences:
                sequences[sequence[0]].append((number, sequence))
            related = relatives(clause.text) if clause.single else ()
            for stem in dict.fromkeys(map(_stem, (*clause.words, *related))):
                stems[stem].append(number)
        return cls(sequences, stems)

    def hits(self, line: str) -> _Hits:
        """Find the clauses in a line."""
        found: _Hits = []
        for stream in _streams(line):
            for index, (position, word) in enumerate(stream):
                for number, sequence in self.sequences.get(word, ()):
                    if all(part == other for part, (_, other) in zip(sequence, stream[index:], strict=False)):
                        complete = len(stream) - index >= len(sequence)
                        found += [(position, number, _WRITTEN)] if complete else []
                found += [(position, number, _STEMMED) for number in self.stems.get(_stem(word), ())]
        return sorted(found)


def _streams(line: str) -> Iterator[list[tuple[int, str]]]:
    """Yield the words of a line with their positions: names taken apart, as they are, and in capitals."""
    standing = list(words.standing(line))
    yield [(at + offset, part) for at, word in standing for offset, part in _parts(word)]
    yield [(at, part) for at, word in standing if word.isascii() for part in words.words(word)]
    yield [(at, one + words.CAPITALS) for at, word in standing for one in words.capitals(word)]


def _parts(word: str) -> Iterator[tuple[int, str]]:
    """Yield (position, part) of the parts of a word; `v3` may be the beginning of a version."""
    if _VERSION.fullmatch(word):
        yield from ((0, word[0].lower()), (1, word[1:]))
        return
    parts = words.forms(word)
    if not any(map(words.unspaced, parts)):
        yield from ((0, part) for part in parts)
        return
    for offset in range(len(word)):
        yield from ((offset, part) for part in words.forms(word[offset : offset + 2])[:1])


def _stem(word: str) -> str:
    """Cut a word to the part that its inflections share, roughly."""
    return word[:_STEM_LENGTH]
