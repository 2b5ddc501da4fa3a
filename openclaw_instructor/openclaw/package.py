"""Generate what OpenClaw and other hosts read from the registry: manifest, tool specs, skills, bundle.

Pure and deterministic: the same tasks give the same bytes. `python -m openclaw_instructor.openclaw.package` rewrites
the committed files from the packaged registry; with `--check` it only says which are stale.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openclaw_instructor import __version__
from openclaw_instructor.errors import InvalidRegistry
from openclaw_instructor.openclaw.manifest import (
    CODE_FOLDER,
    DESCRIPTION,
    LICENSE,
    MANIFEST,
    PLUGIN_ID,
    SCRIPTS,
    manifest,
    npm_package,
)
from openclaw_instructor.openclaw.skills import skill_files
from openclaw_instructor.openclaw.tool_specs import tool_specs
from openclaw_instructor.registry import Registry, Task
from openclaw_instructor.settings import Settings

TOOLS = f"{CODE_FOLDER}/tools.json"


def plugin_files(
    tasks: Mapping[str, Task],
    command: Sequence[str] = (),
    checkpoint: str = "mini",
    openclaw: tuple[int, ...] = (),
    collections: Sequence[str] | None = None,
) -> dict[str, str]:
    """Return the whole plugin folder as path -> text, in the order it should be written.

    The manifest comes last, because it is what declares the names. `command` is the command line that starts this
    package on this machine; without it the plugin looks on PATH. `checkpoint` answers decisions; `openclaw` is the
    release that reads the folder, if it is known.
    """
    scripts = {f"{CODE_FOLDER}/{name}": (Path(__file__).parent / name).read_text(encoding="utf-8") for name in SCRIPTS}
    declared = _json(manifest(tasks, checkpoint, openclaw))
    return {
        **live_files(tasks, command, collections),
        **scripts,
        "package.json": _json(npm_package()),
        MANIFEST: declared,
    }


def live_files(
    tasks: Mapping[str, Task], command: Sequence[str] = (), collections: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the part of the plugin folder that OpenClaw follows without a reload: tool specs and skills."""
    return {TOOLS: _json(tool_specs(tasks, command, collections)), **skill_files(tasks, gated=not command)}


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
