"""Judge the rules of a `tokenizer.json` before it runs in this process: whether each does a bounded amount of work.

The vocabulary is data. What stands beside it are rules that a stranger wrote: regular expressions, which the library
runs with a backtracking engine; replacements, which may double a text thirty times; names and numbers of any size.
Rules as well-known models have them are run here, any others in a child process that is killed when it takes too long.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openclaw_instructor.model.layout import MOST_TOKENIZER_BYTES, read_json

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Words of Chinese and Japanese end where the script changes.
SCRIPT_RUNS = r"\p{Han}+|\p{Hiragana}+|[\p{Katakana}ー]+"
# Expressions known to take linear time: of T5 and XLM-R, GPT-2 and its relatives, Llama 3, Qwen, DeepSeek, Gemma.
KNOWN_EXPRESSIONS = frozenset(
    {
        " {2,}",
        SCRIPT_RUNS,
        r"\s+",
        r"\s",
        r"\d",
        r"\p{N}",
        r"\p{N}{1,3}",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        _CONTRACTIONS + r"\p{N}{1,3}" + _REST,
        _CONTRACTIONS + r"\p{N}" + _REST,
    }
)
_VOCABULARY = ("vocab", "merges", "added_tokens")
_LONGEST = 64  # texts and lists
_LARGEST_WORD = 1_000  # characters; pieces of a word are looked for in quadratic time
_MOST_GROWTH = 16.0
# Of a table of characters: the longest text that one becomes is that of U+FDFA, 33 bytes.
_LONGEST_CHARACTER = 64


def is_bounded(path: Path) -> bool:
    """Whether every rule of the file is known to take linear time and to make little more of a text than it was.

    Raises InvalidCheckpoint for a file that cannot be read.
    """
    growth = 1.0
    for key, value in _rules(read_json(path, MOST_TOKENIZER_BYTES)):
        if key == "Regex":
            bounded = value in KNOWN_EXPRESSIONS
        elif key == "precompiled_charsmap":
            bounded = _is_short(value)
        elif key == "max_input_chars_per_word":
            bounded = isinstance(value, int) and value <= _LARGEST_WORD
        else:
            bounded = not isinstance(value, str | list) or len(value) <= _LONGEST
        if not bounded:
            return False
        growth *= _growth(value)
    return growth <= _MOST_GROWTH


def _rules(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value beside the vocabulary with its key, objects and lists included."""
    left: list[tuple[str, Any]] = [("", content)]
    while left:
        key, node = left.pop()
        yield key, node
        if isinstance(node, dict):
            left += [(name, value) for name, value in node.items() if name not in _VOCABULARY]
        elif isinstance(node, list):
            left += [("", value) for value in node[:_LONGEST]]


def _growth(rule: Any) -> float:
    """How many times as long a text may be after this rule."""
    if not isinstance(rule, dict) or rule.get("type") != "Replace":
        return 1.0
    pattern = rule.get("pattern")
    replaced = pattern.get("String", "") if isinstance(pattern, dict) else ""
    return max(1.0, len(str(rule.get("content", ""))) / max(1, len(str(replaced))))


def _is_short(table: Any) -> bool:
    """Whether a table of characters, as SentencePiece has them, makes each into a short text."""
    if not table:
        return True
    try:
        data = base64.b64decode(table, validate=True)
    except (ValueError, TypeError):
        return False
    texts = data[4 + int.from_bytes(data[:4], "little") :]
    return max(map(len, texts.split(b"\0"))) <= _LONGEST_CHARACTER
