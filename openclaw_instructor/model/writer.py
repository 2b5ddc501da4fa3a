"""Write a T5 encoder as a checkpoint folder in the hub's layout, which sentence-transformers reads too."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.layout import read_json
from openclaw_instructor.model.networks.state_dict import TABLE, TABLE_SCALES, quantised_table, to_t5_names
from openclaw_instructor.model.shapes import T5Shape

if TYPE_CHECKING:
    from openclaw_instructor.model.networks.t5 import T5Encoder

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model", "vocab.txt")


def write_checkpoint(
    folder: Path,
    encoder: T5Encoder,
    *,
    tokenizer_from: Path,
    max_seq_length: int,
    card: str,
    dtype: torch.dtype = torch.float32,
    int8_table: bool = False,
) -> Path:
    """Write weights, configuration, tokenizer and model card.

    `tokenizer_from` is a folder that holds a tokenizer; if it is a checkpoint that lower-cases its tokenizer's input,
    the new one does too.

    `dtype` is the format of the stored weights; whoever loads them chooses the one to compute in. With `int8_table`
    the token table is stored in int8 with a scale for each row, which only this package reads. The folder appears
    complete or not at all, in place of a checkpoint that stood there. Raises InvalidArguments as `check_replaceable`.
    """
    from safetensors.torch import save_file

    check_replaceable(folder)
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    (new / "2_Dense").mkdir(parents=True)
    named = to_t5_names(encoder.state_dict(), encoder.shape.layers)
    tensors = {name: tensor.to(dtype).cpu() for name, tensor in named.items()}
    configs = _configs(encoder.shape, max_seq_length, _lower_cases(tokenizer_from))
    if int8_table:
        tensors |= (table := quantised_table(named[TABLE].cpu()))
        configs["config.json"] |= {"token_table": _digest_of(table[TABLE_SCALES])}
    save_file({"linear.weight": tensors.pop("dense.weight")}, new / "2_Dense" / "model.safetensors")
    save_file(tensors, new / "model.safetensors", metadata={"format": "pt"})
    _write_configs(new, configs)
    for weights in new.rglob("*.safetensors"):  # which safetensors lets only their owner read
        weights.chmod((new / "config.json").stat().st_mode)
    for name in TOKENIZER_FILES:
        if (tokenizer_from / name).is_file():
            shutil.copyfile(tokenizer_from / name, new / name)
    (new / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return folder


def check_replaceable(folder: Path) -> None:
    """Raise InvalidArguments if `folder` holds something else than a checkpoint, which must not be lost."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "modules.json").is_file()):
        raise InvalidArguments(f"{folder}: exists and is no checkpoint; give a folder that is new or empty")


def _write_configs(folder: Path, configs: dict[str, Any]) -> None:
    for name, content in configs.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _digest_of(scales: torch.Tensor) -> dict[str, str]:
    """Tell scales apart: the checkpoint's identity samples the weights, where it may miss them, but reads all JSON."""
    return {"format": "int8", "scales_sha256": hashlib.sha256(scales.numpy().tobytes()).hexdigest()}


def _lower_cases(folder: Path) -> bool:
    path = folder / "sentence_bert_config.json"
    return path.is_file() and bool(read_json(path).get("do_lower_case"))


def _configs(shape: T5Shape, max_seq_length: int, lower_case: bool) -> dict[str, Any]:
    modules = ["Transformer", "Pooling", "Dense"] + ["Normalize"] * shape.normalize
    return {
        "config.json": _network_config(shape),
        "modules.json": [
            {
                "idx": index,
                "name": str(index),
                "path": f"{index}_{kind}" if index else "",
                "type": f"sentence_transformers.models.{kind}",
            }
            for index, kind in enumerate(modules)
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": shape.width,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "include_prompt": False,
        },
        "2_Dense/config.json": {
            "in_features": shape.width,
            "out_features": shape.dimension,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
        "sentence_bert_config.json": {"max_seq_length": max_seq_length, "do_lower_case": lower_case},
    }


def _network_config(shape: T5Shape) -> dict[str, Any]:
    return {
        "architectures": ["T5EncoderModel"],
        "model_type": "t5",
        "vocab_size": shape.vocab_size,
        "d_model": shape.width,
        "d_ff": shape.inner,
        "d_kv": shape.head_width,
        "num_heads": shape.heads,
        "num_layers": shape.layers,
        "num_decoder_layers": shape.layers,
        "feed_forward_proj": shape.activation,
        "relative_attention_num_buckets": shape.buckets,
        "relative_attention_max_distance": shape.max_distance,
        "layer_norm_epsilon": shape.epsilon,
        "dropout_rate": 0.0,
        "is_encoder_decoder": False,
        "use_cache": False,
        "dtype": "float32",
    }
