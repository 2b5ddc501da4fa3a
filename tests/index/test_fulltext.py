"""What the words of a query find, and how much they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from math import log, sqrt

import pytest

from openclaw_instructor.index.fulltext import TOKENIZER, coverage_weighted, identifier_words, inner_words, terms

TEXTS = [
    "the red kettle",
    "a kettle, a kettle and a kettle",
    "red paint",
    "blue paint",
    "grey paint",
    "paint and paper",
]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (body, tokenize = '{TOKENIZER}')")
    connection.executemany("INSERT INTO texts (rowid, body) VALUES (?, ?)", enumerate(TEXTS))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("call getFileSize() first", "get File Size"),
        ("HTTPServer and XMLHttpRequest", "HTTP Server XML Http Request"),
        ("PDFs over IPv6, sha256, A4", ""),
        ("x" * 70 + "Y" * 3 + "z", ""),
        ("snake_case, CONSTANT, Title, plain text", ""),
    ],
)
def test_names_come_apart_at_their_capitals(text: str, words: str) -> None:
    assert identifier_words(text) == words


def test_terms_are_distinct_words_without_stop_words() -> None:
    assert terms("Where is the Kettle, the kettle?") == ["kettle"]
    assert terms("is it to be") == ["is", "it", "to", "be"]


def test_what_has_no_blanks_is_sought_by_pairs() -> None:
    assert terms("東京都 の weather") == ["東京", "京都", "の", "weather"]
    assert terms("APIキー") == ["api", "キー"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("東京都 a getSize", "get Size 東京 京都 都"),
        ("APIキーを取得", "API キー ーを を取 取得 得"),
        ("か\u3099 ｶﾞ・x", "が ガ"),
        ("น้ำ", "นา า"),
        ("plain text", ""),
    ],
)
def test_runs_come_apart_into_pairs(text: str, words: str) -> None:
    assert inner_words(text) == words


def test_a_text_counts_by_how_much_of_the_query_it_covers(connection: sqlite3.Connection) -> None:
    ranking = [(1, 3.0), (0, 2.0), (2, 2.0)]
    found = dict(coverage_weighted(connection, "texts", "red kettles", ranking))
    red = kettle = log((len(TEXTS) - 2 + 0.5) / (2 + 0.5)) ** 2
    assert found == {
        0: pytest.approx(2.0),
        1: pytest.approx(3.0 * sqrt(kettle / (red + kettle))),
        2: pytest.approx(2.0 * sqrt(red / (red + kettle))),
    }


def test_the_best_covered_come_first(connection: sqlite3.Connection) -> None:
    assert [key for key, _ in coverage_weighted(connection, "texts", "red kettle", [(1, 2.5), (0, 2.0)])] == [0, 1]


def test_a_word_that_no_text_has_does_not_count(connection: sqlite3.Connection) -> None:
    ranking = [(0, 2.0)]
    assert coverage_weighted(connection, "texts", 'red kettle zeppelin "', ranking)[0] == pytest.approx((0, 2.0))


def test_a_word_that_most_texts_have_hardly_counts(connection: sqlite3.Connection) -> None:
    assert dict(coverage_weighted(connection, "texts", "red paint", [(0, 1.0), (3, 1.0)]))[0] > 0.99


def test_nothing_found_is_nothing(connection: sqlite3.Connection) -> None:
    assert coverage_weighted(connection, "texts", "zeppelin", []) == []
