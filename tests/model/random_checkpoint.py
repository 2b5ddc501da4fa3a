"""Small random T5 checkpoints in the hub's layout, with a tokenizer trained on the spot."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CORPUS = [
    "Represent the sentence for retrieving supporting documents: how do I add a task?",
    "The invoice for March is attached; please pay it within thirty days.",
    "Zürich, naïve café, 東京, Москва, emoji 🧭 and \u0000-free text of every kind.",
    "An encoder turns tokens into vectors; a mean over the text's tokens makes an embedding.",
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,:;!?-()[]{}'\"",
]
MAX_PIECE, LONGER_PIECES = 4, 60


@cache
def sentencepiece_like_tokenizer() -> Tokenizer:
    """Unigram pieces with metaspace, and a final </s>: the shape of T5's tokenizer.

    A trainer would give another order of the pieces in every process, hence other vectors.
    """
    words = Counter(f"▁{word}" for line in CORPUS for word in unicodedata.normalize("NFKC", line).split(" "))
    counts: Counter[str] = Counter()
    for word, times in words.items():
        for start, end in combinations(range(len(word) + 1), 2):
            counts[word[start:end]] += times * (end - start <= MAX_PIECE)
    characters = sorted(piece for piece in counts if len(piece) == 1)
    longer = sorted((piece for piece in counts if len(piece) > 1), key=lambda piece: (-counts[piece], piece))
    pieces = [*characters, *longer[:LONGER_PIECES]]
    scores = [math.log(counts[piece] / counts.total()) for piece in pieces]
    specials = ["<pad>", "</s>", "<unk>"]
    vocabulary = [*((special, 0.0) for special in specials), *zip(pieces, scores, strict=True)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=specials.index("<unk>")))
    tokenizer.add_special_tokens(specials)
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return tokenizer


def write(
    folder: Path,
    *,
    seed: int = 0,
    max_seq_length: int = 48,
    safetensors: bool = True,
    zipped: bool = True,
    layers: int = 2,
    activation: str = "relu",
) -> Path:
    """A T5 encoder 32 wide with a dense 32 -> 24, weights large enough that attention is far from uniform."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = sentencepiece_like_tokenizer()
    generator = np.random.default_rng(seed)
    vocabulary = tokenizer.get_vocab_size() + 8
    weights = {
        name: normal(generator, shape) * 0.3 + ("layer_norm" in name)
        for name, shape in _shapes(vocabulary, layers).items()
    }
    if safetensors:
        from safetensors.torch import save_file

        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    else:
        weights["encoder.embed_tokens.weight"] = weights["shared.weight"]
        torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    sizes = {"vocab_size": vocabulary, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_heads": 4, "num_layers": layers}
    rest = {"feed_forward_proj": activation, "dropout_rate": 0.0, "pad_token_id": 0, "eos_token_id": 1}
    config = {"architectures": ["T5EncoderModel"], "model_type": "t5", "is_encoder_decoder": False, **sizes, **rest}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    described = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max_seq_length, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    _write_modules(folder, max_seq_length, safetensors, generator)
    return folder


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """Normally distributed weights that are the same on every processor, which torch's are not."""
    return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))


def _shapes(vocabulary: int, layers: int) -> dict[str, tuple[int, ...]]:
    """The tensors of such an encoder. Written here, because transformers takes seconds to import."""
    shapes: dict[str, tuple[int, ...]] = {"shared.weight": (vocabulary, 32), "encoder.final_layer_norm.weight": (32,)}
    for block in (f"encoder.block.{index}.layer" for index in range(layers)):
        shapes |= {f"{block}.0.SelfAttention.{name}.weight": (32, 32) for name in "qkvo"}
        shapes |= {f"{block}.{part}.layer_norm.weight": (32,) for part in (0, 1)}
        shapes |= {f"{block}.1.DenseReluDense.wi.weight": (64, 32), f"{block}.1.DenseReluDense.wo.weight": (32, 64)}
    shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = (32, 4)
    return shapes


def shard(folder: Path) -> Path:
    """Put a checkpoint's weights into two files and an index, as transformers does with large ones."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


def _write_modules(folder: Path, max_seq_length: int, safetensors: bool, generator: np.random.Generator) -> None:
    def put(name: str, content: object) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

    kinds = ["Transformer", "Pooling", "Dense", "Normalize"]
    paths = ["", "1_Pooling", "2_Dense", "3_Normalize"]
    put(
        "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ],
    )
    put("sentence_bert_config.json", {"max_seq_length": max_seq_length, "do_lower_case": False})
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True, "include_prompt": False}
    put("1_Pooling/config.json", pooling | {f"pooling_mode_{m}": False for m in ("cls_token", "max_tokens")})
    activation = "torch.nn.modules.linear.Identity"
    put(
        "2_Dense/config.json", {"in_features": 32, "out_features": 24, "bias": False, "activation_function": activation}
    )
    weights = {"linear.weight": normal(generator, (24, 32))}
    if safetensors:
        from safetensors.torch import save_file

        save_file(weights, folder / "2_Dense" / "model.safetensors")
    else:
        torch.save(weights, folder / "2_Dense" / "pytorch_model.bin")
