"""Write a file that a person named: whole, checked and on the disk before it gets its name, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.index import replacement


@contextmanager
def written(target: Path, what: str, is_one: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield an empty file beside `target`, closed to other users, which takes its place when all has gone well.

    A file that is there is replaced only if it `is_one`. Raises InvalidArguments and UnreadableSource.
    """
    fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.is_dir():
            raise InvalidArguments(f"{target} is a folder; name a file")
        if target.exists() and target.stat().st_size and not is_one(target):
            raise InvalidArguments(f"{target} is there and is no {what}; name another file")
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        yield fresh
        replacement.flush(fresh)
        fresh.replace(target)
        replacement.flush(target.parent)
    except OSError as error:
        raise UnreadableSource(
            f"the {what} {target} cannot be written ({error.strerror}); make its folder, or room on that disk"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
