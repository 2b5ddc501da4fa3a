"""What narrows a search: paths as they are shown, dates on the caller's clock, types, fields of the documents."""

from __future__ import annotations

import datetime
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor import timezone
from openclaw_instructor.errors import InvalidArguments, UnknownCollection
from openclaw_instructor.index import Index
from tests.index.word_engine import DOCUMENT, ask

UTC = datetime.UTC


def files(result: dict[str, Any]) -> set[str]:
    return {Path(hit["file"]).name for hit in result["hits"]}


@pytest.fixture
def home_of_ann(index: Index, tmp_path: Path) -> Path:
    """A folder of notes, mail and a table, synced as the collection `docs`."""
    folder = tmp_path / "ann"
    for name, text in {
        "offer [draft].md": "---\nauthor: Ann Smith\ntags: [work/travel, tax]\ndate: 2021-03-04\n---\n\nmango offer\n",
        "d.md": "---\nauthor: Bo\ntags: homework\n---\n\nmango list\n",
        f"{unicodedata.normalize('NFD', 'café')}/menu.txt": "mango cake\n",
        "prices [old]/2020.csv": "fruit,price\nmango,3\n",
        "bell\a.md": "mango bell\n",
        "mail.eml": "From: Cy <cy@lemon.example>\nTo: ann@plum.example\nSubject: fruit\n"
        "Date: Tue, 5 May 2020 10:00:00 +0200\n\nmango juice\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for path in folder.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return folder


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("offer [draft].md", {"offer [draft].md"}),
        ("./offer [draft].md", {"offer [draft].md"}),
        ("ann/offer [draft].md:1-3", {"offer [draft].md"}),
        ("prices [old]", {"2020.csv"}),
        ("prices [old]/", {"2020.csv"}),
        (unicodedata.normalize("NFC", "café"), {"menu.txt"}),
        (unicodedata.normalize("NFD", "café/menu.txt"), {"menu.txt"}),
        ("bell.md", {"bell\a.md"}),
        ("[abcd].md", {"d.md"}),
    ],
)
def test_a_path_is_taken_as_it_was_shown(index: Index, home_of_ann: Path, path: str, found: set[str]) -> None:
    assert files(ask(index, "mango", path=path, mode="keyword", top_k=9)) == found


def test_what_every_hit_names_is_a_path(index: Index, home_of_ann: Path) -> None:
    for hit in ask(index, "mango", mode="keyword", top_k=9)["hits"]:
        assert files(ask(index, "mango", path=hit["file"], mode="keyword")) == {Path(hit["file"]).name}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"author": "smith"}, {"offer [draft].md"}),
        ({"tags": "TAX"}, {"offer [draft].md"}),
        ({"tag": "#work"}, {"offer [draft].md"}),
        ({"tags": "home"}, set()),
        ({"from": "cy@lemon.example"}, {"mail.eml"}),
        ({"from": "cy", "to": "ann"}, {"mail.eml"}),
        ({"from": "ann"}, set()),
        ({"author": "smith", "tags": "homework"}, set()),
    ],
)
def test_fields_of_the_documents_narrow(
    index: Index, home_of_ann: Path, where: dict[str, str], found: set[str]
) -> None:
    assert files(ask(index, "mango", where=where, mode="keyword", top_k=9)) == found


@pytest.mark.parametrize(
    ("types", "found"),
    [
        ("csv", {"2020.csv"}),
        (".csv, *.txt", {"2020.csv", "menu.txt"}),
        ("mail", {"mail.eml"}),
        ("markdown,spreadsheet", {"offer [draft].md", "d.md", "bell\a.md", "2020.csv"}),
        ("code", set()),
    ],
)
def test_types_narrow(index: Index, home_of_ann: Path, types: str, found: set[str]) -> None:
    assert files(ask(index, "mango", types=types, mode="keyword", top_k=9)) == found


def test_the_date_that_a_document_states_counts_before_that_of_its_file(index: Index, home_of_ann: Path) -> None:
    assert files(ask(index, "mango", before="2021-01-01", mode="keyword")) == {"mail.eml"}
    assert files(ask(index, "mango", after="2021-03-04", before="2021-03-05", mode="keyword")) == {"offer [draft].md"}
    assert "mail.eml" not in files(ask(index, "mango", after="2023-01-01", mode="keyword", top_k=9))


@pytest.mark.parametrize(
    ("conditions", "note"),
    [
        ({"types": "docxx"}, "no indexed file has the type 'docxx'; there are md, csv, eml, txt"),
        ({"types": "md,nope"}, "no indexed file has the type 'nope'; there are md, csv, eml, txt"),
        ({"types": "cvs"}, "no indexed file has the type 'cvs'; did you mean `csv`? There are md, csv, eml, txt"),
        ({"where": {"autor": "Ann"}}, "no document has a field 'autor'; there are author, date, tags"),
        ({"where": {"author": "Zoe"}}, "no document has 'Zoe' in its field 'author'"),
        ({"path": "nowhere/"}, "no indexed file fits the path 'nowhere/'"),
        ({"after": "2200-01-01"}, "every document is dated earlier than `after`"),
        ({"before": "1999-01-01"}, "no document is dated earlier than `before`"),
    ],
)
def test_a_condition_that_no_document_meets_is_named(
    index: Index, home_of_ann: Path, conditions: dict[str, Any], note: str
) -> None:
    assert ask(index, "mango", mode="keyword", **conditions)["notes"][0].startswith(note)


def test_conditions_that_only_together_leave_nothing_are_named(index: Index, home_of_ann: Path) -> None:
    result = ask(index, "mango", where={"author": "Bo"}, types="csv", mode="keyword")
    assert result["notes"] == ["nothing passed the filters and matched; widen `type` or `where`"]
    assert not ask(index, "mango", where={"author": "Bo"}, types="md", mode="keyword")["notes"]


@pytest.mark.parametrize("where", [{"author": " "}, {"": "x"}])
def test_a_condition_without_a_value_is_refused(index: Index, home_of_ann: Path, where: dict[str, str]) -> None:
    with pytest.raises(InvalidArguments, match="where: "):
        ask(index, "mango", where=where)


def at(folder: Path, name: str, moment: datetime.datetime) -> None:
    (folder / name).write_text(f"mango {name}\n")
    os.utime(folder / name, (moment.timestamp(),) * 2)


def test_days_are_those_of_the_caller(index: Index, folder: Path) -> None:
    at(folder, "late.txt", datetime.datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    for zone, count in (("Asia/Tokyo", 1), ("UTC", 0), ("+09:00", 1), ("-05:00", 0)):
        with timezone.of_caller(zone):
            assert ask(index, "mango", after="2026-03-11", mode="keyword")["count"] == count, zone
    with timezone.of_caller("Asia/Tokyo"):
        assert ask(index, "mango", after="2026-03-11 08:30", mode="keyword")["count"] == 1
        assert ask(index, "mango", after="2026-03-11T08:31", mode="keyword")["count"] == 0
        assert ask(index, "mango", after="2026-03-10T23:31Z", mode="keyword")["count"] == 0


def test_days_can_be_told_from_today(index: Index, folder: Path) -> None:
    now = datetime.datetime.now(UTC)
    at(folder, "old.txt", now - datetime.timedelta(days=40))
    at(
        folder,
        "yesterday.txt",
        datetime.datetime.combine(now.date(), datetime.time(), UTC) - datetime.timedelta(hours=12),
    )
    at(folder, "future.txt", now + datetime.timedelta(days=3))
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    with timezone.of_caller("UTC"):
        for after, found in {
            "7d": {"yesterday.txt", "future.txt"},
            "1w": {"yesterday.txt", "future.txt"},
            "3m": {"old.txt", "yesterday.txt", "future.txt"},
            "yesterday": {"yesterday.txt", "future.txt"},
            "yesterday 11:59": {"yesterday.txt", "future.txt"},
            "yesterday 12:01": {"future.txt"},
            "today": {"future.txt"},
            "now": {"future.txt"},
        }.items():
            assert files(ask(index, "mango", after=after, mode="keyword", top_k=9)) == found, after


def test_several_collections_are_asked_at_once(docs: Index, tmp_path: Path) -> None:
    for name in ("mail", "code"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text("the dough of another\n")
        docs.add(name, [tmp_path / name], instruction=DOCUMENT)
        docs.sync(name)
    assert files(ask(docs, "dough", "docs, mail", mode="keyword")) == {"bread.md", "mail.txt"}
    assert ask(docs, "dough", "*")["collections_searched"] == ["code", "docs", "mail"]
    with pytest.raises(UnknownCollection, match="no collection `mial`; did you mean `mail`"):
        ask(docs, "dough", "docs,mial")
    with pytest.raises(InvalidArguments, match="names none"):
        ask(docs, "dough", " , ")


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"where": {"from": "bo"}}, {"2"}),
        ({"where": {"from": "bo@a.example", "to": "ann"}}, {"2"}),
        ({"where": {"subject": "cy"}}, {"3"}),
        ({"where": {"to": "ann"}, "before": "2020-05-06"}, {"1"}),
        ({"after": "2020-05-07"}, {"3"}),
        ({"where": {"from": "zoe"}}, set()),
        ({"where": {"from": "of"}}, set()),
        ({"types": "mail"}, {"1", "2", "3"}),
    ],
)
@pytest.mark.parametrize("mode", ["keyword", "vector", "hybrid"])
def test_each_message_of_a_mailbox_is_asked_for_its_own_people_and_date(
    index: Index, tmp_path: Path, options: dict[str, Any], messages: set[str], mode: str
) -> None:
    message = (
        "From x Tue May  5 10:00:00 2020\nFrom: {0}@a.example\nTo: ann@b.example\nSubject: {0}\n"
        "Date: {1}, 0{2} May 2020 10:00:00 +0000\n\nthe mango of many words\n\nFrom: of the body\n\n"
    )
    days = (("dot", "Tue", 5), ("bo", "Wed", 6), ("cy", "Thu", 7))
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "in.mbox").write_text("".join(message.format(*day) for day in days))
    index.add("docs", [tmp_path / "mail"], instruction=DOCUMENT)
    index.sync("docs")
    hits = ask(index, "mango", mode=mode, top_k=9, **options)["hits"]
    assert {hit["message"] for hit in hits} == messages
