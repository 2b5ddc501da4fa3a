"""Which sources a library was made of. Apart from the rest, because the build knows no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(folder: Path) -> str:
    """Of the C files of a folder."""
    content = hashlib.sha256()
    for path in sorted(folder.glob("*.[ch]")):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()
