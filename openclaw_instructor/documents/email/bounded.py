"""Read a mail that somebody else wrote, where it can be ended: a large one in a child process, with limits of its own.

Not in the child process of the index: a mailbox that is being indexed would hold up a question about one mail.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from openclaw_instructor.documents.email import message_json, reader
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.isolation import IsolatedReaders, kept
from openclaw_instructor.documents.limits import MAIL_WORKERS, SMALL_MAIL_BYTES, Limits

_NAME = PurePath("mail")


class _Workers:
    """The child processes; the one that was used last is taken first, so that the others may end."""

    def __init__(self) -> None:
        self._all = [kept(IsolatedReaders(message_json, Limits(seconds=5.0))) for _ in range(MAIL_WORKERS)]
        self._renew()
        # Other threads of the parent may have held the lock and some of the workers.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._free: queue.LifoQueue[IsolatedReaders[Email]] = queue.LifoQueue()
        for worker in self._all:
            self._free.put(worker)

    @contextmanager
    def one(self) -> Iterator[IsolatedReaders[Email]]:
        """Wait for one that is free."""
        free = self._free
        worker = free.get()
        try:
            yield worker
        finally:
            free.put(worker)


_workers = _Workers()


def read(raw: str | bytes) -> Email:
    """Read a whole message as `reader.read` does, within limits of time and memory.

    Raises UnreadableDocument for a file that is plainly something else, and for a message that exceeds the limits.
    """
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    if len(data) <= SMALL_MAIL_BYTES:
        return reader.read(data)
    with _workers.one() as worker:
        return worker.read(message, data, _NAME)


def message(data: bytes, path: PurePath) -> Email:
    """Read a message; run in the child process."""
    return reader.read(data)
