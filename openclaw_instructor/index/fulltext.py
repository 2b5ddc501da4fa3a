"""Find the passages that contain what a query names, ranked by BM25.

Full text is SQLite's FTS5 with Porter's stemmer over the streams of words of a passage (`words.py`). It keeps no text:
rows are removed by giving it the same streams again. Evaluation asks the same questions of a table of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log, sqrt

from openclaw_instructor.index import words
from openclaw_instructor.index.query import Clause, Exclusion, Query, word_expression
from openclaw_instructor.index.word_family import relatives
from openclaw_instructor.index.words import EXACT, TOKEN_CHARACTERS

COLUMNS = ("title", "heading", "text", "extras", "forms")
# The streams are split into words at blanks only.
TOKENIZER = f"porter unicode61 remove_diacritics 0 categories 'L* N* M* S* Co Cn' tokenchars '{TOKEN_CHARACTERS}'"
# Of bm25(). `extras` and `forms` repeat words: only names, literals and phrases are looked up there.
COLUMN_WEIGHTS = (2.0, 1.5, 1.0, 1.0, 1.0)
# Limits on the number of passages: of a rare word; of a word that by itself tells what a query is about; and of what
# counts as found in one place only, because overlapping passages and copies are counted separately.
RARE, FEW, ALONE = 64, 8, 2
# In longer queries a rare word is seldom the subject, and a single word that occurs is seldom all of it.
FEW_CLAUSES, FEW_NAMED = 5, 3
# The weight of the exact form of a word in addition to its stem, as a share of its rarity.
VERY_FORM = 0.2


def create_table(name: str) -> str:
    """Build the statement that creates a full-text table."""
    return f'CREATE VIRTUAL TABLE {name} USING fts5 ({", ".join(COLUMNS)}, content = "", tokenize = "{TOKENIZER}")'


def word_stream(text: str) -> str:
    """Return the content of the columns `title`, `heading` and `text` for a field."""
    return " ".join(words.words(text))


def extras_stream(title: str, heading: str, context: str, text: str) -> str:
    """Return the content of the column `extras` for a passage."""
    return " ".join([*words.words(context), *words.extras("\n".join((title, heading, context, text)))])


def forms_stream(title: str, heading: str, context: str, text: str) -> str:
    """Return the content of the column `forms` for a passage; a mark between its fields keeps phrases within one."""
    fields = (" ".join(word + EXACT for word in words.forms(field)) for field in (title, heading, context, text))
    return f" {EXACT} ".join(fields)


def register(connection: sqlite3.Connection) -> None:
    """Register the functions that make the streams, which triggers call, on a connection."""
    connection.create_function("word_stream", 1, word_stream, deterministic=True)
    connection.create_function("extras_stream", 4, extras_stream, deterministic=True)
    connection.create_function("forms_stream", 4, forms_stream, deterministic=True)


@dataclass(frozen=True)
class Table:
    """A full-text table, restricted to the rows that meet `condition` with its `values`."""

    connection: sqlite3.Connection
    name: str
    condition: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    def rows(self, expression: str, limit: int = -1) -> tuple[int, ...]:
        """Find the ids of the rows that an expression matches, or of `limit` of them."""
        # In one row, because Python's lock is given away at each.
        (found,) = self.connection.execute(
            f"SELECT json_group_array(rowid) FROM (SELECT rowid FROM {self.name} "  # noqa: S608
            f"WHERE {self.name} MATCH :match {self.condition} LIMIT :limit)",
            {"match": expression, "limit": limit, **self.values},
        ).fetchone()
        return tuple(json.loads(found))

    def best(self, expression: str, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Return (id, BM25 score) of the best rows that an expression matches, best first."""
        weights = ", ".join(map(str, COLUMN_WEIGHTS))
        found = self.connection.execute(
            f"SELECT rowid, -bm25({self.name}, {weights}) AS score FROM {self.name} "  # noqa: S608
            f"WHERE {self.name} MATCH :match {self.condition} "
            "AND (:among IS NULL OR +rowid IN (SELECT value FROM json_each(:among))) "
            "ORDER BY score DESC, rowid LIMIT :limit",
            {
                "match": expression,
                "limit": limit,
                "among": None if among is None else json.dumps(among),
                **self.values,
            },
        )
        return [(row[0], row[1]) for row in found]

    def having(self, expressions: Sequence[str], keys: Sequence[int]) -> list[tuple[int, list[int]]]:
        """Return for each expression how many rows match it, and which of `keys` do."""
        # One statement for all expressions; CROSS JOIN keeps their order.
        rows = self.connection.execute(
            f"SELECT sought.key, count(*), json_group_array({self.name}.rowid) "  # noqa: S608
            f"FILTER (WHERE {self.name}.rowid IN (SELECT value FROM json_each(:keys))) "
            f"FROM json_each(:expressions) AS sought CROSS JOIN {self.name} WHERE {self.name} MATCH sought.value "
            "GROUP BY sought.key",
            {"expressions": json.dumps(list(expressions)), "keys": json.dumps(list(keys))},
        )
        found = {key: (count, json.loads(ids)) for key, count, ids in rows}
        return [found.get(number, (0, [])) for number in range(len(expressions))]

    def count(self) -> int:
        """Count the rows, without the condition."""
        return self._count

    @cached_property
    def _count(self) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {self.name}_docsize").fetchone()[0])  # noqa: S608


@dataclass(frozen=True)
class Found:
    """Where a clause stands as it is written.

    `form` is the first of its forms that stands anywhere, `holders` the passages with it, none when there are more than
    RARE; `kin` are those with its stem, where it is a word and they are as few as FEW. `relatives` are looked for
    instead of a word whose stem stands nowhere.
    """

    clause: Clause
    form: str = ""
    holders: tuple[int, ...] = ()
    kin: tuple[int, ...] = ()
    relatives: tuple[str, ...] = ()

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions to rank by; without the words of a literal that occurs."""
        stems = () if self.clause.whole and self.form else map(word_expression, self.relatives or self.clause.words)
        return tuple(dict.fromkeys((*(() if self.clause.single else self.clause.exact), *stems)))

    @property
    def absent(self) -> bool:
        """Whether it is a name or a code that stands nowhere, of which at most parts are found."""
        return self.clause.whole and not self.form

    @property
    def alone(self) -> tuple[int, ...]:
        """The passages, at most a few, that have it: for a word by its stem, for a literal as it is written."""
        holders = self.holders if self.clause.literal else self.kin
        return holders if len(holders) <= ALONE else ()

    @property
    def first(self) -> tuple[int, ...]:
        """The passages that come first if nothing else is asked: the exact form before other forms."""
        if self.clause.literal:
            return self.holders
        return tuple(dict.fromkeys((*(self.holders if len(self.holders) == 1 else ()), *self.kin)))


@dataclass(frozen=True)
class Match:
    """A passage that the words have found.

    `score` is BM25 with what its very forms add; `covered` the share that it has of what of the query stands anywhere,
    and `fit` the squared share of all that the query names; both from 0 to 1.
    """

    key: int
    score: float
    covered: float
    fit: float


@dataclass(frozen=True)
class Lookup:
    """A query looked up in a table.

    `found`: its clauses; `required`: its quotations; `excluded`: what no passage may have; `negative`: the query only
    says what to leave out.
    """

    table: Table
    found: tuple[Found, ...]
    required: tuple[Clause, ...]
    excluded: tuple[Exclusion, ...]
    negative: bool = False

    @classmethod
    def of(cls, table: Table, query: Query) -> Lookup:
        """Look up every clause as it is written, and tell exclusions from command-line options."""
        excluded = tuple(each for each in query.excluded if not (each.option and table.rows(each.option, 1)))
        dropped = {each.text for each in excluded}
        clauses = [clause for clause in query.clauses if clause.text not in dropped]
        return cls(table, tuple(_found(table, clause) for clause in clauses), query.required, excluded, query.negative)

    @property
    def narrows(self) -> bool:
        """Whether some passages are excluded."""
        return bool(self.required or self.excluded)

    def narrowed(self, expression: str = "") -> str:
        """Restrict an expression to passages with every quotation and without exclusions."""
        parts = [*(clause.exact[0] for clause in self.required), *([expression] if expression else [])]
        wanted = " AND ".join(f"({part})" for part in parts)
        unwanted = " OR ".join(f"({each.expression})" for each in self.excluded)
        return f"({wanted}) NOT ({unwanted})" if unwanted else wanted

    def notes(self) -> list[str]:
        """Explain how quotations and exclusions were applied, if that is not obvious."""
        lacking = [clause.text for clause in self.required if not self.table.rows(clause.exact[0], 1)]
        said = [f'nothing has "{text}"; ask without the quotation marks' for text in lacking]
        if self.required and not lacking and not self.table.rows(self.narrowed(), 1):
            said.append("nothing has all that is quoted; quote less")
        absent = [each.clause.text for each in self.found if each.absent]
        if absent and len(absent) <= FEW_NAMED:
            said.append(f"nothing has {', '.join(map(repr, absent))} as a whole")
        if self.negative:
            looked_for = "" if self.excluded else "; its words are looked for as they are"
            said.append(f"the query only says what to leave out{looked_for}: name what to look for")
        return said + [f"left out what has {each.text.removeprefix('-')!r}" for each in self.excluded]

    @cached_property
    def first(self) -> tuple[int, ...]:
        """The passages that come first, because they have all of the query that occurs: a literal or a rare word."""
        standing = [each for each in self.found if each.form or each.kin]
        return standing[0].first if len(standing) == 1 and len(self.found) <= FEW_NAMED else ()

    @cached_property
    def alone(self) -> tuple[int, ...]:
        """The passages that are the only ones with a literal, or with a word of a short query."""
        few = len(self.found) <= FEW_CLAUSES
        telling = [each for each in self.found if few or each.clause.literal]
        telling.sort(key=lambda each: not each.clause.literal)
        return tuple(dict.fromkeys(key for each in telling for key in each.alone))

    def matches(self, limit: int) -> list[Match]:
        """Find the best passages with any clause, and all passages with a rare one; best first."""
        anything = " OR ".join(expression for each in self.found for expression in each.expressions)
        if not anything:
            return []
        ranking = self.table.best(self.narrowed(anything), limit)
        near = {key for key, _ in ranking}
        far = {key for each in self.found for key in (*each.holders, *each.kin)} - near
        if far:
            ranking += self.table.best(self.narrowed(anything), len(far), sorted(far))
        return self._weighed(ranking)

    def _weighed(self, ranking: Sequence[tuple[int, float]]) -> list[Match]:
        """Add the weight of exact forms, and the share of the query that each passage covers.

        The share is the length of the query's tf-idf vector within what the text has, of its whole length: a text that
        repeats one word of three says less than one that has all three. For the fit, parts of an absent name are none
        of it.
        """
        keys = [key for key, _ in ranking]
        sought = [" OR ".join(each.expressions) for each in self.found]
        having = self.table.having([*sought, *(each.form or '""' for each in self.found)], keys)
        total = self.table.count()
        scores = dict(ranking)
        covered, fitting = dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
        whole = known = 0.0
        columns = zip(self.found, having[: len(sought)], having[len(sought) :], strict=True)
        for each, (count, holders), (written, writing) in columns:
            # Squared, as BM25 weighs a word.
            weight = rarity(total, count) ** 2
            whole += rarity(total, 0) ** 2 if each.absent else weight
            known += weight if count else 0.0
            for key in holders:
                covered[key] += weight
                fitting[key] += 0.0 if each.absent else weight
            for key in writing:
                scores[key] += VERY_FORM * rarity(total, written)
        matches = [
            Match(key, score, sqrt(covered[key] / known) if known else 0.0, (fitting[key] / whole) ** 2)
            for key, score in scores.items()
        ]
        return sorted(matches, key=lambda match: (-match.score, match.key))


def rarity(total: int, count: int) -> float:
    """Compute the inverse document frequency of BM25, never negative, of a word in `count` of `total` texts."""
    return max(log((total - count + 0.5) / (count + 0.5)), 1e-6)


def _found(table: Table, clause: Clause) -> Found:
    kin: tuple[int, ...] = ()
    if clause.single:
        kin = table.rows(word_expression(clause.words[0]), FEW + 1)
        if len(kin) > FEW:
            kin = ()
    for form in clause.exact:
        holders = table.rows(form, RARE + 1)
        if holders:
            return Found(clause, form, holders if len(holders) <= RARE else (), kin)
    nowhere = clause.single and not table.rows(word_expression(clause.words[0]), 1)
    return Found(clause, kin=kin, relatives=relatives(clause.words[0]) if nowhere else ())
