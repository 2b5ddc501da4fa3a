"""The embeddings that come with the packaged labels: complete, right, and never taken for those of something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.classify import ClassifyTask, texts_of
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.classifier import packaged_vectors
from openclaw_instructor.tasks.classifier.label_vectors import embedded
from openclaw_instructor.testing import WordEngine


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> ClassifyTask:
    found = Registry.load(Settings(home=tmp_path_factory.mktemp("home"))).get("classify_email")
    assert isinstance(found, ClassifyTask)
    return found


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(Settings.load(tmp_path_factory.mktemp("home"), checkpoint="mini"))


def test_every_text_of_the_packaged_labels_is_there(task: ClassifyTask, engine: Engine) -> None:
    texts = texts_of(task.fitted_labels)
    found = packaged_vectors.known(texts, engine.identity(task.instruction("text", "mini")))
    missing = [text[:80] for place, text in enumerate(texts) if place not in found]
    assert not missing, "run `make generated`"
    assert packaged_vectors.FILE.stat().st_size < 400_000


def test_they_are_what_the_checkpoint_says(task: ClassifyTask, engine: Engine) -> None:
    instruction = task.instruction("text", "mini")
    some = texts_of(task.fitted_labels)[::200]
    found = packaged_vectors.known(some, engine.identity(instruction))
    # Both sides may be in int8, which on AVX2 is 0.998 from float32.
    np.testing.assert_array_less(
        0.99, (np.stack(list(found.values())) * engine.embed(some, instruction).vectors).sum(1)
    )


def test_only_what_is_not_there_is_embedded(task: ClassifyTask, engine: Engine) -> None:
    instruction, known = task.instruction("text", "mini"), texts_of(task.fitted_labels)[40]
    vectors = embedded([known, "Our own label: rowing"], instruction, engine)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(vectors[1], engine.embed(["Our own label: rowing"], instruction).vectors[0], atol=1e-5)


def test_another_instruction_or_checkpoint_has_none(task: ClassifyTask, engine: Engine, tmp_path: Path) -> None:
    texts = texts_of(task.fitted_labels)[:5]
    assert not packaged_vectors.known(texts, engine.identity("Represent the text:"))
    other = WordEngine("mini", settings=Settings.load(tmp_path))
    assert not packaged_vectors.known(texts, other.identity(task.instruction("text", "mini")))


def test_a_file_keeps_what_it_was_given(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    packaged_vectors.write("who", ["a", "b", "c"], vectors, tmp_path / "kept.npz")
    identity, kept = packaged_vectors._packaged(tmp_path / "kept.npz")
    assert identity == "who"
    np.testing.assert_array_less(0.999, (np.stack(list(kept.values())) * vectors).sum(1))
