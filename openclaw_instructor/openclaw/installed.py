"""What OpenClaw has of the plugin: nothing, a copy, a link to this home's folder, or a link to another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.settings import Settings

Form: TypeAlias = Literal["absent", "copied", "linked", "linked elsewhere"]


@dataclass(frozen=True)
class Installed:
    """The plugin as OpenClaw's command line sees it, Gateway or not. `problem` is why it did not load."""

    form: Form
    enabled: bool = False
    root: Path | None = None
    tools: tuple[str, ...] = ()
    problem: str = ""

    @classmethod
    def find(cls, host: Host, settings: Settings) -> Installed:
        """Ask the command line."""
        return cls.of(host.found_plugin(manifest.PLUGIN_ID), settings)

    @classmethod
    def of(cls, found: Mapping[str, Any] | None, settings: Settings) -> Installed:
        """Read an entry of `plugins list`."""
        if found is None:
            return cls("absent")
        root = Path(found["rootDir"]) if found.get("rootDir") else None
        copied = (found.get("trust") or {}).get("installSource", "path") != "path" or found.get("origin") == "global"
        here = root is not None and root.resolve() == plugin_folder(settings).resolve()
        # Of a plugin that it refuses OpenClaw tells no folder; linking it again mends that.
        form: Form = "linked" if here or root is None else "copied" if copied else "linked elsewhere"
        tools = tuple((found.get("contracts") or {}).get("tools") or ())
        problem = str(found.get("error") or "") if found.get("status") == "error" else ""
        return cls(form, bool(found.get("enabled")), root, tools, problem)
