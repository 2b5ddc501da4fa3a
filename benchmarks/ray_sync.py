"""Time the first sync of a folder in one process, and by the workers of a Ray cluster.

    pip install ".[ray]"
    python benchmarks/ray_sync.py FOLDER [--ray local] [--workers 1 2] [--threads 1 2]

Each run has a home of its own and indexes every file anew. In one process the model has `--threads` threads, by workers
each encoder has one. The seconds of a run by workers include starting Ray, its processes and their models, which the
last column leaves out: it is the time from the first document that was published to the end. Processor seconds are
those of all processes, Ray's own included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from openclaw_instructor.index.workers.ray_pipeline import RayWorkers
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings


def main() -> None:
    """Print a row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ray", default="local")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    print("| run | files | passages | seconds | passages/s | processor seconds | from the first document on |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for threads in options.threads:
        show(f"one process, {threads} threads", options.folder, threads=threads)
    for count in options.workers:
        show(f"{count} workers", options.folder, ray=options.ray, workers=count)


def show(name: str, folder: Path, *, threads: int | None = None, ray: str = "", workers: int = 0) -> None:
    """Sync the folder in a new home and print what it took."""
    with tempfile.TemporaryDirectory(prefix="ray-sync-") as home:
        settings = Settings.load(home, threads=threads, cache_mb=0)
        with Toolbox(settings=settings) as toolbox:
            toolbox.index_add("docs", [folder])
            times: list[float] = []

            def told(done: int, total: int, what: str) -> None:
                if done:
                    times.append(time.perf_counter())

            started, busy = time.perf_counter(), processor_seconds()
            by = RayWorkers(settings, ray, workers) if ray else None
            (report,) = toolbox.index_sync("docs", told, workers=by).collections
            if report.error:
                raise SystemExit(report.error)
            seconds = time.perf_counter() - started
            busy = processor_seconds() - busy
            after = time.perf_counter() - times[0] if times else seconds
        print(
            f"| {name} | {report.added:,} | {report.chunks:,} | {seconds:.1f} | {report.chunks / seconds:,.0f} | "
            f"{busy:.1f} | {after:.1f} |",
            flush=True,
        )


def processor_seconds() -> float:
    """Of this process and of all that it started and that have ended."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


if __name__ == "__main__":
    main()
