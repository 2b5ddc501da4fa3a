"""What mail is kept in, what it is pasted in, and what is no mail."""

from __future__ import annotations

import base64
import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import containers, read
from openclaw_instructor.documents.email.containers import as_argument
from openclaw_instructor.documents.email.mailboxes import stored_messages
from tests.conftest import Command
from tests.documents.email.mails import HEAD, INVOICE, LUNCH, mail, multipart, part

PLAIN = mail(INVOICE, subject="invoice 77")
PLIST = b'<?xml version="1.0"?>\n<plist version="1.0"><dict><key>flags</key><integer>1</integer></dict></plist>\n'
MBOX = (
    f"From dana@example.org Tue Mar  3 10:00:00 2026\n{HEAD}Subject: Lunch\n\n{LUNCH}\n\nFrom here to there."
    f"\n>From the sea\n\n"
    f"From shop@example.com Tue Mar  3 11:00:00 2026\nFrom: shop@example.com\nSubject: invoice 77\n\n{INVOICE}\n"
)


def wrapped(mark: str) -> bytes:
    return b"".join(mark.encode() + line for line in PLAIN.splitlines(keepends=True))


@pytest.mark.parametrize(
    "raw",
    [
        b"```\n" + PLAIN + b"\n```\n",
        b"```email\n" + PLAIN + b"\n```",
        b"~~~\n" + PLAIN,
        wrapped("> "),
        wrapped("    "),
        wrapped("\t"),
        b"```\n" + wrapped("> ") + b"\n```",
        b"  " + PLAIN,
        b"%d\n" % len(PLAIN) + PLAIN + PLIST,
        b"%d   \n" % len(PLAIN) + PLAIN,
        "\ufeff".encode() + PLAIN,
        PLAIN.decode().encode("utf-16"),
        PLAIN.decode().encode("utf-16-le"),
        PLAIN.decode().encode("utf-16-be"),
        PLAIN.decode().encode("utf-32"),
        base64.b64encode(PLAIN),
        base64.urlsafe_b64encode(PLAIN).rstrip(b"="),
        base64.encodebytes(PLAIN),
        b"From x@example.org Tue Mar  3 10:00:00 2026\n" + PLAIN,
    ],
    ids=range(19),
)
def test_a_message_in_any_wrapping(raw: bytes) -> None:
    message = read(raw)
    assert (message.subject, message.body, message.notes) == ("invoice 77", INVOICE, [])


def test_text_keeps_its_fences_and_quotes() -> None:
    assert read("```\ncode only\n```").body.strip("`\n") == "code only"
    assert read("> just a quoted line").body == "> just a quoted line"


class TestMailboxes:
    def test_of_several_messages_the_first_is_read_and_that_is_said(self) -> None:
        message = read(MBOX)
        assert (message.subject, message.body) == ("Lunch", f"{LUNCH}\n\nFrom here to there.\nFrom the sea")
        assert containers.SEVERAL in message.notes
        assert INVOICE not in message.body

    def test_all_messages_of_files_and_folders(self, tmp_path: Path) -> None:
        (tmp_path / "old.mbox").write_text(MBOX)
        (tmp_path / "one.eml").write_bytes(PLAIN)
        (tmp_path / "note.txt").write_text("no mail")
        maildir = mailbox.Maildir(tmp_path / "Maildir")
        kept = EmailMessage()
        kept["Subject"] = "kept"
        kept.set_content("in a Maildir")
        maildir.add(kept)
        found = [(stored.path.name, stored.number, read(stored.data).subject) for stored in stored_messages(tmp_path)]
        assert found[-2:] == [("old.mbox", 1, "Lunch"), ("old.mbox", 2, "invoice 77")] or len(found) == 4
        assert sorted(subject for _, _, subject in found) == ["Lunch", "invoice 77", "invoice 77", "kept"]

    def test_a_mailbox_of_a_mail_program(self, tmp_path: Path) -> None:
        box = mailbox.mbox(tmp_path / "box")
        for number in range(3):
            message = EmailMessage()
            message["Subject"] = f"number {number}"
            message.set_content(f"From the start, text {number}\n\nFrom: nobody\n")
            box.add(message)
        box.flush()
        box.close()
        found = [read(stored.data) for stored in stored_messages(tmp_path / "box")]
        assert [message.subject for message in found] == ["number 0", "number 1", "number 2"]
        assert found[1].body.startswith("From the start, text 1")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"PK\x03\x04\x14\0", "a packed archive"),
        (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        (b"!BDN\0\0\0\0", "an Outlook data file (.pst)"),
        (b"{\\rtf1 hello}", "an RTF text"),
        (b"\x7fELF\x02\x01\x01\0", "a program"),
        (bytes(range(256)) * 20, "a binary file"),
    ],
)
def test_what_is_no_mail_is_refused_by_name(data: bytes, kind: str) -> None:
    with pytest.raises(UnreadableDocument) as raised:
        read(data)
    assert raised.value.reason == f"{kind}, not a mail"
    with pytest.raises(UnreadableDocument):
        as_argument(data)


def test_what_is_no_mail_is_refused_in_base64_too() -> None:
    with pytest.raises(UnreadableDocument, match="a PDF, not a mail"):
        read(base64.b64encode(b"%PDF-1.7\n%\xe2\xe3 and more of it"))


class TestFilesAsArguments:
    def test_every_part_keeps_its_charset(self) -> None:
        head = "Subject: Größe\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        text = "Content-Type: text/plain; charset={}\nContent-Transfer-Encoding: 8bit\n\n{}\n"
        raw = (head + text.format("iso-8859-2", "Zażółć")).encode("iso-8859-2")
        raw += b"--b\n" + text.format("windows-1251", "письмо").encode("windows-1251")
        raw += "--b\nContent-Disposition: attachment; filename=Größe.pdf\n\n--b--\n".encode("iso-8859-2")
        parsed = read(as_argument(raw))
        assert parsed.body.split() == ["Zażółć", "письмо"]
        assert (parsed.subject, parsed.attachments, parsed.notes) == ("Größe", ["Größe.pdf"], [])

    def test_without_a_charset_or_headers_the_letters_are_western(self) -> None:
        assert read(as_argument("Subject: x\n\n“café”".encode("cp1252"))).body == "“café”"
        assert as_argument("no mail: “café”".encode("cp1252")) == "no mail: “café”"

    def test_utf_8_stays_as_it_is(self) -> None:
        assert as_argument("\ufeffSubject: Größe\n\n漢字".encode()) == "Subject: Größe\n\n漢字"

    def test_the_command_line_reads_the_declared_charset(self, command: Command, tmp_path: Path) -> None:
        head = "Subject: Вопрос\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
        file = tmp_path / "old.eml"
        file.write_bytes((head + "Сколько это стоит?").encode("koi8-r"))
        result = command("classify", "--raw", str(file), "--json").json
        assert result["subject"] == "Вопрос"
        assert all("language" in note for note in result["notes"]), "the bundled checkpoint reads English only"

    def test_the_command_line_refuses_what_is_no_mail(self, command: Command, tmp_path: Path) -> None:
        file = tmp_path / "scan.eml"
        file.write_bytes(b"%PDF-1.7\n")
        result = command("classify", "--raw", str(file))
        assert result.status == 2
        assert "a PDF, not a mail" in result.err

    def test_the_command_line_prints_every_note(self, command: Command, tmp_path: Path) -> None:
        file = tmp_path / "reply.eml"
        file.write_bytes(mail(f"{LUNCH}\n\nAnn wrote:\n> {INVOICE}\n"))
        assert "note: quoted reply left out" in command("classify", "--raw", str(file)).err


class TestLongMail:
    def test_attachments_are_passed_over_and_the_text_is_read(self) -> None:
        scan = part("A" * 76 + "\n", 'application/pdf; name="scan.pdf"', "Content-Transfer-Encoding: base64\n")
        data = multipart(part(INVOICE), scan.replace("A" * 76 + "\n", ("A" * 76 + "\n") * 270_000), part("and more"))
        assert len(data) > 20_000_000
        message = read(data)
        assert (message.body, message.attachments, message.notes) == (f"{INVOICE}\nand more", ["scan.pdf"], [])

    def test_over_the_limit_attachments_are_dropped_and_not_the_mail(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(containers, "MAX_MESSAGE", 5_000)
        scan = part(("A" * 76 + "\n") * 1_000, 'application/pdf; name="scan.pdf"')
        data = multipart(part(INVOICE), scan, part("and more"))
        message = read(as_argument(data))
        assert (message.body, message.attachments, message.notes) == (f"{INVOICE}\nand more", ["scan.pdf"], [])
        assert containers.TOO_LONG in read(mail("text " * 2_000)).notes
        assert containers.TOO_LONG in read(as_argument(mail("text " * 2_000))).notes
