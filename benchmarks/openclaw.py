"""Wall time of a warm tool call inside an agent turn of a real OpenClaw.

    make openclaw && .venv/bin/python benchmarks/openclaw.py [--calls 20] [--json]

The language model is scripted and answers at once. Measured is the time from its tool call to the request that carries
the result: OpenClaw's own work plus ours. The same time for a tool that does not exist is OpenClaw's alone; the same
call made straight to the daemon is ours alone.
"""

from __future__ import annotations

import argparse
import json
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
from tests.openclaw.openclaw_host import OpenClaw  # noqa: E402

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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measure(options.bin.absolute(), options.calls)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"median of {options.calls} calls, milliseconds")
    print(f"{'tool':16} {'in the turn':>12} {'p95':>8} {'straight to the daemon':>24}")
    for row in rows:
        direct = f"{row['direct_ms']:.1f}" if row["direct_ms"] is not None else "-"
        print(f"{row['tool']:16} {row['turn_ms']:12.1f} {row['turn_p95_ms']:8.1f} {direct:>24}")


def measure(binaries: Path, calls: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        settings = Settings(home=root / "instructor")
        settings.home.mkdir()
        model = LanguageModel()
        host = OpenClaw(root / "openclaw", binaries, model)
        program = command_line(settings)
        try:
            for arguments in (["index", "add", "docs", str(ROOT / "docs")], ["openclaw", "install", "--yes"]):
                subprocess.run([*program, *arguments, "--json"], env=host.environment, check=True, capture_output=True)
            host.start()
            host.turn(list(CALLS.items()))
            rows = [_row(name, arguments, host, settings, calls) for name, arguments in CALLS.items()]
            return [*rows, _row("no_such_tool", {}, host, None, calls)]
        finally:
            host.stop()
            lifecycle.stop(settings)
            model.close()


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
