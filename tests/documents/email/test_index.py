"""Mail as documents of the index: subject, people and date as metadata, a mailbox's messages with their place."""

from __future__ import annotations

import mailbox
from pathlib import Path, PurePath

import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.documents.document import Location, UnreadableDocument
from openclaw_instructor.documents.email import body
from openclaw_instructor.documents.reading import read
from tests.documents.email.mails import HEAD, INVOICE, LUNCH, mail, multipart, part
from tests.documents.email.test_containers import MBOX

REPLY = mail(f"{INVOICE}\n\nAnn wrote:\n> {LUNCH}\n", subject="invoice =?utf-8?q?Gr=C3=B6=C3=9Fe?=")


@pytest.mark.parametrize("name", ["a.eml", "a.emlx", "A.EML"])
def test_one_message(name: str) -> None:
    document = read(REPLY, PurePath(name))
    assert document.title == "invoice Größe"
    assert document.metadata == {
        "subject": "invoice Größe",
        "from": "Dana <dana@example.org>",
        "to": "me@example.org",
        "date": "2026-03-03T10:00:00+00:00",
    }
    assert [(block.level, block.heading) for block in document.blocks if block.level] == [(1, "invoice Größe")]
    assert document.text.split("\n\n")[1:] == [
        "From: Dana <dana@example.org>\nTo: me@example.org\nDate: 2026-03-03", INVOICE,
    ]  # fmt: skip
    assert document.notes == []
    assert all(block.location == Location("message", 1, 1) for block in document.blocks)


def test_a_mailbox_of_many() -> None:
    document = read(MBOX.encode(), PurePath("old.mbox"))
    headings = [(block.heading, block.location) for block in document.blocks if block.level]
    assert headings == [("Lunch", Location("message", 1, 1)), ("invoice 77", Location("message", 2, 2))]
    line = document.lines.index(INVOICE) + 1
    assert document.location(line, line) == Location("message", 2, 2)
    assert document.title == ""


def test_what_cannot_be_read_is_said_and_what_is_left_out_is_not() -> None:
    armour = "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"
    assert read(mail(armour), PurePath("a.eml")).notes == [body.ENCRYPTED]
    attached = multipart(part("see"), part("x", 'application/pdf; name="scan.pdf"'))
    document = read(attached, PurePath("a.eml"))
    assert "Attachments: scan.pdf" in document.text
    assert document.notes == []
    with pytest.raises(UnreadableDocument):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, PurePath("a.msg"))


@pytest.mark.mini
def test_a_folder_of_mail_is_found_by_its_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    maildir = mailbox.Maildir(tmp_path / "mail" / "Inbox")
    maildir.add(REPLY)
    old = f"From x Tue Mar  3 11:00:00 2026\n{HEAD}Subject: Pancakes\n\n{LUNCH}\n"
    (tmp_path / "mail" / "old.mbox").write_text(old)
    with Toolbox() as toolbox:
        toolbox.index_add("docs", [tmp_path / "mail"])
        (report,) = toolbox.index_sync("docs").collections
        kept = toolbox.run("search_docs", {"query": "invoice overdue", "mode": "keyword"})["hits"][0]
        hit = toolbox.run("search_docs", {"query": "grandma pancakes", "mode": "keyword"})["hits"][0]
    assert report.skipped == []
    assert "/new/" in kept["file"]
    assert hit["file"].endswith("old.mbox")
