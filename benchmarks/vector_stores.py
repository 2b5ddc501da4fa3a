"""Compare rankings by vectors in Milvus with those of the local index, on retrieval sets.

    pip install ".[milvus,evaluate]"
    python benchmarks/vector_stores.py DATA/retrieval/cacm DATA/retrieval/cisi ... [--store milvus://HOST:19530]

Each set (in the format of docs/evaluation.md) is indexed once, a file for each document; the same home is then searched
with `store: local` and with vectors in Milvus, Milvus Lite in the folder of the home by default. The numbers are
nDCG@10 x 100 of both, the share of queries whose ten best documents are the same in the same order, and the share with
the same set of ten. Homes are kept in --folder, if it is given, so that a set is embedded once.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

from openclaw_instructor.evaluate import datasets
from openclaw_instructor.evaluate.metrics import ranking
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

Run = dict[str, dict[str, float]]
MODES = ("vector", "hybrid")
TOP = 10


def main() -> None:
    """Print a row for each set and mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--store", help="a Milvus server; default: Milvus Lite in the folder of each home")
    parser.add_argument("--folder", type=Path, help="keep the homes here")
    parser.add_argument("--queries", type=int, default=10_000, help="most queries of a set")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vector-stores-")))
        print("| set | mode | passages | local | Milvus | same order | same ten | local ms | Milvus ms |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for path in options.sets:
            measure(path, folder.absolute() / path.name, options.store, options.queries)


def measure(path: Path, folder: Path, store: str | None, most: int) -> None:
    """Index one set, if it is not yet, and search it both ways."""
    (found,) = datasets.find(path).datasets
    home, files = folder / "home", folder / "files"
    fill(home, files, found)
    queries = {str(row["id"]): str(row["text"]) for row in found.rows("queries")[:most]}
    judged = found.judgements()
    stores = {"local": "local", "Milvus": store or f"milvus://{folder / 'milvus.db'}"}
    runs: dict[str, dict[str, Run]] = {}
    milliseconds: dict[str, dict[str, float]] = {}
    passages = 0
    for name, setting in stores.items():
        with Toolbox(settings=Settings.load(home, store=setting)) as toolbox:
            (report,) = toolbox.index_sync("docs").collections
            if report.error:
                raise SystemExit(report.error)
            passages = report.chunks
            runs[name], milliseconds[name] = {}, {}
            for mode in MODES:
                started = time.perf_counter()
                runs[name][mode] = searched(toolbox, queries, mode)
                milliseconds[name][mode] = 1_000 * (time.perf_counter() - started) / len(queries)
    for mode in MODES:
        local, milvus = (runs[name][mode] for name in stores)
        scores = [100 * ranking(run, judged)["ndcg_at_10"] for run in (local, milvus)]
        same = sum(list(local[query]) == list(milvus[query]) for query in queries) / len(queries)
        ten = sum(set(local[query]) == set(milvus[query]) for query in queries) / len(queries)
        took = [milliseconds[name][mode] for name in stores]
        print(
            f"| {path.name} | {mode} | {passages:,} | {scores[0]:.2f} | {scores[1]:.2f} | {same:.1%} | {ten:.1%} | "
            f"{took[0]:.1f} | {took[1]:.1f} |",
            flush=True,
        )


def fill(home: Path, files: Path, found: datasets.Dataset) -> None:
    """Write each document to a file and index them; what was indexed before is not read again."""
    files.mkdir(parents=True, exist_ok=True)
    for row in found.rows("corpus"):
        path = files / f"{row['id']}.md"
        title = " ".join(str(row.get("title") or "").split())
        if not path.exists():
            path.write_text((f"# {title}\n\n" if title else "") + f"{row['text']}\n", encoding="utf-8")
    with Toolbox(settings=Settings.load(home)) as toolbox:
        toolbox.index_add("docs", [files])
        toolbox.index_sync("docs")


def searched(toolbox: Toolbox, queries: dict[str, str], mode: str) -> Run:
    """Return the ten best documents of each query, best first."""
    run: Run = {}
    for key, text in queries.items():
        result = toolbox.run("search_docs", {"query": text, "mode": mode, "top_k": 2 * TOP})
        best = dict.fromkeys(Path(hit["file"]).stem for hit in result["hits"])
        run[key] = {name: 1.0 / rank for rank, name in enumerate(list(best)[:TOP], start=1)}
    return run


if __name__ == "__main__":
    main()
