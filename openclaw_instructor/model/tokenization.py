"""Loads a checkpoint's tokenizer for the `tokenizers` library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidCheckpoint, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from openclaw_instructor.model.checkpoint import Checkpoint


def load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """Read the tokenizer of a checkpoint. Raises InvalidCheckpoint, MissingExtra."""
    tokenizer = _read_tokenizer(checkpoint)
    if checkpoint.lower_case:
        _lower_case_first(tokenizer)
    return tokenizer


def _lower_case_first(tokenizer: Tokenizer) -> None:
    """Lower-case before every other step, unless one of them does: the rule of sentence-transformers 6."""
    from tokenizers.normalizers import Lowercase, Sequence

    own = tokenizer.normalizer
    steps: list[Any] = list(own) if isinstance(own, Sequence) else [own] if own else []  # type: ignore[call-overload]
    if not any(isinstance(step, Lowercase) for step in steps):
        tokenizer.normalizer = Sequence([Lowercase(), *steps])


def _read_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    path = checkpoint.folder / "tokenizer.json"
    if path.is_file():
        from tokenizers import Tokenizer

        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust side raises bare Exception
            raise InvalidCheckpoint(f"{path} cannot be read ({error}); download the checkpoint again") from None
    if not (checkpoint.folder / "spiece.model").is_file():
        raise InvalidCheckpoint(f"{checkpoint.folder}: neither tokenizer.json nor spiece.model is there")
    # Late and only here: transformers takes seconds to import, and only it converts a bare SentencePiece model.
    from transformers import AutoTokenizer

    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder).backend_tokenizer
    except (ImportError, ValueError, AttributeError) as error:
        raise MissingExtra(
            f"{checkpoint.folder} has no tokenizer.json, and converting its spiece.model failed "
            f"({str(error).strip().splitlines()[0]}): pip install 'openclaw-instructor[sentencepiece]'"
        ) from None
    return tokenizer
