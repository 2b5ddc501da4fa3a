"""How fast the encoder is, beside sentence-transformers and beside the machine itself.

    python benchmarks/encode.py FOLDER_OF_MARKDOWN [--shapes base,large,mini] [--rounds 3] [--json out.json]

Random checkpoints of the base and large shapes are written to a temporary folder; `mini` is the bundled one. Each side
runs in a process of its own that stays alive while the other works, and the two take turns, so that every ratio is of
runs next to each other. Texts are paragraphs of the folder's Markdown. The machine's ceilings (matrix products of the
encoder's shapes, reading memory) are measured in the same run. Nothing here is asserted; read the table.
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
import time
from functools import partial
from pathlib import Path
from typing import Any

INSTRUCTION = "Represent the documentation passage for retrieval: "
QUERY = "how do I restart the service after an update?"
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

    from openclaw_instructor.model.checkpoint import BUNDLED, Checkpoint, Shape
    from openclaw_instructor.model.encoder import Encoder
    from openclaw_instructor.model.writer import write_checkpoint

    width, inner, heads, layers = SHAPES[shape_name]
    vocabulary = Checkpoint.open("mini").shape.vocab_size
    torch.manual_seed(0)
    encoder = Encoder(Shape(vocabulary, width, inner, heads, 64, layers, 32, 128, 1e-6, 768, normalize=True))
    for name, weight in encoder.named_parameters():
        if "norm" in name:
            torch.nn.init.ones_(weight)
        else:
            torch.nn.init.normal_(weight, std=(0.15 if "qkv" in name else 0.5) * weight.shape[-1] ** -0.5)
    return write_checkpoint(
        folder / shape_name, encoder, tokenizer_from=BUNDLED["mini"], max_seq_length=512, card="# random weights\n"
    )


# -- one side, in its own process -------------------------------------------------------------------------------------


def serve(side: str, checkpoint: str, dtype: str) -> None:
    """Answer commands from standard input, one JSON object a line: bulk, query, vectors, ceiling, memory."""
    encode, extra = _ours(checkpoint, dtype) if side == "ours" else _theirs(checkpoint, dtype)
    texts: list[str] = []
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "texts":
            texts, answer = command["texts"], {}
        elif command["do"] == "bulk":
            encode(texts[:8])
            answer = {"seconds": _seconds(partial(encode, texts))}
        elif command["do"] == "query":
            times = sorted(_seconds(lambda: encode([QUERY])) for _ in range(60))
            answer = {"seconds": times[len(times) // 2]}
        elif command["do"] == "vectors":
            answer = {"vectors": encode(texts).tolist()}
        else:
            answer = extra(command["do"])
        print(json.dumps(answer), flush=True)


def _ours(checkpoint: str, dtype: str) -> Any:
    import torch

    from openclaw_instructor.model.instructor import INSTRUCTOR

    model = INSTRUCTOR(checkpoint, dtype=dtype)

    def extra(what: str) -> dict[str, Any]:
        if what == "describe":
            return {"dtype": str(model.dtype).removeprefix("torch."), "device": str(model.device)}
        if what == "memory":
            return {"peak_mb": _peak_mb(), "weights_mb": _weights_mb(model)}
        return _ceilings(model, torch)

    return lambda texts: model.encode([[INSTRUCTION, text] for text in texts]), extra


def _theirs(checkpoint: str, dtype: str) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    kwargs = {} if dtype == "default" else {"dtype": getattr(torch, dtype)}
    model = SentenceTransformer(checkpoint, model_kwargs=kwargs)
    return lambda texts: model.encode(texts, prompt=INSTRUCTION), lambda what: {"peak_mb": _peak_mb()}


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes


def _weights_mb(model: Any) -> float:
    wide = 2 if model.dtype.itemsize == 2 else 4
    return model.checkpoint.parameters * wide / 1e6


def _ceilings(model: Any, torch: Any) -> dict[str, Any]:
    """Rate of large products of the encoder's own shapes and dtype, and of reading memory, on this machine now."""
    shape, device = model.checkpoint.shape, model.device
    rates = []
    for inputs, outputs in ((shape.width, shape.inner), (shape.width, 3 * shape.width)):
        weight = torch.randn(outputs, inputs, device=device).to(model.dtype)
        for rows in (2_048, 4_096):
            x = torch.randn(rows, inputs, device=device).to(model.dtype)
            best = min(
                _synced(lambda x=x, w=weight: torch.nn.functional.linear(x, w), device, torch) for _ in range(12)
            )
            rates.append(2 * rows * inputs * outputs / best)
    block = torch.ones(2**28, dtype=torch.float32, device=device)
    reading = min(_synced(lambda: block.sum(), device, torch) for _ in range(6))
    return {"matrix_flops": max(rates), "bytes_per_second": block.numel() * 4 / reading}


def _synced(work: Any, device: Any, torch: Any) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


# -- the two sides in turn --------------------------------------------------------------------------------------------


class Side:
    def __init__(self, side: str, checkpoint: str, dtype: str) -> None:
        command = [sys.executable, __file__, "--serve", side, checkpoint, dtype]
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
        environment = os.environ | quiet | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **more: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


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
        "read_once_ms": 1e3 * _bytes_per_query(checkpoint, described["dtype"]) / bandwidth,
        "gb_per_second": bandwidth / 1e9,
        "min_cosine": float(cosine.min()),
    }
    ours.close()
    theirs.close()
    return result


def _bytes_per_query(checkpoint: str, dtype: str) -> float:
    from openclaw_instructor.model.checkpoint import Checkpoint

    opened = Checkpoint.open(checkpoint)
    return (opened.parameters - opened.shape.vocab_size * opened.shape.width) * (2 if dtype == "bfloat16" else 4)


def memory(checkpoint: str, dtype: str, texts: list[str]) -> dict[str, float]:
    """Peak resident memory of a fresh process that loads the checkpoint and embeds the texts."""
    side = Side("ours", checkpoint, dtype)
    side.ask("texts", texts=texts)
    side.ask("bulk")
    result: dict[str, float] = side.ask("memory")
    side.close()
    return result


def accuracy(folder: Path) -> dict[str, float]:
    """bfloat16 beside float32 on the bundled, trained checkpoint: cosines, and the ten nearest of 200 queries."""
    import numpy as np

    from openclaw_instructor.model.instructor import INSTRUCTOR

    texts = paragraphs(folder, 3_000)
    queries = [text.split(". ")[0][:200] for text in texts[:: max(1, len(texts) // 200)]][:200]
    found = {}
    for dtype in ("float32", "bfloat16"):
        model = INSTRUCTOR("mini", dtype=dtype)
        passages = model.encode([[INSTRUCTION, text] for text in texts], normalize_embeddings=True)
        asked = model.encode([["Represent the question for retrieval: ", text] for text in queries])
        found[dtype] = passages, np.argsort(-(asked @ passages.T), axis=1)[:, :10]
    (exact, nearest), (low, nearest_low) = found["float32"], found["bfloat16"]
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
                _seconds(lambda p=program: subprocess.run([sys.executable, "-c", p], check=True, capture_output=True))
            )
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}  # the first warms the disk
    return medians | {"ratio": medians["ours"] / medians["theirs"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--shapes", default="base,large,mini")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    texts = paragraphs(options.folder or parser.error("give a folder of Markdown"), options.texts)
    results: dict[str, Any] = {"machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs"}
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.shapes.split(","):
            checkpoint = _mini_folder() if name == "mini" else str(write_random_checkpoint(Path(scratch), name))
            for dtypes in (("auto", "default"), ("float32", "float32"), ("bfloat16", "bfloat16")):
                if name == "large" and dtypes[0] != "auto":
                    continue
                results[f"{name} {dtypes[0]}"] = row = compare(checkpoint, dtypes, texts, options.rounds)
                print(
                    f"{name:6} {dtypes[0]:9}",
                    "  ".join(f"{key} {_short(value)}" for key, value in row.items()),
                    flush=True,
                )
            results[f"{name} memory"] = memory(checkpoint, "auto", texts)
            print(f"{name:6} memory   ", results[f"{name} memory"], flush=True)
        results["accuracy, mini"] = accuracy(options.folder)
        print("accuracy, mini   ", results["accuracy, mini"], flush=True)
        results["cold start, mini"] = cold_start(_mini_folder(), options.rounds)
        print("cold start, mini ", {key: round(value, 3) for key, value in results["cold start, mini"].items()})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def _mini_folder() -> str:
    from openclaw_instructor.model.checkpoint import BUNDLED

    return str(BUNDLED["mini"])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
