"""A checkpoint: weights, tokenizer and configuration on disk, in the layout the INSTRUCTOR models have on the hub.

    config.json                     the T5 encoder's shape
    modules.json                    Transformer, Pooling, Dense, Normalize, in order
    1_Pooling/config.json           masked mean
    2_Dense/config.json + weights   projection to the embedding
    sentence_bert_config.json       max_seq_length
    tokenizer.json (or spiece.model)
    model.safetensors (or pytorch_model.bin)

Opening one reads only JSON; the weights wait for `tensors()`. Nothing here executes code from a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model import hub
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    import torch

BUNDLED = {"mini": Path(__file__).parent / "mini"}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Shape:
    """Sizes of the T5 encoder and the projection behind it."""

    vocab_size: int
    width: int
    inner: int
    heads: int
    head_width: int
    layers: int
    buckets: int
    max_distance: int
    epsilon: float
    dimension: int
    normalize: bool
    activation: str = "relu"


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint folder; `name` is `mini`, the folder's whole path or the hub id, `revision` the hub
    commit if there is one."""

    name: str
    folder: Path
    shape: Shape
    max_seq_length: int
    revision: str | None = None

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
        max_seq_length = int(_read_json(folder / "sentence_bert_config.json").get("max_seq_length") or 512)
        return cls(name, folder, _read_shape(folder), max_seq_length, revision)

    @property
    def dimension(self) -> int:
        return self.shape.dimension

    @cached_property
    def weights_path(self) -> Path:
        return _weights(self.folder)

    @cached_property
    def parameters(self) -> int:
        """Number of weights of the encoder and projection."""
        s = self.shape
        layer = 4 * s.width * s.heads * s.head_width + 2 * s.width * s.inner + 2 * s.width
        return s.vocab_size * s.width + s.layers * layer + s.buckets * s.heads + s.width + s.width * s.dimension

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
                if any((folder / name).is_file() for name in WEIGHTS):
                    _digest_samples(_weights(folder), digest)
        return digest.hexdigest()[:24]

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The weights by their T5 names plus `dense.weight`, memory-mapped. Raises InvalidCheckpoint."""
        # Late: opening a checkpoint must not import torch.
        from openclaw_instructor.model.weights import open_weights

        encoder = open_weights(self.weights_path)
        if not (self.folder / "2_Dense").is_dir():
            return encoder
        dense = open_weights(_weights(self.folder / "2_Dense"))
        if "linear.bias" in dense:
            raise InvalidCheckpoint(f"{self.folder}/2_Dense: the projection has a bias; INSTRUCTOR models have none")
        return ChainMap({"dense.weight": dense["linear.weight"]}, encoder)  # type: ignore[arg-type]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidCheckpoint(
            f"{path.parent} is not an INSTRUCTOR checkpoint: {path.name} is missing; give a folder in the hub's layout"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidCheckpoint(f"{path} cannot be read ({error}); download the checkpoint again") from None


def _read_shape(folder: Path) -> Shape:
    config = _read_json(folder / "config.json")
    kinds = [module["type"].rsplit(".", 1)[-1] for module in _read_json(folder / "modules.json")]
    if config.get("model_type") != "t5":
        raise InvalidCheckpoint(f"{folder}: model_type is {config.get('model_type')!r}; only T5 encoders run here")
    activation = config.get("feed_forward_proj", "relu")
    if activation not in ("relu", "gelu"):
        raise InvalidCheckpoint(f"{folder}: feed_forward_proj is {activation!r}; only `relu` and `gelu` run here")
    pooling = _read_json(folder / "1_Pooling" / "config.json")
    if not pooling.get("pooling_mode_mean_tokens", pooling.get("pooling_mode") == "mean"):
        raise InvalidCheckpoint(f"{folder}/1_Pooling: only mean pooling runs here")
    dimension = int(config["d_model"])
    if "Dense" in kinds:
        dense = _read_json(folder / "2_Dense" / "config.json")
        if not str(dense.get("activation_function", "Identity")).endswith("Identity"):
            raise InvalidCheckpoint(
                f"{folder}/2_Dense: activation {dense['activation_function']}; only Identity runs here"
            )
        dimension = int(dense["out_features"])
    try:
        return Shape(
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


def _weights(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise InvalidCheckpoint(f"{folder}: neither {WEIGHTS[0]} nor {WEIGHTS[1]} is there; download the checkpoint again")


def _digest_samples(path: Path, digest: hashlib._Hash) -> None:
    """Size and 64 blocks spread over the file: training changes every weight, so samples tell two versions apart."""
    size = path.stat().st_size
    digest.update(f"{path.name}:{size}".encode())
    block = 16_384
    with path.open("rb") as file:
        for index in range(64):
            file.seek(max(0, (size - block) * index // 63))
            digest.update(file.read(block))
