"""No two modules of the model and the engine import each other, not even for their types."""

from __future__ import annotations

import ast
from pathlib import Path

import openclaw_instructor

PACKAGE = Path(openclaw_instructor.__file__).parent


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: set[str]) -> set[str]:
    """The modules among `modules` that a file imports, anywhere in it; a name out of a package is looked up there."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                inner if (inner := f"{node.module}.{alias.name}") in modules else node.module for alias in node.names
            }
    return found & modules


def test_imports_have_no_cycle() -> None:
    files = {name_of(path): path for room in ("model", "engine") for path in (PACKAGE / room).rglob("*.py")}
    left = {name: imported(path, set(files)) - {name} for name, path in files.items()}
    while ready := {name for name, needs in left.items() if not needs}:
        left = {name: needs - ready for name, needs in left.items() if name not in ready}
    assert not left
