"""One side of `encode.py` in a process of its own: ours or sentence-transformers, told over a pipe what to do.

    python benchmarks/compare_worker.py ours|theirs CHECKPOINT DTYPE

reads commands from standard input, one JSON object a line, and answers each with another.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

INSTRUCTION = "Represent the documentation passage for retrieval: "
QUERY = "how do I restart the service after an update?"


class Side:
    """The parent's end of such a process."""

    def __init__(self, *arguments: str, program: str = __file__) -> None:
        command = [sys.executable, program, *arguments]
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
        environment = os.environ | quiet | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("SHOW_ERRORS") else subprocess.DEVNULL,
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


def main(side: str, checkpoint: str, dtype: str) -> None:
    """Answer commands from standard input, one JSON object a line: bulk, query, vectors, ceiling, memory."""
    encode, extra = _ours(checkpoint, dtype) if side == "ours" else _theirs(checkpoint, dtype)
    texts: list[str] = []
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "texts":
            texts, answer = command["texts"], {}
        elif command["do"] == "bulk":
            encode(texts[:8])
            answer = {"seconds": seconds_of(partial(encode, texts))}
        elif command["do"] == "query":
            times = sorted(seconds_of(lambda: encode([QUERY])) for _ in range(60))
            answer = {"seconds": times[len(times) // 2]}
        elif command["do"] == "vectors":
            answer = {"vectors": encode(texts[:32]).tolist()}
        else:
            answer = extra(command["do"])
        print(json.dumps(answer), flush=True)


def _ours(checkpoint: str, dtype: str) -> Any:
    import torch

    from openclaw_instructor.model.instructor import INSTRUCTOR

    model = INSTRUCTOR(checkpoint, dtype=dtype)

    def extra(what: str) -> dict[str, Any]:
        if what == "describe":
            dtype = str(model.dtype).removeprefix("torch.")
            return {"dtype": dtype, "device": str(model.device), "weight_bytes": _weight_bytes(model)}
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


def seconds_of(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes


def _weight_bytes(model: Any) -> int:
    """Of one weight of the layers, as it is served."""
    from openclaw_instructor.model.inference import split_float32

    in_digits = split_float32.is_supported(model.dtype, model.device, model.checkpoint.shape.width)
    return 3 if in_digits else int(model.dtype.itemsize)


def _weights_mb(model: Any) -> float:
    checkpoint = model.checkpoint
    table = checkpoint.shape.vocab_size * checkpoint.shape.width
    # With int8 the table is bfloat16.
    return ((checkpoint.parameters - table) * _weight_bytes(model) + table * max(2, model.dtype.itemsize)) / 1e6


def _ceilings(model: Any, torch: Any) -> dict[str, Any]:
    """Rate of large products of the encoder's own shapes and dtype, and of reading memory, on this machine now.

    int8 is held against products of float32, which it is there to replace.
    """
    shape, device = model.checkpoint.shape, model.device
    dtype = torch.float32 if model.dtype == torch.int8 else model.dtype
    rates = []
    for inputs, outputs in ((shape.width, shape.inner), (shape.width, 3 * shape.width)):
        weight = torch.randn(outputs, inputs, device=device).to(dtype)
        for rows in (2_048, 4_096):
            x = torch.randn(rows, inputs, device=device).to(dtype)
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


if __name__ == "__main__":
    main(*sys.argv[1:])
