"""How long a person waits for the first answer when nothing runs yet, and what a daemon takes of the memory.

    python benchmarks/start.py [--rounds 10] [--busy 0] [--json FILE]

Everything runs on the bundled checkpoint in a temporary home with this project's documentation indexed. A round starts
a daemon and waits for the vector of a first text; stops it; and runs `openclaw-instructor search` in a shell's place,
`search_alone` while no daemon runs, where the command does the work itself and starts none, and `search_daemon` while
one runs that has answered before. Seconds are of the clock from the start of the process, and of the processor for the
daemon, or for the command alone. The very first start in a home, which prepares the weights with torch, is told apart.
Modules are compiled beforehand, as pip does. Nothing is asserted; read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from busy import busy_processes
from home import processor_seconds

from openclaw_instructor.daemon.client import Client
from openclaw_instructor.daemon.lifecycle import ensure, stop
from openclaw_instructor.settings import Settings

DOCUMENTATION = Path(__file__).resolve().parent.parent / "docs"
PROGRAM = [sys.executable, "-P", "-m", "openclaw_instructor"]


def start_daemon(settings: Settings) -> dict[str, float]:
    """Start a daemon, wait for its first vector, and stop it."""
    began = time.perf_counter()
    daemon = ensure(settings)
    served = time.perf_counter() - began
    client = Client(settings, daemon)
    answer = client.embeddings([f"the boats leave at nine {began}"], "query")
    answered = time.perf_counter() - began
    assert len(answer["data"]) == 1
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    worked = processor_seconds(daemon.pid)
    stop(settings)
    return {"serves_s": served, "first_vector_s": answered, "processor_s": worked, "resident_mb": resident / 1e3}


def search(settings: Settings, question: str) -> dict[str, float]:
    """Run the command as a person does; the processor's seconds are of the command alone."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [*PROGRAM, "--home", str(settings.home), "search", question, "--json"], capture_output=True, check=True
    )
    seconds = time.perf_counter() - began
    after = os.times()
    assert json.loads(done.stdout)["hits"]
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "processor_s": worked}


def one_round(settings: Settings, turn: int) -> dict[str, float]:
    found = {f"daemon_{name}": value for name, value in start_daemon(settings).items()}
    alone = search(settings, f"how do I back up the index? {turn}")
    ensure(settings)
    search(settings, "does the index need a backup?")
    beside = search(settings, f"how do I copy the index? {turn}")
    stop(settings)
    for place, told in (("alone", alone), ("daemon", beside)):
        found |= {f"search_{place}_{name}": value for name, value in told.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", type=int, default=0, help="processes that keep cores busy meanwhile")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="start-benchmark-"))
    settings = Settings.load(folder)
    results: dict[str, Any] = {}
    try:
        results["very first start"] = start_daemon(settings)
        subprocess.run([*PROGRAM, "--home", str(folder), "index", "add", "docs", str(DOCUMENTATION)], check=True)
        subprocess.run([*PROGRAM, "--home", str(folder), "index", "sync", "docs"], check=True, capture_output=True)
        stop(settings)
        with busy_processes(options.busy):
            rounds = [one_round(settings, turn) for turn in range(options.rounds + 1)][1:]
        for name in rounds[0]:
            values = sorted(each[name] for each in rounds)
            results[name] = {"least": values[0], "median": statistics.median(values), "most": values[-1]}
    finally:
        stop(settings)
        shutil.rmtree(folder, ignore_errors=True)
    for name, row in results.items():
        print(f"{name:28}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
