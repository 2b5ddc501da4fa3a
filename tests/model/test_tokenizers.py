"""Tokenizer files as they come: with settings of their own, or as a bare SentencePiece model."""

from __future__ import annotations

import base64
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from openclaw_instructor.errors import InvalidCheckpoint, MissingExtra
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.model.tokenization import LocalTokenizer
from openclaw_instructor.model.tokenizer_process import IsolatedTokenizer
from openclaw_instructor.model.tokenizer_rules import is_bounded
from tests.model.random_checkpoint import CORPUS
from tests.model.theirs import theirs_of

PAIR = ["Represent the sentence: ", "pay the invoice within thirty days"]


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def test_padding_and_truncation_of_the_file_do_not_count(copy: Path, model: INSTRUCTOR) -> None:
    tokenizer = Tokenizer.from_file(str(copy / "tokenizer.json"))
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(5)
    tokenizer.save(str(copy / "tokenizer.json"))
    again = INSTRUCTOR(str(copy), device="cpu", dtype="float32")
    np.testing.assert_allclose(again.encode([PAIR]), model.encode([PAIR]), atol=1e-6)
    assert again.prompter.count(["pay the invoice " * 30]) == model.prompter.count(["pay the invoice " * 30])


def test_a_tokenizer_that_makes_nothing_of_nothing_is_named(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    content["post_processor"] = None
    (copy / "tokenizer.json").write_text(json.dumps(content))
    model = INSTRUCTOR(str(copy), device="cpu", dtype="float32")
    with pytest.raises(InvalidCheckpoint, match="makes no token of an empty text"):
        model.encode(["pay the invoice", " "])


@pytest.fixture
def sentencepiece_only(copy: Path) -> Path:
    sentencepiece = pytest.importorskip("sentencepiece")
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 8), model_writer=trained, vocab_size=150, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (copy / "spiece.model").write_bytes(trained.getvalue())
    (copy / "tokenizer.json").unlink()
    config = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (copy / "tokenizer_config.json").write_text(json.dumps(config | {"extra_ids": 0}))
    return copy


def test_a_bare_sentencepiece_model_goes_through_transformers(sentencepiece_only: Path) -> None:
    ours = INSTRUCTOR(str(sentencepiece_only), device="cpu", dtype="float32").encode([PAIR])[0]
    theirs = theirs_of(sentencepiece_only).encode([PAIR[1]], prompt=PAIR[0])[0]
    assert float(ours @ theirs) >= 0.99999


def test_without_the_converter_the_extra_is_named(sentencepiece_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoTokenizer

    def refuse(*args: object, **kwargs: object) -> None:
        raise ImportError("T5Tokenizer requires the SentencePiece library")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(MissingExtra, match=r"openclaw-instructor\[sentencepiece\]"):
        INSTRUCTOR(str(sentencepiece_only), device="cpu", dtype="float32").encode([PAIR])
    assert "transformers" in sys.modules


def with_expression(folder: Path, expression: str) -> Path:
    content = json.loads((folder / "tokenizer.json").read_text())
    split = {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, content["pre_tokenizer"]]}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


def test_an_unknown_expression_runs_in_a_child_and_changes_nothing(copy: Path) -> None:
    known = Prompter(Checkpoint.open(with_expression(copy, r"\s+")))
    texts = ["pay the invoice within thirty days", "", "Zürich 東京 🧭", "the same words " * 40]
    expected = known.render(PAIR[0], texts)
    assert isinstance(known._tokenizer, LocalTokenizer)
    content = (copy / "tokenizer.json").read_text().replace('"\\\\s+"', '"\\\\s{1,}"')
    (copy / "tokenizer.json").write_text(content)
    isolated = Prompter(Checkpoint.open(copy))
    assert isinstance(isolated._tokenizer, IsolatedTokenizer)
    assert isolated.render(PAIR[0], texts) == expected
    assert isolated.count(texts) == known.count(texts)
    assert isolated.room(PAIR[0]) == known.room(PAIR[0])


def test_an_expression_that_never_ends_is_stopped_and_named(copy: Path) -> None:
    with_expression(copy, r"[ab]*[ab]*[ab]*[cd]")
    tokenizer = IsolatedTokenizer(copy / "tokenizer.json", lower_case=False, seconds=0.5)
    assert tokenizer.count(["fine"])[0] > 0
    with pytest.raises(InvalidCheckpoint, match="its rules took more than"):
        tokenizer.encode([("ab" * 50 + " ") * 400 + "c"], 48)
    assert tokenizer.count(["fine"])[0] > 0


@pytest.mark.parametrize("content", ["[" * 100_000, '{"model": {"type": "Unigram", "vocab": [], "unk_id": 9}}', "{}"])
def test_a_tokenizer_file_that_cannot_be_read_is_named(copy: Path, content: str) -> None:
    (copy / "tokenizer.json").write_text(content)
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        Prompter(Checkpoint.open(copy)).count(["x"])


def with_normalizer(folder: Path, *steps: dict[str, Any]) -> Path:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Sequence", "normalizers": [*steps, content["normalizer"]]}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder / "tokenizer.json"


def replaced(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def charsmap(longest: int) -> dict[str, Any]:
    table = (8).to_bytes(4, "little") + bytes(8) + b"a\0" + b"b" * longest + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "Prepend", "prepend": "a" * 1_000_000}],
        [replaced("a", "a" * 1_000)],
        [replaced("a", "aa")] * 5,
        [{"type": "Replace", "pattern": {"Regex": r"\s"}, "content": "  "}] * 5,
        [charsmap(100_000)],
        [{"type": "Precompiled", "precompiled_charsmap": "no base64"}],
        [replaced("a", "b")] * 100,
    ],
)
def test_rules_that_make_much_of_a_text_run_in_a_child(copy: Path, steps: list[dict[str, Any]]) -> None:
    assert is_bounded(copy / "tokenizer.json")
    assert not is_bounded(with_normalizer(copy, *steps))


def test_a_word_of_any_length_is_cut_in_a_child(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    content["model"] |= {"max_input_chars_per_word": 1_000_000}
    (copy / "tokenizer.json").write_text(json.dumps(content))
    assert not is_bounded(copy / "tokenizer.json")


def test_rules_of_well_known_models_run_here(copy: Path) -> None:
    space = [{"type": "Prepend", "prepend": "\u2581"}, replaced(" ", "\u2581")]
    assert is_bounded(with_normalizer(copy, *space, charsmap(33), replaced("``", '"'), replaced("''", '"')))


def test_a_rule_that_makes_gigabytes_is_stopped_and_named(copy: Path) -> None:
    path = with_normalizer(copy, *[replaced("a", "aaaaaaaa")] * 12)
    tokenizer = IsolatedTokenizer(path, lower_case=False, seconds=1)
    with pytest.raises(InvalidCheckpoint, match=r"its rules took more than|the tokenizer crashed"):
        tokenizer.count(["a"])


def test_modules_of_the_current_folder_are_not_taken(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("json", "tokenizers", "selectors"):
        (hostile / f"{name}.py").write_text("raise SystemExit('taken')\n")
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert IsolatedTokenizer(copy / "tokenizer.json", lower_case=False).count(["fine"])[0] > 0
