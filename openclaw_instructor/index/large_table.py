"""Rank passages by words in a table so large that not every passage with a word of the query can be scored by BM25.

First every passage gets the sum of the rarities of the clauses that it has, which takes additions only. The best of
these are scored by BM25, from their texts, as `Lookup.matches` scores all passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import sqrt
from typing import TYPE_CHECKING

from openclaw_instructor.index import passage_table, stems, words
from openclaw_instructor.index.fulltext import COLUMN_WEIGHTS, VERY_FORM, Found, Lookup, Match, Table, rarity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from openclaw_instructor.index.postings import Ids, Places, Postings

    Sums = npt.NDArray[np.float32]

# A table of more passages than this is large.
MANY = 50_000
# So few matches are all scored by FTS5.
FEW = 8_000
# Of more, so many passages are scored.
SCORED = 200
# Constants of BM25, as FTS5 has them.
_K1, _B = 1.2, 0.75
# Where a filter lets few pass, so many of the best sums are looked at, and no more than that.
_LOOKED_AT = (2_000, 20_000)
_FIELD_WEIGHTS = COLUMN_WEIGHTS[:3]


@dataclass(frozen=True)
class _Sought:
    """A clause, the places of the passages that have it in the table's list of ids, and its rarity.

    `forms`: the same of each expression for a name or a literal that is looked up by several.
    """

    found: Found
    places: Places
    weight: float
    forms: tuple[tuple[Places, float], ...] = ()


def matches(lookup: Lookup, postings: Postings, limit: int) -> list[Match]:
    """Find the best passages with any clause, at most `limit` or SCORED, and all with a rare one; best first."""
    table = lookup.table
    having = [each for each in lookup.found if each.expressions]
    if not having:
        return []
    ids, sought = _look_up(table, postings, having)
    if sum(len(each.places) for each in sought) <= FEW:
        return lookup.matches(limit)
    sums = _sums(ids, sought)
    _narrow(lookup, ids, sums)
    chosen = _best(lookup, sought, ids, sums, max(limit, SCORED))
    rare = [key for each in having for key in (*each.holders, *each.kin)]
    return _scored(lookup, sought, ids, sorted({*chosen, *passage_table.passing(table, rare)}), limit, set(rare))


def _look_up(table: Table, postings: Postings, having: Sequence[Found]) -> tuple[Ids, list[_Sought]]:
    """Return the ids of all passages, and what has each clause."""
    total = table.count()
    forms = [each.expressions if len(each.expressions) > 1 else () for each in having]
    wanted = [" OR ".join(each.expressions) for each in having]
    ids, places = postings.of(table, [*wanted, *chain.from_iterable(forms)])
    weighed = [(each, rarity(total, len(each))) for each in places]
    rest = iter(weighed[len(having) :])
    return ids, [
        _Sought(each, *weighed[number], tuple(islice(rest, len(forms[number])))) for number, each in enumerate(having)
    ]


def _sums(ids: Ids, sought: Sequence[_Sought]) -> Sums:
    """Sum the rarities of the clauses that each passage has."""
    import numpy as np

    sums = np.zeros(len(ids), dtype=np.float32)
    for each in sought:
        sums[each.places] += each.weight
    return sums


def _narrow(lookup: Lookup, ids: Ids, sums: Sums) -> None:
    """Set the sums of the passages that lack a quotation, or have what is excluded, to zero."""
    import numpy as np

    if lookup.required:
        kept = np.zeros_like(sums)
        rows = np.array(lookup.table.rows(lookup.narrowed()), dtype=np.int64)
        kept[_places(ids, rows)] = 1.0
        sums *= kept
    for each in lookup.excluded:
        sums[_places(ids, np.array(lookup.table.rows(each.expression), dtype=np.int64))] = 0.0


def _places(ids: Ids, rows: Ids) -> Ids:
    import numpy as np

    places = np.searchsorted(ids, rows)
    return places[(places < len(ids)) & (ids[np.minimum(places, len(ids) - 1)] == rows)] if len(ids) else places


def _having(ids: Ids, places: Ids, wanted: Places) -> set[int]:
    """Return the ids of those of the places that are among others, which are ascending."""
    return set(ids[places[_within(places, wanted)]].tolist())


def _within(places: Ids, wanted: Places) -> npt.NDArray[np.bool_]:
    """Say of each place (n,) whether it is among others, which are ascending."""
    import numpy as np

    if not len(wanted):
        return np.zeros(len(places), dtype=bool)
    there: npt.NDArray[np.bool_] = wanted[np.minimum(np.searchsorted(wanted, places), len(wanted) - 1)] == places
    return there


def _best(lookup: Lookup, sought: Sequence[_Sought], ids: Ids, sums: Sums, count: int) -> list[int]:
    """List the ids of the `count` passages with the greatest sums that meet the table's condition."""
    import numpy as np

    for depth in (count, *_LOOKED_AT) if lookup.table.condition else (count,):
        best = _greatest(sums, sought, depth)
        ordered = ids[best[np.argsort(-sums[best], kind="stable")]].tolist()
        passing = passage_table.passing(lookup.table, ordered)
        if len(passing) >= count or len(best) < depth:
            break
    return passing[:count]


def _greatest(sums: Sums, sought: Sequence[_Sought], count: int) -> Ids:
    """Find the places of the `count` greatest sums above zero, or of all of these."""
    import numpy as np

    some: list[Places] = []
    for each in sorted(sought, key=lambda each: len(each.places)):
        some.append(each.places)
        if sum(map(len, some)) >= 2 * count:
            break
    # So many have at least this sum; looking for them takes less time than sorting all sums.
    known = sums[np.unique(np.concatenate(some))]
    least = np.partition(known, len(known) - count)[-count] if len(known) > count else 0.0
    places = np.flatnonzero(sums >= max(least, np.finfo(np.float32).tiny))
    if len(places) > count:
        places = places[np.argpartition(-sums[places], count)[:count]]
    return places


def _scored(
    lookup: Lookup, sought: Sequence[_Sought], ids: Ids, keys: Sequence[int], limit: int, rare: set[int]
) -> list[Match]:
    import numpy as np

    table = lookup.table
    average = passage_table.average_length(table)
    places = _places(ids, np.array(keys, dtype=np.int64))
    having = [_having(ids, places, each.places) for each in sought]
    forms = [[(_having(ids, places, part), weight) for part, weight in each.forms] for each in sought]
    counter = _Counter(sought)
    lengths = passage_table.lengths(table, keys)
    known = sum(each.weight**2 for each in sought if len(each.places))
    absent = rarity(table.count(), 0) ** 2
    whole = sum(absent if each.found.absent else each.weight**2 for each in sought)
    result = []
    for passage in passage_table.texts(table, keys):
        key, scale = passage.id, 1 - _B + _B * lengths.get(passage.id, average) / average
        counts, written = counter.count(passage)
        score = covered = fitting = 0.0
        for number, each in enumerate(sought):
            if key in having[number]:
                found = [weight for keys_of_form, weight in forms[number] if key in keys_of_form]
                score += sum(found) * _saturated(1.0, scale)
                score += each.weight * _saturated(counts.get(number, 1.0), scale) if not found else 0.0
                score += each.weight * VERY_FORM if number in written else 0.0
                covered += each.weight**2
                fitting += 0.0 if each.found.absent else each.weight**2
        result.append(Match(key, score, sqrt(covered / known) if known else 0.0, (fitting / whole) ** 2))
    result.sort(key=lambda match: (-match.score, match.key))
    return result[:limit] + [match for match in result[limit:] if match.key in rare]


def _saturated(count: float, scale: float) -> float:
    """Return what BM25 makes of a word that stands `count` times in a text of `scale` times the average length."""
    return count * (_K1 + 1) / (count + _K1 * scale)


class _Counter:
    """Counts the words of a query in passages, by their stems."""

    def __init__(self, sought: Sequence[_Sought]) -> None:
        # A name that occurs as it is written is not found by its parts.
        clauses = [
            (number, each.found.clause)
            for number, each in enumerate(sought)
            if not (each.found.clause.whole and each.found.form)
        ]
        self._numbers = {stems.stem(word): number for number, clause in clauses for word in clause.words}
        self._forms = {clause.text for _, clause in clauses if clause.single}
        # Porter's stemmer ends words in `i` that end in `y`.
        beginnings = sorted(stem[:-1] if stem.endswith("i") else stem for stem in self._numbers)
        self._word = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, beginnings)) or '(?!)'})[^\W_]*")

    def count(self, passage: passage_table.Text) -> tuple[dict[int, float], set[int]]:
        """Return the weighted counts by the number of the clause, and the numbers of those in their very form."""
        counts: dict[int, float] = {}
        written = set()
        for text, weight in zip((passage.title, passage.heading, passage.text), _FIELD_WEIGHTS, strict=True):
            for word, number in self._standing(text):
                counts[number] = counts.get(number, 0.0) + weight
                if word in self._forms:
                    written.add(number)
        return counts, written

    def _standing(self, text: str) -> Iterator[tuple[str, int]]:
        for word in self._word.findall(words.fold(text)):
            number = self._numbers.get(stems.stem(word))
            if number is not None:
                yield word, number
