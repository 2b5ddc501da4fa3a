from __future__ import annotations

import pytest
import torch

from openclaw_instructor.model.inference.rotation import Rotation


@pytest.mark.parametrize("width", [16, 384, 768, 7])
def test_writing_and_reading_a_rotated_stream_changes_nothing(width: int) -> None:
    rotation = Rotation(width)
    torch.manual_seed(1)
    writes, reads, given = torch.randn(width, 5), torch.randn(9, width), torch.randn(3, 5)
    stream = given @ rotation.rotate_output(writes).T
    torch.testing.assert_close(rotation.rotate_back(stream), given @ writes.T, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(stream @ rotation.rotate(reads).T, given @ writes.T @ reads.T, atol=1e-3, rtol=1e-3)


def test_a_channel_that_stands_out_no_longer_does() -> None:
    states = torch.ones(2, 384)
    states[:, 7] = 100
    rotated = Rotation(384).rotate(states)
    torch.testing.assert_close(rotated.norm(dim=1), states.norm(dim=1))
    assert rotated.abs().max() < 40


def test_it_is_the_same_every_time() -> None:
    states = torch.randn(4, 64)
    torch.testing.assert_close(Rotation(64).rotate(states), Rotation(64).rotate(states), atol=0, rtol=0)
