"""Render instruction and text as token ids with the span that is pooled. That rule is only here.

The two are joined verbatim, `instruction + text.strip()`, tokenised together and cut to the checkpoint's limit with the
final EOS kept. The instruction's own token count (tokenised alone, less its EOS) is left out of the mean: the rule of
INSTRUCTOR (Su et al., "One Embedder, Any Task", ACL 2023) and of sentence-transformers' `include_prompt: false`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.fork import reset_in_child
from openclaw_instructor.model.tokenization import TextTokenizer, Tokens
from openclaw_instructor.model.tokenizer_loading import load_tokenizer

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint

JOIN_RULE = 1


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids of instruction and text; the mean runs over `ids[pool_from:]`; `truncated` when text was cut off."""

    ids: list[int]
    pool_from: int
    truncated: bool

    @property
    def tokens(self) -> int:
        """The number of token ids, special tokens included."""
        return len(self.ids)


class Prompter:
    """Renders prompts with one checkpoint's tokenizer; safe to share between threads."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.after_fork()
        self._span = lru_cache(maxsize=512)(self._instruction_length)
        reset_in_child(self)

    def after_fork(self) -> None:
        """Create a new lock, since one held by another thread is never released after a fork."""
        # Tokenizers are not safe under concurrent use.
        self._lock = threading.RLock()

    def render(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        """Tokenise one Prompt per text, at most `max_seq_length` ids each."""
        with self._lock:
            span = self._span(instruction) if instruction and self.checkpoint.form.kind == "masked" else 0
            encoded = self._encode([instruction + text.strip() for text in texts])
        prompts = [Prompt(each.ids, min(span, len(each.ids) - 1), each.truncated) for each in encoded]
        if not all(prompt.ids for prompt in prompts):
            raise InvalidCheckpoint(
                f"{self.checkpoint.folder}: its tokenizer makes no token of an empty text, so nothing can be embedded; "
                "let its post-processor add the end token"
            )
        return prompts

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text alone, without special tokens and without a limit."""
        with self._lock:
            return self._tokenizer.count(texts)

    def room(self, instruction: str) -> int:
        """Return how many tokens of a text fit beside this instruction."""
        with self._lock:
            trailing = 1
            leading = len(self._encode([""])[0].ids) - trailing
            span = self._span(instruction) if instruction else leading
        return max(0, self.checkpoint.max_seq_length - span - trailing)

    def _instruction_length(self, instruction: str) -> int:
        ids = self._encode([instruction])[0].ids
        return len(ids) - (1 if ids and ids[-1] in self._tokenizer.special_ids else 0)

    def _encode(self, texts: Sequence[str]) -> list[Tokens]:
        return self._tokenizer.encode(texts, self.checkpoint.max_seq_length)

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        return load_tokenizer(self.checkpoint)
