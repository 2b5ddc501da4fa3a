"""Whether a checkpoint keeps its vectors in int8: a few texts go through its layers in float32 as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.networks.attention import masks_of
from openclaw_instructor.model.packing import Packed

if TYPE_CHECKING:
    from openclaw_instructor.model.networks.t5 import Encoder, Layer
    from openclaw_instructor.model.prompt import Prompter

FAITHFUL = 0.99  # cosine to float32 of each sample, below which a checkpoint is not served in int8 unasked
SAMPLES = (
    ("Represent the question for retrieving supporting documents: ", "How long does a parcel take to reach Norway?"),
    ("Represent the document for retrieval: ", "Set `retries` to 0 in config.yaml, then restart it (port 8080)."),
    (
        "Represent the email for classification: ",
        "Hi Anna, the invoice of 14 March is still open. Could you check with your bank, and write me by Friday if the "
        "1,250 euros have left your account? If not, I will send you a new one. Kind regards, Tom",
    ),
    (
        "Represent the scientific paragraph for retrieval: ",
        "The boundary layer separates from the wing where the adverse pressure gradient is steepest, which raises the "
        "drag by 12% at a Reynolds number of 3 million; roughness moves that point towards the trailing edge.",
    ),
    ("", "sunny"),
)


class Witness:
    """Made for one loading: sees what is read, and says how near the encoder comes that was made of it."""

    def __init__(self, prompter: Prompter) -> None:
        prompts = [prompter.render(instruction, [text])[0] for instruction, text in SAMPLES]
        self._batch = Packed.of(sorted(prompts, key=lambda prompt: len(prompt.ids)))
        self._states = torch.empty(0)
        self._masks: list[Tensor] = []

    @torch.no_grad()
    def begin(self, encoder: Encoder) -> None:
        """With the table and the position bias as they were read."""
        self._states = F.embedding(self._batch.ids, encoder.tokens.weight)
        bias = encoder.position_bias(max(group.length for group in self._batch.groups))
        self._masks = masks_of(bias, self._batch.groups, len(self._batch.ids), reach=False)

    @torch.no_grad()
    def follow(self, layer: Layer) -> None:
        self._states = layer(self._states, self._batch, self._masks)

    @torch.no_grad()
    def least_cosine(self, encoder: Encoder) -> float:
        """Of the samples' vectors to what they are in float32."""
        states = encoder.rotation.turn(self._states) if encoder.rotation else self._states
        exact, served = encoder.pool(states, self._batch), encoder(self._batch)
        return F.cosine_similarity(exact, served).min().item()
