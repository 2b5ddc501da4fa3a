"""The plugin folder in home: generated from the user's registry, linked into OpenClaw, refreshed after edits."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from openclaw_instructor.errors import ConsentNeeded, InvalidRegistry
from openclaw_instructor.index.names import collection_names
from openclaw_instructor.openclaw import manifest, package
from openclaw_instructor.openclaw.host import remembered
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.openclaw.skills import skill_names
from openclaw_instructor.paths import write_whole
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings


def plugin_folder(settings: Settings) -> Path:
    """Return the folder of the plugin generated from the user's registry."""
    return settings.home / "openclaw-plugin"


def write_plugin(settings: Settings, registry: Registry, release: tuple[int, ...] = ()) -> list[str]:
    """Generate the plugin folder for this release of OpenClaw; returns the paths that changed."""
    return _write(plugin_folder(settings), _files_of(settings, registry, release), whole=True)


def is_current(settings: Settings, registry: Registry) -> bool:
    """Whether generating the folder anew would change nothing."""
    folder = plugin_folder(settings)
    files = _files_of(settings, registry, tuple(remembered(settings, "release") or ()))
    return all((folder / path).is_file() and _read(folder / path) == text for path, text in files.items())


def refresh_plugin(settings: Settings, registry: Registry) -> list[str]:
    """Update specs and skills of an already generated plugin folder, so that the next turn shows them."""
    folder = plugin_folder(settings)
    if not (folder / manifest.MANIFEST).is_file():
        return []
    return _write(
        folder, package.live_files(registry.tasks, command_line(settings), collection_names(settings)), whole=False
    )


def sound_registry(settings: Settings) -> Registry:
    """Load the registry; raise InvalidRegistry for a broken file.

    What is read from one lacks tasks that OpenClaw has by now; they must not vanish there for it.
    """
    registry = Registry.load(settings)
    if registry.problem:
        raise InvalidRegistry(f"OpenClaw keeps the tools it has, because {registry.problem}")
    return registry


@contextmanager
def kept_unless_agreed(settings: Settings) -> Iterator[None]:
    """Put the folder back as it was when the owner, or OpenClaw for them, refuses: ConsentNeeded changes nothing."""
    folder = plugin_folder(settings)
    before = {path: path.read_bytes() for path in _files(folder)}
    try:
        yield
    except ConsentNeeded:
        for path in _files(folder):
            if path not in before:
                path.unlink()
        for path, content in before.items():
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content.decode())
        if not before:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def digest(folder: Path) -> str:
    """Hash everything that needs a reload to take effect: all but the tool specs."""
    hashed = hashlib.sha256()
    for path in sorted(path for path in _files(folder) if path != folder / package.TOOLS):
        hashed.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return hashed.hexdigest()


def _files_of(settings: Settings, registry: Registry, release: tuple[int, ...]) -> dict[str, str]:
    command, names = command_line(settings), collection_names(settings)
    return package.plugin_files(registry.tasks, command, settings.checkpoint, release, names)


def _read(path: Path) -> str:
    # Bytes that are no text differ from every text.
    return path.read_text(encoding="utf-8", errors="replace")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _write(folder: Path, files: Mapping[str, str], *, whole: bool) -> list[str]:
    changed = []
    for path, text in files.items():
        target = folder / path
        if not target.is_file() or _read(target) != text:
            write_whole(target, text)
            changed.append(path)
    if whole:
        for skill in set(skill_names()) - {Path(path).parent.name for path in files}:
            if (folder / "skills" / skill).is_dir():
                shutil.rmtree(folder / "skills" / skill)
                changed.append(f"skills/{skill}")
    return changed
