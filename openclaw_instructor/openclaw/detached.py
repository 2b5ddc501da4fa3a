"""Start a sync that outlives its caller, such as an agent whose turn it has to wait for."""

from __future__ import annotations

import subprocess
import threading

from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.settings import Settings


def sync_detached(settings: Settings, *, wait: float, force: bool = False, program: str | None = None) -> None:
    """Start `openclaw sync --yes` as a process of its own, which outlives the caller and its terminal."""
    more = [*(["--force"] if force else []), *(["--openclaw", program] if program else [])]
    process = subprocess.Popen(
        [*command_line(settings), "openclaw", "sync", "--yes", "--wait", str(wait), *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
    )
    # Collect the exit status, in case the caller lives longer.
    threading.Thread(target=process.wait, daemon=True).start()
