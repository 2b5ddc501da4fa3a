"""The classifier on clouds of vectors whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openclaw_instructor.tasks.classifier import regression
from openclaw_instructor.tasks.classifier.label_space import LabelSpace

Array = np.ndarray[Any, Any]


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def cloud(rng: np.random.Generator, means: Array, count: int, noise: float) -> list[Array]:
    return [unit(mean + noise * rng.normal(size=(count, means.shape[1]))) for mean in means]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def make(rng: np.random.Generator, *, labels: int = 6, count: int = 8, noise: float = 0.12, shared: float = 0.0) -> Any:
    """(space, texts, their labels); `shared` pushes all vectors towards one direction, as some checkpoints do."""
    means = unit(rng.normal(size=(labels, 48)))
    push = shared * unit(rng.normal(size=48))
    few = [unit(group + push) for group in cloud(rng, means, count, noise)]
    space = LabelSpace.fit(unit(means + push), few)
    texts = [unit(group + push) for group in cloud(rng, means, 60, noise)]
    return space, np.vstack(texts), np.repeat(np.arange(labels), 60)


@pytest.mark.parametrize("shared", [0.0, 2.0])
@pytest.mark.parametrize("count", [0, 1, 8])
def test_texts_find_their_label(rng: np.random.Generator, count: int, shared: float) -> None:
    space, texts, truth = make(rng, count=count, shared=shared)
    probabilities = space.probabilities(texts)
    assert probabilities.shape == (360, 6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.9


@pytest.mark.parametrize("noise", [0.12, 0.25, 0.35])
@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_the_score_is_about_as_high_as_the_share_of_hits(rng: np.random.Generator, noise: float, shared: float) -> None:
    space, texts, truth = make(rng, noise=noise, shared=shared)
    probabilities = space.probabilities(texts)
    hits = (probabilities.argmax(axis=1) == truth).mean()
    assert abs(probabilities.max(axis=1).mean() - hits) < 0.15


def test_labels_that_cannot_be_told_apart_get_low_scores(rng: np.random.Generator) -> None:
    noise = unit(rng.normal(size=(4, 10, 48)))
    space = LabelSpace.fit(unit(rng.normal(size=(4, 48))), list(noise))
    clear, _, _ = make(rng, labels=4, count=10)
    texts = unit(rng.normal(size=(200, 48)))
    assert space.factor < clear.factor / 1.5
    assert space.probabilities(texts).max(axis=1).mean() < 0.5


def test_examples_correct_a_misleading_description(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(3, 48)))
    swapped = means[[1, 0, 2]]
    texts = np.vstack(cloud(rng, means, 40, 0.12))
    truth = np.repeat(np.arange(3), 40)
    bare = LabelSpace.fit(swapped, [means[:0]] * 3).probabilities(texts).argmax(axis=1)
    taught = LabelSpace.fit(swapped, cloud(rng, means, 8, 0.12)).probabilities(texts).argmax(axis=1)
    assert (bare == truth).mean() < 0.5 < 0.9 < (taught == truth).mean()


def test_some_labels_may_lack_examples(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(3, 48)))
    few = cloud(rng, means, 5, 0.12)
    space = LabelSpace.fit(means, [few[0], means[:0], few[2]])
    assert space.probabilities(means).argmax(axis=1).tolist() == [0, 1, 2]


def test_a_label_without_examples_is_known_by_its_description(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(3, 48)))
    many = cloud(rng, means, 15, 0.12)
    space = LabelSpace.fit(means, [many[0], means[:0], many[2]])
    assert space.floor > -1
    assert (space.nearest(cloud(rng, means, 5, 0.12)[1]) > space.floor).all()


def test_strangers_are_below_the_floor_and_members_above(rng: np.random.Generator) -> None:
    space, texts, _ = make(rng)
    strangers = unit(np.concatenate([np.zeros((50, 47)), np.ones((50, 1))], axis=1) + 0.02 * rng.normal(size=(50, 48)))
    assert (space.nearest(texts) >= space.floor).mean() > 0.9
    assert space.floor > -1
    few, _, _ = make(rng, count=2)
    assert few.floor == -1, "too few examples to know what is strange"
    assert (few.nearest(strangers) >= few.floor).all()


def test_near_copies_do_not_raise_the_floor(rng: np.random.Generator) -> None:
    _, texts, _ = make(rng, noise=0.12)
    copies, _, _ = make(np.random.default_rng(7), noise=0.001)
    assert (copies.nearest(texts) >= copies.floor).mean() > 0.9


def test_two_labels_are_enough(rng: np.random.Generator) -> None:
    space, texts, truth = make(rng, labels=2, count=3)
    assert (space.probabilities(texts).argmax(axis=1) == truth).mean() > 0.9


def test_many_examples_are_stood_for_by_some(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the exact regression nothing but precision is lost, and rare labels are not."""
    monkeypatch.setattr(regression, "_MOST_LANDMARKS", 100)
    means = unit(rng.normal(size=(5, 48)))
    many = [group[: 12 if label == 4 else 80] for label, group in enumerate(cloud(rng, means, 80, 0.2))]
    space = LabelSpace.fit(means, many)
    texts, truth = np.vstack(cloud(rng, means, 60, 0.2)), np.repeat(np.arange(5), 60)
    assert len(space.regression.landmarks) == 100
    probabilities = space.probabilities(texts)
    hits = probabilities.argmax(axis=1) == truth
    assert hits.mean() > 0.9
    assert hits[truth == 4].mean() > 0.6
    assert abs(probabilities.max(axis=1).mean() - hits.mean()) < 0.1


def test_scores_of_left_out_examples_are_those_of_a_fit_without_them(rng: np.random.Generator) -> None:
    points = unit(rng.normal(size=(30, 16)))
    targets = np.eye(3)[rng.integers(3, size=30)] - 1 / 3
    counts = rng.uniform(0.5, 2, size=30)
    words = unit(rng.uniform(size=(30, 8)) * (rng.uniform(size=(30, 8)) > 0.5)).astype(np.float32)
    for number, (_, left_out) in enumerate(regression.fits(points, words, targets, counts)):
        for place in (0, 7, 29):
            others = np.arange(30) != place
            fitted, _ = list(regression.fits(points[others], words[others], targets[others], counts[others]))[number]
            np.testing.assert_allclose(
                fitted.scores(points[place][None], words[place][None])[0], left_out[place], rtol=1e-4, atol=1e-8
            )


def test_words_tell_apart_what_vectors_do_not(rng: np.random.Generator) -> None:
    same = unit(rng.normal(size=48))
    vectors = [unit(same + 0.2 * rng.normal(size=(12, 48))) for _ in range(2)]
    texts = [
        [f"Please pay {number} euros." for number in range(13)],
        [f"Room {number} is free." for number in range(13)],
    ]
    space = LabelSpace.fit(np.stack([same, same]), vectors, texts)
    asked = unit(same + 0.2 * rng.normal(size=(2, 48)))
    assert space.probabilities(asked, ["Can you pay me 7 euros?", "Is a room free?"]).argmax(axis=1).tolist() == [0, 1]


def test_words_that_say_nothing_do_not_count(rng: np.random.Generator) -> None:
    means = unit(rng.normal(size=(4, 48)))
    texts = [[f"{a} and {b}" for a, b in rng.integers(9, size=(9, 2))] for _ in range(4)]
    space = LabelSpace.fit(means, cloud(rng, means, 8, 0.12), texts)
    asked = np.vstack(cloud(rng, means, 20, 0.12))
    found = space.probabilities(asked, ["3 and 4"] * len(asked)).argmax(axis=1)
    assert (found == np.repeat(np.arange(4), 20)).mean() > 0.95
