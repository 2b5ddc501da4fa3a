"""Wall time of installing, and of tool calls inside an agent turn of a real OpenClaw, cold, warm and hung.

    make openclaw && .venv/bin/python benchmarks/openclaw.py [SECTION ...] [--calls 20] [--json]

Each section takes about a minute on two idle cores and can be run by itself; all of them run if none is named.

install  `openclaw install` with a Gateway that runs and without one, beside what OpenClaw's own command takes alone
cold     the first call of a turn, and of memory_search, while no daemon runs and no model is loaded
warm     calls in a turn, beside the same calls straight to the daemon
hung     a call that meets a daemon that is stopped (SIGSTOP), which is replaced
index    OpenClaw's own documentation, with the processor time beside the wall time

The language model is scripted and answers at once. In a turn the time from its tool call to the request that carries
the result is measured: OpenClaw's own work plus ours. The same time for a tool that does not exist is OpenClaw's alone;
the same call made straight to the daemon is ours alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from openclaw_instructor.daemon import lifecycle  # noqa: E402
from openclaw_instructor.daemon.client import Client  # noqa: E402
from openclaw_instructor.openclaw.folder import plugin_folder  # noqa: E402
from openclaw_instructor.openclaw.program import command_line  # noqa: E402
from openclaw_instructor.settings import Settings  # noqa: E402
from tests.openclaw.llm_stub import LanguageModel  # noqa: E402
from tests.openclaw.openclaw_host import OpenClaw, invoked  # noqa: E402

CALLS: dict[str, dict[str, Any]] = {
    "search_docs": {"query": "How do I add a task?"},
    "classify_email": {"subject": "Invoice 1042", "body": "Please pay 80 euros within ten days."},
    "semantic_match": {"query": "I want a refund", "candidates": ["Give my money back", "The train leaves at nine"]},
}
SEARCH = ("search_docs", CALLS["search_docs"])
Results = dict[str, Any]


@dataclass
class Bench:
    """A fresh OpenClaw and a fresh home of ours."""

    host: OpenClaw
    settings: Settings
    calls: int

    def ours(self, *arguments: str) -> tuple[float, float]:
        """Run our program; returns the wall and processor seconds of it and of what it started."""
        return timed([*command_line(self.settings), *arguments, "--json"], self.host.environment)

    def prepared(self) -> None:
        """Index this project's pages, install the plugin and start the Gateway."""
        self.ours("index", "add", "docs", str(ROOT / "docs"))
        self.ours("openclaw", "install", "--yes")
        self.host.start()
        self.host.turn([("no_such_tool", {})])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of: {', '.join(SECTIONS)}")
    parser.add_argument("--calls", type=int, default=20, help="calls of each tool")
    parser.add_argument(
        "--bin", type=Path, default=ROOT / "build/openclaw/node_modules/.bin", help="has openclaw, node"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}")
    # A time limit from outside ends the Gateway and the daemon too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before it was done"))
    found: Results = {"load before": os.getloadavg()[0]}
    for name in options.sections or SECTIONS:
        with bench(options.bin.absolute(), options.calls) as given:
            for key, value in SECTIONS[name](given).items():
                found[f"{name}: {key}"] = value
                if not options.json:
                    print(f"{name + ': ' + key:52} {value}", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))


@contextmanager
def bench(binaries: Path, calls: int) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        settings = Settings(home=root / "instructor")
        settings.home.mkdir()
        model = LanguageModel()
        host = OpenClaw(root / "openclaw", binaries, model)
        try:
            yield Bench(host, settings, calls)
        finally:
            host.stop()
            lifecycle.stop(settings)
            model.close()


def timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(times: tuple[float, float]) -> str:
    return f"{times[0]:.1f} s, {times[1]:.1f} s of processor time"


def install(given: Bench) -> Results:
    """The processor time is that of the programs started, not that of the Gateway."""
    openclaw = str(given.host.binaries / "openclaw")
    link = [openclaw, "plugins", "install", "-l", str(plugin_folder(given.settings)), "--force"]
    found = {
        "OpenClaw's start (`plugins list`)": timed([openclaw, "plugins", "list", "--json"], given.host.environment)
    }
    found["no Gateway runs"] = given.ours("openclaw", "install", "--yes")
    found["OpenClaw's `plugins install -l` alone"] = timed([*link, "--accept-capabilities"], given.host.environment)
    given.host.run("plugins", "uninstall", "openclaw-instructor", "--force")
    given.host.start()
    found["a Gateway runs"] = given.ours("openclaw", "install", "--yes")
    return {name: told(times) for name, times in found.items()}


def cold(given: Bench) -> Results:
    given.prepared()
    found: Results = {}
    for number in range(3):
        lifecycle.stop(given.settings)
        turn = given.host.turn([SEARCH], session=f"cold{number}")
        found[f"call in a turn, {number + 1}"] = f"{turn.between_requests:.2f} s"
    for state in ("cold", "warm", "warm again"):
        if state == "cold":
            lifecycle.stop(given.settings)
        started = time.perf_counter()
        invoked(given.host, "memory_search", {"query": f"teach a label ({state})", "corpus": "wiki"})
        found[f"memory_search, {state}"] = f"{time.perf_counter() - started:.3f} s"
    return found


def warm(given: Bench) -> Results:
    given.prepared()
    given.host.turn(list(CALLS.items()))
    rows = {name: _row(name, arguments, given, True) for name, arguments in CALLS.items()}
    return rows | {"no_such_tool": _row("no_such_tool", {}, given, False)}


def hung(given: Bench) -> Results:
    given.prepared()
    found: Results = {}
    for number in range(2):
        given.host.turn([SEARCH], session=f"before{number}")
        os.kill(lifecycle.status(given.settings)["pid"], signal.SIGSTOP)
        turn = given.host.turn([("search_docs", {"query": f"restart it ({number})"})], session=f"hung{number}")
        assert '"hits"' in turn.results[0], turn.results
        found[f"call that is answered all the same, {number + 1}"] = f"{turn.between_requests:.1f} s"
    return found


def index(given: Bench) -> Results:
    """Every eighth page: a cross-section, which two cores have done in a minute."""
    source = (given.host.binaries / "openclaw").resolve().parent / "docs"
    pages = sorted(source.rglob("*.md"))[::8]
    for page in pages:
        copy = given.host.root / "pages" / page.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(page.read_bytes())
    command = [*command_line(given.settings), "--in-process", "index"]
    started = timed([*command, "status"], given.host.environment)
    times = timed([*command, "add", "docs", str(given.host.root / "pages")], given.host.environment)
    done = subprocess.run([*command, "status", "--json"], check=True, capture_output=True)
    [collection] = json.loads(done.stdout)["collections"]
    passages = collection["chunks"]
    return {
        "start of the program": told(started),
        "documents, passages": f"{collection['documents']}, {passages}",
        "all of it": told(times),
        "604 passages at that rate": told((604 * times[0] / passages, 604 * times[1] / passages)),
    }


def _row(tool: str, arguments: dict[str, Any], given: Bench, ours: bool) -> str:
    # A query that repeats would come from the cache; each call asks something new.
    def varied(number: int) -> dict[str, Any]:
        return {key: f"{value} ({number})" if isinstance(value, str) else value for key, value in arguments.items()}

    turns = [
        given.host.turn([(tool, varied(number))], session=tool).between_requests * 1000 for number in range(given.calls)
    ]
    said = f"{statistics.median(turns):.1f} ms in the turn (p95 {sorted(turns)[int(0.95 * (len(turns) - 1))]:.1f})"
    if not ours:
        return said
    direct = []
    with Client(given.settings) as client:
        for number in range(given.calls, 2 * given.calls):
            started = time.perf_counter()
            client.run(tool, varied(number))
            direct.append((time.perf_counter() - started) * 1000)
    return f"{said}, {statistics.median(direct):.1f} ms straight to the daemon"


SECTIONS: dict[str, Callable[[Bench], Results]] = {
    "install": install,
    "cold": cold,
    "warm": warm,
    "hung": hung,
    "index": index,
}

if __name__ == "__main__":
    main()
