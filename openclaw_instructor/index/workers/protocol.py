"""Define what a sync asks of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found
    from openclaw_instructor.index.outcomes import Outcome
    from openclaw_instructor.index.store import Store


@dataclass(frozen=True)
class Job:
    """What files are read for: `identity` is that of vectors under the `instruction`, `store` has those of before."""

    instruction: str
    identity: str
    store: Store


class Workers(Protocol):
    """Reads, cuts and embeds files in parallel."""

    def outcomes(self, job: Job, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        """Yield what came of each file, in their order, with the vectors of its passages where they were computed.

        A file that no worker could read is Skipped. Raises InstructorError for what is no fault of a file's.
        """
