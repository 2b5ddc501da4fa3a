"""Find the checkpoints that are on this machine: the bundled one, known ones that were downloaded, the one in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InstructorError
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.known import KNOWN

if TYPE_CHECKING:
    from openclaw_instructor.settings import Settings


def installed(settings: Settings) -> list[Checkpoint]:
    """Open every known checkpoint that needs no download, and that of the settings; only their JSON is read."""
    names = dict.fromkeys([settings.checkpoint, *(name for name, known in KNOWN.items() if known.runs == "here")])
    return [found for name in names if (found := _opened(name, settings)) is not None]


def described(checkpoint: Checkpoint) -> dict[str, Any]:
    """Say in JSON what is good to know before one compares it with another."""
    return {
        "name": checkpoint.name,
        "dimension": checkpoint.dimension,
        "max_tokens": checkpoint.max_seq_length,
        "megabytes": round(checkpoint.megabytes, 1),
        "parameters": checkpoint.parameters,
    }


def _opened(name: str, settings: Settings) -> Checkpoint | None:
    try:
        return Checkpoint.open(name, offline=True, revision=settings.revision_of(name))
    except InstructorError:
        # It is not here, is damaged, or is run by another library, which `model list` says.
        return None
