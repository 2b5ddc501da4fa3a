"""Collect technical English: docstrings and functions of the Python packages in a folder.

The sources of `corpus.py` hold little of it, and a student follows its teacher only where it has seen such texts.
"""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST = 1_100  # characters of a text
_LONG_DOCSTRING = 250
_SUMMARY = range(21, 160)  # characters of a docstring's first paragraph that can stand as a query
_LONGEST_FUNCTION = 4_000


def read_code(folders: Sequence[Path], limit: int = 6_500, seed: int = 1) -> tuple[list[str], list[tuple[str, str]]]:
    """Collect long docstrings, and pairs of a function's summary and source; at most `limit` of each, shuffled.

    Tests and files that Python cannot parse are passed over.
    """
    docstrings: dict[str, None] = {}
    functions: dict[str, str] = {}
    for path in [path for folder in folders for path in _modules(folder)]:
        for docstring, source in _documented(path):
            if len(docstring) > _LONG_DOCSTRING:
                docstrings[docstring[:LONGEST]] = None
            summary = " ".join(docstring.split("\n\n")[0].split())
            if source and len(summary) in _SUMMARY:
                functions.setdefault(summary, source[:LONGEST])
    chance = random.Random(seed)
    texts, pairs = list(docstrings), list(functions.items())
    chance.shuffle(texts)
    chance.shuffle(pairs)
    return texts[:limit], pairs[:limit]


def _modules(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.py"))
    return [file for file in files if not any(part.startswith("test") for part in file.relative_to(folder).parts)]


def _documented(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield each docstring of a file, with the source of its function unless that is very long."""
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return
    lines = text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if not docstring:
                continue
            source = None if isinstance(node, ast.Module | ast.ClassDef) else _source(lines, node)
            yield docstring, source if source and len(source) < _LONGEST_FUNCTION else None


def _source(lines: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Cut out a function. `ast.get_source_segment` splits the whole file for each one: minutes instead of seconds."""
    own = lines[function.lineno - 1 : function.end_lineno]
    # Offsets count bytes.
    own[-1] = own[-1].encode()[: function.end_col_offset].decode()
    own[0] = own[0].encode()[function.col_offset :].decode()
    return "\n".join(own)
