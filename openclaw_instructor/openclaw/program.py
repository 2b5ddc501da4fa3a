"""How OpenClaw, and its owner at a prompt, start this installation with this home."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.distribution import NAME
from openclaw_instructor.settings import Settings, default_home


def command_line(settings: Settings) -> list[str]:
    """Return the command line by which OpenClaw starts the running installation, with this home."""
    beside = Path(sys.executable).parent / NAME
    program = str(beside) if beside.is_file() else shutil.which(NAME)
    return [program, "--home", str(settings.home)] if program else lifecycle.command_line(settings)


def typed(settings: Settings, *arguments: str) -> str:
    """Return a command of this program as its owner can type it: by name and without the home where these suffice."""
    program, *more = command_line(settings)
    on_path = shutil.which(NAME)
    if on_path and Path(on_path).resolve() == Path(program).resolve():
        program = NAME
    if settings.home == default_home():
        more = [part for part in more if part not in ("--home", str(settings.home))]
    return shlex.join([program, *more, *arguments])
