"""The same numbers as sentence-transformers with `prompt=` and `include_prompt: false`, on the same checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, normalizers

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.writer import write_checkpoint
from tests.model.random_checkpoint import shard, write
from tests.model.theirs import theirs_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TEXTS = {
    "short": "pay",
    "sentence": "How do I add a task to the registry?",
    "long": "The invoice for March is attached, please pay it within thirty days.",
    "truncated": "the same words over and over again " * 40,
    "unicode": "Zürich 東京 🧭 naïve café Москва \u200b é",
    "empty": "",
}
INSTRUCTION = "Represent the sentence for retrieving supporting documents: "


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> SentenceTransformer:
    return theirs_of(checkpoint)


@pytest.mark.parametrize("instruction", ["", " ", "x", "Represent: ", INSTRUCTION, INSTRUCTION * 2, INSTRUCTION * 9])
def test_every_text_under_every_length_of_instruction(
    model: INSTRUCTOR, reference: SentenceTransformer, instruction: str
) -> None:
    texts = list(TEXTS.values())
    ours = model.encode([[instruction, text] for text in texts])
    theirs = reference.encode([text.strip() for text in texts], prompt=instruction or None)
    assert cosines(ours, theirs).min() >= 0.99999


def test_every_prefix_of_an_instruction_longer_than_the_limit(
    model: INSTRUCTOR, reference: SentenceTransformer
) -> None:
    words = ("Represent the Wikipedia document about trade and " * 8).split(" ")
    assert len(model.prompter.render(" ".join(words), ["x"])[0].ids) == model.max_seq_length
    for end in range(1, len(words)):
        instruction = " ".join(words[:end]) + " "
        ours = model.encode([[instruction, TEXTS["sentence"]]])
        theirs = reference.encode([TEXTS["sentence"]], prompt=instruction)
        assert cosines(ours, theirs).min() >= 0.99999, end


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_pytorch_bin_gives_the_vectors_of_safetensors(model: INSTRUCTOR, tmp_path: Path, zipped: bool) -> None:
    folder = write(tmp_path / "bin", safetensors=False, zipped=zipped)
    again = INSTRUCTOR(str(folder), device="cpu", dtype="float32")
    assert [path.name for path in again.checkpoint.weight_files] == ["pytorch_model.bin"]
    np.testing.assert_allclose(
        again.encode([[INSTRUCTION, TEXTS["long"]]]), model.encode([[INSTRUCTION, TEXTS["long"]]]), atol=1e-6
    )


def test_shards_give_the_vectors_of_one_file(model: INSTRUCTOR, tmp_path: Path) -> None:
    again = INSTRUCTOR(str(shard(write(tmp_path / "shards"))), device="cpu", dtype="float32")
    assert len(again.checkpoint.weight_files) == 2
    np.testing.assert_allclose(
        again.encode([[INSTRUCTION, TEXTS["long"]]]), model.encode([[INSTRUCTION, TEXTS["long"]]]), atol=1e-6
    )


def test_a_limit_that_sentence_transformers_saved(reference: SentenceTransformer, tmp_path: Path) -> None:
    given, reference.max_seq_length = reference.max_seq_length, 16
    try:
        reference.save(str(tmp_path / "saved"))
    finally:
        reference.max_seq_length = given
    ours = INSTRUCTOR(str(tmp_path / "saved"), device="cpu", dtype="float32")
    theirs = theirs_of(tmp_path / "saved")
    assert ours.max_seq_length == theirs.max_seq_length == 16
    texts = [TEXTS["long"], TEXTS["truncated"]]
    assert cosines(ours.encode(texts), theirs.encode([text.strip() for text in texts])).min() >= 0.99999


SHOUTED = ["PAY the Invoice OF March", "ZÜRICH NAÏVE CAFÉ", "ΣΊΣΥΦΟΣ İstanbul \u212a", "already lower"]


@pytest.mark.parametrize(
    "normalizer",
    [
        None,
        normalizers.NFKC(),
        normalizers.Sequence([normalizers.NFKC(), normalizers.StripAccents()]),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
        normalizers.Lowercase(),
    ],
    ids=["none", "one", "several", "lower-cases among several", "lower-cases"],
)
def test_capitals_where_the_checkpoint_lower_cases(
    tmp_path: Path, model: INSTRUCTOR, normalizer: normalizers.Normalizer | None
) -> None:
    folder = write(tmp_path / "lower")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": true}')
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.normalizer = normalizer
    tokenizer.save(str(folder / "tokenizer.json"))
    ours = INSTRUCTOR(str(folder), device="cpu", dtype="float32")
    theirs = theirs_of(folder).encode(SHOUTED, prompt="REPRESENT The Text: ")
    vectors = ours.encode([["REPRESENT The Text: ", text] for text in SHOUTED])
    assert cosines(vectors, theirs).min() >= 0.99999
    np.testing.assert_allclose(vectors[0], ours.encode([["represent the text: ", SHOUTED[0].lower()]])[0], atol=1e-6)
    assert ours.prompter.count(SHOUTED[:1]) == ours.prompter.count([SHOUTED[0].lower()])


def test_a_checkpoint_made_from_one_that_lower_cases_does_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "lower")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": true}')
    encoder = T5Encoder.from_checkpoint(Checkpoint.open(folder))
    made = write_checkpoint(tmp_path / "made", encoder, tokenizer_from=folder, max_seq_length=48, card="# made\n")
    assert Checkpoint.open(made).lower_case
    ours = INSTRUCTOR(str(made), device="cpu", dtype="float32").encode(SHOUTED)
    assert cosines(ours, theirs_of(folder).encode(SHOUTED)).min() >= 0.99999


def test_lengths_beyond_every_position_bucket(tmp_path: Path) -> None:
    folder = write(tmp_path / "long", max_seq_length=400)
    text = "abcdefghijklmnopqrstuvwxyz " * 40
    ours = INSTRUCTOR(str(folder), device="cpu", dtype="float32").encode([text, text[:300]])
    theirs = theirs_of(folder).encode([text.strip(), text[:300].strip()])
    assert cosines(ours, theirs).min() >= 0.99999


def test_a_gelu_feed_forward(tmp_path: Path) -> None:
    folder = write(tmp_path / "gelu", activation="gelu")
    texts = list(TEXTS.values())
    ours = INSTRUCTOR(str(folder), device="cpu", dtype="float32").encode(texts)
    theirs = theirs_of(folder).encode([text.strip() for text in texts])
    assert cosines(ours, theirs).min() >= 0.99999
    assert cosines(ours, INSTRUCTOR(str(write(tmp_path / "relu")), device="cpu").encode(texts)).min() < 0.999


def test_token_embeddings_are_the_references(model: INSTRUCTOR, reference: SentenceTransformer) -> None:
    ours = model.encode([TEXTS["long"], TEXTS["short"]], output_value="token_embeddings")
    theirs = reference.encode([TEXTS["long"], TEXTS["short"]], output_value="token_embeddings")
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=2e-4, rtol=1e-3)
