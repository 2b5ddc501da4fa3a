"""Map T5's tensor names on disk to those of `T5Encoder` and back, layer by layer to save memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.shapes import T5Shape

POSITION = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
FINAL_NORM = "encoder.final_layer_norm.weight"
TABLE = "shared.weight"
TABLE_SCALES = "shared.scales"  # of a table in int8, one for each row


@dataclass(frozen=True)
class T5Tensors:
    """Reads float32 tensors and checks their shapes; `where` is named in errors. Raises InvalidCheckpoint."""

    tensors: Mapping[str, Tensor]
    shape: T5Shape
    where: str

    def outside_layers(self) -> dict[str, Tensor]:
        """Return the token table, position table, final norm and projection."""
        s = self.shape
        table = TABLE if TABLE in self.tensors else "encoder.embed_tokens.weight"
        dense = (
            self._take("dense.weight", s.dimension, s.width) if "dense.weight" in self.tensors else torch.eye(s.width)
        )
        return {
            "tokens.weight": self._table(table),
            "position.weight": self._take(POSITION, s.buckets, s.heads),
            "norm.weight": self._take(FINAL_NORM, s.width),
            "dense.weight": dense,
        }

    def layer(self, index: int) -> dict[str, Tensor]:
        """Return the state of one layer, with query, key and value in one matrix."""
        s = self.shape
        sizes = {
            "attention_norm.weight": (s.width,),
            "qkv.weight": (s.attention_width, s.width),
            "out.weight": (s.width, s.attention_width),
            "feed_norm.weight": (s.width,),
            "up.weight": (s.inner, s.width),
            "down.weight": (s.width, s.inner),
        }
        state = {}
        for ours, theirs in _layer_names(index).items():
            parts = [self._take(name, *sizes[ours]) for name in theirs]
            state[ours] = parts[0] if len(parts) == 1 else torch.cat(parts)
        return state

    def _table(self, name: str) -> Tensor:
        """Return the token table, multiplied by its rows' scales if it is stored in int8."""
        rows = self._take(name, self.shape.vocab_size, self.shape.width)
        if self.tensors[name].dtype != torch.int8:
            return rows
        return rows.mul_(self._take(TABLE_SCALES, self.shape.vocab_size)[:, None])

    def _take(self, name: str, *size: int) -> Tensor:
        if name not in self.tensors:
            raise InvalidCheckpoint(f"{self.where}: tensor {name} is missing; the weights do not fit config.json")
        tensor = self.tensors[name]
        if tuple(tensor.shape) != size:
            raise InvalidCheckpoint(f"{self.where}: tensor {name} is {tuple(tensor.shape)}, config.json says {size}")
        return tensor.to(torch.float32)


def to_t5_names(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Rename the state of a `T5Encoder` to T5's names for saving, `dense.weight` included."""
    tensors = {
        TABLE: state["tokens.weight"],
        POSITION: state["position.weight"],
        FINAL_NORM: state["norm.weight"],
        "dense.weight": state["dense.weight"],
    }
    for index in range(layers):
        for ours, theirs in _layer_names(index).items():
            tensors |= dict(zip(theirs, state[f"layers.{index}.{ours}"].chunk(len(theirs)), strict=True))
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def quantised_table(table: Tensor) -> dict[str, Tensor]:
    """Return the tensors of a token table (vocabulary, width) in int8: the greatest number of each row becomes 127."""
    table = table.detach().float()
    scales = (table.abs().amax(dim=1) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return {TABLE: (table / scales[:, None]).round().to(torch.int8), TABLE_SCALES: scales}


def _layer_names(index: int) -> dict[str, list[str]]:
    attention, feed = f"encoder.block.{index}.layer.0", f"encoder.block.{index}.layer.1"
    return {
        "attention_norm.weight": [f"{attention}.layer_norm.weight"],
        "qkv.weight": [f"{attention}.SelfAttention.{part}.weight" for part in "qkv"],
        "out.weight": [f"{attention}.SelfAttention.o.weight"],
        "feed_norm.weight": [f"{feed}.layer_norm.weight"],
        "up.weight": [f"{feed}.DenseReluDense.wi.weight"],
        "down.weight": [f"{feed}.DenseReluDense.wo.weight"],
    }
