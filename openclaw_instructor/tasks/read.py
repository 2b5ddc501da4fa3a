"""Kind `read`: a part of an indexed file, in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.read import ReadTask
    from openclaw_instructor.tasks.runners import Resources

# With marks and names around it, what hosts take of one result.
MAX_CHARACTERS = 8_000


def run(task: ReadTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Return the part of the file at `location` as it was indexed; the file itself is not opened.

    The result has `file`, `location`, `text`, `of` (the place of the whole), what belongs to it (`context`,
    `metadata`), and `part` and `next` where it is longer than one answer. Raises what Catalogue.read raises.
    """
    return resources.index.catalogue.read(
        arguments["file"],
        arguments.get("location", ""),
        arguments.get("around", 0),
        arguments.get("collection", "*"),
        MAX_CHARACTERS,
    )
