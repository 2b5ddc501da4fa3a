"""Open a checkpoint: weights, tokenizer and configuration on disk, in the layout of sentence-transformers.

    config.json                     the network's family and shape
    modules.json                    Transformer, Pooling, Dense, Normalize, in order
    1_Pooling/config.json           mean, first or last token
    2_Dense/config.json + weights   projection to the embedding, if there is one
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
from openclaw_instructor.model.configuration import is_plain, read_head, read_shape
from openclaw_instructor.model.instructions import InstructionForm, form_of
from openclaw_instructor.model.layout import has_weights, modules_of, read_json, weights_of
from openclaw_instructor.model.shapes import BertShape, Head, Shape, T5Shape
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    import torch

BUNDLED = {"mini": Path(__file__).parent / "mini"}
LONGEST = 100_000  # tokens; transformers writes 1e30 for "no limit"


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint folder.

    `name` is `mini`, the folder's full path or the hub id; `revision` is the hub commit if there is one. With
    `lower_case` the tokenizer receives instruction and text in lower case.
    """

    name: str
    folder: Path
    shape: Shape
    head: Head
    form: InstructionForm
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
        if not isinstance(settings, dict):
            raise InvalidCheckpoint(f"{folder}/sentence_bert_config.json is not an object; download it again")
        head = read_head(folder)
        shape = read_shape(folder, head)
        limit = _limit(settings.get("max_seq_length"), folder, shape)
        form = form_of(name, folder, masks_prompt=head.masks_prompt or isinstance(shape, T5Shape))
        return cls(name, folder, shape, head, form, limit, revision, bool(settings.get("do_lower_case")))

    @property
    def dimension(self) -> int:
        """The dimension of an embedding."""
        if self.head.truncate_to:
            return self.head.truncate_to
        return self.head.projections[-1].outputs if self.head.projections else self.shape.width

    @cached_property
    def weight_files(self) -> list[Path]:
        """The files of the encoder's weights; several if they are sharded. Raises InvalidCheckpoint."""
        return weights_of(self.folder)

    @property
    def megabytes(self) -> float:
        """The size of the encoder's weights on disk."""
        return sum(path.stat().st_size for path in self.weight_files) / 1e6

    @property
    def parameters(self) -> int:
        """The number of weights of the encoder and projections."""
        dense = sum(each.outputs * (each.inputs + each.bias) for each in self.head.projections)
        counted = isinstance(self.shape, T5Shape)  # whose shape includes the projection
        own = self.shape.width * self.shape.dimension if isinstance(self.shape, T5Shape) else 0
        return self.shape.parameters - (own if counted and self.head.projections else 0) + dense

    def t5_shape(self) -> T5Shape:
        """Return the shape of a T5 checkpoint. Raises InvalidCheckpoint for families that cannot be trained here."""
        if not isinstance(self.shape, T5Shape) or not is_plain(self.head):
            raise InvalidCheckpoint(
                f"{self.folder}: only T5 checkpoints with at most one plain projection are trained here"
            )
        return self.shape

    def check_sizes(self) -> None:
        """Compare the configuration with the weight files before memory is reserved. Raises InvalidCheckpoint."""
        size = sum(path.stat().st_size for path in self.weight_files)
        if self.shape.parameters > size:
            raise InvalidCheckpoint(
                f"{self.folder}: config.json describes {self.shape.parameters:,} weights, but the files hold "
                f"{size:,} bytes; the weights do not fit config.json"
            )

    @cached_property
    def identity(self) -> str:
        """A hash that changes with the vectors: of the hub commit, else of configuration and sampled weights."""
        digest = hashlib.sha256()
        if self.revision:
            digest.update(f"{self.name}@{self.revision}".encode())
        else:
            for path in sorted(self.folder.rglob("*.json")):
                digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0")
                _digest_file(path, digest)
            dense = [self.folder / module.path for module in modules_of(self.folder) if module.kind == "Dense"]
            for folder in (self.folder, *dense):
                if has_weights(folder):
                    for path in weights_of(folder):
                        _digest_samples(path, digest)
        if self.lower_case:
            # Earlier versions did not lower-case, so their vectors must have another identity.
            digest.update(b"lower case")
        if not self.form.is_default(self.shape):
            digest.update(repr(self.form).encode())
        return digest.hexdigest()[:24]

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Load the weights, memory-mapped, by their names on disk, with `dense.weight` of a T5's projection.

        Raises InvalidCheckpoint.
        """
        # Imported late, because opening a checkpoint must not import torch.
        from openclaw_instructor.model.weights import open_weights

        self.check_sizes()
        encoder = open_weights(self.weight_files)
        if not (isinstance(self.shape, T5Shape) and is_plain(self.head) and self.head.projections):
            return encoder
        dense = self.projection_tensors(0)
        return ChainMap({"dense.weight": dense["linear.weight"]}, encoder)  # type: ignore[arg-type]

    def projection_tensors(self, index: int) -> Mapping[str, torch.Tensor]:
        """Read `linear.weight`, and `linear.bias` if there is one, of a projection. Raises InvalidCheckpoint."""
        from openclaw_instructor.model.weights import open_weights

        folder = self.folder / self.head.projections[index].folder
        tensors = open_weights(weights_of(folder))
        if "linear.weight" not in tensors:
            raise InvalidCheckpoint(f"{folder}: tensor linear.weight is missing")
        if not self.head.projections[index].bias and "linear.bias" in tensors:
            raise InvalidCheckpoint(f"{folder}: the projection has a bias, and its config.json says it has none")
        return tensors


def _limit(given: object, folder: Path, shape: Shape) -> int:
    """Return the length limit: as configured, else the tokenizer's; at most the number of learned positions."""
    limit = given if type(given) is int and 2 <= given <= LONGEST else _limit_of_tokenizer(folder)
    if isinstance(shape, BertShape):
        limit = min(limit, shape.positions - shape.first_position)
    return max(2, limit)


def _limit_of_tokenizer(folder: Path) -> int:
    """Return the limit when there is no `max_seq_length`, as saved by sentence-transformers 6; 512 by default."""
    path = folder / "tokenizer_config.json"
    limit = read_json(path).get("model_max_length") if path.is_file() else None
    return limit if type(limit) is int and 1 <= limit <= LONGEST else 512


def _digest_samples(path: Path, digest: hashlib._Hash) -> None:
    """Hash the size and 64 blocks spread over the file: training changes every weight, so samples suffice."""
    size = path.stat().st_size
    digest.update(f"{path.name}:{size}".encode())
    block = 16_384
    with path.open("rb") as file:
        for index in range(64):
            file.seek(max(0, (size - block) * index // 63))
            digest.update(file.read(block))


def _digest_file(path: Path, digest: hashlib._Hash) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
