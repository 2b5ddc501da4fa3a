"""Run isolated readers: the code of the child process, which answers one request after the other over its pipes.

It opens no connection, starts no process, writes no file and leaves no core dump. It ends when it is idle, when its
parent is gone, or a little after the deadline of a file, whatever the parser does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import select
import signal
import sys
from pathlib import PurePath
from typing import Any, BinaryIO

from openclaw_instructor.documents.document import UnreadableDocument

# Every message is preceded by its length.
HEADER_BYTES = 8
# Written once, before the first answer.
READY = b"."
# Limits on processor time count whole seconds. The parent ends what outlives them; the alarm is for when it is gone.
GRACE_SECONDS = 2
_SLACK_BYTES = 100_000_000
_FIRST_WITHIN_SECONDS = 60.0
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.")


def serve(limits: dict[str, Any]) -> None:
    """Answer requests until there are no more."""
    requests, answers = _own_pipes()
    _restrict(limits["memory_bytes"])
    answers.write(READY)
    answers.flush()
    patience = _FIRST_WITHIN_SECONDS
    while select.select([requests], [], [], patience)[0]:
        patience = limits["idle_seconds"]
        header = requests.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        request = json.loads(requests.read(int.from_bytes(header)))
        out_of_memory = False
        try:
            answer = _answer(request, requests.read(request["size"]))
        except MemoryError:
            out_of_memory = True
            answer = _unreadable(f"needed more than {request['memory_bytes'] // 1_000_000} MB")
        answers.write(len(answer).to_bytes(HEADER_BYTES) + answer)
        answers.flush()
        if out_of_memory:
            # After a MemoryError the parser may be in any state.
            os._exit(0)


def _answer(request: dict[str, Any], data: bytes) -> bytes:
    signal.alarm(math.ceil(request["seconds"] * request["patience"]) + GRACE_SECONDS)
    try:
        codec = importlib.import_module(request["codec"])
        reader: Any = importlib.import_module(request["module"])
        for name in request["name"].split("."):
            reader = getattr(reader, name)
        # The parent watches what is held. Addresses are more than that, and a parser of C may not survive their end.
        _allow(request["seconds"], 2 * request["memory_bytes"] + _SLACK_BYTES)
        document = reader(data, PurePath(request["path"]))
        # What it made is written by code of ours, which reserves more memory than it uses and crashes without.
        _allow(None, None)
        encoded: bytes = codec.encode(document)
        return encoded
    except UnreadableDocument as unreadable:
        return _unreadable(unreadable.reason)
    except MemoryError:
        raise
    except RecursionError:
        return _unreadable("nested too deeply")
    except Exception as error:
        return _unreadable(f"its parser failed ({type(error).__name__})")
    finally:
        signal.alarm(0)
        _allow(None, None)


def _unreadable(reason: str) -> bytes:
    return json.dumps({"unreadable": reason}).encode()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take over standard input and output as pipes to the parent, so that what a parser prints goes nowhere."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return requests, answers


def _restrict(memory_bytes: int) -> None:
    import resource

    # RLIMIT_DATA counts writable memory, RLIMIT_AS also code and reserved addresses.
    for limit, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, memory_bytes + (1 << 30)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # macOS refuses some of them; there the parent watches.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
    sys.dont_write_bytecode = True
    sys.addaudithook(_refuse)


def _allow(seconds: float | None, memory_bytes: int | None) -> None:
    """Set what this process may use from here on, beside what it has used; None lifts the limit."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    for limit, most in (
        (resource.RLIMIT_CPU, None if seconds is None else math.ceil(spent + seconds)),
        (resource.RLIMIT_DATA, None if memory_bytes is None else _data_bytes() + memory_bytes),
    ):
        _, hard = resource.getrlimit(limit)
        unlimited = hard == resource.RLIM_INFINITY
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (hard if most is None or (not unlimited and most > hard) else most, hard))


def _data_bytes() -> int:
    """Bytes of memory that this process may write to; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
            return int(statm.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a reader must not use {event}")
