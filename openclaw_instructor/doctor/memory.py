"""Tell whether OpenClaw's memory search, if it uses this program, still reaches the checkpoint it was set up with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.memory_search import PROVIDER, is_ours, options_of
from openclaw_instructor.openclaw.program import typed
from openclaw_instructor.settings import Settings


def findings(settings: Settings, host: Host, memory: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[Finding]:
    """Examine the memory block; nothing to say where OpenClaw's memory uses something else."""
    if not is_ours(settings, memory):
        return
    search = memory["search"]
    provider = (models.get("providers") or {}).get(PROVIDER) or {}
    starts = search.get("provider") == PROVIDER
    apply = typed(settings, "openclaw", "memory", "--apply", *options_of(search))
    command = (provider.get("localService") or {}).get("command")
    if starts and not command:
        message = f"memory search names the provider `{PROVIDER}`, which is not configured"
        yield Finding("memory", "fail", message, apply)
    elif starts and not Path(str(command)).is_file():
        yield Finding("memory", "fail", f"memory search starts {command}, which is gone", apply)
    elif search.get("model") != settings.checkpoint:
        message = f"memory search was set up with {search.get('model')}; the checkpoint is now {settings.checkpoint}"
        index = host.typed("memory", "index", "--force")
        yield Finding("memory", "fail", message, f"{apply} && {index}")
    else:
        yield Finding("memory", "ok", f"memory search uses {settings.checkpoint}")
