r"""Train contrastively on MEDI-format data: the recipe of the paper, on packed batches.

On one machine, from the bundled model, and continued after a kill by the same line:

    openclaw-instructor train medi.jsonl --out run --checkpoint mini --steps 2000 --batch-size 64

On four GPUs, from a GTR checkpoint as the paper did (Su et al., ACL 2023: learning rate 2e-5, warm-up 0.1, temperature
0.01, one task per batch):

    torchrun --nproc-per-node 4 -m openclaw_instructor train medi-data.json.gz --out run \\
        --checkpoint sentence-transformers/gtr-t5-large --steps 40000 --batch-size 256

The result, in the hub's layout, is `run/checkpoint`. A batch may be larger than memory: `chunk_tokens` bounds one pass,
and the gradient cache (Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", 2021)
makes the gradients those of the whole batch. The encoder has no dropout: a chunk run twice gives the same vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from openclaw_instructor.model.batching import batches
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import autocast, choose_device, choose_training_dtype
from openclaw_instructor.model.inference.cpu_pool import CpuPool
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.writer import write_checkpoint
from openclaw_instructor.train import train_state
from openclaw_instructor.train.batches import Batch, Batches
from openclaw_instructor.train.card import model_card
from openclaw_instructor.train.config import TrainConfig
from openclaw_instructor.train.distributed import World, join
from openclaw_instructor.train.evaluator import TrainedEmbedder
from openclaw_instructor.train.loss import info_nce
from openclaw_instructor.train.medi import MediData, Plan
from openclaw_instructor.train.metrics_log import MetricsLog, read

# A pass of fewer tokens is not worth using another core.
MIN_TOKENS = 256


Evaluate = Callable[[TrainedEmbedder, int], Mapping[str, float]]


def train(
    files: Sequence[Path] | Callable[[], Sequence[Path]],
    out: Path,
    start: str | Path | Checkpoint | Callable[[], Checkpoint] = "mini",
    config: TrainConfig | None = None,
    *,
    evaluate: Evaluate | None = None,
    restart: bool = False,
    progress: bool = False,
) -> Path:
    """Train on `files` and return the folder of the finished checkpoint, `out/checkpoint`.

    Goes on from the last state in `out`; `restart` starts over. Files or a start that have to be made first are
    given as functions, which rank 0 calls before the others do. `evaluate(embedder, step)` returns numbers for the
    metrics. Raises InvalidData for unusable data or settings that differ from those of the run in `out`.
    """
    config = config or TrainConfig()
    config.check()
    choose_training_dtype(config.dtype, choose_device(config.device))
    with ExitStack() as stack:
        world = stack.enter_context(join(choose_device(config.device)))
        torch.manual_seed(config.seed)
        with world.leader_first():
            if world.leads and restart:
                train_state.forget(out)
            checkpoint = _open(start)
            paths = files() if callable(files) else files
            data = stack.enter_context(closing(MediData(paths, out / "data")))
            plan = Plan(data.task_of, config.batch_size, config.seed)
            steps = config.steps or math.ceil(config.epochs * plan.steps_per_epoch)
            if world.leads:
                what = {"start": checkpoint.identity, "records": len(data), "data_digest": data.digest}
                train_state.check_settings(out, asdict(config) | what | {"total_steps": steps})
        source = Batches(data, plan, checkpoint, config.max_tokens, config.in_batch, world.rank, world.size)
        encoder = T5Encoder.from_checkpoint(checkpoint).to(world.device)
        _Run(encoder, checkpoint, source, config, steps, out, world, evaluate, progress).finish()
        if world.leads:
            card = model_card(checkpoint, paths, data, config, steps, out)
            _write(out / "checkpoint", encoder, checkpoint, card)
        world.wait()
    return out / "checkpoint"


def _write(folder: Path, encoder: T5Encoder, start: Checkpoint, card: str) -> None:
    """Write the trained weights with the tokenizer and the length limit of the checkpoint that they started from."""
    write_checkpoint(folder, encoder, tokenizer_from=start.folder, max_seq_length=start.max_seq_length, card=card)


@dataclass
class _Run:
    """The steps of one process, from the last saved state to the end."""

    encoder: T5Encoder
    checkpoint: Checkpoint
    source: Batches
    config: TrainConfig
    steps: int
    out: Path
    world: World
    evaluate: Evaluate | None
    progress: bool

    def __post_init__(self) -> None:
        self.optimizer = _optimizer(self.encoder, self.config)
        self.dtype = choose_training_dtype(self.config.dtype, self.world.device)
        self.pool = CpuPool(torch.get_num_threads()) if self.world.device.type == "cpu" else None
        saved = train_state.states(self.out)
        restored = train_state.restore(saved[-1], self.encoder, self.optimizer) if saved else train_state.Position()
        self.start = restored
        self.tokens = restored.tokens

    def finish(self) -> None:
        """Train to the last step; states are saved and measured on the way."""
        leads, done = self.world.leads, self.start.step
        self.encoder.train()
        with MetricsLog(self.out if leads else None, self.start, self.steps, shown=self.progress and leads) as log:
            # A state is saved before it is evaluated, so the last one may not have been.
            if self._is_measured_after(done):
                self._measure(done, log)
            for step, batch in enumerate(self.source.run(done, self.steps), done + 1):
                loss, rate = self._step(step, batch)
                log.advance()
                if step % self.config.log_every == 0 or step == self.steps:
                    log.write(step, self.tokens, loss=round(float(loss), 4), rate=rate)
                due = self._is_measured_after(step)
                if leads and (due or step % self.config.save_every == 0):
                    position = train_state.Position(step, self.tokens, log.seconds)
                    train_state.save(self.out, self.encoder, self.optimizer, position)
                if due:
                    self._measure(step, log)

    def _step(self, step: int, batch: Batch) -> tuple[torch.Tensor, float]:
        """Update the weights; returns (loss before the update, learning rate)."""
        rate = learning_rate(step, self.steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = backward(self.encoder, batch, self.config, self.dtype, self.world, self.pool)
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.tokens += batch.tokens * self.world.size
        return loss, rate

    def _is_measured_after(self, step: int) -> bool:
        every = self.config.evaluate_every
        return step == self.steps or (step > 0 and every > 0 and step % every == 0)

    def _measure(self, step: int, log: MetricsLog) -> None:
        if self.evaluate and self.world.leads and not _measured(self.out, step):
            values = self.evaluate(TrainedEmbedder(self.encoder, self.checkpoint, self.dtype), step)
            log.write(step, self.tokens, **{f"evaluate/{name}": value for name, value in values.items()})
        self.world.wait()


def _optimizer(encoder: T5Encoder, config: TrainConfig) -> torch.optim.AdamW:
    plain = [p for n, p in encoder.named_parameters() if p.dim() == 1 or n.startswith(("tokens", "position"))]
    decayed = [p for n, p in encoder.named_parameters() if p.dim() > 1 and not n.startswith(("tokens", "position"))]
    return torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": config.weight_decay}],
        lr=config.learning_rate, fused=True,
    )  # fmt: skip


def _measured(out: Path, step: int) -> bool:
    rows = read(out / "metrics.jsonl")
    return any(row["step"] == step and any(key.startswith("evaluate/") for key in row) for row in rows)


def backward(
    encoder: T5Encoder, batch: Batch, config: TrainConfig, dtype: torch.dtype, world: World, pool: CpuPool | None
) -> torch.Tensor:
    """Accumulate the gradients of the whole batch's loss, in as many passes and processes as needed; returns the loss.

    If there are no more passes than threads, each keeps its graph. Otherwise all passes first run without a graph; then
    the gradient of the loss by each vector is computed, and each pass runs again and is backpropagated from it.
    """
    lengths, count = [len(prompt.ids) for prompt in batch.prompts], pool.count if pool else 1
    chunks = list(batches(lengths, config.chunk_tokens, count if sum(lengths) >= count * MIN_TOKENS else 1))
    each: Callable[..., list[Any]] = pool.map if pool else lambda work, parts: [work(part) for part in parts]
    packed = [Packed.of([batch.prompts[i] for i in chunk]).to(world.device) for chunk in chunks]
    places = [torch.tensor([batch.rows[i] for i in chunk], device=world.device) for chunk in chunks]
    kept = len(chunks) <= count

    def run(part: Packed, *, graph: bool) -> torch.Tensor:
        with torch.set_grad_enabled(graph), autocast(world.device, dtype):
            return torch.nn.functional.normalize(encoder(part), dim=1)

    outputs = each(lambda part: run(part, graph=kept), packed)
    vectors = torch.zeros(batch.count, encoder.shape.dimension, device=world.device)
    for place, output in zip(places, outputs, strict=True):
        vectors[place] = output.detach()
    world.add(vectors)
    vectors.requires_grad_()
    masks = batch.forward.to(world.device), batch.backward.to(world.device)
    loss = info_nce(vectors, *masks, config.temperature)
    (gradient,) = torch.autograd.grad(loss, vectors)
    weights = list(encoder.parameters())

    def back(index: int) -> tuple[torch.Tensor, ...]:
        again = outputs[index] if kept else run(packed[index], graph=True)
        return torch.autograd.grad(again, weights, grad_outputs=gradient[places[index]])

    for start in range(0, len(chunks), count):
        for parts in each(back, range(start, min(start + count, len(chunks)))):
            _add(parts, weights)
    world.add_gradients(weights)
    return loss.detach()


def _add(gradients: Sequence[torch.Tensor], weights: Sequence[torch.nn.Parameter]) -> None:
    """Add gradients in the order of the passes, not as they finish, so that runs are reproducible."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)


def _open(start: str | Path | Checkpoint | Callable[[], Checkpoint]) -> Checkpoint:
    if callable(start):
        return start()
    return start if isinstance(start, Checkpoint) else Checkpoint.open(start)


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Compute the rate of a step counted from 1: a linear warm-up, then a linear decay to zero after the last step."""
    warm = max(1, round(config.warmup * steps))
    return config.learning_rate * min(step / warm, (steps + 1 - step) / (steps + 1 - warm))
