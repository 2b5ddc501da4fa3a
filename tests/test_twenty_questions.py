"""The files and questions of benchmarks/twenty_questions.py: they are all there, and what is asked for stands once."""

from __future__ import annotations

import contextlib
import mailbox
from pathlib import Path
from typing import Any

import personal_files
import pytest

QUESTIONS: list[dict[str, str]] = personal_files.texts("questions")
LITERALS = ["K7RQ2M", "HIVE-E042"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home") / "files"
    home.mkdir()
    count = personal_files.write(home)
    assert 150 <= count <= 250
    return home


def strings(value: Any) -> list[str]:
    """Every text of a YAML file."""
    if isinstance(value, dict):
        return [text for key, entry in value.items() for text in (str(key), *strings(entry))]
    return [text for entry in value for text in strings(entry)] if isinstance(value, list) else [str(value)]


def test_there_are_twenty_questions() -> None:
    assert len({question["question"] for question in QUESTIONS}) == 20


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["question"] for question in QUESTIONS])
def test_the_file_that_answers_exists(files: Path, question: dict[str, str]) -> None:
    assert (files / question["expect"]).stat().st_size > 0


def test_every_kind_of_file_answers_something() -> None:
    suffixes = {Path(question["expect"]).suffix for question in QUESTIONS}
    assert {".pdf", ".docx", ".odt", ".pptx", ".xlsx", ".md", ".mbox", ".py", ".ts"} <= suffixes
    assert any("/cur/" in question["expect"] for question in QUESTIONS)


def test_the_phrase_of_a_message_stands_in_one_message(files: Path) -> None:
    with contextlib.closing(mailbox.mbox(files / "Mail" / "archive.mbox")) as archive:
        messages = [message.get_payload() for message in archive]
    for question in QUESTIONS:
        if "contains" in question:
            assert sum(question["contains"] in text for text in messages) == 1


@pytest.mark.parametrize("literal", LITERALS)
def test_an_exact_code_stands_in_one_place(literal: str) -> None:
    found = [
        text for name in ("mail", "pdf", "office", "vault", "code") for text in strings(personal_files.texts(name))
    ]
    assert sum(literal in text for text in found) == 1
