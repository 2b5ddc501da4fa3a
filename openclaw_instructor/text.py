"""Text that can be stored and tokenised."""

from __future__ import annotations


def clean(text: str) -> str:
    """Half a surrogate pair is no character: it has no bytes, and tokenizers refuse it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
