"""In a table of very many passages words rank by sums first, and find what they find in a small one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.index import Index, fulltext, large_table, passage_table, stems
from openclaw_instructor.index import postings as postings_module
from openclaw_instructor.index.fulltext import Lookup, Table
from openclaw_instructor.index.postings import Postings
from openclaw_instructor.index.query import parse
from tests.index.word_engine import ask

WORDS = [
    "river",
    "stone",
    "bridge",
    "lantern",
    "harbour",
    "orchard",
    "winter",
    "kettle",
    "saddle",
    "violin",
    "market",
    "copper",
    "meadow",
    "parcel",
    "ticket",
]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """2,000 short passages of words that many have, few of them with a rare one."""
    connection = sqlite3.connect(":memory:")
    fulltext.register(connection)
    connection.execute(fulltext.create_table("passages"))
    connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, title, heading, context, text)")
    chance = np.random.default_rng(0)
    for number in range(2_000):
        found = chance.choice(WORDS, size=chance.integers(3, 12), p=np.arange(15, 0, -1) / 120)
        publish(connection, 7 * number + 1, f"{'bridges ' * (number % 31 == 0)}page {number}", " ".join(found))
    publish(connection, 20_000, "", "the quicksand of getFileSize in v2.5.1")
    connection.commit()
    yield Table(connection, "passages")
    connection.close()


def publish(connection: sqlite3.Connection, key: int, title: str, text: str) -> None:
    fields = (title, "", "", text)
    connection.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", (key, *fields))
    streams = (fulltext.word_stream(title), "", fulltext.word_stream(text))
    row = (key, *streams, fulltext.extras_stream(*fields), fulltext.forms_stream(*fields))
    connection.execute(
        "INSERT INTO passages (rowid, title, heading, text, extras, forms) VALUES (?, ?, ?, ?, ?, ?)", row
    )


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("bridge over the river", "words that most passages have"),
        ("violins", "another form"),
        ("copper kettle market", "several words"),
        ("page 17", "in a title"),
        ("quicksand river stones", "one rare word"),
        ("getFileSize", "a name"),
        ('"river stone"', "quoted"),
        ("lantern harbour -river", "excluded"),
        ("meadow parcel ticket orchard winter saddle", "many words"),
    ],
)
def test_it_ranks_as_a_small_table_does(table: Table, query: str, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_table, "FEW", 0)
    lookup = Lookup.of(table, parse(query))
    whole, some = lookup.matches(10), large_table.matches(lookup, Postings(), 10)
    scores = {match.key: match for match in lookup.matches(5_000)}
    assert sum(scores[match.key].score for match in some) > 0.8 * sum(match.score for match in whole)
    for match in some:
        known = scores[match.key]
        assert (match.covered, match.fit) == pytest.approx((known.covered, known.fit))
        # Phrases are not scored one by one.
        if note not in ("a name", "quoted"):
            assert match.score == pytest.approx(known.score, rel=0.05, abs=0.01)


def test_lengths_are_those_of_the_table(table: Table) -> None:
    lengths = passage_table.lengths(table, [1, 20_000])
    assert set(lengths) == {1, 20_000}
    every = passage_table.lengths(table, passage_table.ids_above(table, -1).tolist())
    assert sum(every.values()) / len(every) == pytest.approx(passage_table.average_length(table))


def test_what_is_added_later_is_found(table: Table) -> None:
    postings = Postings()
    before, _ = postings.of(table, ['"river"'])
    table.connection.execute("SAVEPOINT added")
    publish(table.connection, 30_000, "", "a river")
    ids, (places,) = postings.of(Table(table.connection, "passages"), ['"river"'])
    assert (len(ids), ids[places[-1]]) == (len(before) + 1, 30_000)
    table.connection.execute("ROLLBACK TO added")
    ids, (places,) = postings.of(Table(table.connection, "passages"), ['"river"'])
    assert (len(ids), ids[places[-1]] < 30_000) == (len(before), True)


def test_what_is_remembered_is_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings_module, "_MOST_BYTES", 8_000)
    postings = Postings()
    for word in WORDS:
        postings.of(table, [f'"{word}"'])
    assert 0 < len(postings._known) < 8
    assert postings._bytes <= 8_000


def test_stems_are_those_of_the_full_text() -> None:
    words = ("running", "libraries", "library", "été", "of")
    assert [stems.stem(word) for word in words] == ["run", "librari", "librari", "été", "of"]


def test_an_index_searches_in_it(docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [("how long does the dough rise", {}), ("dough", {"path": "*.md"}), ("train to the sea", {})]
    small = [ask(docs, query, **options) for query, options in questions]
    monkeypatch.setattr(large_table, "MANY", 0)
    monkeypatch.setattr(large_table, "FEW", 0)
    large = [ask(docs, query, **options) for query, options in questions]
    assert [[hit["file"] for hit in each["hits"]] for each in large] == [
        [hit["file"] for hit in each["hits"]] for each in small
    ]
    (folder / "tea.md").write_text("# Tea\n\nBoil the dough water first.\n")
    (folder / "bread.md").unlink()
    docs.sync()
    found = ask(docs, "dough water", mode="keyword")
    assert found["hits"][0]["title"] == "Tea"
    assert "Bread" not in str(found)


def test_a_filter_that_few_pass_is_looked_for(
    docs: Index, folder: Path, open_index: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (folder / f"many-{number}.txt").write_text(f"dough dough dough {number}")
    (folder / "one.log.md").write_text("A word on dough, which stands in a long line of other words here.\n")
    docs.sync()
    for limit in ("MANY", "FEW"):
        monkeypatch.setattr(large_table, limit, 0)
    monkeypatch.setattr(large_table, "SCORED", 1)
    monkeypatch.setattr(large_table, "_LOOKED_AT", (2, 100))
    found = ask(docs, "dough", mode="keyword", path="one.log.md", top_k=1)
    assert [Path(hit["file"]).name for hit in found["hits"]] == ["one.log.md"]
