"""A query to the daemon over HTTP beside the same in process on one thread, alone and beside busy processes.

    python benchmarks/contention.py FOLDER_OF_MARKDOWN [--busy 0,1,2] [--rounds 10]

Thirty queries of ten words go to the daemon, one after the other, then thirty are embedded here, in turn; both sides
read as many tokens and neither knows a text. The processor time of the daemon's side includes its client's.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import torch
from busy import busy_processes
from home import Home, processor_seconds
from serve import machine, paragraphs

from openclaw_instructor import INSTRUCTOR, Registry
from openclaw_instructor.daemon.client import Client

Ask = Callable[[str], object]
AT_ONCE = 30


class Side:
    """One way to embed a query, and what it took so far, in milliseconds."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.took: list[float] = []
        self.worked = 0.0

    def take(self, queries: list[str], daemon: int) -> None:
        before = time.process_time() + processor_seconds(daemon)
        for query in queries:
            started = time.perf_counter()
            self._ask(query)
            self.took.append(1e3 * (time.perf_counter() - started))
        self.worked += 1e3 * (time.process_time() + processor_seconds(daemon) - before)

    def summary(self) -> tuple[float, float, float]:
        """p50, p95 and processor time of a query."""
        times = sorted(self.took)
        return times[len(times) // 2], times[len(times) * 95 // 100], self.worked / len(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--busy", default="0,1,2", help="numbers of busy processes")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    words = [text.split()[:9] for text in paragraphs(options.folder, 4_000)]
    numbers = count()

    def fresh() -> list[str]:
        return [f"{number} " + " ".join(words[number % len(words)]) for number in islice(numbers, AT_ONCE)]

    torch.set_num_threads(1)
    model, home = INSTRUCTOR(), Home(load_wait=120)
    client = Client(home.settings, home.daemon)
    instruction = Registry.load(home.settings).embedding_instruction("query")
    ways: dict[str, Ask] = {
        "daemon": lambda query: client.embeddings([query], "query"),
        "thread": lambda query: model.embed(model.prompter.render(instruction, [query])),
    }
    print(f"{machine()}; load average {os.getloadavg()[0]:.1f}; milliseconds: p50, p95, processor time")
    try:
        for way in ways.values():
            Side(way).take(fresh(), home.daemon.pid)
        for busy in map(int, options.busy.split(",")):
            sides = {name: Side(way) for name, way in ways.items()}
            with busy_processes(busy):
                for side in list(sides.values()) * options.rounds:
                    side.take(fresh(), home.daemon.pid)
            daemon, thread = (side.summary() for side in sides.values())
            for name, summary in (("daemon", daemon), ("thread", thread)):
                print(f"busy {busy}  {name:8}" + "".join(f"{number:9.2f}" for number in summary))
            ratios = [ours / alone for ours, alone in zip(daemon, thread, strict=True)]
            print(f"busy {busy}  {'ratio':8}" + "".join(f"{ratio:9.2f}" for ratio in ratios), flush=True)
    finally:
        client.close()
        home.close()


if __name__ == "__main__":
    main()
