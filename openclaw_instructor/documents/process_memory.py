"""Measure the memory of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Return the memory a process holds, in bytes; 0 if unknown. Not every system enforces a limit itself."""
    try:
        if sys.platform == "linux":
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        shown = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, timeout=5)
        return int(shown.stdout) * 1024
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return 0
