"""Large mail is read where it can be ended, with the same result; small mail in this process."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import orjson
import pytest

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import Email, bounded, message_json, reader
from openclaw_instructor.documents.isolation import IsolatedReaders
from openclaw_instructor.documents.limits import SMALL_MAIL_BYTES, Limits
from tests.documents.email.mails import mail, multipart, part

PAGE = '<p>See <a href="https://evil.test/x">https://bank.test</a> and <b style="display:none">hidden words</b></p>'
RICH = multipart(part("plain"), part(PAGE, "text/html"), part("x" * 150_000, 'application/pdf; name="scan.pdf"'))


@pytest.fixture
def workers() -> Iterator[IsolatedReaders[Email]]:
    made = IsolatedReaders(message_json, Limits(seconds=5))
    yield made
    made.close()


def hangs(data: bytes, path: PurePath) -> Email:
    while True:
        pass


def process_id(data: bytes, path: PurePath) -> Email:
    return Email(body=str(os.getpid()))


def test_a_large_mail_is_read_as_a_small_one_is() -> None:
    assert len(RICH) > SMALL_MAIL_BYTES
    message = bounded.read(RICH)
    assert message == reader.read(RICH)
    assert message.attachments == ["scan.pdf"]
    assert type(message.notes) is type(Email().notes)


def test_what_is_no_mail_is_refused_from_there_too() -> None:
    with pytest.raises(UnreadableDocument) as refused:
        bounded.read(b"%PDF-1.7\n" + b"x" * 200_000)
    assert "PDF" in refused.value.reason


def test_a_message_is_whole_after_the_way_through_json() -> None:
    message = reader.read(RICH)
    assert message_json.decode(orjson.loads(message_json.encode(message))) == message


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Email)])
@pytest.mark.parametrize("value", [7, None, [7], {"a": 7}, [{"text": 7, "target": ""}]])
def test_what_the_child_says_is_checked(field: str, value: Any) -> None:
    values = dataclasses.asdict(reader.read(mail("hello"))) | {field: value}
    if (field, value) == ("hidden_characters", 7):
        return
    with pytest.raises((TypeError, ValueError, LookupError, AttributeError)):
        message_json.decode(values)


def test_a_mail_that_takes_too_long_is_ended(workers: IsolatedReaders[Email], monkeypatch: pytest.MonkeyPatch) -> None:
    before = workers.read(process_id, b"", PurePath("mail")).body
    workers.limits = Limits(seconds=0.5, patience=1)
    with pytest.raises(UnreadableDocument, match="took longer than"):
        workers.read(hangs, b"x", PurePath("mail"))
    workers.limits = Limits(seconds=60)
    assert workers.read(process_id, b"", PurePath("mail")).body != before


def test_a_fork_while_all_are_busy_leaves_the_child_its_own() -> None:
    with bounded._workers.one(), bounded._workers.one(), bounded._workers.one():
        child = os.fork()
        if not child:
            os._exit(len(bounded.read(RICH).attachments))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert bounded.read(RICH).attachments == ["scan.pdf"]
