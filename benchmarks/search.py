"""Compare nearest-neighbour search with that of other libraries: the same vectors and queries, in one run.

    pip install sqlite-vec pysqlite3-binary lancedb milvus-lite pymilvus qdrant-client usearch
    python benchmarks/search.py passages.txt questions.txt --count 100000

Both files hold a text on each line, which the bundled checkpoint embeds; vectors that were computed before are given as
.npy files. Every engine builds in a process of its own and answers in a second one, on one core, one query at a time.
Where an engine can trade speed for recall, the fastest setting that reaches the recall asked for counts. With --phase
build and --folder they only build, and with --phase search they answer from what that folder holds, vectors and true
answers included: building may go on beside other work, and in several runs, while times of answers need an idle
machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from search_engines import ENGINES

TOP = 10
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "LANCE_CPU_THREADS",
    "TOKIO_WORKER_THREADS",
)


def main() -> None:
    """Run the comparison and print its table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("passages", type=Path, help="texts, one on a line, or vectors as .npy")
    parser.add_argument("queries", type=Path, help="the same of the queries")
    parser.add_argument("--count", type=int, default=100_000, help="how many of the passages")
    parser.add_argument("--engine", action="append", choices=sorted(ENGINES), help="only this one; repeatable")
    parser.add_argument("--recall", type=float, default=0.98, help="share of the nearest 10 that is to be found")
    parser.add_argument("--folder", type=Path, help="keep what the engines build in this folder")
    parser.add_argument("--phase", choices=("both", "build", "search"), default="both")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        phase, name = arguments.worker
        print(json.dumps(WORK[phase](ENGINES[name](), arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="search-benchmark-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        passages, queries = _prepared(folder, arguments)
        print(f"{len(passages):,} vectors of dimension {passages.shape[1]}, {len(queries)} queries\n")
        print("| engine | recall@10 | p50 ms | p99 ms | processor p50 ms | open ms | build s | disk MB | memory MB |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name in arguments.engine or ENGINES:
            print(_row(name, folder, arguments), flush=True)


def _prepared(folder: Path, arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return passages and queries as vectors, and leave them with the true answers in the folder; once for a folder."""
    if (folder / "truth.npy").exists():
        return np.load(folder / "passages.npy", mmap_mode="r"), np.load(folder / "queries.npy")
    passages = _vectors(arguments.passages, folder / "passages.npy", arguments.count, "document")
    queries = _vectors(arguments.queries, folder / "queries.npy", 1_000, "query")
    np.save(folder / "truth.npy", _truth(passages, queries))
    return passages, queries


def _row(name: str, folder: Path, arguments: argparse.Namespace) -> str:
    told = folder / f"{name}.json"
    try:
        if arguments.phase != "search":
            told.write_text(json.dumps(_worker("build", name, folder, arguments)))
        built = json.loads(told.read_text())
        if arguments.phase == "build":
            return f"| {name} | built in {built['seconds']:.0f} s |"
        found = _worker("search", name, folder, arguments)
    except subprocess.CalledProcessError as error:
        return f"| {name} | failed: {error.stderr.strip().splitlines()[-1][:150] if error.stderr else error} |"
    effort = "" if found["effort"] is None else f" ({found['effort']})"
    return (
        f"| {name}{effort} | {found['recall']:.3f} | {found['p50']:.2f} | {found['p99']:.2f} | {found['cpu']:.2f} "
        f"| {found['open']:.0f} | {built['seconds']:.0f} ({built['cpu']:.0f}) | {built['bytes'] / 1e6:.0f} "
        f"| {found['memory']:.0f} |"
    )


def _worker(phase: str, name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "passages", "queries", "--worker", phase, name, "--folder", str(folder)]
    threads = dict.fromkeys(_ONE_THREAD, "1") if phase == "search" else {}
    ended = subprocess.run(
        [*command, "--recall", str(arguments.recall)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def _build(engine: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    place = arguments.folder / engine.name
    place.mkdir(exist_ok=True)
    vectors = np.load(arguments.folder / "passages.npy", mmap_mode="r")
    started, worked = time.perf_counter(), time.process_time()
    engine.build(vectors, place)
    used = time.process_time() - worked
    return {
        "seconds": time.perf_counter() - started,
        "cpu": used,
        "bytes": sum(file.stat().st_size for file in place.rglob("*") if file.is_file()),
    }


def _search(engine: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    queries = np.load(arguments.folder / "queries.npy").astype(np.float32)
    truth = np.load(arguments.folder / "truth.npy")
    for module in engine.modules:
        importlib.import_module(module)
    before = _resident()
    started = time.perf_counter()
    engine.open(arguments.folder / engine.name)
    opened = (time.perf_counter() - started) * 1e3
    for query in queries[:20]:
        engine.search(query, TOP, engine.efforts[0])
    best: dict[str, Any] = {}
    for effort in engine.efforts:
        asked = queries[: engine.most_queries]
        best = {"effort": effort, **_measured(engine, asked, truth, effort)}
        if best["recall"] >= arguments.recall:
            break
    return best | {"open": opened, "memory": _resident() - before}


def _measured(engine: Any, queries: Any, truth: Any, effort: int | None) -> dict[str, float]:
    taken, worked, found = [], [], 0
    numbers_of = getattr(engine, "numbers_of", list)
    for query, nearest in zip(queries, truth, strict=False):
        started, used = time.perf_counter(), time.process_time()
        ids = engine.search(query, TOP, effort)
        taken.append((time.perf_counter() - started) * 1e3)
        worked.append((time.process_time() - used) * 1e3)
        found += len(set(map(int, numbers_of(ids))) & set(nearest.tolist()))
    return {
        "recall": found / (TOP * len(queries)),
        "p50": float(np.median(taken)),
        "p99": float(np.percentile(taken, 99)),
        "cpu": float(np.median(worked)),
    }


WORK = {"build": _build, "search": _search}


def _resident() -> float:
    """Return the resident memory of this process in MB; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def _vectors(source: Path, target: Path, count: int, role: str) -> Any:
    """Load or embed `count` unit vectors, and save them as float32."""
    if source.suffix == ".npy":
        found = np.load(source, mmap_mode="r")[:count].astype(np.float32)
    else:
        from openclaw_instructor import INSTRUCTOR

        texts = source.read_text(encoding="utf-8").splitlines()[:count]
        instruction = {
            "query": "Represent the question for retrieving supporting documents: ",
            "document": "Represent the document for retrieval: ",
        }[role]
        found = np.asarray(INSTRUCTOR().encode([[instruction, text] for text in texts], batch_size=256))
    found = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    np.save(target, found)
    return found


def _truth(vectors: Any, queries: Any) -> Any:
    """Find the nearest of each query exactly, a block of vectors at a time."""
    scores = np.full((len(queries), TOP), -np.inf, dtype=np.float32)
    ids = np.zeros((len(queries), TOP), dtype=np.int64)
    for start in range(0, len(vectors), 50_000):
        block = queries @ vectors[start : start + 50_000].T
        rows = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
        block, rows = np.concatenate([scores, block], axis=1), np.concatenate([ids, rows], axis=1)
        nearest = np.argpartition(-block, TOP - 1, axis=1)[:, :TOP]
        scores, ids = np.take_along_axis(block, nearest, 1), np.take_along_axis(rows, nearest, 1)
    return ids


if __name__ == "__main__":
    main()
