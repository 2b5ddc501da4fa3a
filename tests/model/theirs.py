"""sentence-transformers, imported by the tests that compare with it: it takes seconds, also where none of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def theirs_of(folder: Path) -> SentenceTransformer:
    """The checkpoint as sentence-transformers opens it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")
