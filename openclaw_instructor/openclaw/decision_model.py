"""Select this checkpoint as OpenClaw's decision model, and take that back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw import configuration
from openclaw_instructor.openclaw.host import Host, remembered
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.manifest import DECISION_PROVIDER
from openclaw_instructor.openclaw.memory_search import Applied
from openclaw_instructor.openclaw.program import typed
from openclaw_instructor.settings import Settings

_BEFORE = "decision_model_before"


def reference(settings: Settings) -> str:
    """Return how OpenClaw's configuration names the checkpoint as a decision model."""
    return f"{DECISION_PROVIDER}/{settings.checkpoint}"


def block(settings: Settings) -> dict[str, Any]:
    """Return the part of an OpenClaw configuration that selects the decision model for every agent."""
    return {"agents": {"defaults": {"decisionModel": reference(settings)}}}


def apply(settings: Settings, *, program: str | None = None) -> Applied:
    """Select the decision model; the configuration from before stays beside the file. Raises OpenClawFailed."""
    host = Host.find(settings, program)
    if Installed.find(host, settings).form == "absent":
        install = typed(settings, "openclaw", "install")
        raise OpenClawFailed(f"OpenClaw does not have the plugin that answers decisions; run first: {install}")
    path = configuration.file_of(host)
    before = _selected(*configuration.sections(host, path, ["agents"]))
    backup = configuration.keep(path)
    configuration.patch(host, block(settings))
    ours = before.startswith(f"{DECISION_PROVIDER}/")
    host.remember(settings, decisions=settings.checkpoint, **({} if ours else {_BEFORE: before}))
    undo = typed(settings, "openclaw", "decisions", "--undo")
    return Applied(str(path), str(backup) if backup else None, block(settings), [undo])


def undo(settings: Settings, *, program: str | None = None) -> Applied:
    """Select what was selected before `apply`, or nothing. Raises OpenClawFailed."""
    host = Host.find(settings, program)
    path = configuration.file_of(host)
    changes = removal(settings, *configuration.sections(host, path, ["agents"]))
    if not changes:
        return Applied(str(path), None, {}, [])
    backup = configuration.keep(path)
    configuration.patch(host, changes)
    return Applied(str(path), str(backup) if backup else None, changes, [])


def removal(settings: Settings, agents: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change that no longer selects a model of ours, for all agents and for single ones; {} for none."""
    changes: dict[str, Any] = {}
    if _selected(agents).startswith(f"{DECISION_PROVIDER}/"):
        changes["defaults"] = {"decisionModel": remembered(settings, _BEFORE) or None}
    entries = {
        name: {"decisionModel": None}
        for name, entry in (agents.get("entries") or {}).items()
        if str((entry or {}).get("decisionModel", "")).startswith(f"{DECISION_PROVIDER}/")
    }
    if entries:
        changes["entries"] = entries
    return {"agents": changes} if changes else {}


def _selected(agents: Mapping[str, Any]) -> str:
    return str((agents.get("defaults") or {}).get("decisionModel") or "")
