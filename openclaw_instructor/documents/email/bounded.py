"""Read a mail that somebody else wrote, where it can be ended: a large one in a child process, with limits of its own.

Not in the child process of the index: a mailbox that is being indexed would hold up a question about one mail.
"""

from __future__ import annotations

import queue
from pathlib import PurePath

from openclaw_instructor.documents.email import message_json, reader
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.isolation import IsolatedReaders, kept
from openclaw_instructor.documents.limits import Limits

# Reading this much is over before a child process could be asked.
SMALL_BYTES = 100_000
# How many large mails are read at the same time.
WORKERS = 3
_NAME = PurePath("mail")

# The one that was used last is taken first, so that the others may end.
_free: queue.LifoQueue[IsolatedReaders[Email]] = queue.LifoQueue()
for _ in range(WORKERS):
    _free.put(kept(IsolatedReaders(message_json, Limits(seconds=5.0))))


def read(raw: str | bytes) -> Email:
    """Read a whole message as `reader.read` does, within limits of time and memory.

    Raises UnreadableDocument for a file that is plainly something else, and for a message that exceeds the limits.
    """
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    if len(data) <= SMALL_BYTES:
        return reader.read(data)
    worker = _free.get()
    try:
        return worker.read(message, data, _NAME)
    finally:
        _free.put(worker)


def message(data: bytes, path: PurePath) -> Email:
    """Read a message; run in the child process."""
    return reader.read(data)
