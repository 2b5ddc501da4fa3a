"""The same numbers as sentence-transformers with `prompt=` and `include_prompt: false`, on the same checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from random_checkpoint import write
from sentence_transformers import SentenceTransformer

from openclaw_instructor.model.instructor import INSTRUCTOR

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
    return SentenceTransformer(str(checkpoint), device="cpu")


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


def test_pytorch_bin_gives_the_vectors_of_safetensors(model: INSTRUCTOR, tmp_path: Path) -> None:
    folder = write(tmp_path / "bin", safetensors=False)
    again = INSTRUCTOR(str(folder), device="cpu", dtype="float32")
    assert again.checkpoint.weights_path.name == "pytorch_model.bin"
    np.testing.assert_allclose(
        again.encode([[INSTRUCTION, TEXTS["long"]]]), model.encode([[INSTRUCTION, TEXTS["long"]]]), atol=1e-6
    )


def test_lengths_beyond_every_position_bucket(tmp_path: Path) -> None:
    folder = write(tmp_path / "long", max_seq_length=400)
    text = "abcdefghijklmnopqrstuvwxyz " * 40
    ours = INSTRUCTOR(str(folder), device="cpu", dtype="float32").encode([text, text[:300]])
    theirs = SentenceTransformer(str(folder), device="cpu").encode([text.strip(), text[:300].strip()])
    assert cosines(ours, theirs).min() >= 0.99999


def test_a_gelu_feed_forward(tmp_path: Path) -> None:
    folder = write(tmp_path / "gelu", activation="gelu")
    texts = list(TEXTS.values())
    ours = INSTRUCTOR(str(folder), device="cpu", dtype="float32").encode(texts)
    theirs = SentenceTransformer(str(folder), device="cpu").encode([text.strip() for text in texts])
    assert cosines(ours, theirs).min() >= 0.99999
    assert cosines(ours, INSTRUCTOR(str(write(tmp_path / "relu")), device="cpu").encode(texts)).min() < 0.999


def test_token_embeddings_are_the_references(model: INSTRUCTOR, reference: SentenceTransformer) -> None:
    ours = model.encode([TEXTS["long"], TEXTS["short"]], output_value="token_embeddings")
    theirs = reference.encode([TEXTS["long"], TEXTS["short"]], output_value="token_embeddings")
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=2e-4, rtol=1e-3)
