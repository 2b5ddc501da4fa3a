"""Small random checkpoints of every family but T5, written by transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, processors

from tests.model.random_checkpoint import normal, sentencepiece_like_tokenizer

WIDTH, INNER, HEADS, LAYERS = 32, 48, 4, 4
POSITIONS = 220
FAMILIES = ("bert", "distilbert", "roberta", "xlm-roberta", "mpnet", "modernbert")


def network(family: str, vocabulary: int, **changed: Any) -> Any:
    """A transformers model of the family with random weights."""
    import transformers as t

    sizes = {
        "vocab_size": vocabulary, "hidden_size": WIDTH, "intermediate_size": INNER, "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS, "max_position_embeddings": POSITIONS, "pad_token_id": 0,
    }  # fmt: skip
    sizes |= changed
    if family == "distilbert":
        config: Any = t.DistilBertConfig(
            vocab_size=vocabulary, dim=sizes["hidden_size"], hidden_dim=sizes["intermediate_size"], n_heads=HEADS,
            n_layers=LAYERS, max_position_embeddings=POSITIONS, pad_token_id=0,
        )  # fmt: skip
        return t.DistilBertModel(config)
    if family == "modernbert":
        ends = {"bos_token_id": 1, "eos_token_id": 1, "cls_token_id": 1, "sep_token_id": 1}
        return t.ModernBertModel(t.ModernBertConfig(**{**ends, "local_attention": 16, **sizes}))
    names = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "mpnet": "MPNet"}
    config = getattr(t, f"{names[family]}Config")(**sizes)
    return getattr(t, f"{names[family]}Model")(config)


def write(folder: Path, family: str, *, pooling: str = "mean", dense: str | None = None, **changed: Any) -> Path:
    """Write a checkpoint that sentence-transformers reads; `dense` is the activation of a projection."""
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    tokenizer = Tokenizer.from_str(sentencepiece_like_tokenizer().to_str())
    # MPNet takes token 1, which is </s> here, for padding.
    name = "<unk>" if family == "mpnet" else "</s>"
    end = (name, tokenizer.token_to_id(name))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{name} $A {name}", special_tokens=[end])
    model = network(family, tokenizer.get_vocab_size() + 3, **changed)
    for name, weight in model.named_parameters():
        is_norm = weight.dim() == 1 and "orm" in name and "bias" not in name
        weight.data = normal(generator, weight.shape) * 0.3 + is_norm
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=200
    ).save_pretrained(folder)
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), "Normalize"]
    modules = [
        {"idx": n, "name": str(n), "path": f"{n}_{kind}" if n else "", "type": f"sentence_transformers.models.{kind}"}
        for n, kind in enumerate(kinds)
    ]
    put(folder / "modules.json", modules)
    put(folder / "sentence_bert_config.json", {"max_seq_length": 200, "do_lower_case": False})
    flag = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken", "max": "max_tokens"}[pooling]
    flags = dict.fromkeys(("mean_tokens", "cls_token", "lasttoken", "max_tokens"), False) | {flag: True}
    pooled = {f"pooling_mode_{name}": value for name, value in flags.items()}
    put(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": changed.get("hidden_size", WIDTH)} | pooled)
    put(folder / f"{len(kinds) - 1}_Normalize" / "config.json", {})
    if dense:
        from safetensors.torch import save_file

        function = f"torch.nn.modules.{'linear.Identity' if dense == 'Identity' else f'activation.{dense}'}"
        width = changed.get("hidden_size", WIDTH)
        sizes = {"in_features": width, "out_features": 20, "bias": True, "activation_function": function}
        put(folder / "2_Dense" / "config.json", sizes)
        weights = {"linear.weight": normal(generator, (20, width)), "linear.bias": normal(generator, (20,))}
        save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def put(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
