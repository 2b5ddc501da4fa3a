"""Index very many files: time and its share of embedding, memory on the way, and going on after a kill.

    python benchmarks/many_files.py sentences.txt --files 100000

`sentences.txt` holds a sentence or more on each line. The files are Markdown of real sentences, two to twelve each,
under one or two headings, 500 to a folder. A process syncs them, is killed after `--kill` of the bytes, and another one
goes on; what it embeds again is counted. With --home the files and the index stay in that folder, and each run of this
script is one process: the first with --kill, the next goes on. Memory is the resident memory at each tenth of the way;
embedding is the time in which passes of the model were in flight. With --stand-in a computation of that length takes
the place of the model, behind the same tokenizer, to see what a sync would give to other processors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine


def main() -> None:
    """Make the files, sync them in two processes, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--kill", type=float, default=0.4, help="share of the bytes after which it is killed; 0: never")
    parser.add_argument("--home", type=Path, help="make the files here or go on with those here, in one process")
    parser.add_argument("--stand-in", type=float, help="microseconds of a core for each token, instead of the model")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        sync(options.worker, options.kill, options.stand_in)
        return
    home = options.home or Path(tempfile.mkdtemp(prefix="many-files-"))
    try:
        if not (home / "docs").exists():
            size = write_files(options.sentences, home / "docs", options.files)
            print(f"{options.files:,} files, {size / 1e6:.1f} MB; load average {os.getloadavg()[0]:.1f}", flush=True)
        stand_in = [] if options.stand_in is None else ["--stand-in", str(options.stand_in)]
        command = [sys.executable, __file__, str(options.sentences), *stand_in, "--worker", str(home), "--kill"]
        runs = [options.kill, 0.0] if options.kill and not options.home else [options.kill]
        for share in runs:
            ended = subprocess.run([*command, str(share)], stdout=subprocess.PIPE, text=True, check=False)
            print(f"killed at {share:.0%}" if share else "to the end", ended.stdout.strip(), sep=": ", flush=True)
    finally:
        if not options.home:
            shutil.rmtree(home, ignore_errors=True)


def write_files(sentences: Path, folder: Path, count: int) -> int:
    """Write files of the sentences, begun anew where they run out; return their bytes."""
    chosen, size = random.Random(0), 0
    lines = sentences.read_text(encoding="utf-8").splitlines()
    at = 0
    for number in range(count):
        target = folder / f"{number // 500:04}" / f"{number}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        for _ in range(chosen.randint(1, 2)):
            taken = [lines[(at + step) % len(lines)] for step in range(chosen.randint(2, 6))]
            at += len(taken)
            parts.append(f"# {' '.join(taken[0].split()[:6])}\n\n" + "\n".join(taken))
        text = "\n\n".join(parts) + "\n"
        target.write_text(text, encoding="utf-8")
        size += len(text.encode())
    return size


def sync(home: Path, kill: float, stand_in: float | None = None) -> None:
    """Sync in this process and print a line of JSON at each tenth and at the end; with `kill`, die on the way."""
    from openclaw_instructor.service import Toolbox

    toolbox = Toolbox(home, engine=None if stand_in is None else engine_with(stand_in, home))
    toolbox.index_add("docs", [home / "docs"])
    started = time.perf_counter()
    memory: dict[str, float] = {}

    def told(more: dict[str, Any]) -> None:
        stats = toolbox.engine.stats()
        seconds = time.perf_counter() - started
        share = stats["model_seconds"] / seconds
        line = {
            "seconds": round(seconds, 1),
            "processor_seconds": round(time.process_time(), 1),
            "embedding_share": round(share, 3),
            "texts": stats["texts"],
            "memory_mb": memory,
        }
        print(json.dumps(line | more), flush=True)

    def on_progress(done: int, total: int, message: str) -> None:
        tenth = f"{10 * done // total if total else 0}/10"
        memory.setdefault(tenth, round(resident()))
        if kill and total and done >= kill * total:
            told({})
            os.kill(os.getpid(), 9)

    (report,) = toolbox.index_sync("docs", on_progress).collections
    told({"added": report.added, "unchanged": report.unchanged, "passages": report.chunks, "embedded": report.embedded})


def engine_with(microseconds: float, home: Path) -> Engine:
    """Make an engine whose model uses a core for so long for each token and gives random vectors."""
    from openclaw_instructor.model.thread_settings import keep_numpy_on_one_thread

    keep_numpy_on_one_thread()
    import numpy as np

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.engine.embedders.local import LocalEmbedder
    from openclaw_instructor.settings import Settings

    square = np.ones((256, 256), np.float32)

    class StandIn(LocalEmbedder):
        def load(self) -> Any:
            self.passes = 2
            return self

        def embed(self, prompts: Sequence[Any], batch_tokens: int) -> Any:
            tokens = sum(prompt.tokens for prompt in prompts)
            end = time.thread_time() + tokens * microseconds / 1e6
            while time.thread_time() < end:
                # As the kernels do, without Python's lock.
                square @ square
            rows = np.random.default_rng(tokens).standard_normal((len(prompts), self.dimension)).astype(np.float32)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return Engine(Settings.load(home), open_embedder=StandIn)


def resident() -> float:
    """Return the resident memory of this process in MB; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
