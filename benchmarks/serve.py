"""How the daemon serves: throughput under 64 clients, searching while indexing, memory, the start of the MCP shim,
and a mixed load.

    python benchmarks/serve.py FOLDER_OF_MARKDOWN [--parts memory,shim,...,mixed] [--json out.json]

Everything runs on the bundled checkpoint in a temporary home. The load comes from a process of its own that speaks
plain HTTP over kept connections and parses a sample of the answers at the end; it runs on the same cores, and its share
is printed.
Throughput alternates with the same texts tokenised and embedded in bulk by the library alone, so that a ratio is of
runs next to each other. Every run has a new daemon, warmed up by other texts, whose cache knows none of those measured;
64 clients send one text a request, then 16. Latency is open-loop: a search is due every `--every` seconds whether or
not the last one is answered, and counts from when it was due. Mixed: searches alone, then 64 clients for two minutes,
each with a pause of a second on average, who embed, search, classify, sync, add and remove collections while files
change; then the same without pauses, for memory after 2,000 and 20,000 requests. Nothing is asserted; read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from home import Home, load_process, processor_seconds

WARM = 256
SIZES = (1, 16)
PARTS = ("memory", "shim", "throughput", "latency", "mixed")
PROGRAM = [sys.executable, "-m", "openclaw_instructor"]


def paragraphs(folder: Path, count: int) -> list[str]:
    """Up to `count` distinct paragraphs of 80 to 2,500 characters of the folder's Markdown."""
    found: dict[str, None] = {}
    for path in sorted(folder.rglob("*.md")):
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")):
            if 80 < len(block.strip()) < 2_500:
                found[block.strip()] = None
    texts = list(found)
    random.Random(0).shuffle(texts)
    if len(texts) < 512:
        raise SystemExit(f"{folder} holds only {len(texts)} paragraphs of Markdown; give a folder with more")
    return texts[:count]


def offline_main() -> None:
    """Embed the texts on standard input in bulk, as a script without a server would, after a warm-up."""
    from openclaw_instructor import INSTRUCTOR, Registry
    from openclaw_instructor.settings import Settings

    given = json.loads(sys.stdin.read())
    instruction = Registry.load(Settings.load()).embedding_instruction("query")
    model = INSTRUCTOR()
    model.embed(model.prompter.render(instruction, given["warm"]))
    started, worked = time.perf_counter(), time.process_time()
    model.embed(model.prompter.render(instruction, given["texts"]), batch_tokens=Settings.load().batch_tokens)
    seconds = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - worked}
    print(json.dumps(seconds))


def measure_memory(texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    from openclaw_instructor.daemon.client import Client

    home = Home()
    client = Client(home.settings, home.daemon)
    try:
        client.tools()
        idle = home.resident()
        client.embeddings(texts[:2], "query")
        loaded = home.resident()
        for start in range(0, 512, 64):
            client.embeddings(texts[start : start + 64], "passage")
        return {"idle_mb": idle, "loaded_mb": loaded, "after_512_texts_mb": home.resident()}
    finally:
        home.close()


def measure_shim(texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    """Processor seconds (user and system) of `initialize` and `tools/list` in a fresh process."""
    home = Path(tempfile.mkdtemp(prefix="serve-benchmark-"))
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
    lines = [{"id": 1, "method": "initialize", "params": hello}, {"id": 2, "method": "tools/list"}]
    talk = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
    seconds = []
    for _ in range(10):
        process = subprocess.Popen(
            [*PROGRAM, "--home", str(home), "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(talk)
        process.stdin.close()
        assert '"tools":[' in process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        seconds.append(usage.ru_utime + usage.ru_stime)
    shutil.rmtree(home, ignore_errors=True)
    return {"first_s": seconds[0], "median_s": statistics.median(seconds), "worst_s": max(seconds)}


def measure_throughput(texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    warm, texts = texts[:WARM], texts[WARM:]
    rounds = [
        {"offline": offline(warm, texts), **{size: served(warm, texts, size) for size in SIZES}}
        for _ in range(options.rounds)
    ]
    result = {"offline_texts_per_s": statistics.median(one["offline"]["rate"] for one in rounds)}
    for size in SIZES:
        name = f"_by_{size}"
        for key in ("rate", "load_share", "others_share"):
            result[f"{key}{name}"] = statistics.median(one[size][key] for one in rounds)
        ratios = [one[size]["rate"] / one["offline"]["rate"] for one in rounds]
        result[f"to_offline{name}"], result[f"worst{name}"] = statistics.median(ratios), min(ratios)
        cost = [one["offline"]["processor_seconds"] / one[size]["processor_seconds"] for one in rounds]
        result[f"processor_to_offline{name}"] = statistics.median(cost)
        result[f"errors{name}"] = sum(one[size]["errors"] for one in rounds)
    return result


def offline(warm: list[str], texts: list[str]) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, __file__, "--offline"],
        input=json.dumps({"warm": warm, "texts": texts}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(told.stdout)
    return {"rate": len(texts) / answer["seconds"], **answer}


def served(warm: list[str], texts: list[str], size: int) -> dict[str, float]:
    """Shares are of the processor time that the machine has."""
    home = Home()
    try:
        load_process("flood", home.daemon, texts=warm, size=size)
        before = processor_seconds(home.daemon.pid), processor_seconds()
        answer = load_process("flood", home.daemon, texts=texts, size=size)
        after = processor_seconds(home.daemon.pid), processor_seconds()
    finally:
        home.close()
    daemon, machine_wide = after[0] - before[0], after[1] - before[1]
    load, all_there_is = answer["processor_seconds"], answer["seconds"] * (os.cpu_count() or 1)
    return {
        "rate": len(texts) / answer["seconds"],
        "load_share": load / all_there_is,
        "others_share": (machine_wide - daemon - load) / all_there_is,
        "processor_seconds": daemon or float("nan"),
        "errors": answer["errors"],
    }


def measure_latency(texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    from openclaw_instructor.daemon.client import Client

    home = Home()
    client = Client(home.settings, home.daemon)
    queries = [" ".join(text.split()[:10]) for text in texts[500:]]
    small, large = home.folder / "small", home.folder / "large"
    small.mkdir()
    large.mkdir()
    for number, text in enumerate(texts[:500]):
        (small / f"{number}.md").write_text(text)
    for number in range(options.bulk_files):
        picked = random.Random(number).sample(texts, 8)
        (large / f"{number}.md").write_text("\n\n".join(f"## Part {number}\n\n{text}" for text in picked))
    try:
        client.index_add("docs", [small])
        client.index_sync("docs")
        client.index_add("bulk", [large])
        load_process("searches", home.daemon, queries=queries[:20], every=options.every)
        queries = queries[20:]
        idle = load_process("searches", home.daemon, queries=queries[: options.searches], every=options.every)
        indexing = subprocess.Popen([*PROGRAM, "--home", str(home.folder), "index", "sync", "bulk", "--json"])
        time.sleep(4)
        before, started = home.embedded(), time.monotonic()
        busy = load_process("searches", home.daemon, queries=queries[-options.searches :], every=options.every)
        rate = (home.embedded() - before - options.searches) / (time.monotonic() - started)
        lasted = indexing.poll() is None
        indexing.kill()
        indexing.wait()
    finally:
        home.close()
    if not lasted:
        print("note: indexing ended before the searches did; give a larger --bulk-files", file=sys.stderr)
    return {
        "idle_p50_ms": percentile(idle["latencies"], 50),
        "idle_p95_ms": percentile(idle["latencies"], 95),
        "busy_p50_ms": percentile(busy["latencies"], 50),
        "busy_p95_ms": percentile(busy["latencies"], 95),
        "busy_to_idle_p95": percentile(busy["latencies"], 95) / percentile(idle["latencies"], 95),
        "bulk_texts_per_s": rate,
        "errors": idle["errors"] + busy["errors"],
    }


def measure_mixed(texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    """Searches alone and among 64 clients who pause a second on average; memory after requests without pauses."""
    from openclaw_instructor.daemon.client import Client

    home = Home()
    client = Client(home.settings, home.daemon)
    folder = home.folder / "docs"
    folder.mkdir()
    for number, text in enumerate(texts[:500]):
        (folder / f"{number}.md").write_text(text)
    queries = [" ".join(text.split()[:10]) for text in texts[500:]]
    order = {"queries": queries, "texts": texts[500:], "folder": str(folder)}
    try:
        client.index_add("docs", [folder])
        client.index_sync("docs")
        client.run("classify_email", {"subject": "a first mail", "body": "loads the labels"})
        load_process("searches", home.daemon, queries=queries[:20], every=options.every)
        idle = load_process("searches", home.daemon, queries=queries[: options.searches], every=options.every)
        busy = load_process("mixed", home.daemon, **order, every=1.0, seconds=options.seconds)
        few = load_process("mixed", home.daemon, **order, every=0.0, requests=options.requests // 10)
        resident = home.resident()
        many = load_process("mixed", home.daemon, **order, every=0.0, requests=options.requests * 9 // 10)
        after = home.resident()
    finally:
        home.close()
    statuses: dict[str, int] = {}
    for each in (busy, few, many):
        for status, count in each["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    print(f"{'mixed':12}{statuses}")
    ratio = percentile(busy["latencies"]["search"], 99) / percentile(idle["latencies"], 99)
    return {
        "idle_p99_ms": percentile(idle["latencies"], 99),
        "busy_p50_ms": percentile(busy["latencies"]["search"], 50),
        "busy_p99_ms": percentile(busy["latencies"]["search"], 99),
        "busy_to_idle_p99": ratio,
        "requests": sum(busy["statuses"].values()),
        "errors": sum(count for status, count in statuses.items() if status[-3:] not in ("200", "429")),
        "too_many": sum(count for status, count in statuses.items() if status.endswith("429")),
        "resident_after_tenth_mb": resident,
        "resident_after_all_mb": after,
        "growth": after / resident,
    }


def percentile(seconds: list[float], which: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[which - 1] * 1000


def machine() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        name = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), name
        )
    return f"{name}, {os.cpu_count()} processors, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--texts", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--bulk-files", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the mixed load")
    parser.add_argument("--requests", type=int, default=20_000, help="of the mixed load without pauses")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    texts = paragraphs(options.folder, options.texts)
    print(f"{machine()}; {len(texts)} paragraphs; load average {os.getloadavg()[0]:.1f}")
    measures = {
        "memory": measure_memory,
        "shim": measure_shim,
        "throughput": measure_throughput,
        "latency": measure_latency,
        "mixed": measure_mixed,
    }
    results: dict[str, Any] = {}
    for part in options.parts.split(","):
        results[part] = measures[part](texts, options)
        for name, value in results[part].items():
            print(f"{part:12}{name:24}{value:12.3f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--offline"]:
        offline_main()
    else:
        main()
