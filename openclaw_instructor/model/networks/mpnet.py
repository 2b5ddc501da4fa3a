"""Define MPNet (Song et al., NeurIPS 2020): BERT's layers with T5's relative position bias.

The network is `bert.BertEncoder` with `buckets`; here are the names of its tensors on disk.
"""

from __future__ import annotations

from collections.abc import Iterator


def names(layers: int) -> Iterator[tuple[str, list[str]]]:
    """Map our tensors' names to those on disk."""
    yield "tokens.weight", ["embeddings.word_embeddings.weight"]
    yield "positions.weight", ["embeddings.position_embeddings.weight"]
    yield "relative.weight", ["encoder.relative_attention_bias.weight"]
    for part in ("weight", "bias"):
        yield f"norm.{part}", [f"embeddings.LayerNorm.{part}"]
        for index in range(layers):
            ours, theirs = f"layers.{index}", f"encoder.layer.{index}"
            yield f"{ours}.qkv.{part}", [f"{theirs}.attention.attn.{name}.{part}" for name in "qkv"]
            yield f"{ours}.out.{part}", [f"{theirs}.attention.attn.o.{part}"]
            yield f"{ours}.attention_norm.{part}", [f"{theirs}.attention.LayerNorm.{part}"]
            yield f"{ours}.up.{part}", [f"{theirs}.intermediate.dense.{part}"]
            yield f"{ours}.down.{part}", [f"{theirs}.output.dense.{part}"]
            yield f"{ours}.feed_norm.{part}", [f"{theirs}.output.LayerNorm.{part}"]
