"""Make a text one that can be stored and tokenized."""

from __future__ import annotations


def clean(text: str) -> str:
    """Replace lone surrogates by `?`: they have no UTF-8 form, and tokenizers refuse them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
