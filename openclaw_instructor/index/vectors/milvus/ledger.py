"""Remember in home which vectors Milvus has, so that a sync need not ask it for millions of ids.

The ledger counts only as long as its stamp is the one of the state row in Milvus; without it the ids are listed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.snapshot_file import DamagedFile, Footer

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Ids

KIND = "milvus"
SUFFIX = "milvus"


def write(path: Path, key: str, stamp: str, ids: Ids) -> None:
    """Write what Milvus has of the generation of this key; where the folder takes no file, there is no ledger."""
    data = ids.astype("<i8").tobytes()
    footer = Footer(key, 0, kind=KIND, details={"stamp": stamp})
    snapshot_file.write(path, footer, lambda target: target.write_bytes(data))


def read(path: Path, key: str) -> tuple[str, Ids]:
    """Return the stamp and the ids, ascending; none with an empty stamp where no intact ledger of this key is."""
    import numpy as np

    nothing = "", np.empty(0, dtype=np.int64)
    try:
        footer = snapshot_file.read_footer(path)
        if footer is None or footer.kind != KIND or footer.generation != key:
            return nothing
        with path.open("rb") as file:
            ids = np.frombuffer(file.read(footer.size), dtype="<i8").astype(np.int64)
        return str(footer.details["stamp"]), np.unique(ids)
    except (DamagedFile, OSError, ValueError, KeyError):
        return nothing
