"""Find the files of a checkpoint folder: those with the weights, and whether all that loading needs is there."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from openclaw_instructor.errors import InvalidCheckpoint

CONFIGURATION = ("config.json", "modules.json", "sentence_bert_config.json")
TOKENIZERS = ("tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


# A configuration file has a few kilobytes, the index of a large model's shards about a hundred.
MOST_JSON_BYTES, MOST_TOKENIZER_BYTES = 4_000_000, 200_000_000


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """Read a configuration file. Raises InvalidCheckpoint when it is absent, damaged or far too large."""
    try:
        if (size := path.stat().st_size) > most_bytes:
            raise InvalidCheckpoint(f"{path} has {size / 1e6:,.0f} MB, no configuration has; download it again")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidCheckpoint(
            f"{path.parent} is not an embedding checkpoint: {path.name} is missing; give a folder in the hub's layout"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidCheckpoint(f"{path} cannot be read ({error}); download the checkpoint again") from None


class Module(NamedTuple):
    """A module of a checkpoint: its kind, such as `Pooling`, and its folder inside the checkpoint's."""

    kind: str
    path: str


def modules_of(folder: Path) -> list[Module]:
    """Read the modules in order. Raises InvalidCheckpoint."""
    content = read_json(folder / "modules.json")
    try:
        modules = [Module(str(each["type"]).rsplit(".", 1)[-1], str(each["path"])) for each in content]
    except (TypeError, KeyError):
        raise InvalidCheckpoint(f"{folder}/modules.json is not a list of modules; download it again") from None
    if any("/" in path or "\\" in path or path.startswith(".") for _, path in modules):
        raise InvalidCheckpoint(f"{folder}/modules.json names folders outside the checkpoint; use another one")
    return modules


def has_weights(folder: Path) -> bool:
    """Check whether a folder holds a file of weights or an index of shards."""
    return any((folder / name).is_file() for weights in WEIGHTS for name in (weights, _index_of(weights)))


def weights_of(folder: Path) -> list[Path]:
    """Find the one file of weights, or all its shards. Raises InvalidCheckpoint if one is missing."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        if (folder / _index_of(name)).is_file():
            return _shards(folder / _index_of(name))
    raise InvalidCheckpoint(f"{folder}: neither {WEIGHTS[0]} nor {WEIGHTS[1]} is there; download the checkpoint again")


def weight_patterns(files: Collection[str]) -> list[str]:
    """Return patterns of the files of a repository that `weights_of` would choose."""
    for name in WEIGHTS:
        if name in files:
            return [name]
        if _index_of(name) in files:
            stem, kind = name.split(".")
            return [f"{stem}-?????-of-?????.{kind}"]
    return []


def is_whole(folder: Path) -> bool:
    """Whether all files that loading needs are there; they are not checked for damage."""
    if not all((folder / name).is_file() for name in CONFIGURATION):
        return False
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return False
    try:
        weights_of(folder)
        for module in modules_of(folder):
            if module.kind in ("Pooling", "Dense") and not (folder / module.path / "config.json").is_file():
                return False
            if module.kind == "Dense":
                weights_of(folder / module.path)
    except InvalidCheckpoint:
        return False
    return True


def _index_of(weights: str) -> str:
    return f"{weights}.index.json"


def _shards(index: Path) -> list[Path]:
    content = read_json(index)
    shard_of = content.get("weight_map") if isinstance(content, dict) else None
    names = sorted(set(map(str, shard_of.values()))) if isinstance(shard_of, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise InvalidCheckpoint(f"{index}: weight_map does not name files beside it; download the checkpoint again")
    shards = [index.with_name(name) for name in names]
    for shard in shards:
        if not shard.is_file():
            raise InvalidCheckpoint(f"{shard} is missing, {index.name} names it; download the checkpoint again")
    return shards
