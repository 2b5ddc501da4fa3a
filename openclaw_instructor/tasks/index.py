"""Kind `index`: a folder that an agent adds to the index, where the owner allows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import Forbidden, UnreadableSource
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.index import CollectionReport, Index
    from openclaw_instructor.registry.kinds.index import IndexTask
    from openclaw_instructor.tasks.runners import Resources

# Less than the daemon gives a tool.
PATIENCE_SECONDS = 90.0
_MAX_SKIPPED = 20


class _OutOfTime(Exception):
    """The sync took as long as a tool may; what it has published stays."""


def run(task: IndexTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Add the folder to the collection, unless it is part of it, and sync the collection.

    The result says what was done: `registered`, the counts of the sync, the files that were `skipped` with the reason,
    and `finished`, which is false when there is more to do than one call may take. Raises Forbidden for a folder that
    the owner has not allowed, UnreadableSource, and what Index.add and Index.sync raise.
    """
    index, name = resources.index, str(arguments["collection"])
    folder = _allowed(str(arguments["folder"]), index.settings.agents_may_index)
    registered = not _covered(index, name, folder)
    if registered:
        index.add(name, [folder], instruction=resources.document_instruction(name))
    done = {"collection": name, "folder": str(folder), "registered": registered}
    try:
        report = index.sync(name, steering=resources.document_instruction, on_progress=_limit(PATIENCE_SECONDS))
    except _OutOfTime:
        state = index.status(name)[0]
        counts = {"documents": state.documents, "passages": state.chunks}
        note = "there is more to index than one call may take; what is done stays: call again to go on"
        return done | counts | {"finished": False, "skipped": [], "notes": [note]}
    return done | _counts(report.collections[0])


def _counts(report: CollectionReport) -> dict[str, Any]:
    skipped = [{"file": path, "reason": reason} for path, reason in report.skipped]
    more = len(skipped) - _MAX_SKIPPED
    return {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "passages": report.chunks,
        "finished": True,
        "skipped": skipped[:_MAX_SKIPPED],
        "notes": [*report.notes, *([f"{more:,} more files were skipped"] if more > 0 else [])],
    }


def _allowed(asked: str, allowed: str) -> Path:
    """Return the folder with its links followed, if it lies below one that is allowed and holds no secrets.

    Raises Forbidden and UnreadableSource.
    """
    from openclaw_instructor.index import secrets

    folder = expanded(asked)
    if not folder.is_absolute():
        raise UnreadableSource(f"{asked[:200]} is no absolute path; give the whole path of the folder")
    folder = folder.resolve()
    roots = [expanded(root).resolve() for root in allowed.split(":") if root.strip()]
    root = next((root for root in roots if folder.is_relative_to(root)), None)
    if root is None:
        may = f"allowed are {', '.join(map(str, roots))}" if roots else "the owner has allowed none"
        raise Forbidden(
            f"{folder} may not be indexed by agents; {may}. The owner can change `agents_may_index` in config.yaml, or "
            f"add the folder: openclaw-instructor index add NAME {folder}"
        )
    hidden = next((part for part in folder.relative_to(root).parts if part.startswith(".")), None)
    if secret := secrets.above(folder) or hidden:
        raise Forbidden(f"{folder} lies in `{secret}`, which may hold secrets, so no agent may index it")
    if not folder.is_dir():
        raise UnreadableSource(f"{folder} is no folder that can be read; check the path")
    return folder


def _covered(index: Index, name: str, folder: Path) -> bool:
    """Say whether the collection has the folder already, or one above it."""
    if name not in index.names():
        return False
    return any(folder.is_relative_to(root) for state in index.status(name, check=False) for root in state.folders)


def _limit(seconds: float) -> Callable[[int, int, str], None]:
    deadline = time.monotonic() + seconds

    def on_progress(done: int, total: int, message: str) -> None:
        if time.monotonic() > deadline:
            raise _OutOfTime

    return on_progress
