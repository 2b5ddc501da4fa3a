from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from openclaw_instructor.model.inference.cpu_pool import AHEAD, CpuPool


def used(_: int) -> int:
    torch.ones(8).sum()
    time.sleep(0.01)
    return torch.get_num_threads()


def test_a_stream_runs_on_one_core_and_the_caller_keeps_its_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        pool = CpuPool(3)
        assert set(pool.map(used, range(12))) == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_one_thread_may_have_several_cores() -> None:
    before = torch.get_num_threads()
    try:
        pool = CpuPool(1, 3)
        assert set(pool.map(used, range(3))) == {3}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_results_come_in_order_and_few_items_are_made_ahead() -> None:
    pool, made = CpuPool(2), []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    def slower_at_first(number: int) -> int:
        time.sleep(0.02 if number % 5 == 0 else 0)
        return number

    for expected, result in enumerate(pool.run(slower_at_first, items())):
        assert result == expected
        assert len(made) <= expected + 1 + AHEAD * pool.count
    assert len(made) == 50


def test_what_has_not_begun_is_dropped_when_nobody_asks_on() -> None:
    pool, begun = CpuPool(1), []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.05)
        return number

    results = pool.run(work, range(100))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    pool.map(int, [0])
    assert len(begun) <= 3
