"""A checkpoint: weights, tokenizer and configuration on disk, in the layout the INSTRUCTOR models have on the hub.

    config.json                     the T5 encoder's shape
    modules.json                    Transformer, Pooling, Dense, Normalize, in order
    1_Pooling/config.json           masked mean
    2_Dense/config.json + weights   projection to the embedding
    sentence_bert_config.json       max_seq_length, do_lower_case
    tokenizer.json (or spiece.model), tokenizer_config.json
    model.safetensors (or pytorch_model.bin, or the shards of either and their index)

Opening one reads only JSON; the weights wait for `tensors()`. Nothing here executes code from a checkpoint.
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model import hub
from openclaw_instructor.model.layout import has_weights, module_kinds, read_json, weights_of
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    import torch

BUNDLED = {"mini": Path(__file__).parent / "mini"}
LONGEST = 100_000  # tokens; for no limit transformers writes 1e30


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint folder; `name` is `mini`, the folder's whole path or the hub id, `revision` the hub
    commit if there is one. With `lower_case` the tokenizer sees instruction and text in lower case."""

    name: str
    folder: Path
    shape: T5Shape
    max_seq_length: int
    revision: str | None = None
    lower_case: bool = False

    @classmethod
    def open(
        cls, name: str | Path, *, revision: str | None = None, offline: bool = False, pull: bool = False
    ) -> Checkpoint:
        """Open `mini`, a folder, or a hub id (downloaded on first use; `pull` asks the hub for news even when cached).

        Raises InvalidCheckpoint for a folder that is not a usable checkpoint, CheckpointUnavailable when the hub is
        needed and cannot be reached.
        """
        text = str(name)
        if text in BUNDLED:
            return cls._read(text, BUNDLED[text], None)
        path = expanded(text)
        if path.is_dir():
            return cls._read(str(path.absolute()), path.absolute(), None)
        if not hub.is_id(text):
            raise InvalidCheckpoint(
                f"checkpoint `{text}`: no such folder; use `mini`, a folder, or a hub id such as hkunlp/instructor-base"
            )
        folder, commit = hub.snapshot(text, revision=revision, offline=offline, pull=pull)
        return cls._read(text, folder, commit)

    @classmethod
    def _read(cls, name: str, folder: Path, revision: str | None) -> Checkpoint:
        settings = read_json(folder / "sentence_bert_config.json")
        limit = int(settings.get("max_seq_length") or _limit_of_tokenizer(folder))
        return cls(name, folder, _read_shape(folder), limit, revision, bool(settings.get("do_lower_case")))

    @property
    def dimension(self) -> int:
        return self.shape.dimension

    @cached_property
    def weight_files(self) -> list[Path]:
        """The encoder's weights, more than one file where they are in shards. Raises InvalidCheckpoint."""
        return weights_of(self.folder)

    @property
    def megabytes(self) -> float:
        """Size of the encoder's weights on disk."""
        return sum(path.stat().st_size for path in self.weight_files) / 1e6

    @property
    def parameters(self) -> int:
        """Number of weights of the encoder and projection."""
        return self.shape.parameters

    def t5_shape(self) -> T5Shape:
        """The shape of a T5 checkpoint."""
        return self.shape

    @cached_property
    def identity(self) -> str:
        """Digest that changes whenever the vectors would: the hub commit, else configuration and sampled weights."""
        digest = hashlib.sha256()
        if self.revision:
            digest.update(f"{self.name}@{self.revision}".encode())
        else:
            for path in sorted(self.folder.rglob("*.json")):
                digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes())
            for folder in (self.folder, self.folder / "2_Dense"):
                if has_weights(folder):
                    for path in weights_of(folder):
                        _digest_samples(path, digest)
        if self.lower_case:
            # There are vectors of versions that left capitals as they were.
            digest.update(b"lower case")
        return digest.hexdigest()[:24]

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The weights by their T5 names plus `dense.weight`, memory-mapped. Raises InvalidCheckpoint."""
        # Late: opening a checkpoint must not import torch.
        from openclaw_instructor.model.weights import open_weights

        encoder = open_weights(self.weight_files)
        if not (self.folder / "2_Dense").is_dir():
            return encoder
        dense = open_weights(weights_of(self.folder / "2_Dense"))
        if "linear.bias" in dense:
            raise InvalidCheckpoint(f"{self.folder}/2_Dense: the projection has a bias; INSTRUCTOR models have none")
        return ChainMap({"dense.weight": dense["linear.weight"]}, encoder)  # type: ignore[arg-type]


def _limit_of_tokenizer(folder: Path) -> int:
    """The limit where `max_seq_length` is not given, as sentence-transformers 6 saves it; 512 where there is none."""
    path = folder / "tokenizer_config.json"
    limit = read_json(path).get("model_max_length") if path.is_file() else None
    return limit if type(limit) is int and 1 <= limit <= LONGEST else 512


def _read_shape(folder: Path) -> T5Shape:
    config = read_json(folder / "config.json")
    kinds = module_kinds(folder)
    if config.get("model_type") != "t5":
        raise InvalidCheckpoint(f"{folder}: model_type is {config.get('model_type')!r}; only T5 encoders run here")
    activation = config.get("feed_forward_proj", "relu")
    if activation not in ("relu", "gelu"):
        raise InvalidCheckpoint(f"{folder}: feed_forward_proj is {activation!r}; only `relu` and `gelu` run here")
    pooling = read_json(folder / "1_Pooling" / "config.json")
    if not pooling.get("pooling_mode_mean_tokens", pooling.get("pooling_mode") == "mean"):
        raise InvalidCheckpoint(f"{folder}/1_Pooling: only mean pooling runs here")
    dimension = int(config["d_model"])
    if "Dense" in kinds:
        dense = read_json(folder / "2_Dense" / "config.json")
        if not str(dense.get("activation_function", "Identity")).endswith("Identity"):
            raise InvalidCheckpoint(
                f"{folder}/2_Dense: activation {dense['activation_function']}; only Identity runs here"
            )
        dimension = int(dense["out_features"])
    try:
        return T5Shape(
            vocab_size=int(config["vocab_size"]),
            width=int(config["d_model"]),
            inner=int(config["d_ff"]),
            heads=int(config["num_heads"]),
            head_width=int(config["d_kv"]),
            layers=int(config["num_layers"]),
            buckets=int(config.get("relative_attention_num_buckets", 32)),
            max_distance=int(config.get("relative_attention_max_distance", 128)),
            epsilon=float(config.get("layer_norm_epsilon", 1e-6)),
            dimension=dimension,
            normalize="Normalize" in kinds,
            activation=activation,
        )
    except KeyError as error:
        raise InvalidCheckpoint(
            f"{folder / 'config.json'}: key {error} is missing; it is not a T5 configuration"
        ) from None


def _digest_samples(path: Path, digest: hashlib._Hash) -> None:
    """Size and 64 blocks spread over the file: training changes every weight, so samples tell two versions apart."""
    size = path.stat().st_size
    digest.update(f"{path.name}:{size}".encode())
    block = 16_384
    with path.open("rb") as file:
        for index in range(64):
            file.seek(max(0, (size - block) * index // 63))
            digest.update(file.read(block))
