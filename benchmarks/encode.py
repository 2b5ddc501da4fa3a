"""How fast the encoder is, beside sentence-transformers and beside the machine itself.

    python benchmarks/encode.py FOLDER_OF_MARKDOWN [--rows 'base-*,cold-start'] [--rounds 3] [--busy 0] [--json FILE]

Random checkpoints of the base and large shapes are written to a temporary folder; `mini` is the bundled one. Each side
runs in a process of its own that stays alive while the other works, and the two take turns, so that every ratio is of
runs next to each other. Texts are paragraphs of the folder's Markdown. The machine's ceilings (matrix products of the
encoder's shapes, reading memory) are measured in the same run. With `--busy N` so many
processes compute beside. Nothing here is asserted; read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from busy import busy_processes
from compare_worker import INSTRUCTION, Side, seconds_of

ROWS = "base-*,large-auto,large-memory,mini-auto,mini-float32,mini-int8,mini-memory,accuracy-*,cold-start"

SHAPES = {"base": (768, 3_072, 12, 12), "large": (1_024, 4_096, 16, 24)}  # width, inner, heads, layers


def paragraphs(folder: Path, count: int) -> list[str]:
    """Up to `count` paragraphs of 80 to 2,500 characters, spread evenly over the folder's Markdown files."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace"))
        found += [block.strip() for block in blocks if 80 < len(block.strip()) < 2_500]
    if len(found) < 32:
        raise SystemExit(f"{folder} holds only {len(found)} paragraphs of Markdown; give a folder with more")
    return found[:: max(1, len(found) // count)][:count]


def write_random_checkpoint(folder: Path, shape_name: str) -> Path:
    import torch

    from openclaw_instructor.model.checkpoint import BUNDLED, Checkpoint
    from openclaw_instructor.model.networks.t5 import T5Encoder
    from openclaw_instructor.model.shapes import T5Shape
    from openclaw_instructor.model.writer import write_checkpoint

    width, inner, heads, layers = SHAPES[shape_name]
    vocabulary = Checkpoint.open("mini").shape.vocab_size
    torch.manual_seed(0)
    encoder = T5Encoder(T5Shape(vocabulary, width, inner, heads, 64, layers, 32, 128, 1e-6, 768, normalize=True))
    for name, weight in encoder.named_parameters():
        if "norm" in name:
            torch.nn.init.ones_(weight)
        else:
            torch.nn.init.normal_(weight, std=(0.15 if "qkv" in name else 0.5) * weight.shape[-1] ** -0.5)
    return write_checkpoint(
        folder / shape_name, encoder, tokenizer_from=BUNDLED["mini"], max_seq_length=512, card="# random weights\n"
    )


def operations(checkpoint: str, texts: list[str]) -> tuple[int, int]:
    """Tokens, and the multiply-adds x 2 that embedding them needs: products of the layers and attention."""
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.model.prompt import Prompter

    opened = Checkpoint.open(checkpoint)
    shape, inside = opened.shape, opened.shape.heads * opened.shape.head_width
    lengths = [len(prompt.ids) for prompt in Prompter(opened).render(INSTRUCTION, texts)]
    products = 2 * (4 * shape.width * inside + 2 * shape.width * shape.inner)
    return sum(lengths), sum(shape.layers * (n * products + 4 * n * n * inside) for n in lengths)


def compare(checkpoint: str, dtypes: tuple[str, str], texts: list[str], rounds: int) -> dict[str, Any]:
    """Bulk and single-query times of both sides, in turn, and the ceilings beside ours."""
    import numpy as np

    ours, theirs = Side("ours", checkpoint, dtypes[0]), Side("theirs", checkpoint, dtypes[1])
    for side in (ours, theirs):
        side.ask("texts", texts=texts)
    bulk, query, ceilings = [], [], []
    for _ in range(rounds):
        ceilings.append(ours.ask("ceiling"))
        bulk.append((ours.ask("bulk")["seconds"], theirs.ask("bulk")["seconds"]))
        query.append((ours.ask("query")["seconds"], theirs.ask("query")["seconds"]))
    a, b = (np.array(side.ask("vectors")["vectors"]) for side in (ours, theirs))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    tokens, flops = operations(checkpoint, texts)
    peak = max(c["matrix_flops"] for c in ceilings)
    bandwidth = max(c["bytes_per_second"] for c in ceilings)
    mine = statistics.median(o for o, _ in bulk)
    described = ours.ask("describe")
    result = {
        "dtype": described["dtype"],
        "peer_dtype": dtypes[1],
        "tokens": tokens,
        "tokens_per_second": tokens / mine,
        "bulk_ratio": statistics.median(t / o for o, t in bulk),
        "matrix_gflops": peak / 1e9,
        "share_of_peak": flops / mine / peak,
        "query_ms": 1e3 * statistics.median(o for o, _ in query),
        "query_ratio": statistics.median(o / t for o, t in query),
        "read_once_ms": 1e3 * _weights_per_query(checkpoint) * described["weight_bytes"] / bandwidth,
        "gb_per_second": bandwidth / 1e9,
        "min_cosine": float(cosine.min()),
    }
    ours.close()
    theirs.close()
    return result


def _weights_per_query(checkpoint: str) -> int:
    from openclaw_instructor.model.checkpoint import Checkpoint

    opened = Checkpoint.open(checkpoint)
    return opened.parameters - opened.shape.vocab_size * opened.shape.width


def memory(checkpoint: str, dtype: str, texts: list[str]) -> dict[str, float]:
    """Peak resident memory of a fresh process that loads the checkpoint and embeds the texts."""
    side = Side("ours", checkpoint, dtype)
    side.ask("texts", texts=texts)
    side.ask("bulk")
    result: dict[str, float] = side.ask("memory")
    side.close()
    return result


def accuracy(folder: Path, low_dtype: str) -> dict[str, float]:
    """A short format beside float32 on the bundled, trained checkpoint: cosines, and the ten nearest of 500 queries."""
    import numpy as np

    from openclaw_instructor.model.instructor import INSTRUCTOR

    texts = paragraphs(folder, 3_000)
    queries = [text.split(". ")[0][:200] for text in texts[:: max(1, len(texts) // 500)]][:500]
    found = {}
    for dtype in ("float32", low_dtype):
        model = INSTRUCTOR("mini", dtype=dtype)
        passages = model.encode([[INSTRUCTION, text] for text in texts], normalize_embeddings=True)
        asked = model.encode([["Represent the question for retrieval: ", text] for text in queries])
        found[dtype] = passages, np.argsort(-(asked @ passages.T), axis=1)[:, :10]
    (exact, nearest), (low, nearest_low) = found["float32"], found[low_dtype]
    overlap = [len(set(a) & set(b)) / 10 for a, b in zip(nearest, nearest_low, strict=True)]
    cosine = (exact * low).sum(1)
    return {
        "passages": len(texts),
        "min_cosine": float(cosine.min()),
        "mean_cosine": float(cosine.mean()),
        "top_10_overlap": float(np.mean(overlap)),
    }


def cold_start(checkpoint: str, rounds: int) -> dict[str, float]:
    """Seconds from process start to the first embedding, ours and theirs in turn, and of importing torch alone."""
    programs = {
        "ours": f"from openclaw_instructor import INSTRUCTOR; INSTRUCTOR({checkpoint!r}).encode(['hello'])",
        "theirs": (
            "from sentence_transformers import SentenceTransformer; "
            f"SentenceTransformer({checkpoint!r}).encode(['hello'])"
        ),
        "torch": "import torch",
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds + 1):
        for name, program in programs.items():
            times[name].append(
                seconds_of(lambda p=program: subprocess.run([sys.executable, "-c", p], check=True, capture_output=True))
            )
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}  # the first warms the disk
    return medians | {"ratio": medians["ours"] / medians["theirs"]}


def on(checkpoint: Callable[[], str], measure: Callable[..., Any], *arguments: Any) -> Any:
    """Write the checkpoint, and measure it."""
    return measure(checkpoint(), *arguments)


def rows(scratch: Path, options: argparse.Namespace, texts: list[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every row of the table by name, in order, and what measures it."""
    for shape in ("base", "large", "mini"):
        written = partial(checkpoint_of, scratch, shape)
        for dtypes in (("auto", "default"), ("float32", "float32"), ("bfloat16", "bfloat16"), ("int8", "default")):
            yield f"{shape}-{dtypes[0]}", partial(on, written, compare, dtypes, texts, options.rounds)
        yield f"{shape}-memory", partial(on, written, memory, "auto", texts)
        yield f"{shape}-int8-memory", partial(on, written, memory, "int8", texts)
    for dtype in ("bfloat16", "int8"):
        yield f"accuracy-{dtype}", partial(accuracy, options.folder, dtype)
    yield "cold-start", lambda: cold_start(checkpoint_of(scratch, "mini"), options.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", default=ROWS, help="names, with * for any; default: %(default)s")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0, help="processes that keep cores busy meanwhile")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    texts = paragraphs(options.folder, options.texts)
    results: dict[str, Any] = {"machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs"}
    with tempfile.TemporaryDirectory() as scratch, busy_processes(options.busy):
        for name, measure in rows(Path(scratch), options, texts):
            if any(fnmatch(name, wanted) for wanted in options.rows.split(",")):
                results[name] = row = measure()
                print(f"{name:14}", "  ".join(f"{key} {_short(value)}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def checkpoint_of(scratch: Path, shape_name: str) -> str:
    """The bundled checkpoint, or one of random weights that is written the first time."""
    from openclaw_instructor.model.checkpoint import BUNDLED

    if shape_name == "mini":
        return str(BUNDLED["mini"])
    folder = scratch / shape_name
    return str(folder if folder.exists() else write_random_checkpoint(scratch, shape_name))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
