"""Measure `search_docs` over very many passages, in a home that is filled with vectors that were computed before.

    python benchmarks/large_index.py passages.txt vectors.npy questions.txt --home big --count 1000000

`passages.txt` holds a text on each line, `vectors.npy` (n, dimension) the vector of each. A passage has two lines, a
document twenty passages. A home that holds an index already is measured as it is. With `--profile` it says where the
time goes; with `--nearest` what the vectors alone take, and how many of the nearest ten they find.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import itertools
import os
import pstats
import time
from pathlib import Path
from typing import Any

import numpy as np

from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

PASSAGES_PER_DOCUMENT = 20


def main() -> None:
    """Fill the home if it is empty, search it, and print what it takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("passages", type=Path)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("questions", type=Path, help="a question on each line")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, nargs=2, default=(5, 15), help="only questions of so many words")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--nearest", action="store_true")
    arguments = parser.parse_args()
    settings = Settings.load(arguments.home)
    if not settings.index_path.exists():
        fill(settings, arguments.passages, np.load(arguments.vectors, mmap_mode="r"), arguments.count)
    low, high = arguments.words
    lines = arguments.questions.read_text(encoding="utf-8").splitlines()
    questions = [line for line in lines if low <= len(line.split()) <= high]
    toolbox = Toolbox(arguments.home)
    if arguments.nearest:
        nearest(toolbox, settings, questions)
        return
    started = time.perf_counter()
    toolbox.run("search_docs", {"query": "warm up"})
    print(f"first search, with loading the model and opening the index: {time.perf_counter() - started:.1f} s")
    for name in ("each for the first time", "again"):
        print(f"{name}: {measured(toolbox, questions)}", flush=True)
    print(f"index.db: {settings.index_path.stat().st_size / 1e6:,.0f} MB; {_memory()}")
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(measured, toolbox, questions[:100])
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def measured(toolbox: Toolbox, questions: list[str]) -> str:
    """Run each question and describe the times, of the clock and of the processor."""
    clock, processor = [], []
    for question in questions:
        started, used = time.perf_counter(), time.process_time()
        toolbox.run("search_docs", {"query": question})
        clock.append((time.perf_counter() - started) * 1e3)
        processor.append((time.process_time() - used) * 1e3)
    return f"{len(questions)} questions, {_described(clock, processor)}"


def nearest(toolbox: Toolbox, settings: Settings, questions: list[str]) -> None:
    """Search the vectors alone, among all and among one in a hundred, and compare with all inner products."""
    from openclaw_instructor.index import collections
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.store import Store
    from openclaw_instructor.index.vectors.local import LocalVectorEngine
    from openclaw_instructor.index.vectors.protocol import View

    instruction = "Represent the question for retrieving supporting documents: "
    queries = np.asarray(toolbox.engine.embed(questions, instruction, role="query").vectors, dtype=np.float32)
    with Store(settings.index_path).read() as connection:
        (collection,) = collections.collections(connection)
        assert collection.serving is not None
        view = View(connection, collection, collection.serving)
        engine = LocalVectorEngine(settings.vectors_dir)
        importlib.import_module("faiss")
        print(f"before: {_memory()}")
        started, used = time.perf_counter(), time.process_time()
        searcher, _ = engine.open(view)
        took = (time.perf_counter() - started) * 1e3, (time.process_time() - used) * 1e3
        for query in queries:
            searcher.search(query, 10, Filter())
        print(f"opened in {took[0]:.0f} ms (processor {took[1]:.0f}); after {len(queries)} searches: {_memory()}")
        ids = view.ids()
        for name, among in (("all", None), ("one in a hundred", ids[::100])):
            wanted = Filter() if among is None else Filter(passages=tuple(among.tolist()))
            truth = _truth(view, ids if among is None else among, queries)
            clock, processor, found = [], [], 0
            for query, best in zip(queries, truth, strict=True):
                started, used = time.perf_counter(), time.thread_time()
                hits = searcher.search(query, 10, wanted)
                clock.append((time.perf_counter() - started) * 1e3)
                processor.append((time.thread_time() - used) * 1e3)
                found += len({key for key, _ in hits} & set(best.tolist()))
            print(f"{name}: recall@10 {found / truth.size:.4f}, {_described(clock, processor)}")


def _truth(view: Any, ids: Any, queries: Any) -> Any:
    """Find the ten nearest of each query among the stored vectors of these ids."""
    best = [(np.full((len(queries), 10), -2, np.float32), np.zeros((len(queries), 10), np.int64))]
    for known, vectors in view.vectors(ids):
        scores, keys = best.pop()
        scores = np.concatenate([scores, queries @ vectors.T], axis=1)
        keys = np.concatenate([keys, np.broadcast_to(known, (len(queries), len(known)))], axis=1)
        order = np.argpartition(-scores, 9, axis=1)[:, :10]
        best.append((np.take_along_axis(scores, order, 1), np.take_along_axis(keys, order, 1)))
    return best[0][1]


def _described(clock: list[float], processor: list[float]) -> str:
    return ", ".join(
        f"{name} p50 {np.median(times):.1f} p95 {np.percentile(times, 95):.1f} p99 {np.percentile(times, 99):.1f} ms"
        for name, times in (("clock", clock), ("processor", processor))
    )


def fill(settings: Settings, passages: Path, vectors: Any, count: int) -> None:
    """Publish the passages with their vectors, as a sync of files would."""
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index import collections, staleness
    from openclaw_instructor.index.store import Store

    settings.home.mkdir(parents=True, exist_ok=True)
    root = settings.home / "files"
    root.mkdir(exist_ok=True)
    store, engine = Store(settings.index_path), Engine(settings)
    with store.write() as connection:
        collections.put(connection, "docs", "Represent the document for retrieval: ", [collections.Root(root, (), ())])
        (collection,) = collections.collections(connection)
        generation = collections.target(connection, collection, staleness.wanted(engine, collection))
    with passages.open(encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, count)]
    for first in range(0, len(lines), 200 * PASSAGES_PER_DOCUMENT):
        with store.write() as connection:
            for start in range(first, min(len(lines), first + 200 * PASSAGES_PER_DOCUMENT), PASSAGES_PER_DOCUMENT):
                publish(connection, generation.id, root, lines, vectors, start)
    with store.write() as connection:
        collections.touch(connection, collection, generation)
        collections.finish(connection, collection, generation, "2026-01-01T00:00:00+00:00", "", {})
    store.close()


def publish(connection: Any, generation_id: int, root: Path, lines: list[str], vectors: Any, start: int) -> None:
    """Publish the document that begins with this passage."""
    from openclaw_instructor.documents.chunking import Chunk
    from openclaw_instructor.index import chunk_store, stored_vectors

    numbers = range(start, min(len(lines), start + PASSAGES_PER_DOCUMENT))
    chunks = []
    for place, number in enumerate(numbers):
        text = f"{lines[number]}\n{lines[(number + 1) % len(lines)]}"
        heading = lines[number][:40] if place % 5 == 0 else ""
        chunks.append(Chunk(1 + 3 * place, 2 + 3 * place, heading, text, text, f"{number:x}"))
    name = f"{start // 20_000}/{start}.md"
    title = " ".join(lines[start].split()[:6])
    row = chunk_store.DocumentRow(
        str(root / name), name, 1_000, start, start, name, "markdown/1", title, 1e9 + 50 * start
    )
    blobs = [stored_vectors.as_blob(np.asarray(vectors[number], dtype=np.float32)) for number in numbers]
    chunk_store.publish(connection, generation_id, row, chunks, blobs)


def _memory() -> str:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return ""
    kinds = {line.split(":")[0]: int(line.split()[1]) / 1e3 for line in lines if line.startswith(("VmRSS", "Rss"))}
    return f"process {os.getpid()}: " + ", ".join(f"{name} {size:,.0f} MB" for name, size in kinds.items())


if __name__ == "__main__":
    main()
