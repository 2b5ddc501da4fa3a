"""Reduce a WordPiece vocabulary to the tokens that a student's texts need.

A token that is dropped is spelled with those that stay; single ASCII characters always stay, so every English word
can be spelled.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def choose_tokens(vocabulary: dict[str, int], texts: Iterable[Sequence[int]], size: int) -> list[int]:
    """Choose `size` tokens to keep (ascending ids): special ones, ASCII characters, then the most frequent ones.

    Tokens that are equally rare stay in the teacher's order, which is by frequency in its own training texts.
    """
    counts: Counter[int] = Counter()
    for block in texts:
        counts.update(block)
    always = {vocabulary[token] for token in SPECIAL}
    always |= {index for token, index in vocabulary.items() if len(_bare(token)) == 1 and token.isascii()}
    usual = [index for token, index in vocabulary.items() if index not in always and not token.startswith("[unused")]
    usual.sort(key=lambda index: (-counts[index], index))
    return sorted([*always, *usual[: size - len(always)]])


def write_tokenizer(source: Path, kept: Sequence[int], folder: Path, max_seq_length: int) -> Path:
    """Write the `tokenizer.json` at `source` with only the `kept` tokens, numbered anew in their order.

    Padding and truncation are left out: they are the encoder's to decide.
    """
    content = json.loads(source.read_text(encoding="utf-8"))
    number = {old: new for new, old in enumerate(kept)}
    model = content["model"]
    model["vocab"] = {token: number[old] for token, old in model["vocab"].items() if old in number}
    for token in content["added_tokens"]:
        token["id"] = number[token["id"]]
    for special in content["post_processor"]["special_tokens"].values():
        special["ids"] = [number[old] for old in special["ids"]]
    content["padding"] = content["truncation"] = None
    folder.mkdir(parents=True, exist_ok=True)
    compact = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(compact, encoding="utf-8")
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max_seq_length}
    config["model_input_names"] = ["input_ids", "attention_mask"]  # T5 knows no token types
    config |= {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "sep", "pad", "unk", "mask")}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return folder


def _bare(token: str) -> str:
    return token.removeprefix("##")
