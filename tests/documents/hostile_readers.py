"""Readers as a child process may meet them: each does one thing that a parser of a hostile file can do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path, PurePath

from openclaw_instructor.documents.document import Block, Document, Location, UnreadableDocument

HEAVY = ("torch", "numpy", "transformers", "faiss")


def well_behaved(data: bytes, path: PurePath) -> Document:
    print("a parser may print what it likes", flush=True)
    text = data.decode()
    block = Block(1, 1, 1, text, Location("page", 7, 8, "ß"), "Column | Ω")
    return Document([text], [block], path.name, {"author": text, "tags": ["a", "b"]}, ["noted"])


def process_id(data: bytes, path: PurePath) -> Document:
    return Document([str(os.getpid())], [Block(1, 1)])


def surroundings(data: bytes, path: PurePath) -> Document:
    loaded = " ".join(name for name in HEAVY if name in sys.modules)
    return Document([str(Path.cwd()), loaded, " ".join(sorted(os.environ))], [])


def size(data: bytes, path: PurePath) -> Document:
    return Document([str(len(data))], [])


def talkative(data: bytes, path: PurePath) -> Document:
    return Document(["x" * 1_000_000] * 30, [])


def sleeps(data: bytes, path: PurePath) -> Document:
    time.sleep(3600)
    raise AssertionError


def waits(data: bytes, path: PurePath) -> Document:
    """Takes long and does little, as every process of a busy machine."""
    time.sleep(float(data))
    return Document(["done"], [])


def never_returns(data: bytes, path: PurePath) -> Document:
    """Holds the interpreter's lock all the while."""
    re.match(r"(a|aa)+$", "a" * 200 + "b")
    raise AssertionError


def ignores_signals(data: bytes, path: PurePath) -> Document:
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    return sleeps(data, path)


def eats_memory(data: bytes, path: PurePath) -> Document:
    eaten = [b"x" * 10_000_000]
    while True:
        eaten.append(eaten[-1] + b"x")


def aborts(data: bytes, path: PurePath) -> Document:
    os.abort()


def kills_itself(data: bytes, path: PurePath) -> Document:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def exits(data: bytes, path: PurePath) -> Document:
    os._exit(0)


def nests(data: bytes, path: PurePath) -> Document:
    return nests(data, path)


def raises(data: bytes, path: PurePath) -> Document:
    raise KeyError(data.decode())


def refuses(data: bytes, path: PurePath) -> Document:
    raise UnreadableDocument("encrypted: it opens with a password only")


def connects(data: bytes, path: PurePath) -> Document:
    socket.create_connection(("127.0.0.1", int(data)))
    raise AssertionError


def starts_a_process(data: bytes, path: PurePath) -> Document:
    subprocess.run(["/bin/true"], check=True)
    raise AssertionError


def writes(data: bytes, path: PurePath) -> Document:
    Path(data.decode()).write_text("something")
    raise AssertionError


def lies(data: bytes, path: PurePath) -> Document:
    """Answers in the worker's place, as taken-over code could."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, data)
        except OSError:
            continue
    os._exit(1)
