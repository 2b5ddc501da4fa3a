"""Run a reader in a child process, where a hostile file costs a deadline and a bounded amount of memory.

One worker serves all threads, one file at a time. It is started for the first file, started anew after it was killed or
had its share of files, and ends by itself when it is idle or this process is gone. It gets the file's bytes over a pipe
and answers in JSON, which is checked before it is believed. See `isolated.py` for what it must not do.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, Generic, Protocol, TypeVar

from openclaw_instructor.documents import document_json, isolated
from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.limits import Allowance, Limits
from openclaw_instructor.documents.process_memory import resident_bytes

Result = TypeVar("Result")

CRASHED = "its parser crashed"
# 10 million characters of four bytes, and the JSON around each row of a table.
_MAX_ANSWER_BYTES = 200_000_000
_MAX_REASON_CHARACTERS = 200
_FILES_PER_WORKER = 500
# Asking for the memory of a process means to start another on some systems.
_POLL_SECONDS = 0.1 if sys.platform == "linux" else 0.5
_START_SECONDS = 60.0
_PIPE_BYTES = 1 << 16
# The variables that Python, its libraries and the dynamic loader read; parsers get no others.
_ENVIRONMENT = ("PATH", "LANG", "LC_", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_", "PYTHON", "SYSTEMROOT")
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from openclaw_instructor.documents import isolated; isolated.serve(json.loads(sys.argv[2]))"
)


class Codec(Protocol[Result]):
    """How what a reader makes passes the pipe: a module with these two functions."""

    __name__: str

    def encode(self, value: Result, /) -> bytes:
        """Encode as JSON."""

    def decode(self, message: Any, /) -> Result:
        """Decode what came back. Raises ValueError, TypeError, LookupError or AttributeError if it is not one."""


class _Ended(Exception):
    """The worker had ended before it was given this file."""


class IsolatedReaders(Generic[Result]):
    """Runs readers, functions that a module defines under their own name, in a child process that is kept."""

    def __init__(self, codec: Codec[Result], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._codec = codec
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def read(self, reader: Callable[[bytes, PurePath], Result], data: bytes, path: PurePath) -> Result:
        """Read the bytes with `reader` in a worker process.

        Raises UnreadableDocument, also for a reader that takes too long or too much memory or crashes.
        """
        allowance = self.limits.allowance(data)
        request = {
            "module": reader.__module__,
            "name": reader.__qualname__,
            "codec": self._codec.__name__,
            "path": str(path),
            "size": len(data),
            "seconds": allowance.seconds,
            "patience": allowance.patience,
            "memory_bytes": allowance.memory_bytes,
        }
        with self._lock:
            try:
                answer = self._parsed(self._ask(request, data, allowance))
            except BaseException:
                self._end()
                raise
            if self._worker and self._worker.files >= _FILES_PER_WORKER:
                self._end()
        if isinstance(answer, UnreadableDocument):
            raise answer
        return answer

    def close(self) -> None:
        """End the worker; the next file starts another."""
        with self._lock:
            self._end()

    def _ask(self, request: dict[str, Any], data: bytes, allowance: Allowance) -> bytes:
        if self._worker:
            # It may have ended while nobody needed it.
            with contextlib.suppress(_Ended):
                return self._worker.ask(request, data, allowance)
            self._end()
        self._worker = _Worker(self.limits)
        try:
            return self._worker.ask(request, data, allowance)
        except _Ended:
            raise UnreadableDocument(CRASHED) from None

    def _parsed(self, answer: bytes) -> Result | UnreadableDocument:
        """Parse the worker's answer about a file. Raises UnreadableDocument if it is invalid."""
        import orjson

        try:
            message = orjson.loads(answer)
            if "unreadable" not in message:
                return self._codec.decode(message)
            reason = "".join(filter(str.isprintable, message["unreadable"]))
        except (ValueError, TypeError, LookupError, AttributeError):
            raise UnreadableDocument(CRASHED) from None
        return UnreadableDocument(reason[:_MAX_REASON_CHARACTERS] or CRASHED)

    def _end(self) -> None:
        if self._worker:
            self._worker.kill()
        self._worker = None

    def abandon(self) -> None:
        """Kill the worker without waiting for the file that it reads: this process is about to end."""
        if self._worker:
            self._worker.kill()

    def forget(self) -> None:
        """Drop the worker and the lock in a forked process: the worker is the parent's, and the lock may be held."""
        self._lock = threading.Lock()
        if self._worker:
            self._worker.disown()
        self._worker = None


class _Worker:
    def __init__(self, limits: Limits) -> None:
        self.files = 0
        self._memory_bytes = limits.memory_bytes
        environment = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
        self._process = subprocess.Popen(
            # Not in the current folder, whose modules would be imported first and which could not be unmounted.
            [sys.executable, "-P", "-c", _START, json.dumps(_search_path()), json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)
        # Collects its exit status when it ends idle.
        threading.Thread(target=self._process.wait, name="documents-worker", daemon=True).start()
        # Its start is not counted against the first file.
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.select(_START_SECONDS)
        self._receive(bytearray(), len(isolated.READY))

    def ask(self, request: dict[str, Any], data: bytes, allowance: Allowance) -> bytes:
        """Answer one request. Raises _Ended, and UnreadableDocument, after which the worker is unusable."""
        self.files += 1
        header = json.dumps(request).encode()
        parts = [memoryview(part) for part in (len(header).to_bytes(isolated.HEADER_BYTES), header, data) if part]
        deadline = time.monotonic() + allowance.seconds * allowance.patience
        used, held = processor_seconds(self._process.pid), resident_bytes(self._process.pid)
        most = min(held + allowance.memory_bytes, self._memory_bytes)
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.register(self._requests, selectors.EVENT_WRITE)
            watched = time.monotonic()
            while not _is_whole(answer):
                for key, _ in selector.select(_POLL_SECONDS):
                    if key.fd == self._requests:
                        if not self._send(parts):
                            selector.unregister(self._requests)
                    elif not self._receive(answer):
                        raise self._ending(allowance)
                now = time.monotonic()
                if now >= deadline:
                    raise UnreadableDocument(allowance.too_slow)
                if now - watched >= _POLL_SECONDS:
                    watched = now
                    # The child limits itself, unless a hostile parser has taken it over.
                    if processor_seconds(self._process.pid) - used > allowance.seconds + isolated.GRACE_SECONDS:
                        raise UnreadableDocument(allowance.too_slow)
                    if resident_bytes(self._process.pid) > most:
                        raise UnreadableDocument(allowance.too_large)
        return bytes(answer[isolated.HEADER_BYTES :])

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._close_pipes()
        self._process.wait()

    def disown(self) -> None:
        """Leave the process to the one that started it."""
        self._close_pipes()
        self._process.returncode = 0

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _send(self, parts: list[memoryview]) -> bool:
        """Send some of the request; return whether anything is left to send."""
        try:
            sent = os.write(self._requests, parts[0][:_PIPE_BYTES])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            # The worker has ended; its answer, if any, is read from the other pipe.
            return False
        parts[0] = parts[0][sent:]
        if not parts[0]:
            del parts[0]
        return bool(parts)

    def _receive(self, answer: bytearray, most: int = _PIPE_BYTES) -> bool:
        """Add up to `most` bytes to the answer; return whether any came."""
        try:
            received = os.read(self._answers, most)
        except BlockingIOError:
            return True
        answer += received
        return bool(received)

    def _ending(self, allowance: Allowance) -> Exception:
        """Say why the worker ended without an answer."""
        code = self._process.wait()
        if code == 0:
            return _Ended()
        return UnreadableDocument(allowance.too_slow if code in (-signal.SIGXCPU, -signal.SIGALRM) else CRASHED)


def processor_seconds(pid: int) -> float:
    """Return the processor time a process has used, in seconds; 0 if unknown, and then the process limits itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _search_path() -> list[str]:
    """List the folders where this process finds modules, the package's first; the current one by its full path."""
    folders = [str(Path(__file__).parents[2])]
    for folder in sys.path:
        # The current folder may have been deleted.
        with contextlib.suppress(OSError):
            folders.append(os.path.abspath(folder) if folder else "")  # noqa: PTH100
    return [folder for folder in dict.fromkeys(folders) if folder]


def _is_whole(answer: bytearray) -> bool:
    size = int.from_bytes(answer[: isolated.HEADER_BYTES])
    if size > _MAX_ANSWER_BYTES:
        raise UnreadableDocument(CRASHED)
    return len(answer) >= isolated.HEADER_BYTES and len(answer) - isolated.HEADER_BYTES >= size


def kept(readers: IsolatedReaders[Result]) -> IsolatedReaders[Result]:
    """End the worker with this process, and leave it to this process after a fork."""
    atexit.register(readers.abandon)
    os.register_at_fork(after_in_child=readers.forget)
    return readers


_readers = kept(IsolatedReaders(document_json))
read = _readers.read
