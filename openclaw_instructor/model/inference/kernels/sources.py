"""Hash the C sources that a library was made of. Imports no torch, because the build has none."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(folder: Path) -> str:
    """Hash the C files of a folder, and those that all libraries share."""
    content = hashlib.sha256()
    for path in sorted([*folder.glob("*.[ch]"), *folder.with_name("shared").glob("*.[ch]")]):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()
