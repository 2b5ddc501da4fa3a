"""Find the passages that contain words of a query, ranked by BM25.

Full text is SQLite's FTS5 with Porter's stemmer. Scripts that put no blanks between words are looked up by pairs of
characters. Evaluation asks the same questions of a table of its own.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from math import log, sqrt

# bm25() weights of title, heading, text and the words inside its names and unspaced runs.
COLUMN_WEIGHTS = (2.0, 1.5, 1.0, 1.0)
TOKENIZER = "porter unicode61 remove_diacritics 2"
MAX_QUERY_TERMS = 64
# Letters and marks of Thai, Lao, Burmese and Khmer; of Korean, which puts endings to its words; Kana and Han.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u1049\u1050-\u109f\u1780-\u17d3"
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
# The tokenizer makes one word of a run and the letters beside it.
_JOINED = re.compile(rf"[\w{_UNSPACED}]+")
WORD = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_STOP_WORDS = frozenset(
    WORD.findall(
        """
    a about am an and any are as at be been but by can could did do does for from had has have how i if in into is
    it its me my no not of on or our should so than that the their them then there these they this to us was we
    were what when where which who whom whose why will with would you your
    """
    )
)
# Longer ones are encoded data.
_NAME = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{3,64}(?![A-Za-z0-9])")
# Two small letters behind a run of capitals: `HTTP|Server`, but neither `PDFs` nor `IPv6`.
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def terms(query: str) -> list[str]:
    """Return the distinct words of a query to look up, at most MAX_QUERY_TERMS.

    Stop words are left out unless the query has no other words.
    """
    return _terms(query)[:MAX_QUERY_TERMS]


def truncated(query: str) -> bool:
    """Whether the query has more words than are looked up."""
    return len(_terms(query)) > MAX_QUERY_TERMS


def _terms(query: str) -> list[str]:
    words = list(dict.fromkeys(part.lower() for word in WORD.findall(query) for part in _sought(word)))
    return [word for word in words if word not in _STOP_WORDS] or words


def any_of(words: Sequence[str]) -> str:
    """Build the FTS5 expression that matches texts with any of these words."""
    return " OR ".join(map(_quoted, words))


def identifier_words(text: str) -> str:
    """Split `camelCase` names, each of which the tokenizer takes for one word: `getFileSize` -> `get File Size`."""
    names = _NAME.findall(text)
    return " ".join(apart for name in names if (apart := _SEAM.sub(" ", name)) != name)


def unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no blanks between words."""
    return _RUN.fullmatch(word) is not None


def inner_words(text: str) -> str:
    """Return the words inside what the tokenizer takes for one word.

    These are the words of `camelCase` names, and the pairs of characters of scripts without blanks.
    """
    joined = [word for word in _JOINED.findall(text) if _RUN.search(word)] if _RUN.search(text) else []
    parts = (part for words in joined for word in WORD.findall(words) for part in _pairs(word))
    return " ".join([identifier_words(text), *parts]).strip()


def _pairs(word: str) -> list[str]:
    """Pair each character of an unspaced run with the next one, the last one alone; return any other word as it is.

    Combining marks are removed, because the tokenizer would split a word there.
    """
    if not unspaced(word):
        return [word]
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", word)))
    return [letters[start : start + 2] for start in range(len(letters))]


def _sought(word: str) -> list[str]:
    """Return what to look up for a word: a single character only where it stands alone."""
    pairs = _pairs(word)
    return pairs[:-1] or pairs


def ranked(
    connection: sqlite3.Connection,
    query: str,
    generation_ids: Sequence[int],
    limit: int,
    document_ids: Sequence[int] | None = None,
) -> list[tuple[int, float]]:
    """Return (chunk id, BM25 score) of the best chunks with any word of the query, best first; higher is better."""
    words = terms(query)
    if not words:
        return []
    rows = connection.execute(
        f"SELECT passages.rowid, -bm25(passages, {', '.join(map(str, COLUMN_WEIGHTS))}) AS score FROM passages "  # noqa: S608
        "JOIN chunks ON chunks.id = passages.rowid JOIN documents ON documents.id = chunks.document_id "
        "WHERE passages MATCH ?1 AND documents.generation_id IN (SELECT value FROM json_each(?2)) "
        "AND (?3 IS NULL OR documents.id IN (SELECT value FROM json_each(?3))) "
        "ORDER BY score DESC, passages.rowid LIMIT ?4",
        (any_of(words), json.dumps(generation_ids), None if document_ids is None else json.dumps(document_ids), limit),
    )
    return [(row[0], row[1]) for row in rows]


def coverage_weighted(
    connection: sqlite3.Connection, table: str, query: str, ranking: Sequence[tuple[int, float]]
) -> list[tuple[int, float]]:
    """Weight each BM25 score by the share of the query that the text covers; best first.

    The share is the length of the query's tf-idf vector within the words that the text has, of its whole length: a text
    that repeats one word of three says less than one that has all three. `ranking` is of rows of the full-text `table`.
    """
    found = _found(connection, table, terms(query), [key for key, _ in ranking])
    total = connection.execute(f"SELECT count(*) FROM {table}_docsize").fetchone()[0]  # noqa: S608
    # Squared, as BM25 weighs a word: never negative, however common it is.
    weights = {word: max(log((total - count + 0.5) / (count + 0.5)), 1e-6) ** 2 for word, (count, _) in found.items()}
    whole = sum(weights.values())
    covered = dict.fromkeys((key for key, _ in ranking), 0.0)
    for word, (_, keys) in found.items():
        for key in keys:
            covered[key] += weights[word]
    weighed = [(key, score * sqrt(covered[key] / whole)) for key, score in ranking]
    return sorted(weighed, key=lambda item: (-item[1], item[0]))


def _found(
    connection: sqlite3.Connection, table: str, words: Sequence[str], keys: Sequence[int]
) -> Mapping[str, tuple[int, list[int]]]:
    """Map each word that occurs to the number of rows that have it, and those of `keys` that do."""
    # Sought one word after another, in one statement: CROSS JOIN keeps that order.
    rows = connection.execute(
        f"SELECT word.value, count(*), json_group_array({table}.rowid) "  # noqa: S608
        f"FILTER (WHERE {table}.rowid IN (SELECT value FROM json_each(?2))) "
        f"FROM json_each(?1) AS word CROSS JOIN {table} WHERE {table} MATCH word.value GROUP BY word.key",
        (json.dumps([_quoted(word) for word in words]), json.dumps(keys)),
    )
    return {word: (count, json.loads(ids)) for word, count, ids in rows}


def _quoted(word: str) -> str:
    """Quote a word, so that FTS5 reads it as a term and never as syntax.

    A single character of an unspaced run also finds the pairs that it opens.
    """
    return f'"{word}"*' if len(word) == 1 and unspaced(word) else f'"{word}"'
