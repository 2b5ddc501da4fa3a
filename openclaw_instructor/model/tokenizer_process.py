"""Run a tokenizer in a child process, which is killed when it takes too long; see `tokenization.py`.

The two exchange one JSON object a line. The child imports nothing but the `tokenizers` library.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.fork import reset_in_child
from openclaw_instructor.model.tokenization import LocalTokenizer, Tokens, read_tokenizer

START_SECONDS = 60.0
# An ordinary tokenizer takes 0.1 s for a million characters.
SECONDS, SECONDS_A_MEGABYTE = 10.0, 10.0
MEMORY_BYTES = 4_000_000_000
_CHILD = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from openclaw_instructor.model.tokenizer_process import serve; serve(sys.argv[2], sys.argv[3] == 'True')"
)


class IsolatedTokenizer:
    """A `TextTokenizer` whose texts are tokenised in a child process, started anew after it had to be killed.

    Raises InvalidCheckpoint when the file cannot be read, or when a text takes longer than the deadline.
    """

    def __init__(self, path: Path, lower_case: bool, *, seconds: float = SECONDS) -> None:
        self._path, self._lower_case, self._seconds = path, lower_case, seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        reset_in_child(self)
        self.special_ids: frozenset[int] = frozenset(self._ask({"do": "special"}, START_SECONDS))

    def encode(self, texts: Sequence[str], limit: int) -> list[Tokens]:
        """Tokenise the texts with special tokens, each truncated to `limit` tokens."""
        answer = self._ask({"do": "encode", "texts": list(texts), "limit": limit}, self._deadline(texts))
        return [Tokens([int(number) for number in ids], bool(truncated)) for ids, truncated in answer]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens and without a limit."""
        return [int(n) for n in self._ask({"do": "count", "texts": list(texts)}, self._deadline(texts))]

    def after_fork(self) -> None:
        """Forget the parent's process and lock, so that this process starts its own."""
        self._lock, self._child = threading.Lock(), None

    def __del__(self) -> None:
        if getattr(self, "_child", None) is not None:
            self._end()

    def _deadline(self, texts: Sequence[str]) -> float:
        return self._seconds + SECONDS_A_MEGABYTE * sum(map(len, texts)) / 1e6

    def _ask(self, request: dict[str, Any], seconds: float) -> Any:
        with self._lock:
            starting = self._child is None
            child = self._child = self._child or self._start()
            assert child.stdin
            assert child.stdout
            try:
                _write(child.stdin, json.dumps(request).encode() + b"\n", seconds + starting * START_SECONDS)
                answer = json.loads(_read_line(child.stdout, seconds + starting * START_SECONDS))
            except TimeoutError:
                self._end()
                raise InvalidCheckpoint(
                    f"{self._path}: its rules took more than {seconds:.0f} s on a text; "
                    "use a checkpoint from an author you trust"
                ) from None
            except (OSError, ValueError):
                self._end()
                raise InvalidCheckpoint(f"{self._path}: the tokenizer crashed; download the checkpoint again") from None
        if isinstance(answer, dict):
            raise InvalidCheckpoint(str(answer.get("error"))[:500])
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        # Not from the current folder, which may be a stranger's: its modules would be found first.
        folders = [str(Path(__file__).parents[2]), *(str(Path(folder).absolute()) for folder in sys.path if folder)]
        arguments = [json.dumps(folders), str(self._path.absolute()), str(self._lower_case)]
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
            | {"TOKENIZERS_PARALLELISM": "false"},
            start_new_session=True,
        )

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
            child.wait()


def serve(path: str, lower_case: bool) -> None:
    """Answer requests on standard input until it is closed."""
    _limit_memory()
    try:
        tokenizer = LocalTokenizer(read_tokenizer(Path(path), lower_case))
        failure = None
    except InvalidCheckpoint as error:
        failure = {"error": error.message}
    for line in sys.stdin:
        request = json.loads(line)
        if failure:
            answer: Any = failure
        elif request["do"] == "special":
            answer = sorted(tokenizer.special_ids)
        elif request["do"] == "count":
            answer = tokenizer.count(request["texts"])
        else:
            answer = [(t.ids, t.truncated) for t in tokenizer.encode(request["texts"], request["limit"])]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, OSError, ValueError):  # not on Windows, nor on systems without this limit
        return


def _write(pipe: IO[bytes], data: bytes, seconds: float) -> None:
    """Write all of `data`; the child may be busy and not read. Raises TimeoutError."""
    os.set_blocking(pipe.fileno(), False)
    left, end = memoryview(data), time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_WRITE)
        while left:
            if not selector.select(max(0.0, end - time.monotonic())):
                raise TimeoutError
            left = left[os.write(pipe.fileno(), left[: 1 << 16]) :]


def _read_line(pipe: IO[bytes], seconds: float) -> bytes:
    """Read up to the end of a line. Raises TimeoutError, and EOFError when the child ended."""
    parts: list[bytes] = []
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not parts or not parts[-1].endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                raise TimeoutError
            part = os.read(pipe.fileno(), 1 << 16)
            if not part:
                raise OSError("the child ended")
            parts.append(part)
    return b"".join(parts)
