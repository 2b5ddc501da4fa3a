"""How fast the encoder is beside the libraries that people would use instead, on one checkpoint and in one run.

    python benchmarks/peers.py FOLDER_OF_MARKDOWN CHECKPOINT [--sides 'ours-*,torch'] [--threads 1] [--json FILE]

CHECKPOINT is a folder in sentence-transformers' layout, or `mini`. The peers are sentence-transformers, ONNX Runtime
and OpenVINO in float32 and int8; they need `pip install onnx onnxscript onnxruntime openvino nncf`. The network is
exported with torch, its attention fused by ONNX Runtime's own optimizer, and quantised by ONNX Runtime (dynamic, a
scale for each row of a weight) or by NNCF (calibrated on texts that are not measured). They get texts as
sentence-transformers gives them: sorted by length, in batches of 32 that are padded to the longest. Every side runs in
a process of its own, and they take turns. Seconds of the processor are those of the whole process, which with one
thread compare sides on a machine that is busy with other work too. Cosines are to sentence-transformers in float32.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from busy import busy_processes
from compare_worker import QUERY, Side, seconds_of

SIDES = "torch,ort-float32,ort-int8,openvino-float32,openvino-int8,ours-float32,ours-torch,ours-avx2,ours-auto"
BATCH = 32

Encode = Callable[[list[str]], Any]


def export(checkpoint: Path, into: Path) -> None:
    """Write the network as ONNX: as exported, with fused attention, and that quantised to int8."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(checkpoint), device="cpu", model_kwargs={"attn_implementation": "eager"})
    network: Any = model[0].auto_model
    network.eval()
    shape = network.config

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask)[0]
            return states

    sample = torch.ones(2, 16, dtype=torch.long)
    axes = {0: "batch", 1: "sequence"}
    torch.onnx.export(
        States(),
        (sample, sample),
        str(into / "plain.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["states"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "states": axes},
        opset_version=17,
        dynamo=False,
    )
    heads = getattr(shape, "num_attention_heads", 0) or shape.num_heads
    kind = "bert" if shape.model_type == "bert" else "t5" if shape.model_type == "t5" else "bert"
    optimized = optimize_model(str(into / "plain.onnx"), kind, num_heads=heads, hidden_size=shape.hidden_size)
    optimized.save_model_to_file(str(into / "fused.onnx"))
    # Fused operations hide the types of their results from the quantiser.
    known = {"DefaultTensorType": 1}
    files = into / "fused.onnx", into / "int8.onnx"
    quantize_dynamic(*files, per_channel=True, weight_type=QuantType.QInt8, extra_options=known)


def _padded(checkpoint: Path, run: Callable[[Any, Any], Any]) -> Encode:
    """Embed as sentence-transformers does around a function from ids and mask to token states, with less Python."""
    import numpy as np
    from tokenizers import Tokenizer

    from openclaw_instructor.model.checkpoint import Checkpoint

    opened = Checkpoint.open(checkpoint)
    tokenizer = Tokenizer.from_file(str(opened.folder / "tokenizer.json"))
    tokenizer.enable_truncation(opened.max_seq_length)
    tokenizer.enable_padding()
    dense = [
        np.asarray(opened.projection_tensors(i)["linear.weight"].float()) for i in range(len(opened.head.projections))
    ]

    def encode(texts: list[str]) -> Any:
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        vectors = np.empty((len(texts), opened.dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            some = order[start : start + BATCH]
            encoded = tokenizer.encode_batch([texts[index] for index in some])
            ids = np.array([each.ids for each in encoded], np.int64)
            mask = np.array([each.attention_mask for each in encoded], np.int64)
            weights = mask[:, :, None].astype(np.float32)
            means = (run(ids, mask) * weights).sum(1) / weights.sum(1)
            for weight in dense:
                means = means @ weight.T
            vectors[some] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    return encode


def _ort(checkpoint: Path, file: Path, threads: int) -> Encode:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return _padded(checkpoint, lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0])


def _openvino(checkpoint: Path, exported: Path, threads: int, samples: list[str]) -> Encode:
    import openvino

    quantised = exported / "openvino-int8.xml"
    if samples and not quantised.exists():
        openvino.save_model(
            _calibrated(checkpoint, exported / "plain.onnx", samples), quantised, compress_to_fp16=False
        )
    model = openvino.Core().read_model(quantised if samples else exported / "plain.onnx")
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    return _padded(checkpoint, lambda ids, mask: request.infer({"input_ids": ids, "attention_mask": mask})[0])


def _calibrated(checkpoint: Path, file: Path, samples: list[str]) -> Any:
    """Quantise a network with NNCF on these texts."""
    import nncf
    import numpy as np
    import openvino

    from openclaw_instructor.model.checkpoint import Checkpoint

    width = Checkpoint.open(checkpoint).shape.width
    feeds: list[dict[str, Any]] = []

    def note(ids: Any, mask: Any) -> Any:
        feeds.append({"input_ids": ids, "attention_mask": mask})
        return np.ones((*ids.shape, width), np.float32)

    _padded(checkpoint, note)(samples)
    model = openvino.Core().read_model(file)
    return nncf.quantize(model, nncf.Dataset(feeds), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(feeds))


def _encoder(side: str, checkpoint: Path, exported: Path, threads: int, samples: list[str]) -> Encode:
    library, _, kind = side.partition("-")
    if library == "ort":
        return _ort(checkpoint, exported / ("int8.onnx" if kind == "int8" else "fused.onnx"), threads)
    if library == "openvino":
        return _openvino(checkpoint, exported, threads, samples if kind == "int8" else [])
    import torch

    torch.set_num_threads(threads)
    if library == "torch":
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(checkpoint), device="cpu")
        return lambda texts: model.encode(texts, batch_size=BATCH)
    from openclaw_instructor.model.instructor import INSTRUCTOR

    if kind in ("avx2", "torch"):  # other kernels than the fastest here
        os.environ["OPENCLAW_INSTRUCTOR_INT8_KERNELS"] = kind
    ours = INSTRUCTOR(checkpoint, "cpu", kind if kind in ("auto", "float32") else "int8")
    return lambda texts: ours.encode(texts, normalize_embeddings=True)


def serve(side: str, checkpoint: str, exported: str, threads: str) -> None:
    """Answer commands from standard input, one JSON object a line."""
    encode: Encode | None = None
    texts: list[str] = []
    # Libraries print their progress to standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, Any] = {}
        if command["do"] == "texts":
            texts = command["texts"]
            encode = _encoder(side, Path(checkpoint), Path(exported), int(threads), command["samples"])
            encode(texts[:8])
        elif encode and command["do"] == "bulk":
            before = time.process_time()
            answer = {"seconds": seconds_of(partial(encode, texts)), "processor": time.process_time() - before}
        elif encode and command["do"] == "query":
            before = time.process_time()
            times = sorted(seconds_of(partial(encode, [QUERY])) for _ in range(100))
            answer = {"p50": times[50], "p95": times[95], "processor": (time.process_time() - before) / 100}
        elif encode:
            answer = {"vectors": encode(texts).tolist()}
        print(json.dumps(answer), file=answers, flush=True)


def measure(options: argparse.Namespace, checkpoint: Path, exported: Path, texts: list[str], samples: list[str]) -> Any:
    """Time every side in turn; returns a row for each."""
    import numpy as np

    names = [name for name in SIDES.split(",") if any(fnmatch(name, wanted) for wanted in options.sides.split(","))]
    sides = {name: Side(name, str(checkpoint), str(exported), str(options.threads), program=__file__) for name in names}
    for side in sides.values():
        side.ask("texts", texts=texts, samples=samples)
    bulk: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    query: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with busy_processes(options.busy):
        for _ in range(options.rounds):
            for name, side in sides.items():
                bulk[name].append(side.ask("bulk"))
                query[name].append(side.ask("query"))
    vectors = {name: np.array(side.ask("vectors")["vectors"]) for name, side in sides.items()}
    exact = vectors[names[0]]
    rows = {}
    for name, side in sides.items():
        side.close()
        cosines = (vectors[name] * exact).sum(1)
        rows[name] = {
            "texts_per_second": len(texts) / statistics.median(each["seconds"] for each in bulk[name]),
            "texts_per_processor_second": len(texts) / statistics.median(each["processor"] for each in bulk[name]),
            "query_ms": 1e3 * statistics.median(each["p50"] for each in query[name]),
            "query_p95_ms": 1e3 * statistics.median(each["p95"] for each in query[name]),
            "query_processor_ms": 1e3 * statistics.median(each["processor"] for each in query[name]),
            "min_cosine": float(cosines.min()),
            "mean_cosine": float(cosines.mean()),
        }
    return rows


def main() -> None:
    from encode import paragraphs

    from openclaw_instructor.model.checkpoint import BUNDLED

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("checkpoint")
    parser.add_argument("--sides", default=SIDES, help="names, with * for any; default: %(default)s")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0, help="processes that keep cores busy meanwhile")
    parser.add_argument("--exported", type=Path, help="folder to keep the exported networks in")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = paragraphs(options.folder, options.texts * 2)
    texts, samples = found[::2][: options.texts], found[1::2][:128]
    checkpoint = BUNDLED.get(options.checkpoint, Path(options.checkpoint))
    with tempfile.TemporaryDirectory() as scratch:
        exported = options.exported or Path(scratch)
        if not (exported / "int8.onnx").exists():
            exported.mkdir(parents=True, exist_ok=True)
            export(checkpoint, exported)
        rows = measure(options, checkpoint, exported, texts, samples)
    for name, row in rows.items():
        print(f"{name:18}", "  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] in SIDES.split(","):
        serve(*sys.argv[1:])
    else:
        main()
