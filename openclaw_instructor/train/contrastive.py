"""Contrastive training on MEDI-format data: the paper's recipe, on the packed encoder.

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

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import autocast, choose_device, choose_training_dtype
from openclaw_instructor.model.inference.cpu_pool import Streams
from openclaw_instructor.model.networks.t5 import Encoder
from openclaw_instructor.model.packing import Packed, batches
from openclaw_instructor.model.writer import write_checkpoint
from openclaw_instructor.train import train_state
from openclaw_instructor.train.batches import Batch, Batches
from openclaw_instructor.train.card import model_card
from openclaw_instructor.train.distributed import World, join
from openclaw_instructor.train.evaluator import TrainedEmbedder
from openclaw_instructor.train.loss import info_nce
from openclaw_instructor.train.medi import MediData, Plan
from openclaw_instructor.train.metrics_log import Journal, read

# A pass of fewer tokens is not worth a core of its own.
MIN_TOKENS = 256


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run; written to `config.json` beside its results."""

    steps: int = 0  # 0: `epochs` times through the data
    epochs: float = 1.0
    batch_size: int = 64  # records of one step, over all processes
    chunk_tokens: int = 16_384  # tokens of one pass through the encoder: the bound on memory
    max_tokens: int = 512  # of a text with its instruction; never more than the checkpoint reads
    learning_rate: float = 2e-5  # the paper's; a small model like mini takes 1e-4 and more
    warmup: float = 0.1  # share of the steps in which the rate rises; then it falls linearly to zero
    weight_decay: float = 0.01  # not of norms and tables
    temperature: float = 0.01  # the paper's; 0.1 in its README is a slip
    in_batch: str = "all"  # or "negatives": only hard negatives of the batch count, as in the authors' code
    clip: float = 1.0  # bound of the gradient's norm
    dtype: str = "auto"  # of the matrix products: bfloat16 where native; weights stay float32
    seed: int = 0
    device: str | None = None
    log_every: int = 10
    save_every: int = 200  # a kill loses at most so many steps
    evaluate_every: int = 0  # 0: only at the end


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
    _check(config)
    with ExitStack() as stack:
        world = stack.enter_context(join(choose_device(config.device)))
        torch.manual_seed(config.seed)
        with world.leader_first():
            if world.leads and restart:
                for old in train_state.states(out):
                    old.unlink()
            checkpoint = _open(start)
            paths = files() if callable(files) else files
            data = stack.enter_context(closing(MediData(paths, out / "data")))
            plan = Plan(data.task_of, config.batch_size, config.seed)
            steps = config.steps or math.ceil(config.epochs * plan.steps_per_epoch)
            if world.leads:
                what = {"start": checkpoint.identity, "records": len(data), "data_digest": data.digest}
                train_state.check_settings(out, asdict(config) | what | {"total_steps": steps})
        source = Batches(data, plan, checkpoint, config.max_tokens, config.in_batch, world.rank, world.size)
        encoder = Encoder.from_checkpoint(checkpoint).to(world.device)
        _loop(encoder, checkpoint, source, config, steps, out, world, evaluate, progress)
        if world.leads:
            card, limit = model_card(checkpoint, paths, data, config, steps, out), checkpoint.max_seq_length
            write_checkpoint(
                out / "checkpoint", encoder, tokenizer_from=checkpoint.folder, max_seq_length=limit, card=card
            )
        world.wait()
    return out / "checkpoint"


def _loop(
    encoder: Encoder,
    checkpoint: Checkpoint,
    source: Batches,
    config: TrainConfig,
    steps: int,
    out: Path,
    world: World,
    evaluate: Evaluate | None,
    progress: bool,
) -> None:
    optimizer = _optimizer(encoder, config)
    dtype = choose_training_dtype(config.dtype, world.device)
    saved = train_state.states(out)
    position = train_state.restore(saved[-1], encoder, optimizer) if saved else train_state.Position()
    tokens = position.tokens
    streams = Streams(torch.get_num_threads()) if world.device.type == "cpu" else None
    encoder.train()
    with Journal(out if world.leads else None, position, steps, shown=progress and world.leads) as journal:

        def measure(step: int) -> None:
            if evaluate and world.leads and not _measured(out, step):
                values = evaluate(TrainedEmbedder(encoder, checkpoint, dtype), step)
                journal.write(step, tokens, **{f"evaluate/{name}": value for name, value in values.items()})
            world.wait()

        # States are saved before they are measured, so this one may not have been.
        if _due(position.step, steps, config):
            measure(position.step)
        for step, batch in enumerate(source.run(position.step, steps), position.step + 1):
            for group in optimizer.param_groups:
                group["lr"] = rate = learning_rate(step, steps, config)
            loss = backward(encoder, batch, config, dtype, world, streams)
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()
            tokens += batch.tokens * world.size
            journal.advance()
            if step % config.log_every == 0 or step == steps:
                journal.write(step, tokens, loss=round(float(loss), 4), rate=rate)
            due = _due(step, steps, config)
            if world.leads and (due or step % config.save_every == 0):
                train_state.save(out, encoder, optimizer, train_state.Position(step, tokens, journal.seconds))
            if due:
                measure(step)


def _optimizer(encoder: Encoder, config: TrainConfig) -> torch.optim.AdamW:
    plain = [p for n, p in encoder.named_parameters() if p.dim() == 1 or n.startswith(("tokens", "position"))]
    decayed = [p for n, p in encoder.named_parameters() if p.dim() > 1 and not n.startswith(("tokens", "position"))]
    return torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": config.weight_decay}],
        lr=config.learning_rate, fused=True,
    )  # fmt: skip


def _due(step: int, steps: int, config: TrainConfig) -> bool:
    """Whether a step is one after which to measure."""
    return step == steps or (step > 0 and config.evaluate_every > 0 and step % config.evaluate_every == 0)


def _measured(out: Path, step: int) -> bool:
    rows = read(out / "metrics.jsonl")
    return any(row["step"] == step and any(key.startswith("evaluate/") for key in row) for row in rows)


def backward(
    encoder: Encoder, batch: Batch, config: TrainConfig, dtype: torch.dtype, world: World, streams: Streams | None
) -> torch.Tensor:
    """Gradients of the whole batch's loss into the encoder, however many passes and processes it takes; the loss.

    As many passes as there are streams keep their graphs. More run without a graph first; the loss's gradients on the
    vectors, which is all that a pass has to know of the others, then lead each of them back through a second run.
    """
    lengths, count = [len(prompt.ids) for prompt in batch.prompts], streams.count if streams else 1
    chunks = list(batches(lengths, config.chunk_tokens, count if sum(lengths) >= count * MIN_TOKENS else 1))
    each: Callable[..., list[Any]] = streams.map if streams else lambda work, parts: [work(part) for part in parts]
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
    """In order of the passes, not as they finish: the same run twice ends with the same weights."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)


def _open(start: str | Path | Checkpoint | Callable[[], Checkpoint]) -> Checkpoint:
    if callable(start):
        return start()
    return start if isinstance(start, Checkpoint) else Checkpoint.open(start)


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Rate of a step counted from 1: up over the warm-up, then down to zero just after the last step."""
    warm = max(1, round(config.warmup * steps))
    return config.learning_rate * min(step / warm, (steps + 1 - step) / (steps + 1 - warm))


def _check(config: TrainConfig) -> None:
    for name in ("batch_size", "chunk_tokens", "max_tokens", "temperature", "learning_rate", "log_every", "save_every"):
        if getattr(config, name) <= 0:
            raise InvalidArguments(f"{name} is {getattr(config, name)}; it must be above 0")
    choose_training_dtype(config.dtype, choose_device(config.device))
    if config.in_batch not in ("all", "negatives"):
        raise InvalidArguments(f"in_batch is {config.in_batch!r}; use all or negatives")
    if config.steps < 0 or (config.steps == 0 and config.epochs <= 0):
        raise InvalidArguments("give steps or epochs above 0")
