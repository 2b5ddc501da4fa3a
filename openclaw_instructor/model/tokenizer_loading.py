"""Choose how a checkpoint's tokenizer runs: in this process, or in one that can be ended."""

from __future__ import annotations

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.tokenization import (
    LocalTokenizer,
    TextTokenizer,
    convert,
    lower_cased,
    read_tokenizer,
)
from openclaw_instructor.model.tokenizer_rules import is_bounded


def load_tokenizer(checkpoint: Checkpoint) -> TextTokenizer:
    """Load the tokenizer of a checkpoint. Raises InvalidCheckpoint, MissingExtra."""
    path = checkpoint.folder / "tokenizer.json"
    if path.is_file() and not is_bounded(path):
        # Imported late, because few checkpoints need it.
        from openclaw_instructor.model.tokenizer_process import IsolatedTokenizer

        return IsolatedTokenizer(path, checkpoint.lower_case)
    if path.is_file():
        return LocalTokenizer(read_tokenizer(path, checkpoint.lower_case))
    return LocalTokenizer(lower_cased(convert(checkpoint), checkpoint.lower_case))
