"""Exports of chats."""

from __future__ import annotations

import json
from pathlib import PurePath

import pytest

from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.formats import format_of
from tests.documents.office_files import outline, read_as


def chat(name: str, export: object) -> Document:
    return read_as(name, json.dumps(export).encode())


def test_telegram() -> None:
    document = chat(
        "result.json",
        {
            "name": "Family", "type": "private_group", "id": 1,
            "messages": [
                {"id": 1, "type": "service", "date": "2024-03-05T12:00:00", "actor": "Tom", "text": ""},
                {"id": 2, "type": "message", "date": "2024-03-05T12:30:00", "from": "Anna", "text": "Hello"},
                {"id": 3, "type": "message", "date": "2024-03-06T08:00:00", "from": "Tom",
                 "text": ["see ", {"type": "link", "text": "http://x.y"}, "!"]},
            ],
        },
    )  # fmt: skip
    assert outline(document) == ["# 2024-03-05", "Anna (12:30): Hello", "# 2024-03-06", "Tom (08:00): see http://x.y!"]
    assert [str(block.location) for block in document.blocks] == ["message 2", "message 2", "message 3", "message 3"]
    assert (document.title, document.metadata) == ("Family", {"date": "2024-03-06T08:00:00"})


def test_slack() -> None:
    document = chat(
        "2024-03-05.json",
        [
            {
                "type": "message",
                "user": "U1",
                "user_profile": {"real_name": "Anna"},
                "text": "Hello",
                "ts": "1709641800.1",
            },
            {"type": "message", "user": "U2", "text": "Hi\nall", "ts": "1709641860.2"},
            {"type": "message", "text": "odd", "ts": "x"},
        ],
    )
    assert outline(document) == ["# 2024-03-05", "Anna (12:30): Hello", "U2 (12:31): Hi\nall", "unknown: odd"]


def test_discord() -> None:
    message = {
        "timestamp": "2024-03-05T12:30:00+00:00",
        "author": {"name": "anna", "nickname": "Anna"},
        "content": "Hello",
    }
    document = chat("Server - talk [123].json", {"guild": {}, "channel": {"name": "talk"}, "messages": [message]})
    assert outline(document) == ["# 2024-03-05", "Anna (12:30): Hello"]
    assert document.title == "talk"


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("result.json", True), ("2024-03-05.json", True), ("Server - talk [123].json", True), ("package.json", False),
        ("data.json", False), ("2024.json", False), ("result.json.bak", False),
    ],
)  # fmt: skip
def test_only_names_that_exports_have_are_taken(name: str, taken: bool) -> None:
    known = format_of(PurePath(name))
    assert (known is not None and known.name == "chat") is taken


@pytest.mark.parametrize(
    "export", [{}, [], 3, "x", {"messages": []}, {"messages": [3]}, [{"ts": 1}, {}], {"messages": [{}]}]
)
def test_any_other_json_of_that_name_is_read_as_data(export: object) -> None:
    assert chat("result.json", export).lines == json.dumps(export).splitlines()


def test_broken_json_is_read_as_data() -> None:
    for data in (b"", b"{", b"[" * 100_000):
        assert "\n".join(read_as("result.json", data).lines) == data.decode()
