"""Embeddings of labels in files of the home: taken from there, made again when damaged, never out of date."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.classifier.label_vectors import embedded
from openclaw_instructor.testing import WordEngine

TEXTS = [f"example number {number}" for number in range(120)]


def engine(home: Path, name: str = "words") -> WordEngine:
    return WordEngine(name, settings=Settings.load(home))


def files(home: Path) -> list[Path]:
    return sorted((home / "label_vectors").glob("*"))


def test_another_process_need_not_embed_them(tmp_path: Path) -> None:
    first, second = engine(tmp_path), engine(tmp_path)
    made = embedded(TEXTS, "Represent:", first)
    kept = embedded(TEXTS, "Represent:", second)
    assert first.calls
    assert not second.calls
    np.testing.assert_array_equal(made, kept)


def test_other_texts_instructions_and_models_have_their_own(tmp_path: Path) -> None:
    embedded(TEXTS, "Represent:", engine(tmp_path))
    for texts, instruction, name in (
        (TEXTS[1:], "Represent:", "words"),
        (TEXTS, "Other:", "words"),
        (TEXTS, "Represent:", "b"),
    ):
        again = engine(tmp_path, name)
        embedded(texts, instruction, again)
        assert again.calls
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all"])
def test_a_damaged_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    made = embedded(TEXTS, "Represent:", engine(tmp_path))
    [file] = files(tmp_path)
    file.write_bytes(content)
    again = engine(tmp_path)
    np.testing.assert_array_equal(embedded(TEXTS, "Represent:", again), made)
    assert again.calls
    assert len(file.read_bytes()) > len(content)


def test_few_texts_are_not_kept_and_old_files_go(tmp_path: Path) -> None:
    embedded(TEXTS[:20], "Represent:", engine(tmp_path))
    assert not files(tmp_path)
    for number in range(20):
        embedded(TEXTS, f"Represent {number}:", engine(tmp_path))
    assert len(files(tmp_path)) == 16


def test_a_home_that_cannot_be_written_to_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "label_vectors").write_text("in the way")
    assert len(embedded(TEXTS, "Represent:", engine(tmp_path))) == len(TEXTS)
