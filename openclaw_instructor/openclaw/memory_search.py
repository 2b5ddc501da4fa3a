"""Make the configuration with which OpenClaw's own memory uses this daemon, and merge it into an OpenClaw.

OpenClaw's memory embeds through an OpenAI-compatible endpoint and names each text's role in `input_type`, so questions
and passages get the registry's `query` and `passage` instructions. Its configuration holds a fixed address and key:
the daemon's port has to be fixed too, and its token is the one kept in home.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from openclaw_instructor.daemon.endpoint import url_of
from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.sync import command_line
from openclaw_instructor.settings import Settings

DEFAULT_PORT = 8737
PROVIDER = "instructor"
_READY_MS = 180_000


@dataclass
class Applied:
    """What was changed: the configuration file, its backup, and the next steps."""

    config: str
    backup: str | None
    patch: dict[str, Any]
    next_steps: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return what was applied as JSON types."""
        return asdict(self)


def block(settings: Settings, token: str, port: int, *, autostart: bool) -> dict[str, Any]:
    """Return the part of an OpenClaw configuration that makes its memory use this daemon.

    With `autostart` OpenClaw starts the daemon itself when it needs it; otherwise something else has to.
    """
    search = {
        "provider": PROVIDER if autostart else "openai-compatible",
        "model": settings.checkpoint,
        "queryInputType": "query",
        "documentInputType": "passage",
    }
    url = f"{url_of(settings.host, port)}/v1"
    if not autostart:
        return {"memory": {"search": search | {"remote": {"baseUrl": url, "apiKey": token}}}}
    command, *arguments = command_line(settings)
    service = {
        "command": command,
        "args": [*arguments, "daemon", "run", "--foreground", "--port", str(port)],
        "healthUrl": f"{url}/models",
        "readyTimeoutMs": _READY_MS,
        "idleStopMs": 0,
    }
    provider = {
        "baseUrl": url,
        "apiKey": token,
        "api": "openai-completions",
        "localService": service,
        "models": [{"id": settings.checkpoint, "name": "INSTRUCTOR"}],
    }
    return {"memory": {"search": search}, "models": {"providers": {PROVIDER: provider}}}


def apply(settings: Settings, patch: dict[str, Any], *, program: str | None = None) -> Applied:
    """Merge the block into the user's OpenClaw through `openclaw config patch`, which validates it and keeps the rest.

    The file from before stays beside it. Raises OpenClawMissing, OpenClawFailed.
    """
    host = Host.find(settings, program)
    path = Path(host.run("config", "file").strip().splitlines()[-1]).expanduser()
    backup = _keep(path)
    # Passed in a private file, because arguments are visible to all users and the block contains the key.
    descriptor, name = tempfile.mkstemp(suffix=".json")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(_without_leftovers(patch), file)
        host.run("config", "patch", "--file", name)
    finally:
        Path(name).unlink(missing_ok=True)
    steps = ["openclaw memory index --force", "openclaw memory status --deep"]
    return Applied(str(path), str(backup) if backup else None, patch, steps)


def _without_leftovers(patch: dict[str, Any]) -> dict[str, Any]:
    """Clear an earlier provider's address, which would override the new one: a patch keeps unnamed keys."""
    search = patch["memory"]["search"]
    return patch | {"memory": {"search": {"remote": None} | search}}


def _keep(path: Path) -> Path | None:
    """Copy the file to the first free name next to it; None if there is no file yet."""
    try:
        content = path.read_bytes()
        number = 1
        while True:
            copy = path.with_name(f"{path.name}.before-instructor-{number}")
            try:
                descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                number += 1
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            return copy
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OpenClawFailed(
            f"{path} cannot be copied before changing it ({error.strerror}); nothing was changed"
        ) from None
