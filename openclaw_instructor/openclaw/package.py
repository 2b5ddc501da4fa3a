"""Generate what OpenClaw and other hosts read from the registry: manifest, tool specs, skills, bundle.

Pure and deterministic: the same tasks give the same bytes. `python -m openclaw_instructor.openclaw.package` rewrites
the committed files from the packaged registry; with `--check` it only says which are stale.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openclaw_instructor import __version__
from openclaw_instructor.errors import InvalidRegistry
from openclaw_instructor.registry import Registry, Task
from openclaw_instructor.registry.kinds import kinds
from openclaw_instructor.registry.tool_spec import EFFECTS, Effect
from openclaw_instructor.settings import Settings

PLUGIN_ID = "openclaw-instructor"
GENERIC_TOOL = "instructor_task"
NAME = "OpenClaw INSTRUCTOR"
DESCRIPTION = "Search documents, sort e-mail and match texts by meaning, with one embedding model that runs locally."
LICENSE = "Apache-2.0"
# The oldest plugin API with `defineToolPlugin`; the tests run the release below.
PLUGIN_API = ">=2026.5.17"
TESTED_OPENCLAW = "2026.9.6"

CODE_FOLDER = "openclaw_instructor/openclaw"
SCRIPTS = ("plugin.js", "client.js", "transport.js", "approvals.js", "specs.js")
MANIFEST = "openclaw.plugin.json"
TOOLS = f"{CODE_FOLDER}/tools.json"

# The text between the two in a SKILL.md is generated.
_OPEN, _CLOSE = "<!-- tools -->\n", "<!-- /tools -->"
_METADATA = re.compile(r'^metadata: .*?"emoji": "([^"]*)".*\n', re.MULTILINE)


def plugin_files(tasks: Mapping[str, Task], command: Sequence[str] = ()) -> dict[str, str]:
    """Return the whole plugin folder as path -> text, in the order it should be written.

    The manifest comes last, because it is what declares the names. `command` is the command line that starts this
    package on this machine; without it the plugin looks on PATH.
    """
    scripts = {f"{CODE_FOLDER}/{name}": (Path(__file__).parent / name).read_text(encoding="utf-8") for name in SCRIPTS}
    return {**live_files(tasks, command), **scripts, "package.json": _package(), MANIFEST: _manifest(tasks)}


def live_files(tasks: Mapping[str, Task], command: Sequence[str] = ()) -> dict[str, str]:
    """Return the part of the plugin folder that OpenClaw follows without a reload: tool specs and skills."""
    return {TOOLS: _tools(tasks, command), **skill_files(tasks, gated=not command)}


def bundle_files() -> dict[str, str]:
    """Return the Agent Plugins bundle: the same tools over MCP, for other hosts."""
    plugin = {
        "$schema": "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json",
        "name": PLUGIN_ID,
        "version": __version__,
        "description": DESCRIPTION,
        "license": LICENSE,
    }
    servers = {
        "$schema": "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json",
        "mcpServers": {"instructor": {"type": "stdio", "command": PLUGIN_ID, "args": ["mcp"]}},
    }
    return {"plugin.json": _json(plugin), "mcp.json": _json(servers)}


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
    if not gated:
        before = _METADATA.sub('metadata: { "openclaw": { "emoji": "\\1" } }\n', before)
    tools = "".join(f"- `{task.name}`: {' '.join([task.description, task.usage()]).rstrip()}\n" for task in tasks)
    return before + _OPEN + tools + _CLOSE + after


def skills_folder() -> Path:
    """Find the hand-written skills: inside the package once installed, at the root of a source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "skills"
    return installed if installed.is_dir() else package.parent / "skills"


def _manifest(tasks: Mapping[str, Task]) -> str:
    names = [*tasks, GENERIC_TOOL]
    options = {
        "command": "Absolute path of the openclaw-instructor program, where PATH does not lead to it",
        "home": "Folder of its configuration, tasks and index, where it is not the default one",
    }
    manifest = {
        "id": PLUGIN_ID,
        "name": NAME,
        "description": DESCRIPTION,
        "version": __version__,
        "categories": ["documents-files"],
        "configSchema": {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "string", "minLength": 1, "description": options[name]} for name in options},
        },
        "activation": {"onStartup": True},
        "contracts": {"tools": names},
        "toolMetadata": {name: _metadata(effect) for name, effect in _effects(tasks).items()},
        "skills": ["./skills"],
    }
    return _json(manifest)


def _effects(tasks: Mapping[str, Task]) -> dict[str, Effect]:
    """Return each tool's effect; the generic tool may run any task, so it has the strongest one."""
    effects: dict[str, Effect] = {name: task.effect for name, task in tasks.items()}
    return effects | {GENERIC_TOOL: max(effects.values(), key=EFFECTS.index, default="read")}


def _metadata(effect: Effect) -> dict[str, bool]:
    """Return whether a call may be repeated after an interrupted turn, and whether it changes things."""
    return {"replaySafe": effect == "read", "sideEffecting": effect != "read"}


def _package() -> str:
    package = {
        "name": PLUGIN_ID,
        "version": __version__,
        "description": DESCRIPTION,
        "license": LICENSE,
        "type": "module",
        "files": [*(f"{CODE_FOLDER}/{name}" for name in (*SCRIPTS, "tools.json")), MANIFEST, "skills", "README.md"],
        "openclaw": {
            "extensions": [f"./{CODE_FOLDER}/plugin.js"],
            "compat": {"pluginApi": PLUGIN_API},
            "build": {"openclawVersion": TESTED_OPENCLAW},
        },
    }
    return _json(package)


def _tools(tasks: Mapping[str, Task], command: Sequence[str]) -> str:
    tools = {
        spec.name: {
            "label": spec.title,
            "description": spec.description,
            "parameters": spec.parameters,
            "effect": spec.effect,
        }
        for spec in (task.tool_spec() for task in tasks.values())
    }
    launch = {"command": list(command)} if command else {}
    return _json({"version": __version__, **launch, "tools": tools | {GENERIC_TOOL: _generic(tasks)}})


def _generic(tasks: Mapping[str, Task]) -> dict[str, Any]:
    lines = "".join(
        f"\n- {name} {_signature(task)}: {_first_sentence(task.description)}" for name, task in tasks.items()
    )
    return {
        "label": "Instructor task",
        "description": "Run a task of openclaw-instructor by name. Use it only for a task that has no tool of its own "
        f"in this conversation. Tasks and their input:{lines}",
        "parameters": {
            "type": "object",
            "properties": {
                # No enum, so that a task added a moment ago is accepted; the daemon's error suggests the right name.
                "task": {"type": "string", "minLength": 1, "description": "Name of the task: " + ", ".join(tasks)},
                "input": {"type": "object", "description": "The arguments of that task, as an object."},
            },
            "required": ["task", "input"],
            "additionalProperties": False,
        },
        "effect": _effects(tasks)[GENERIC_TOOL],
    }


def _signature(task: Task) -> str:
    schema = task.parameters()
    required = schema.get("required", [])
    return "{" + ", ".join(name if name in required else f"{name}?" for name in schema["properties"]) + "}"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".;")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def generated_files() -> dict[str, str]:
    """Return every generated file that is committed, made from the packaged registry."""
    with tempfile.TemporaryDirectory() as home:
        tasks = Registry.load(Settings(home=Path(home))).tasks
    scripts = {f"{CODE_FOLDER}/{name}" for name in SCRIPTS}
    files = {path: text for path, text in plugin_files(tasks).items() if path not in scripts}
    return files | bundle_files()


def stale_files(root: Path) -> list[str]:
    """List the committed files under `root` that differ from what the packaged registry gives."""

    def current(path: str) -> str | None:
        try:
            return (root / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    return [path for path, text in generated_files().items() if current(path) != text]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the committed files, or with `--check` name the stale ones and return 1."""
    parser = argparse.ArgumentParser(prog="python -m openclaw_instructor.openclaw.package", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="also write the plugin tarball there")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], help="the source tree")
    options = parser.parse_args(arguments)
    try:
        stale = stale_files(options.root)
    except InvalidRegistry as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path} is stale; run: python -m openclaw_instructor.openclaw.package\n")
        return 1 if stale else 0
    for path, text in generated_files().items():
        (options.root / path).parent.mkdir(parents=True, exist_ok=True)
        (options.root / path).write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"wrote {path}\n" for path in stale) or "every generated file is up to date\n")
    if options.pack:
        sys.stdout.write(f"wrote {pack(options.root, options.pack)}\n")
    return 0


def pack(root: Path, folder: Path) -> Path:
    """Write the tarball for `openclaw plugins install ./x.tgz`: the files `package.json` names, nothing else.

    Same input, same bytes: no times, no owners.
    """
    listed = json.loads((root / "package.json").read_text(encoding="utf-8"))["files"]
    paths = [root / "package.json", root / "LICENSE", *(root / name for name in listed)]
    files = sorted(file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{PLUGIN_ID}-{__version__}.tgz"
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(f"package/{file.relative_to(root).as_posix()}")
            entry.size, entry.mode = file.stat().st_size, 0o644
            with file.open("rb") as content:
                archive.addfile(entry, content)
    target.write_bytes(gzip.compress(plain.getvalue(), mtime=0))
    return target


if __name__ == "__main__":
    sys.exit(main())
