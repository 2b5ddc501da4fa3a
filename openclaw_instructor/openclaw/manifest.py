"""What OpenClaw reads before it loads the plugin: the manifest, and the npm package around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_instructor import __version__, distribution
from openclaw_instructor.registry import Task
from openclaw_instructor.registry.tool_spec import EFFECTS, Effect

PLUGIN_ID = distribution.NAME
GENERIC_TOOL = "instructor_task"
NAME = "OpenClaw INSTRUCTOR"
DESCRIPTION = "Search documents, sort e-mail and match texts by meaning, with one embedding model that runs locally."
LICENSE = "Apache-2.0"
# What the tests run; nothing older was tried.
TESTED_OPENCLAW = "2026.9.6"

CODE_FOLDER = "openclaw_instructor/openclaw"
ICON = "assets/icon.png"
SCRIPTS = (
    "plugin.js",
    "task_tools.js",
    "generic.js",
    "fence.js",
    "approvals.js",
    "corpus.js",
    "policy.js",
    "decisions.js",
    "decisions_v2.js",
    "embeddings.js",
    "client.js",
    "transport.js",
    "specs.js",
    "studio.js",
)
MANIFEST = "openclaw.plugin.json"

DECISION_PROVIDER = "instructor"
# Not "instructor", by which `openclaw memory --autostart` calls the daemon as a model provider.
EMBEDDING_PROVIDER = PLUGIN_ID
OTHER_CONTRACTS = (f"decisionProviders: {DECISION_PROVIDER}", f"embeddingProviders: {EMBEDDING_PROVIDER}")
"""What the manifest declares besides tools, as OpenClaw names it when it asks for consent."""
# The first release whose hosts know version 2 of the decision contract, where abstention can be said.
DECISIONS_V2 = (2026, 10, 1)
MOST_LABELS, MOST_QUESTIONS = 100, 64

_OPTIONS = {
    "command": "Absolute path of the openclaw-instructor program, where PATH does not lead to it",
    "home": "Folder of its configuration, tasks and index, where it is not the default one",
}
_MEMORY_SEARCH = {
    "type": "boolean",
    "default": True,
    "description": "Whether OpenClaw's memory_search and memory_get find and read the indexed documents too",
}


def tool_names(tasks: Mapping[str, Task]) -> list[str]:
    """List the tools that the manifest declares."""
    return [*tasks, GENERIC_TOOL]


def manifest(tasks: Mapping[str, Task], checkpoint: str = "mini", openclaw: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the manifest for these tasks and this checkpoint; `openclaw` is the release that will read it."""
    options: dict[str, Any] = {
        name: {"type": "string", "minLength": 1, "description": text} for name, text in _OPTIONS.items()
    }
    return {
        "id": PLUGIN_ID,
        "name": NAME,
        "description": DESCRIPTION,
        "version": __version__,
        "categories": ["documents-files"],
        "configSchema": {
            "type": "object",
            "additionalProperties": False,
            "properties": options | {"memorySearch": _MEMORY_SEARCH},
        },
        "activation": {"onStartup": True},
        "contracts": {
            "tools": tool_names(tasks),
            "decisionProviders": [DECISION_PROVIDER],
            "embeddingProviders": [EMBEDDING_PROVIDER],
        },
        **(decisions_v2(checkpoint) if openclaw >= DECISIONS_V2 else decisions_v1(checkpoint)),
        "toolMetadata": {name: _metadata(effect) for name, effect in effects(tasks).items()},
        "skills": ["./skills"],
    }


def decisions_v1(checkpoint: str) -> dict[str, Any]:
    """Return the keys that declare the decision model to a host of contract version 1."""
    model = {"provider": DECISION_PROVIDER, "id": checkpoint, "name": decision_model_name(checkpoint)}
    return {"decisionModels": [model]}


def decisions_v2(checkpoint: str) -> dict[str, Any]:
    """Return the keys that declare the decision model to a host of contract version 2."""
    decision = {
        "protocol": "instructor-classifier",
        "confidence": "none",
        "input": ["text"],
        "questions": {
            "boolean": {"probabilities": "boolean", "requiresCriteria": True, "abstention": False},
            "choice": {"probabilities": "categorical", "abstention": True, "minOptions": 2, "maxOptions": MOST_LABELS},
            "score": {"probabilities": "categorical", "abstention": False, "minOptions": 2, "maxOptions": MOST_LABELS},
        },
        "limits": {"maxQuestions": MOST_QUESTIONS},
    }
    inference = {"chat": False, "decision": decision}
    model = {"id": checkpoint, "name": decision_model_name(checkpoint), "inference": inference}
    catalog = {"providers": {DECISION_PROVIDER: {"authScope": "plugin", "models": [model]}}}
    return {"providers": [DECISION_PROVIDER], "nonSecretAuthMarkers": ["instructor-local"], "modelCatalog": catalog}


def decision_model_name(checkpoint: str) -> str:
    """Return the name by which people choose the decision model."""
    return f"INSTRUCTOR {checkpoint}"


def effects(tasks: Mapping[str, Task]) -> dict[str, Effect]:
    """Return each tool's effect; the generic tool may run any task, so it has the strongest one."""
    of_tasks: dict[str, Effect] = {name: task.effect for name, task in tasks.items()}
    return of_tasks | {GENERIC_TOOL: max(of_tasks.values(), key=EFFECTS.index, default="read")}


def _metadata(effect: Effect) -> dict[str, bool]:
    """Return whether a call may be repeated after an interrupted turn, and whether it changes things."""
    return {"replaySafe": effect == "read", "sideEffecting": effect != "read"}


def npm_package() -> dict[str, Any]:
    """Return `package.json`: what is packed, and which hosts may load it."""
    (f"{CODE_FOLDER}/{name}" for name in (*SCRIPTS, "tools.json"))
    return {
        "name": PLUGIN_ID,
        "version": __version__,
        "description": DESCRIPTION,
        "license": LICENSE,
        "repository": {"type": "git", "url": f"git+{distribution.REPOSITORY}.git"},
        "type": "module",
        "files": [
            *(f"{CODE_FOLDER}/{name}" for name in (*SCRIPTS, "tools.json")),
            MANIFEST,
            ICON,
            "skills",
            "README.md",
        ],
        "openclaw": {
            "extensions": [f"./{CODE_FOLDER}/plugin.js"],
            "compat": {"pluginApi": f">={TESTED_OPENCLAW}"},
            "build": {"openclawVersion": TESTED_OPENCLAW},
            "install": {"minHostVersion": f">={TESTED_OPENCLAW}"},
        },
    }
