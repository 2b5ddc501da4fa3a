"""Load a checkpoint's tokenizer and run it, in a child process if its file has rules that may take without end.

See `tokenizer_rules.py` for which those are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from openclaw_instructor import distribution
from openclaw_instructor.errors import InvalidCheckpoint, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from openclaw_instructor.model.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token ids of one text, and whether it was truncated."""

    ids: list[int]
    truncated: bool


class TextTokenizer(Protocol):
    """Converts texts to token ids. `special_ids` are those of tokens such as `</s>`."""

    special_ids: frozenset[int]

    def encode(self, texts: Sequence[str], limit: int) -> list[Tokens]:
        """Tokenize the texts with special tokens, each truncated to `limit` tokens."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens and without a limit."""
        ...


class LocalTokenizer:
    """A tokenizer of this process. Not safe under concurrent use (huggingface/transformers#47085)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._limit = tokenizer, 0
        tokenizer.no_padding()
        tokenizer.no_truncation()
        added = tokenizer.get_added_tokens_decoder()
        self.special_ids = frozenset(number for number, token in added.items() if token.special)

    def encode(self, texts: Sequence[str], limit: int) -> list[Tokens]:
        """Tokenise the texts with special tokens, each truncated to `limit` tokens."""
        if limit != self._limit:
            self._tokenizer.enable_truncation(limit)
            self._limit = limit
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        return [Tokens(encoding.ids, bool(encoding.overflowing)) for encoding in encodings]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens and without a limit."""
        if self._limit:
            self._tokenizer.no_truncation()
            self._limit = 0
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def read_tokenizer(path: Path, lower_case: bool) -> Tokenizer:
    """Read a `tokenizer.json`. Raises InvalidCheckpoint."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the Rust side raises plain Exception, and a panic is a BaseException
        raise InvalidCheckpoint(f"{path} cannot be read ({error!s:.200}); download the checkpoint again") from None
    return lower_cased(tokenizer, lower_case)


def lower_cased(tokenizer: Tokenizer, lower_case: bool) -> Tokenizer:
    """Lower-case texts before tokenizing, unless the tokenizer does, as sentence-transformers 6 does."""
    from tokenizers.normalizers import Lowercase, Sequence

    own = tokenizer.normalizer
    steps: list[Any] = list(own) if isinstance(own, Sequence) else [own] if own else []  # type: ignore[call-overload]
    if lower_case and not any(isinstance(step, Lowercase) for step in steps):
        tokenizer.normalizer = Sequence([Lowercase(), *steps])
    return tokenizer


def convert(checkpoint: Checkpoint) -> Tokenizer:
    """Convert a bare SentencePiece model or vocabulary with transformers."""
    if not any(
        (checkpoint.folder / name).is_file() for name in ("spiece.model", "sentencepiece.bpe.model", "vocab.txt")
    ):
        raise InvalidCheckpoint(f"{checkpoint.folder}: neither tokenizer.json nor spiece.model is there")
    # Imported late and only here, because transformers takes seconds to import.
    from transformers import AutoTokenizer

    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.folder, trust_remote_code=False, local_files_only=True
        ).backend_tokenizer
    except (ImportError, ValueError, AttributeError, json.JSONDecodeError) as error:
        raise MissingExtra(
            f"{checkpoint.folder} has no tokenizer.json, and converting its vocabulary failed "
            f"({str(error).strip().splitlines()[0]:.200}): {distribution.pip_line('sentencepiece')}"
        ) from None
    return tokenizer
