"""Corrections on clouds of vectors whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openclaw_instructor.tasks.classifier.learned import Learned

Array = np.ndarray[Any, Any]
LABELS, WIDTH = 4, 24


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def cloud(rng: np.random.Generator, means: Array, count: int) -> tuple[Array, Array]:
    owners = rng.integers(0, len(means), count)
    return unit(means[owners] + 0.15 * rng.normal(size=(count, means.shape[1]))), owners


def believed(owners: Array, strength: float = 0.9) -> Array:
    """Probabilities of a classifier that believes in these labels."""
    rows = np.full((len(owners), LABELS), (1 - strength) / (LABELS - 1))
    rows[np.arange(len(owners)), owners] = strength
    return rows


def fit(vectors: Array, owners: Array, probabilities: Array) -> Learned:
    learned = Learned(LABELS, np.zeros(WIDTH, np.float32))
    learned.add(vectors, owners, probabilities)
    learned.fit()
    return learned


def test_corrections_overrule_a_classifier_that_is_wrong(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(LABELS, WIDTH)))
    vectors, owners = cloud(rng, means, 400)
    wrong = believed((owners + 1) % LABELS)
    learned = fit(vectors[:200], owners[:200], wrong[:200])
    found, nearest = learned.adjusted(vectors[200:], wrong[200:])
    np.testing.assert_allclose(nearest, (vectors[200:] @ vectors[:200].T).max(axis=1), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)
    assert (found.argmax(axis=1) == owners[200:]).mean() > 0.9


def test_one_correction_changes_its_text_and_little_else(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(LABELS, WIDTH)))
    vectors, owners = cloud(rng, means, 200)
    right = believed(owners)
    learned = Learned(LABELS, np.zeros(WIDTH, np.float32))
    learned.anchor(vectors[:40], owners[:40], right[:40])
    learned.add(vectors[50:51], (owners[50:51] + 1) % LABELS, right[50:51])
    learned.fit()
    found = learned.adjusted(vectors, right)[0].argmax(axis=1)
    assert found[50] == (owners[50] + 1) % LABELS
    assert (found[100:] == owners[100:]).mean() > 0.9


def test_learning_one_after_another_ends_where_learning_at_once_does(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(LABELS, WIDTH)))
    vectors, owners = cloud(rng, means, 160)
    flat = np.full((160, LABELS), 1 / LABELS)
    at_once = fit(vectors[:60], owners[:60], flat[:60])
    one_by_one = Learned(LABELS, np.zeros(WIDTH, np.float32))
    for number in range(60):
        one_by_one.add(vectors[number : number + 1], owners[number : number + 1], flat[:1])
        one_by_one.fit()
    a, b = (each.adjusted(vectors[60:], flat[60:])[0] for each in (at_once, one_by_one))
    assert np.abs(a - b).max() < 0.05
