"""The skills that come with the plugin: hand-written workflows, each with the list of its tools."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from openclaw_instructor import distribution
from openclaw_instructor.registry import Task
from openclaw_instructor.registry.kinds import kinds

# The text between the two in a SKILL.md is generated.
_OPEN, _CLOSE = "<!-- tools -->\n", "<!-- /tools -->"
_METADATA = re.compile(r'^metadata: .*?"emoji": "([^"]*)".*\n', re.MULTILINE)


def skill_files(tasks: Mapping[str, Task], *, gated: bool = True) -> dict[str, str]:
    """Return the skills of kinds that have a task, each with its generated list of tools.

    `gated` skills ask for the program on PATH; a plugin that knows the program's place does without.
    """
    skill_of = {kind.name: kind.skill for kind in kinds().values()}
    files = {}
    for skill in skill_names():
        own = [task for task in tasks.values() if skill_of[task.kind] == skill]
        if own:
            files[f"skills/{skill}/SKILL.md"] = _skill(skill, own, gated)
    return files


def skill_names() -> list[str]:
    """List the skills of all kinds, shipped while the registry holds a task of the kind."""
    return list(dict.fromkeys(kind.skill for kind in kinds().values() if kind.skill))


def _skill(name: str, tasks: Sequence[Task], gated: bool) -> str:
    text = (skills_folder() / name / "SKILL.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(_OPEN)
    after = rest.partition(_CLOSE)[2]
    before = _METADATA.sub(lambda found: f"metadata: {_metadata(found[1], gated)}\n", before)
    tools = "".join(f"- `{task.name}`: {' '.join([task.description, task.usage()]).rstrip()}\n" for task in tasks)
    return before + _OPEN + tools + _CLOSE + after


def skills_folder() -> Path:
    """Find the hand-written skills: inside the package once installed, at the root of a source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "skills"
    return installed if installed.is_dir() else package.parent / "skills"


def _metadata(emoji: str, gated: bool) -> str:
    """Say what OpenClaw checks before it shows the skill, and how it may install that.

    OpenClaw's installer takes no address, only a name, so it is offered once the name is published.
    """
    told: dict[str, object] = {"emoji": emoji}
    if gated:
        name = distribution.NAME
        told["requires"] = {"bins": [name]}
        if not distribution.SOURCE:
            told["install"] = [
                {"id": "uv", "kind": "uv", "package": name, "bins": [name], "label": f"Install {name} (uv)"}
            ]
    return json.dumps({"openclaw": told}, ensure_ascii=False)
