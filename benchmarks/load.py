"""The load of `serve.py`, in a process of its own: JSON orders on standard input, outcomes on standard output."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

CLIENTS = 64


class Connection:
    """One kept HTTP/1.1 connection."""

    def __init__(self, url: str, token: str) -> None:
        self._host, self._port = str(urlsplit(url).hostname), int(urlsplit(url).port or 80)
        self._token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send, read the answer off, return its status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAuthorization: Bearer {self._token}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", answer)
        content = await reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split(b" ", 2)[1]), content


async def flood(url: str, token: str, texts: list[str], size: int) -> dict[str, Any]:
    """CLIENTS connections take requests of `size` texts from one list until it is empty.

    The last answer of each is parsed when the time is taken; one without as many vectors as it had texts is an error.
    """
    requests = [
        json.dumps({"input": texts[at : at + size], "input_type": "query", "encoding_format": "base64"}).encode()
        for at in range(0, len(texts), size)
    ]
    errors = 0
    samples: list[tuple[bytes, bytes]] = []

    async def client() -> None:
        nonlocal errors
        connection = Connection(url, token)
        sample = None
        while requests:
            request = requests.pop()
            status, answer = await connection.post("/v1/embeddings", request)
            errors += status != 200
            sample = request, answer
        if sample is not None:
            samples.append(sample)

    started, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - worked
    errors += sum(vectors(answer) != len(json.loads(request)["input"]) for request, answer in samples)
    return {"seconds": seconds, "processor_seconds": processor_seconds, "errors": errors}


def vectors(answer: bytes) -> int:
    """How many embeddings of one length the answer holds."""
    lengths = [len(base64.b64decode(item["embedding"])) for item in json.loads(answer).get("data", [])]
    return len(lengths) if len(set(lengths)) == 1 and min(lengths) else 0


async def searches(url: str, token: str, queries: list[str], every: float) -> dict[str, Any]:
    """One search every `every` seconds, open-loop; latencies in seconds from when each was due."""
    free: list[Connection] = []
    latencies: list[float] = []
    errors = 0

    async def one(query: str, due: float) -> None:
        nonlocal errors
        connection = free.pop() if free else Connection(url, token)
        status, _ = await connection.post("/v1/tools/search_docs", json.dumps({"query": query}).encode())
        errors += status != 200
        latencies.append(time.perf_counter() - due)
        free.append(connection)

    start = time.perf_counter() + 0.1
    running: list[Awaitable[None]] = []
    for number, query in enumerate(queries):
        due = start + number * every
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.append(asyncio.ensure_future(one(query, due)))
    await asyncio.gather(*running)
    return {"latencies": latencies, "errors": errors}


def main() -> None:
    order = json.loads(sys.stdin.read())
    kinds: dict[str, Callable[..., Any]] = {"flood": flood, "searches": searches}
    print(json.dumps(asyncio.run(kinds[order.pop("kind")](**order))))


if __name__ == "__main__":
    main()
