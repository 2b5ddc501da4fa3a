from __future__ import annotations

import time

import torch

from openclaw_instructor.model.streams import Streams


def used(_: int) -> int:
    torch.ones(8).sum()
    time.sleep(0.01)
    return torch.get_num_threads()


def test_a_stream_runs_on_one_core_and_the_caller_keeps_its_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        streams = Streams(3)
        assert set(streams.map(used, range(12))) == {1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
