"""Time a sync of files that have not changed, and what following them costs.

    python benchmarks/sync.py unchanged [FILES ...]    default: 10000 100000
    python benchmarks/sync.py edit [FILES]             default: 10000; until the daemon finds an edit
    python benchmarks/sync.py burst [FILES]            default: 10000; the syncs after all of them changed at once
    python benchmarks/sync.py idle [FILES [SECONDS]]   default: 10000 180; processor time while nothing changes

All work on files made for the purpose, in a temporary folder and a home of their own. To spare the hours that
embedding takes, one of them is indexed and the others are recorded as it was.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from home import processor_seconds

from openclaw_instructor.index import chunk_store
from openclaw_instructor.index.results import SyncReport
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.watch import Watcher
from openclaw_instructor.service import Toolbox

FILES_PER_FOLDER = 50
EDITS = 10


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("unchanged", "edit", "burst", "idle"))
    parser.add_argument("files", nargs="*", type=int)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sync-"))
    try:
        if options.what == "unchanged":
            for count in options.files or [10_000, 100_000]:
                unchanged(folder / str(count), count)
        elif options.what == "idle":
            idle(folder, *(options.files or [10_000]))
        else:
            {"edit": edit, "burst": burst}[options.what](folder, *(options.files or [10_000])[:1])
    finally:
        shutil.rmtree(folder)


def plant(folder: Path, count: int) -> Path:
    """Make `count` small texts, fifty to a folder."""
    docs = folder / "docs"
    for number in range(count):
        path = docs / f"folder{number // FILES_PER_FOLDER:05}" / f"note{number:06}.md"
        if number % FILES_PER_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"# Note {number}\n\nThe number of this note is {number}.\n")
    return docs


def indexed(folder: Path, count: int) -> Path:
    """Make files and an index that holds them."""
    docs = plant(folder, count)
    with Toolbox(folder / "home") as toolbox:
        toolbox.index_add("docs", [docs], include=["!*", "note000000.md"])
        toolbox.index_sync("docs")
        toolbox.index_add("docs", [docs])
        record(folder / "home" / "index.db", docs)
        toolbox.index_sync("docs")
    return docs


def unchanged(folder: Path, count: int) -> None:
    """Sync a collection of which everything is indexed and nothing has changed."""
    indexed(folder, count)
    times = []
    for _ in range(3):
        with Toolbox(folder / "home") as toolbox:
            started = time.perf_counter()
            (report,) = toolbox.index_sync("docs").collections
            times.append(time.perf_counter() - started)
            assert report.unchanged == count, report
            assert not toolbox.engine.loaded
    print(f"{count:,} unchanged files: {statistics.median(times):.2f} s, the model was not loaded")


def record(index: Path, docs: Path) -> None:
    """Write rows of all files into the index, as if they had been read."""
    store = Store(index)
    with store.write() as connection:
        (generation,) = connection.execute("SELECT id FROM generations").fetchone()
        first = chunk_store.known(connection, generation)
        (pattern,) = first.values()
        for path in docs.rglob("*.md"):
            if str(path) in first:
                continue
            status = path.stat()
            row = chunk_store.DocumentRow(
                path=str(path),
                place=f"docs/{path.relative_to(docs)}",
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                ctime_ns=status.st_ctime_ns,
                hash=os.urandom(16).hex(),
                reader=pattern.reader,
                title=path.stem,
                modified=status.st_mtime,
            )
            chunk_store.publish(connection, generation, row)
    store.close()


def edit(folder: Path, count: int) -> None:
    """Edit files below a running daemon, and ask until each edit is found."""
    from openclaw_instructor.daemon.client import Client
    from openclaw_instructor.daemon.lifecycle import ensure, stop
    from openclaw_instructor.settings import Settings

    docs = indexed(folder, count)
    settings = Settings.load(folder / "home")
    ensure(settings)
    times = []
    try:
        with Client(settings) as client:
            while client.index_status("docs")[0]["watched"] is None:
                time.sleep(1)
            client.run("search_docs", {"query": "a first search loads the model"})
            for path in random.Random(0).sample(sorted(docs.rglob("*.md")), EDITS):
                word = f"otter{os.urandom(4).hex()}"
                path.write_text(f"An {word} swims.\n")
                written = time.perf_counter()
                while not client.run("search_docs", {"query": word, "mode": "keyword"})["hits"]:
                    time.sleep(0.01)
                times.append(time.perf_counter() - written)
    finally:
        stop(settings)
    print(f"an edit among {count:,} files is found after {statistics.median(times):.2f} s, at most {max(times):.2f} s")


def burst(folder: Path, count: int) -> None:
    """Change every file while a watcher follows them; all get one text, which is embedded once."""
    docs = indexed(folder, count)
    reports = []
    with Toolbox(folder / "home") as toolbox:

        def sync(name: str, only: Sequence[str] | None) -> SyncReport:
            reports.append(toolbox.index_sync(name, only=only))
            return reports[-1]

        watcher = Watcher(lambda: toolbox.index, sync, folder / "home" / "index.db")
        watcher.start()
        while "docs" not in toolbox.index.watched:
            time.sleep(0.1)
        time.sleep(2)
        reports.clear()
        started = time.perf_counter()
        for path in docs.rglob("*.md"):
            path.write_text("# Note\n\nAn otter swims.\n")
        written = time.perf_counter()
        while sum(report.collections[0].changed for report in reports) < count:
            time.sleep(0.1)
        ended = time.perf_counter()
        # What is still to come would come now.
        time.sleep(5)
        watcher.stop()
    embedded = sum(report.collections[0].embedded for report in reports)
    print(
        f"{count:,} files changed in {written - started:.1f} s: {len(reports)} sync(s), the last one done "
        f"{ended - written:.1f} s later, {embedded} text(s) embedded"
    )


def idle(folder: Path, count: int, seconds: int = 180) -> None:
    """Measure the processor time of a daemon that follows files of which none changes, its model loaded."""
    from openclaw_instructor.daemon.client import Client
    from openclaw_instructor.daemon.lifecycle import ensure, stop
    from openclaw_instructor.settings import Settings

    indexed(folder, count)
    settings = Settings.load(folder / "home")
    endpoint = ensure(settings)
    try:
        with Client(settings) as client:
            while client.index_status("docs")[0]["watched"] is None:
                time.sleep(1)
            client.run("search_docs", {"query": "a first search loads the model"})
        time.sleep(5)
        before = processor_seconds(endpoint.pid)
        time.sleep(seconds)
        used = processor_seconds(endpoint.pid) - before
    finally:
        stop(settings)
    print(f"following {count:,} idle files for {seconds} s took {used:.2f} s of processor time ({used / seconds:.3%})")


if __name__ == "__main__":
    main()
