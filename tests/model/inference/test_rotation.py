from __future__ import annotations

import pytest
import torch

from openclaw_instructor.model.inference.rotation import Rotation


@pytest.mark.parametrize("width", [16, 384, 768, 7])
def test_what_is_written_turned_and_read_turned_is_the_same(width: int) -> None:
    rotation = Rotation(width)
    torch.manual_seed(1)
    writes, reads, given = torch.randn(width, 5), torch.randn(9, width), torch.randn(3, 5)
    stream = given @ rotation.turn_written(writes).T
    torch.testing.assert_close(rotation.turn_back(stream), given @ writes.T, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(stream @ rotation.turn(reads).T, given @ writes.T @ reads.T, atol=1e-3, rtol=1e-3)


def test_a_channel_that_stands_out_no_longer_does() -> None:
    states = torch.ones(2, 384)
    states[:, 7] = 100
    turned = Rotation(384).turn(states)
    torch.testing.assert_close(turned.norm(dim=1), states.norm(dim=1))
    assert turned.abs().max() < 40


def test_it_is_the_same_every_time() -> None:
    states = torch.randn(4, 64)
    torch.testing.assert_close(Rotation(64).turn(states), Rotation(64).turn(states), atol=0, rtol=0)
