"""What was taught is kept, once each, can be taken back, and is seen by every process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments, StoreError
from openclaw_instructor.tasks.classifier.corrections import Correction, Corrections
from openclaw_instructor.tasks.classifier.history import report


@pytest.fixture
def corrections(tmp_path: Path) -> Corrections:
    return Corrections(tmp_path / "corrections.db")


def in_force(corrections: Corrections) -> list[tuple[str, str]]:
    return [(c.text, c.label) for c in corrections.in_force("sort")]


def test_reading_makes_no_file(corrections: Corrections) -> None:
    assert (corrections.in_force("sort"), corrections.all(), corrections.revision()) == ([], [], 0)
    assert not corrections.path.exists()


def test_only_its_owner_can_read_the_file(corrections: Corrections) -> None:
    corrections.add("sort", "home", "the roof leaks")
    assert corrections.path.stat().st_mode & 0o777 == 0o600


def test_the_same_text_counts_once(corrections: Corrections) -> None:
    first = corrections.add("sort", "home", "The roof  leaks\n")
    again = corrections.add("sort", "home", "the roof leaks")
    assert (first.known, again.known, again.correction.id) == (False, True, first.correction.id)
    corrections.add("other", "home", "the roof leaks")
    assert len(corrections.in_force("sort")) == 1


def test_another_label_replaces_and_undo_brings_back(corrections: Corrections) -> None:
    first = corrections.add("sort", "home", "the roof leaks").correction
    second = corrections.add("sort", "work", "the roof leaks")
    assert second.replaced == first
    assert in_force(corrections) == [("the roof leaks", "work")]
    assert corrections.undo(second.correction.id).label == "work"
    assert in_force(corrections) == [("the roof leaks", "home")]
    corrections.undo(first.id)
    assert in_force(corrections) == []
    assert [(c.label, c.ended_by) for c in corrections.all()] == [("home", "undone"), ("work", "undone")]
    with pytest.raises(InvalidArguments, match="was taken back already, on 20"):
        corrections.undo(first.id)
    with pytest.raises(InvalidArguments, match="there is no correction 99"):
        corrections.undo(99)
    assert corrections.add("sort", "home", "the roof leaks").known is False


def test_another_process_is_followed(corrections: Corrections) -> None:
    corrections.add("sort", "home", "a")
    other = Corrections(corrections.path)
    assert len(other.in_force("sort")) == 1
    before = other.revision()
    number = corrections.add("sort", "work", "b").correction.id
    assert in_force(other) == [("a", "home"), ("b", "work")]
    assert other.revision() > before
    other.undo(number)
    assert in_force(corrections) == [("a", "home")]


def test_an_older_copy_put_back_is_followed(corrections: Corrections, tmp_path: Path) -> None:
    corrections.add("sort", "home", "a")
    backup = corrections.path.read_bytes()
    corrections.add("sort", "home", "b")
    assert len(corrections.in_force("sort")) == 2
    corrections.path.write_bytes(backup)
    assert in_force(corrections) == [("a", "home")]
    corrections.path.unlink()
    assert in_force(corrections) == []


def test_provenance_and_half_characters(corrections: Corrections) -> None:
    corrections.add("sort", "home", "a\ud800b", sender="ann@example.org", answered="work", score=0.7, source="http")
    kept = Corrections(corrections.path).in_force("sort")[0]
    assert (kept.text, kept.sender, kept.answered, kept.score, kept.source) == (
        "a?b",
        "ann@example.org",
        "work",
        0.7,
        "http",
    )
    assert datetime.fromisoformat(kept.made).tzinfo is not None


@pytest.mark.parametrize("later", [1, 2])
def test_a_backup_that_was_restored_is_noticed(corrections: Corrections, tmp_path: Path, later: int) -> None:
    corrections.add("sort", "home", "one")
    backup = corrections.path.read_bytes()
    corrections.add("sort", "home", "two")
    assert in_force(corrections) == [("one", "home"), ("two", "home")]
    corrections.path.write_bytes(backup)
    other = Corrections(corrections.path)
    for number in range(later):
        other.add("sort", "work", f"other {number}")
    assert in_force(corrections) == in_force(other) == in_force(Corrections(corrections.path))
    assert len(in_force(other)) == 1 + later


def test_a_file_of_the_first_version_is_read_on(corrections: Corrections) -> None:
    corrections.add("sort", "home", "one")
    with closing(sqlite3.connect(corrections.path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE writes")
        connection.execute("PRAGMA user_version = 1")
    reader = Corrections(corrections.path)
    assert in_force(reader) == [("one", "home")]
    corrections.add("sort", "home", "two")
    assert in_force(reader) == in_force(corrections) == [("one", "home"), ("two", "home")]


@pytest.mark.parametrize("number", [2**63, 10**30, 0, -1])
def test_a_number_that_none_can_have(corrections: Corrections, number: int) -> None:
    with pytest.raises(InvalidArguments, match="no such correction"):
        corrections.undo(number)


def test_a_file_that_is_no_use_is_told(corrections: Corrections) -> None:
    corrections.path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="restore that file from a backup"):
        corrections.in_force("sort")
    corrections.path.unlink()
    with closing(sqlite3.connect(corrections.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer openclaw-instructor"):
        corrections.add("sort", "home", "a")


NOW = datetime(2026, 11, 29, tzinfo=UTC)


def taught(number: int, days: int, answered: str | None = "a", label: str = "b", sender: str = "") -> Correction:
    made = (NOW - timedelta(days=days)).isoformat()
    return Correction(number, "sort", "text", label, f"text {number}", sender, answered, 0.5, "cli", "", made)


class TestReport:
    def test_what_was_taken_for_what(self) -> None:
        found = report([taught(1, 1), taught(2, 1), taught(3, 1, None), taught(4, 1, "b")], NOW)
        assert found["confusions"] == [
            {"answered": "a", "right": "b", "count": 2},
            {"answered": None, "right": "b", "count": 1},
        ]
        assert found["drift"] == []

    def test_drift(self) -> None:
        found = report([taught(number, 3) for number in range(8)] + [taught(9, 40)], NOW)
        assert found["drift"] == [
            "8 answers were corrected in the last 30 days, 1 in the 30 before",
            "a for b: 8 times in the last 30 days, 1 in the 30 before",
        ]

    def test_rules_suggest_themselves_where_all_mail_agrees(self) -> None:
        same = [taught(number, 1, sender="news@shop.example") for number in range(3)]
        mixed = [taught(10 + number, 1, label=label, sender="ann@example.org") for number, label in enumerate("bbcb")]
        assert report([*same, *mixed], NOW)["suggested_rules"] == [
            {"sender": "news@shop.example", "label": "b", "count": 3}
        ]
