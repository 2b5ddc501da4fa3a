"""How fast training is, beside sentence-transformers' own trainer on the same student, pairs and batch size.

    pip install ".[train]" datasets accelerate
    python benchmarks/train.py FOLDER_OF_MARKDOWN [--checkpoint mini] [--steps 12] [--rounds 2] [--json out.json]

A pair is a paragraph of the folder's Markdown and the one after it, each with its instruction; the loss is InfoNCE with
in-batch negatives on both sides. sentence-transformers runs with its defaults (float32) and again with `bf16=True`.
Each run is a process of its own and the sides take turns. Tokens are those of the texts and instructions, without
padding, and the first steps, which prepare kernels and memory, are not timed. Nothing is asserted; read the table.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

QUERY, PASSAGE = "Represent the paragraph for retrieving what follows it: ", "Represent the paragraph for retrieval: "
UNTIMED = 3
SIDES = {"ours": "openclaw-instructor", "plain": "sentence-transformers", "bf16": "sentence-transformers, bf16"}


def pairs(folder: Path, count: int) -> list[tuple[str, str]]:
    """Neighbouring paragraphs of 80 to 1,200 characters, spread evenly over the folder's Markdown."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        blocks = [b.strip() for b in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace"))]
        prose = [block for block in blocks if 80 < len(block) < 1_200]
        found += list(zip(prose[::2], prose[1::2], strict=False))
    if len(found) < count:
        raise SystemExit(
            f"{folder} gives only {len(found)} pairs, {count} are needed; give a folder with more Markdown"
        )
    return found[:: len(found) // count][:count]


def ours(checkpoint: str, rows: list[tuple[str, str]], batch_size: int, steps: int, work: Path) -> float:
    """Tokens a second."""
    from openclaw_instructor.train.config import TrainConfig
    from openclaw_instructor.train.contrastive import train
    from openclaw_instructor.train.metrics_log import read

    records = [{"query": [QUERY, a], "pos": [PASSAGE, b], "task_id": 0} for a, b in rows]
    (work / "medi.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    config = TrainConfig(steps=steps, batch_size=batch_size, learning_rate=1e-4, log_every=1, save_every=10**6)
    train([work / "medi.jsonl"], work / "run", checkpoint, config)
    metrics = read(work / "run" / "metrics.jsonl")
    first, last = metrics[UNTIMED - 1], metrics[-1]
    return float((last["tokens"] - first["tokens"]) / (last["seconds"] - first["seconds"]))


def theirs(
    checkpoint: str, rows: list[tuple[str, str]], batch_size: int, steps: int, work: Path, *, bf16: bool
) -> float:
    """Tokens a second of SentenceTransformerTrainer."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.training_args import SentenceTransformerTrainingArguments
    from transformers import TrainerCallback

    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.model.prompt import Prompter

    opened = Checkpoint.open(checkpoint)
    prompter = Prompter(opened)
    lengths = [
        len(prompt.ids)
        for column, instruction in ((0, QUERY), (1, PASSAGE))
        for prompt in prompter.render(instruction, [row[column] for row in rows])
    ]
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.monotonic())

    model = SentenceTransformer(str(opened.folder), device="cpu")
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(work / "theirs"), max_steps=steps, per_device_train_batch_size=batch_size, learning_rate=1e-4,
        bf16=bf16, use_cpu=True, save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True,
        prompts={"anchor": QUERY, "positive": PASSAGE},
    )  # fmt: skip
    data = Dataset.from_dict({"anchor": [a for a, _ in rows], "positive": [b for _, b in rows]})
    loss = MultipleNegativesRankingLoss(model, scale=100.0)
    SentenceTransformerTrainer(model=model, args=arguments, train_dataset=data, loss=loss, callbacks=[Clock()]).train()
    per_step = sum(lengths) / len(rows) * batch_size
    return per_step * (len(times) - UNTIMED) / (times[-1] - times[UNTIMED - 1])


def worker(side: str, request: dict[str, Any]) -> float:
    rows = [(a, b) for a, b in request["rows"]]
    with tempfile.TemporaryDirectory() as work:
        arguments = (request["checkpoint"], rows, request["batch_size"], request["steps"], Path(work))
        return ours(*arguments) if side == "ours" else theirs(*arguments, bf16=side == "bf16")


def measure(side: str, request: dict[str, Any]) -> float:
    """Run one side in a fresh process."""
    command = [sys.executable, __file__, "--worker", side]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGKILL:
        raise SystemExit(f"{SIDES[side]} was killed, probably for its memory; give a smaller --batch-size")
    if done.returncode:
        raise SystemExit(f"{SIDES[side]} failed:\n{done.stderr[-3_000:]}")
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", choices=list(SIDES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(worker(options.worker, json.load(sys.stdin)))
        return
    if options.folder is None:
        parser.error("give a folder of Markdown")
    request = {"checkpoint": options.checkpoint, "batch_size": options.batch_size, "steps": options.steps}
    request["rows"] = pairs(options.folder, options.batch_size * options.steps)
    speeds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side in SIDES:
            speeds[side].append(measure(side, request))
            print(f"{SIDES[side]}: {speeds[side][-1]:,.0f} tokens/s", file=sys.stderr)
    print("| trainer | tokens/s | ours is faster by |\n| --- | --- | --- |")
    for side, found in speeds.items():
        ratios = [own / other for own, other in zip(speeds["ours"], found, strict=True)]
        print(f"| {SIDES[side]} | {statistics.median(found):,.0f} | {statistics.median(ratios):.2f}x |")
    if options.json:
        options.json.write_text(json.dumps(speeds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
