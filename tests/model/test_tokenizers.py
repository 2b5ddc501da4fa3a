"""Tokenizer files as they come: with settings of their own, or as a bare SentencePiece model."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from openclaw_instructor.errors import InvalidCheckpoint, MissingExtra
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.model.tokenization import LocalTokenizer
from openclaw_instructor.model.tokenizer_process import IsolatedTokenizer
from tests.model.random_checkpoint import CORPUS

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
    theirs = SentenceTransformer(str(sentencepiece_only), device="cpu").encode([PAIR[1]], prompt=PAIR[0])[0]
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
    with pytest.raises(InvalidCheckpoint, match="regular expressions took more than"):
        tokenizer.encode([("ab" * 50 + " ") * 400 + "c"], 48)
    assert tokenizer.count(["fine"])[0] > 0


@pytest.mark.parametrize("content", ["[" * 100_000, '{"model": {"type": "Unigram", "vocab": [], "unk_id": 9}}', "{}"])
def test_a_tokenizer_file_that_cannot_be_read_is_named(copy: Path, content: str) -> None:
    (copy / "tokenizer.json").write_text(content)
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        Prompter(Checkpoint.open(copy)).count(["x"])
