"""Make the configuration with which OpenClaw's own memory uses this daemon, and merge it into an OpenClaw.

OpenClaw's memory embeds through an OpenAI-compatible endpoint and names each text's role in `input_type`, so questions
and passages get the registry's `query` and `passage` instructions. Its configuration holds a fixed address and key:
the daemon's port has to be fixed too, and its token is the one kept in home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_instructor.daemon.endpoint import url_of
from openclaw_instructor.openclaw import configuration
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.program import command_line
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
    path = configuration.file_of(host)
    backup = configuration.keep(path)
    configuration.patch(host, _without_leftovers(patch))
    host.remember(settings, memory=settings.checkpoint)
    steps = ["openclaw memory index --force", "openclaw memory status --deep"]
    return Applied(str(path), str(backup) if backup else None, patch, steps)


def _without_leftovers(patch: dict[str, Any]) -> dict[str, Any]:
    """Clear an earlier provider's address, which would override the new one: a patch keeps unnamed keys."""
    search = patch["memory"]["search"]
    return patch | {"memory": {"search": {"remote": None} | search}}


def is_ours(settings: Settings, memory: Mapping[str, Any]) -> bool:
    """Whether a `memory` section of OpenClaw's configuration uses this home's daemon."""
    search = memory.get("search") or {}
    if search.get("provider") == PROVIDER:
        return True
    ports = {port for port in (settings.port, DEFAULT_PORT) if port}
    address = str((search.get("remote") or {}).get("baseUrl", ""))
    return address in {f"{url_of(settings.host, port)}/v1" for port in ports}


def removal(settings: Settings, memory: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change of OpenClaw's configuration that takes the block out; {} where there is none."""
    changes: dict[str, Any] = {"memory": {"search": None}} if is_ours(settings, memory) else {}
    if PROVIDER in (models.get("providers") or {}):
        changes |= {"models": {"providers": {PROVIDER: None}}}
    return changes
