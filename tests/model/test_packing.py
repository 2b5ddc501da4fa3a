from __future__ import annotations

import random

import pytest

from openclaw_instructor.model.batching import batches, rounded_up


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 40, 300])
def test_every_text_is_in_one_batch_within_the_budget(count: int, cores: int) -> None:
    lengths = [random.Random(count + i).randint(1, 500) for i in range(count)]

    cut = list(batches(lengths, 2_048, cores))

    assert sorted(index for batch in cut for index in batch) == list(range(count))
    assert all(sum(lengths[index] for index in batch) <= 2_048 for batch in cut)


def test_a_text_longer_than_the_budget_has_a_batch_of_its_own() -> None:
    assert [1] in batches([3, 900, 4], 100)


@pytest.mark.parametrize("cores", [2, 4])
def test_the_cores_get_the_same_number_of_batches_of_like_size(cores: int) -> None:
    lengths = [random.Random(i).randint(10, 200) for i in range(200)]

    sizes = [sum(lengths[index] for index in batch) for batch in batches(lengths, 2_048, cores)]

    assert len(sizes) % cores == 0
    assert min(sizes) > 0.85 * max(sizes)


@pytest.mark.parametrize("budget", [512, 768])
def test_rounding_up_adds_hardly_a_token_and_few_sizes_occur(budget: int) -> None:
    lengths = [random.Random(i).randint(10, 250) for i in range(300)]

    sizes = [sum(lengths[index] for index in batch) for batch in batches(lengths, budget, 2)]

    assert sum(map(rounded_up, sizes)) < 1.02 * sum(lengths)
    assert len(set(map(rounded_up, sizes))) <= 4
