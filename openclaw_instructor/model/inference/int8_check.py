"""Check whether a checkpoint keeps its vectors in int8, by comparing a few sample texts with float32.

The float32 network is never held whole: the samples go through each layer while it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.head import HeadWeights
from openclaw_instructor.model.networks.attention import masks_of
from openclaw_instructor.model.networks.bert import BertEncoder
from openclaw_instructor.model.networks.modernbert import ModernBertEncoder
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.model.shapes import T5Shape

MIN_COSINE = 0.99  # least cosine to float32 of each sample for "auto" to choose int8
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


class Int8Check:
    """Computes the samples in float32 while the checkpoint is loaded, and compares the backend with them."""

    def __init__(self, prompter: Prompter, pooling: str = "mean") -> None:
        prompts = [prompter.render(instruction, [text])[0] for instruction, text in SAMPLES]
        self._batch = Packed.of(sorted(prompts, key=lambda prompt: len(prompt.ids)), pooling=pooling)
        self._exact: Tensor | None = None
        self._states = torch.empty(0)
        self._masks: list[Tensor] = []

    @torch.no_grad()
    def begin(self, outside: Mapping[str, Tensor], shape: T5Shape) -> None:
        """Embed the samples' tokens; `outside` is the encoder's state without its layers."""
        with torch.device("meta"):
            self._network = T5Encoder(replace(shape, layers=1))
        self._network.load_state_dict(dict(outside), strict=False, assign=True)
        self._states = self._network.tokens(self._batch.ids)
        bias = self._network.position_bias(self._batch.longest)
        self._masks = masks_of(bias, self._batch.groups, len(self._batch.ids), pad_keys=False)
        # The table is large and not needed again.
        self._network.tokens.weight = nn.Parameter(torch.empty(0))

    @torch.no_grad()
    def follow(self, state: Mapping[str, Tensor]) -> None:
        """Pass the samples through the next layer."""
        layer = next(self._network.blocks())
        layer.load_state_dict(dict(state), assign=True)
        self._states = layer(self._states, self._batch, self._masks)

    @torch.no_grad()
    def compute(self, network: BertEncoder | ModernBertEncoder, head: HeadWeights) -> None:
        """Compute the samples with a complete network in float32."""
        states = network(self._batch.ids, self._batch.groups, network.prepare(self._batch.longest), False)
        self._exact = head.embed(states, self._batch)

    @torch.no_grad()
    def least_cosine(self, backend: Backend) -> float:
        """Compute the lowest cosine between the samples' vectors in float32 and the backend's."""
        exact = self._exact if self._exact is not None else self._network.pool(self._states, self._batch)
        quantized = backend.embed(self._batch)
        return F.cosine_similarity(exact, quantized).min().item()
