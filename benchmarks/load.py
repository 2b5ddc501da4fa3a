"""The load of `serve.py`, in a process of its own: JSON orders on standard input, outcomes on standard output."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
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


@dataclass
class Mix:
    """What 64 clients of a daemon ask for: `every` is the mean of their pauses, in seconds.

    They end after `seconds`, or after so many `requests`.
    """

    url: str
    token: str
    queries: list[str]
    texts: list[str]
    folder: str
    every: float
    seconds: float = float("inf")
    requests: float = float("inf")
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[str] = field(default_factory=Counter)

    async def run(self) -> dict[str, Any]:
        """Let them ask; latencies in seconds by kind, and how often each status was answered."""
        self._chosen, self._end, self._edits = random.Random(1), time.perf_counter() + self.seconds, 0
        kinds = [*[self._embed] * 24, *[self._search] * 20, *[self._classify] * 14, *[self._sync] * 3]
        kinds += [self._add_and_remove] * 2 + [self._edit]
        assert len(kinds) == CLIENTS
        await asyncio.gather(*(self._client(kind, number) for number, kind in enumerate(kinds)))
        return {"latencies": dict(self.latencies), "statuses": dict(self.statuses)}

    async def _client(self, ask: Callable[[Connection, int], Awaitable[None]], number: int) -> None:
        connection = Connection(self.url, self.token)
        await asyncio.sleep(self._chosen.uniform(0, self.every))
        while time.perf_counter() < self._end and self.requests > 0:
            await ask(connection, number)
            await asyncio.sleep(self._chosen.expovariate(1 / self.every) if self.every else 0)

    async def _ask(self, connection: Connection, kind: str, path: str, body: dict[str, Any]) -> None:
        self.requests -= 1
        started = time.perf_counter()
        status, _ = await connection.post(path, json.dumps(body).encode())
        self.latencies[kind].append(time.perf_counter() - started)
        self.statuses[f"{kind} {status}"] += 1

    async def _embed(self, connection: Connection, number: int) -> None:
        body = {"input": self._chosen.sample(self.texts, 4), "input_type": "query", "encoding_format": "base64"}
        await self._ask(connection, "embed", "/v1/embeddings", body)

    async def _search(self, connection: Connection, number: int) -> None:
        await self._ask(connection, "search", "/v1/tools/search_docs", {"query": self._chosen.choice(self.queries)})

    async def _classify(self, connection: Connection, number: int) -> None:
        mail = {"subject": self._chosen.choice(self.queries), "body": self._chosen.choice(self.texts)}
        await self._ask(connection, "classify", "/v1/tools/classify_email", mail)

    async def _sync(self, connection: Connection, number: int) -> None:
        await self._ask(connection, "sync", "/v1/index/sync", {"name": "docs"})

    async def _add_and_remove(self, connection: Connection, number: int) -> None:
        name = f"of{number}"
        await self._ask(connection, "add", "/v1/index/add", {"name": name, "folders": [f"{self.folder}/0.md"]})
        await self._ask(connection, "sync", "/v1/index/sync", {"name": name})
        await self._ask(connection, "remove", "/v1/index/remove", {"name": name})

    async def _edit(self, connection: Connection, number: int) -> None:
        """Change a file, which the daemon follows by itself."""
        self._edits += 1
        path = Path(self.folder) / f"{self._edits % 50}.md"
        path.write_text(f"{self._chosen.choice(self.texts)}\n\nedited {self._edits} times\n")
        await asyncio.sleep(1)


async def mixed(**order: Any) -> dict[str, Any]:
    """64 clients that embed, search, classify, sync, add and remove, while files change."""
    return await Mix(**order).run()


def main() -> None:
    order = json.loads(sys.stdin.read())
    kinds: dict[str, Callable[..., Any]] = {"flood": flood, "searches": searches, "mixed": mixed}
    print(json.dumps(asyncio.run(kinds[order.pop("kind")](**order))))


if __name__ == "__main__":
    main()
