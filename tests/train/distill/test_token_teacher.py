from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.train.distill.token_teacher import TokenTeacher, states_loss

if TYPE_CHECKING:
    from transformers import BertModel

KEPT = [2, 1, 9, 8, 7, 6, 5, 4]  # the student's token 0 is the network's 2, and so on
ROUNDING: dict[str, Any] = {"atol": 0.05, "rtol": 0.05}  # the teacher is bfloat16 where the processor multiplies in it


@pytest.fixture(scope="module")
def network() -> BertModel:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    return BertModel(
        BertConfig(
            vocab_size=10, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=32,
        )
    ).eval()  # fmt: skip


@torch.no_grad()
def test_every_prompt_is_read_as_the_network_reads_it_alone(network: BertModel) -> None:
    prompts = [Prompt([0, *range(2, 2 + n), 1], 0, truncated=False) for n in (1, 1, 2, 3, 3, 3, 6)]
    read = TokenTeacher(network, KEPT, torch.device("cpu")).read(prompts)
    alone = [network(torch.tensor([[KEPT[i] for i in p.ids]])).last_hidden_state[0] for p in prompts]
    torch.testing.assert_close(read.states, torch.cat(alone), **ROUNDING)
    means = torch.stack([states.mean(0) for states in alone])
    torch.testing.assert_close(read.vectors, torch.nn.functional.normalize(means, dim=1), **ROUNDING)


@torch.no_grad()
def test_the_teacher_reads_no_instruction(network: BertModel) -> None:
    teacher = TokenTeacher(network, KEPT, torch.device("cpu"))
    plain = teacher.read([Prompt([0, 5, 6, 1], 0, truncated=False)])
    steered = teacher.read([Prompt([0, 3, 4, 5, 6, 1], 3, truncated=False)])
    # The start token stands before the instruction and enters no mean of the student's, yet the teacher's own.
    torch.testing.assert_close(steered.states, plain.states[1:], **ROUNDING)
    torch.testing.assert_close(steered.vectors, plain.vectors, **ROUNDING)


def test_the_loss_is_of_direction_and_least_at_the_teacher() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(7, 4)
    assert states_loss(3 * teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    assert states_loss(torch.randn(7, 4), teacher).item() > 0.5
    near, nearer = teacher + 0.5 * torch.randn(7, 4), teacher + 0.05 * torch.randn(7, 4)
    assert states_loss(nearer, teacher) < states_loss(near, teacher)
