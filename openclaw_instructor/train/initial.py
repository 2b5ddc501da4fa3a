"""Open the checkpoint that training starts from, or make one of random weights of a given shape."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from openclaw_instructor.errors import InvalidArguments, InvalidCheckpoint
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.writer import write_checkpoint

# A small model: a few million weights besides the token table.
SMALL = T5Shape(
    vocab_size=0,
    width=384,
    inner=1024,
    heads=6,
    head_width=64,
    layers=3,
    buckets=32,
    max_distance=128,
    epsilon=1e-6,
    dimension=384,
    normalize=True,
)
_SIZES = ("width", "inner", "heads", "head_width", "layers", "dimension", "buckets", "max_distance")


def parse_shape(text: str) -> T5Shape:
    """Parse a shape such as `layers=4,width=256`; the rest is as in SMALL. Raises InvalidArguments."""
    sizes: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        if name not in _SIZES or not value.isdigit() or int(value) < 1:
            raise InvalidArguments(f"shape: {part.strip()!r}; write name=number with a name of {', '.join(_SIZES)}")
        sizes[name] = int(value)
    if "width" in sizes:
        sizes = {"dimension": sizes["width"], "inner": 4 * sizes["width"], **sizes}
    shape = replace(SMALL, **sizes)  # type: ignore[arg-type]
    if "head_width" not in sizes and {"width", "heads"} & sizes.keys():
        if shape.width % shape.heads:
            raise InvalidArguments(
                f"shape: width {shape.width} does not divide by {shape.heads} heads; give head_width"
            )
        shape = replace(shape, head_width=shape.width // shape.heads)
    return shape


def from_scratch(shape: T5Shape, tokenizer: Path, work: Path, *, seed: int, max_seq_length: int = 512) -> Checkpoint:
    """Make a checkpoint of random weights in a folder of `work`, once, with the tokenizer of another folder.

    Raises InvalidCheckpoint when that has none.
    """
    from tokenizers import Tokenizer

    path = tokenizer / "tokenizer.json"
    if not path.is_file():
        raise InvalidCheckpoint(f"{tokenizer}: tokenizer.json is missing; give a folder that has one")
    shape = replace(shape, vocab_size=Tokenizer.from_file(str(path)).get_vocab_size())
    key = hashlib.sha256(f"{shape}:{seed}:{max_seq_length}".encode() + path.read_bytes()).hexdigest()[:12]
    folder = work / f"start-{key}"
    if not folder.is_dir():
        encoder = initialise(T5Encoder(shape), seed)
        card = "# Random weights\n"
        write_checkpoint(folder, encoder, tokenizer_from=tokenizer, max_seq_length=max_seq_length, card=card)
    return Checkpoint.open(folder)


def initialise(encoder: T5Encoder, seed: int) -> T5Encoder:
    """Draw weights as T5 does (Raffel et al., JMLR 2020): scaled by fan-in, queries also by the width of a head."""
    shape = encoder.shape
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if weight.dim() == 1:
                weight.fill_(1.0)
                continue
            fan_in = {"tokens.weight": 1, "position.weight": shape.width}.get(name, weight.shape[1])
            weight.normal_(0.0, fan_in**-0.5, generator=random)
            if "qkv" in name:
                # T5 does not scale attention scores, so its queries start smaller.
                weight[: shape.heads * shape.head_width] *= shape.head_width**-0.5
    return encoder
