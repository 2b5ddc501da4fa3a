"""How much memory a process holds, where /proc tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def resident_with_torch() -> float:
    """Of a process that has imported torch and nothing else: 230 MB, and 280 more where it is built for CUDA."""
    show = "import os, torch; from tests.resident import resident_megabytes; print(resident_megabytes(os.getpid()))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    return float(done.stdout)
