"""Map tensor names on disk to those of our modules, for every family but T5, whose layers are read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.networks import mpnet, xlm_roberta
from openclaw_instructor.model.shapes import BertShape, ModernBertShape

# The name of one of our tensors, and those of the tensors on disk that are concatenated to it.
Names = Iterator[tuple[str, list[str]]]
PREFIXES = ("", "bert.", "roberta.", "mpnet.", "distilbert.", "model.", "encoder.", "0.auto_model.")
PARTS = ("weight", "bias")


def _pairs(ours: str, *theirs: str) -> Names:
    yield from ((f"{ours}.{part}", [f"{name}.{part}" for name in theirs]) for part in PARTS)


def _bert(layers: int) -> Names:
    yield "tokens.weight", ["embeddings.word_embeddings.weight"]
    yield "positions.weight", ["embeddings.position_embeddings.weight"]
    yield from _pairs("norm", "embeddings.LayerNorm")
    for index in range(layers):
        ours, theirs = f"layers.{index}", f"encoder.layer.{index}"
        own = f"{theirs}.attention.self"
        yield from _pairs(f"{ours}.qkv", f"{own}.query", f"{own}.key", f"{own}.value")
        yield from _pairs(f"{ours}.out", f"{theirs}.attention.output.dense")
        yield from _pairs(f"{ours}.attention_norm", f"{theirs}.attention.output.LayerNorm")
        yield from _pairs(f"{ours}.up", f"{theirs}.intermediate.dense")
        yield from _pairs(f"{ours}.down", f"{theirs}.output.dense")
        yield from _pairs(f"{ours}.feed_norm", f"{theirs}.output.LayerNorm")


def _distilbert(layers: int) -> Names:
    yield "tokens.weight", ["embeddings.word_embeddings.weight"]
    yield "positions.weight", ["embeddings.position_embeddings.weight"]
    yield from _pairs("norm", "embeddings.LayerNorm")
    for index in range(layers):
        ours, theirs = f"layers.{index}", f"transformer.layer.{index}"
        yield from _pairs(f"{ours}.qkv", *(f"{theirs}.attention.{part}_lin" for part in "qkv"))
        yield from _pairs(f"{ours}.out", f"{theirs}.attention.out_lin")
        yield from _pairs(f"{ours}.attention_norm", f"{theirs}.sa_layer_norm")
        yield from _pairs(f"{ours}.up", f"{theirs}.ffn.lin1")
        yield from _pairs(f"{ours}.down", f"{theirs}.ffn.lin2")
        yield from _pairs(f"{ours}.feed_norm", f"{theirs}.output_layer_norm")


def _modernbert(shape: ModernBertShape) -> Names:
    def pairs(ours: str, theirs: str, biased: bool) -> Names:
        yield from ((f"{ours}.{part}", [f"{theirs}.{part}"]) for part in (PARTS if biased else PARTS[:1]))

    yield "tokens.weight", ["embeddings.tok_embeddings.weight"]
    yield from pairs("norm", "embeddings.norm", shape.has_norm_biases)
    yield from pairs("final_norm", "final_norm", shape.has_norm_biases)
    for index in range(shape.layers):
        ours = theirs = f"layers.{index}"
        if index:
            yield from pairs(f"{ours}.attention_norm", f"{theirs}.attn_norm", shape.has_norm_biases)
        yield from pairs(f"{ours}.feed_norm", f"{theirs}.mlp_norm", shape.has_norm_biases)
        for product, name in (("qkv", "attn.Wqkv"), ("out", "attn.Wo"), ("up", "mlp.Wi"), ("down", "mlp.Wo")):
            yield from pairs(f"{ours}.{product}", f"{theirs}.{name}", shape.has_biases)


def names_of(shape: BertShape | ModernBertShape) -> Names:
    """Map our tensors' names to those on disk."""
    if isinstance(shape, ModernBertShape):
        return _modernbert(shape)
    if shape.family == "distilbert":
        return _distilbert(shape.layers)
    return mpnet.names(shape.layers) if shape.family == "mpnet" else _bert(shape.layers)


def read_state(
    tensors: Mapping[str, Tensor], shape: BertShape | ModernBertShape, sizes: Mapping[str, torch.Size], where: str
) -> dict[str, Tensor]:
    """Read the float32 state of our module, whose tensors have these `sizes`. Raises InvalidCheckpoint."""
    prefix = _prefix(tensors, shape, where)
    state = {}
    for ours, theirs in names_of(shape):
        size = sizes[ours]
        parts = [_take(tensors, prefix + name, (size[0] // len(theirs), *size[1:]), where) for name in theirs]
        state[ours] = parts[0] if len(parts) == 1 else torch.cat(parts)
    if isinstance(shape, BertShape):
        state |= xlm_roberta.first_token_type(tensors, prefix, shape, state["positions.weight"])
        state.setdefault("relative.weight", torch.zeros(1, shape.heads))
    return state


def _prefix(tensors: Mapping[str, Tensor], shape: BertShape | ModernBertShape, where: str) -> str:
    table = next(theirs[0] for ours, theirs in names_of(shape) if ours == "tokens.weight")
    for prefix in PREFIXES:
        if prefix + table in tensors:
            return prefix
    raise InvalidCheckpoint(f"{where}: tensor {table} is missing; the weights do not fit config.json")


def _take(tensors: Mapping[str, Tensor], name: str, size: tuple[int, ...], where: str) -> Tensor:
    if name not in tensors:
        raise InvalidCheckpoint(f"{where}: tensor {name} is missing; the weights do not fit config.json")
    tensor = tensors[name]
    if tuple(tensor.shape) != size:
        raise InvalidCheckpoint(f"{where}: tensor {name} is {tuple(tensor.shape)}, config.json says {size}")
    return tensor.to(torch.float32)
