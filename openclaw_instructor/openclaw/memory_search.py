"""Make the configuration with which OpenClaw's own memory uses this daemon, and merge it into an OpenClaw.

Questions and passages get the registry's `query` and `passage` instructions. Either the plugin embeds, which needs no
more than its name in the configuration, or OpenClaw asks an OpenAI-compatible endpoint. Then its configuration holds a
fixed address and key: the daemon's port has to be fixed too, and its token is the one kept in home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_instructor.daemon.endpoint import url_of
from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw import configuration
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.manifest import EMBEDDING_PROVIDER
from openclaw_instructor.openclaw.program import command_line, typed
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


def native_block(settings: Settings) -> dict[str, Any]:
    """Return the part of an OpenClaw configuration that makes its memory embed through the plugin."""
    return {"memory": {"search": {"provider": EMBEDDING_PROVIDER, "model": settings.checkpoint}}}


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
    if _is_native(patch["memory"]["search"]) and Installed.find(host, settings).form == "absent":
        install = typed(settings, "openclaw", "install")
        raise OpenClawFailed(f"OpenClaw does not have the plugin that embeds its memory; run first: {install}")
    path = configuration.file_of(host)
    backup = configuration.keep(path)
    configuration.patch(host, _without_leftovers(patch))
    host.remember(settings, memory=settings.checkpoint, memory_options=options_of(patch["memory"]["search"]))
    steps = ["openclaw memory index --force", "openclaw memory status --deep"]
    return Applied(str(path), str(backup) if backup else None, patch, steps)


def _without_leftovers(patch: dict[str, Any]) -> dict[str, Any]:
    """Clear what an earlier provider needed, which would override the new one: a patch keeps unnamed keys."""
    earlier = dict.fromkeys(("remote", "queryInputType", "documentInputType"))
    return patch | {"memory": {"search": earlier | patch["memory"]["search"]}}


def options_of(search: Mapping[str, Any]) -> list[str]:
    """Return the options of `openclaw memory` that make such a `memory.search` again."""
    return {PROVIDER: ["--autostart"], EMBEDDING_PROVIDER: ["--native"]}.get(str(search.get("provider")), [])


def _is_native(search: Mapping[str, Any]) -> bool:
    return search.get("provider") == EMBEDDING_PROVIDER


def is_ours(settings: Settings, memory: Mapping[str, Any]) -> bool:
    """Whether a `memory` section of OpenClaw's configuration uses this home's daemon."""
    search = memory.get("search") or {}
    if search.get("provider") == PROVIDER or _is_native(search):
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
