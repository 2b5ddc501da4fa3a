"""Wall time of installing, and of tool calls inside an agent turn of a real OpenClaw, cold and warm.

    make openclaw && .venv/bin/python benchmarks/openclaw.py [--calls 20] [--json]

The language model is scripted and answers at once. Measured is the time from its tool call to the request that carries
the result: OpenClaw's own work plus ours. The same time for a tool that does not exist is OpenClaw's alone; the same
call made straight to the daemon is ours alone. A cold call finds no daemon: it starts one, which loads the model. With
`--index` OpenClaw's own pages are indexed too, and the processor time of that is told beside the wall time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from openclaw_instructor.daemon import lifecycle  # noqa: E402
from openclaw_instructor.daemon.client import Client  # noqa: E402
from openclaw_instructor.openclaw.program import command_line  # noqa: E402
from openclaw_instructor.settings import Settings  # noqa: E402
from tests.openclaw.llm_stub import LanguageModel  # noqa: E402
from tests.openclaw.openclaw_host import OpenClaw, invoked  # noqa: E402

CALLS: dict[str, dict[str, Any]] = {
    "search_docs": {"query": "How do I add a task?"},
    "classify_email": {"subject": "Invoice 1042", "body": "Please pay 80 euros within ten days."},
    "semantic_match": {"query": "I want a refund", "candidates": ["Give my money back", "The train leaves at nine"]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20, help="calls of each tool")
    parser.add_argument(
        "--bin", type=Path, default=ROOT / "build/openclaw/node_modules/.bin", help="has openclaw, node"
    )
    parser.add_argument("--index", action="store_true", help="index OpenClaw's own documentation too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, once = measure(options.bin.absolute(), options.calls)
    if options.index:
        once |= index_pages(options.bin.absolute())
    if options.json:
        print(json.dumps({"calls": rows, "once": once}, indent=2))
        return
    for name, value in once.items():
        print(f"{name:44} {value}")
    print(f"median of {options.calls} calls, milliseconds")
    print(f"{'tool':16} {'in the turn':>12} {'p95':>8} {'straight to the daemon':>24}")
    for row in rows:
        direct = f"{row['direct_ms']:.1f}" if row["direct_ms"] is not None else "-"
        print(f"{row['tool']:16} {row['turn_ms']:12.1f} {row['turn_p95_ms']:8.1f} {direct:>24}")


def index_pages(binaries: Path) -> dict[str, Any]:
    """Index OpenClaw's documentation in a home of its own."""
    pages = (binaries / "openclaw").resolve().parent / "docs"
    with tempfile.TemporaryDirectory() as place:
        program = command_line(Settings(home=Path(place)))
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [*program, "--in-process", "index", "add", "docs", str(pages), "--json"], check=True, capture_output=True
        )
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout)["collections"][0]
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "index: pages, passages": f"{report['added']}, {report['chunks']}",
        "index: wall s, processor s": f"{seconds:.1f}, {processor:.1f}",
    }


def measure(binaries: Path, calls: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        settings = Settings(home=root / "instructor")
        settings.home.mkdir()
        model = LanguageModel()
        host = OpenClaw(root / "openclaw", binaries, model)
        program = command_line(settings)
        try:
            installing = 0.0
            for arguments in (["index", "add", "docs", str(ROOT / "docs")], ["openclaw", "install", "--yes"]):
                started = time.perf_counter()
                subprocess.run([*program, *arguments, "--json"], env=host.environment, check=True, capture_output=True)
                installing = time.perf_counter() - started
            host.start()
            host.turn([("no_such_tool", {})])
            once = {"openclaw install, s": round(installing, 1)} | _cold(host, settings)
            host.turn(list(CALLS.items()))
            rows = [_row(name, arguments, host, settings, calls) for name, arguments in CALLS.items()]
            return [*rows, _row("no_such_tool", {}, host, None, calls)], once
        finally:
            host.stop()
            lifecycle.stop(settings)
            model.close()


def _cold(host: OpenClaw, settings: Settings) -> dict[str, Any]:
    """Seconds of a first call with no daemon there, in a turn and through memory_search, and of the next one."""
    found = {}
    lifecycle.stop(settings)
    call = ("search_docs", {"query": "How do I add a task?"})
    found["cold call in a turn, s"] = round(host.turn([call], session="cold").between_requests, 2)
    for state in ("cold", "warm"):
        if state == "cold":
            lifecycle.stop(settings)
        started = time.perf_counter()
        invoked(host, "memory_search", {"query": f"teach a label ({state})", "corpus": "wiki"})
        found[f"memory_search, {state}, s"] = round(time.perf_counter() - started, 3)
    return found


def _row(tool: str, arguments: dict[str, Any], host: OpenClaw, settings: Settings | None, calls: int) -> dict[str, Any]:
    # A query that repeats would come from the cache; each call asks something new.
    def varied(number: int) -> dict[str, Any]:
        return {key: f"{value} ({number})" if isinstance(value, str) else value for key, value in arguments.items()}

    turns = [host.turn([(tool, varied(number))], session=tool).between_requests * 1000 for number in range(calls)]
    direct = []
    if settings:
        client = Client(settings)
        for number in range(calls, 2 * calls):
            started = time.perf_counter()
            client.run(tool, varied(number))
            direct.append((time.perf_counter() - started) * 1000)
    return {
        "tool": tool,
        "calls": calls,
        "turn_ms": round(statistics.median(turns), 1),
        "turn_p95_ms": round(sorted(turns)[int(0.95 * (len(turns) - 1))], 1),
        "direct_ms": round(statistics.median(direct), 1) if direct else None,
    }


if __name__ == "__main__":
    main()
