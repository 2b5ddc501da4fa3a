"""`python -m openclaw_instructor.server`: the process that `daemon ensure` starts and `daemon run` becomes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import Any, NoReturn

from openclaw_instructor.settings import Settings

_FLAGS = ("home", "host", "port", "exit_after")


def main() -> None:
    """Serve; the exit status is 0, or 1 with the reason already told through `--ready-fd` or standard error."""
    parser = argparse.ArgumentParser(prog="openclaw-instructor daemon")
    parser.add_argument("--home", required=True)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--last-port", type=int)
    parser.add_argument("--exit-after", type=float)
    parser.add_argument("--foreground", action="store_true")
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    flags = {name: getattr(options, name) for name in _FLAGS}
    serve(flags, options.foreground, options.ready_fd, options.last_port)
    leave()


def leave() -> NoReturn:
    """End the process at once: everything is closed, and tearing torch down piece by piece takes seconds."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serve(flags: dict[str, Any], foreground: bool, ready_fd: int | None = None, last_port: int | None = None) -> None:
    """Run the daemon with settings that `flags` override. After an edit of the configuration this process starts
    anew, on its `last_port` unless the settings name one."""
    from openclaw_instructor.daemon.lifecycle import MODULE
    from openclaw_instructor.errors import InstructorError
    from openclaw_instructor.server.process import run

    try:
        settings = Settings.load(**flags)
        if last_port and not settings.port:
            settings = settings.model_copy(update={"port": last_port})
        port = run(settings, foreground=foreground, ready_fd=ready_fd)
    except InstructorError as error:
        if ready_fd is None:
            raise
        sys.exit(f"error: {error.message}")
    if port is None:
        return
    given = {**flags, "last_port": port}
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    more = ["--foreground"] if foreground else []
    os.execv(sys.executable, [sys.executable, *MODULE, *arguments, *more])  # noqa: S606


if __name__ == "__main__":
    main()
