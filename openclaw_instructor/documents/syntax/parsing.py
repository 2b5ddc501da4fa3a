"""Parse text to a syntax tree, within limits of size and of processor time."""

from __future__ import annotations

import importlib
import time
from functools import cache
from typing import TYPE_CHECKING

from openclaw_instructor.documents.syntax.languages import Language

if TYPE_CHECKING:
    import tree_sitter

# Nearly all files that people write are smaller. The tree of a hostile text takes hundreds of times its bytes.
MAX_BYTES = 1_000_000
# Processor time. A million bytes of ordinary code take 0.3 s; the search for the end of an error may take the square of
# the length.
_SECONDS, _SECONDS_FOR_BYTE = 1.0, 4e-6
_READ_BYTES = 65_536


def parse(source: bytes, language: Language) -> tree_sitter.Tree | None:
    """Parse a UTF-8 text; the tree has error nodes where it is none of the language, and is None when it took too long.

    Raises ImportError when the grammar is not installed, or cannot be loaded.
    """
    import tree_sitter

    parser = tree_sitter.Parser(_grammar(language.module, language.function))
    deadline = time.thread_time() + _SECONDS + _SECONDS_FOR_BYTE * len(source)

    def read(offset: int, _: object) -> bytes:
        return source[offset : offset + _READ_BYTES]

    def stop(_offset: int, _has_error: bool) -> bool:
        return time.thread_time() > deadline

    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError:
        return None


@cache
def _grammar(module: str, function: str) -> tree_sitter.Language:
    import tree_sitter

    return tree_sitter.Language(getattr(importlib.import_module(module), function)())
