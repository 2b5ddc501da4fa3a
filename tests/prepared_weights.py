"""The weights that the first start of a daemon leaves in its home, made once for all tests of a process.

To make them takes torch and seconds. Where a first start is not what a test is about, its home is one that has had it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings


def give(home: Path) -> None:
    """Put them into a home that has none. Where the processor or the number format has none, nothing is put there."""
    if _made().is_dir() and not (home / "prepared").exists():
        shutil.copytree(_made(), home / "prepared", copy_function=os.link)


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Toolbox(settings=Settings.load(folder)) as toolbox:
        toolbox.embed(["a text"])
    return folder / "prepared"
