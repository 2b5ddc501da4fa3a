"""Distil a sentence embedding teacher into an INSTRUCTOR student.

Loss: (1 - cosine to the teacher's vector) x 10, plus the KL divergence between the rows of the two in-batch similarity
matrices (temperature 1/20): regression places each text, the similarities teach what is near what. `cross_weight` adds
the same for the similarities of the student's vectors to the teacher's, so that each finds its own, and `others_weight`
for those to the teacher's vectors of many more texts, among which some are near enough to be mistaken for it. Batches
are either texts of similar length or (query, passage) pairs, so that questions learn where their answers lie. Some
carry an instruction, masked from the mean: it must do no harm. Where the corpus has texts with facets, some batches ask
for one of them, and the teacher's vectors are moved towards it first (`facets.py`). Where it has a teacher for token
states, those add their squared distance x 20 (`token_teacher.py`).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.model.device import autocast, choose_training_dtype
from openclaw_instructor.model.inference.cpu_pool import CpuPool
from openclaw_instructor.model.networks.norm import RMSNorm
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.train.distill.batches import Batches, Corpus, Drawn
from openclaw_instructor.train.distill.config import DistillConfig
from openclaw_instructor.train.distill.optimizers import optimizers_of
from openclaw_instructor.train.distill.token_teacher import TokenTeacher, states_loss


def loss_of(
    student: torch.Tensor, teacher: torch.Tensor, config: DistillConfig, others: torch.Tensor | None = None
) -> torch.Tensor:
    """Compute the scalar loss of L2-normalised vectors (n, dimension) against their targets.

    `others` (others, dimension) are vectors of further texts, to which they are to be as near as their targets are.
    """
    regression = (1 - (student * teacher).sum(dim=1)).mean()
    itself = torch.eye(len(student), dtype=torch.bool, device=student.device)
    ours = (student @ student.T * config.similarity_scale).masked_fill(itself, -1e4)
    theirs = (teacher @ teacher.T * config.similarity_scale).masked_fill(itself, -1e4)
    loss = config.regression_weight * regression + _divergence(ours, theirs)
    if config.cross_weight:
        ours, theirs = (each @ teacher.T * config.similarity_scale for each in (student, teacher))
        loss = loss + config.cross_weight / 2 * (_divergence(ours, theirs) + _divergence(ours.T, theirs.T))
    if others is not None and config.others_weight:
        all_of_them = torch.cat([teacher, others])
        ours, theirs = (each @ all_of_them.T * config.similarity_scale for each in (student, teacher))
        loss = loss + config.others_weight * _divergence(ours, theirs)
    return loss


def _divergence(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Compute the scalar KL divergence between the rows' distributions, from scores (n, m) of both."""
    ours, theirs = F.log_softmax(ours, dim=1), F.log_softmax(theirs, dim=1)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")


class Source(Protocol):
    """Gives a run its batches; its state is one random generator."""

    random: random.Random

    @property
    def token_teacher(self) -> TokenTeacher | None:
        """The teacher that reads batches without targets, and of token states."""
        ...

    def draw(self) -> Drawn:
        """Draw the next batch."""
        ...

    def held_out(self) -> Iterable[Drawn]:
        """Yield texts that no batch contains."""
        ...


def distill(
    encoder: T5Encoder, corpus: Corpus, config: DistillConfig, folder: Path, held_out: int = 2_000
) -> T5Encoder:
    """Train for `config.tokens` tokens; checkpoints and `metrics.jsonl` go to `folder`, and a run there is resumed."""
    return learn(encoder, Batches(corpus, config, held_out), config, folder)


def learn(
    encoder: T5Encoder,
    batches: Source,
    config: DistillConfig,
    folder: Path,
    frozen: torch.Tensor | None = None,
    on_metrics: Callable[[dict[str, float]], None] | None = None,
) -> T5Encoder:
    """Train on the batches of any source, as `distill` does.

    Weights that need no gradient stay as they are, and so do the rows of the token table that `frozen` (pieces,) marks.
    `on_metrics` is told each row of `metrics.jsonl`.
    """
    torch.manual_seed(config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1))
    encoder.tokens.sparse = bool(config.table_rate)
    optimizers = optimizers_of(encoder, config)
    pool = CpuPool(torch.get_num_threads() if encoder.device.type == "cpu" else 1)
    step, tokens, spent = _resume(folder, encoder, optimizers, batches)
    began = saved = time.monotonic()
    encoder.train()
    # Gradients of a sparse table are made here and need no checks, about which torch would warn.
    unchecked = torch.sparse.check_sparse_tensor_invariants(enable=False)
    with (folder / "metrics.jsonl").open("a") as metrics, _flush_denormal(), unchecked:
        while (progress := _progress(tokens, spent + time.monotonic() - began, config)) < 1:
            rate = _rate(step, progress, config)
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                group["lr"] = rate * group["scale"]
            drawn = batches.draw()
            loss = _step(encoder, optimizers, drawn, config, pool, batches.token_teacher, frozen)
            step += 1
            tokens += sum(len(prompt.ids) for prompt in drawn.prompts)
            elapsed = spent + time.monotonic() - began
            if step % config.log_every == 0:
                row = {"step": step, "tokens": tokens, "minutes": round(elapsed / 60, 2), "rate": rate}
                row |= {"loss": round(loss.item(), 4), "tokens_per_second": round(tokens / elapsed)}
                if step % (10 * config.log_every) == 0:
                    row["held_out_cosine"] = round(held_out_cosine(encoder, batches), 4)
                metrics.write(json.dumps(row) + "\n")
                metrics.flush()
                if on_metrics is not None:
                    on_metrics(row)
            if time.monotonic() - saved > config.save_every:
                _save(folder, encoder, optimizers, batches, (step, tokens, elapsed))
                saved = time.monotonic()
    _save(folder, encoder, optimizers, batches, (step, tokens, spent + time.monotonic() - began))
    return encoder


@contextmanager
def _flush_denormal() -> Iterator[None]:
    """Round numbers too small for normal arithmetic to zero in this thread.

    Moments of rare tokens and sharp attention fade into them, and they are many times slower.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _step(
    encoder: T5Encoder,
    optimizers: Sequence[torch.optim.Optimizer],
    drawn: Drawn,
    config: DistillConfig,
    pool: CpuPool,
    teacher: TokenTeacher | None,
    frozen: torch.Tensor | None,
) -> torch.Tensor:
    """Do one update: each core embeds its share and backpropagates the gradient of the whole batch's loss."""
    weights, device = [weight for weight in encoder.parameters() if weight.requires_grad], encoder.device
    count = min(pool.count, len(drawn.prompts))
    shares = [drawn.reordered(range(first, len(drawn.prompts), count)) for first in range(count)]
    of_states = torch.tensor(config.states_weight / len(shares), device=device)

    def backward(part: tuple[list[torch.Tensor], torch.Tensor]) -> tuple[torch.Tensor, ...]:
        outputs, gradient = part
        return torch.autograd.grad(outputs, weights, grad_outputs=[gradient, of_states][: len(outputs)])

    parts = pool.map(lambda share: _read(encoder, share, teacher), shares)
    student = torch.cat([outputs[0].detach() for outputs, _ in parts]).requires_grad_()
    others = None if drawn.others is None else drawn.others.to(device)
    loss = loss_of(student, torch.cat([targets for _, targets in parts]), config, others)
    (gradient,) = torch.autograd.grad(loss, student)
    pieces = gradient.split([len(share.prompts) for share in shares])
    gradients = pool.map(backward, [(outputs, piece) for (outputs, _), piece in zip(parts, pieces, strict=True)])
    for weight, *shares_of_gradient in zip(weights, *gradients, strict=True):
        weight.grad = sum(shares_of_gradient[1:], start=shares_of_gradient[0])
    if frozen is not None:
        _freeze(encoder.tokens.weight, frozen)
    # Adagrad needs no bound, since it takes its steps relative to the gradients before.
    dense = [weight for weight in weights if weight.grad is not None and not weight.grad.is_sparse]
    torch.nn.utils.clip_grad_norm_(dense, config.clip)
    for optimizer in optimizers:
        optimizer.step()
    return loss.detach()


def _freeze(table: torch.Tensor, frozen: torch.Tensor) -> None:
    """Take the gradient from the rows of a table that `frozen` (rows,) marks."""
    if table.grad is None:
        return
    if table.grad.is_sparse:
        table.grad = table.grad.coalesce()
        table.grad.values()[frozen[table.grad.indices()[0]]] = 0
    else:
        table.grad[frozen] = 0


def _read(encoder: T5Encoder, share: Drawn, teacher: TokenTeacher | None) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return (tensors with gradients: the vectors, then perhaps the loss of the states; the target vectors)."""
    batch = Packed.of(share.prompts).to(encoder.device)
    with _products(encoder.device):
        hidden = encoder.hidden(batch)
        vectors = encoder.pool(hidden, batch)
        if teacher is None or not share.of_teacher:
            assert share.targets is not None, "without a token teacher the corpus holds the vectors"
            return [vectors], share.targets.to(encoder.device)
        states = encoder.dense(encoder.token_states(hidden)[batch.pooled])
    read = teacher.read(share.prompts)
    targets = read.vectors if share.targets is None else share.targets.to(encoder.device)
    return [vectors, states_loss(states.float(), read.states)], targets


def _products(device: torch.device) -> torch.autocast:
    return autocast(device, choose_training_dtype("auto", device))


@torch.no_grad()
def held_out_cosine(encoder: T5Encoder, batches: Source) -> float:
    """Compute the mean cosine to the teacher over the texts that are held out."""
    encoder.eval()
    total, count = 0.0, 0
    for drawn in batches.held_out():
        targets = drawn.targets
        if targets is None:
            assert batches.token_teacher is not None
            targets = batches.token_teacher.read(drawn.prompts).vectors
        with _products(encoder.device):
            total += float((encoder(Packed.of(drawn.prompts).to(encoder.device)) * targets.to(encoder.device)).sum())
        count += len(drawn.prompts)
    encoder.train()
    return total / max(count, 1)


def _progress(tokens: int, seconds: float, config: DistillConfig) -> float:
    """Return which share of the run is done, by its tokens or by the clock."""
    share = tokens / config.tokens
    return max(share, seconds / (60 * config.minutes)) if config.minutes else share


def _rate(step: int, progress: float, config: DistillConfig) -> float:
    warm = min(1.0, (step + 1) / config.warmup_steps)
    fall = min(1.0, (1 - progress) / (1 - config.decay_from))
    return config.learning_rate * warm * max(fall, 0.0)


def _save(
    folder: Path, encoder: T5Encoder, optimizers: Sequence[Any], batches: Source, at: tuple[int, int, float]
) -> None:
    state = {
        "encoder": encoder.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "at": at,
        "random": batches.random.getstate(),
    }
    torch.save(state, folder / "state.pt.new")
    (folder / "state.pt.new").replace(folder / "state.pt")


def _resume(folder: Path, encoder: T5Encoder, optimizers: Sequence[Any], batches: Source) -> tuple[int, int, float]:
    path = folder / "state.pt"
    if not path.exists():
        return 0, 0, 0.0
    state = torch.load(path, weights_only=True)
    encoder.load_state_dict(state["encoder"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    version, internal, gauss = state["random"]
    batches.random.setstate((version, tuple(internal), gauss))
    step, tokens, spent = state["at"]
    return step, tokens, spent


def spent(folder: Path) -> tuple[int, float]:
    """Return how many tokens and minutes the run in a folder has taken so far."""
    _, tokens, seconds = torch.load(folder / "state.pt", weights_only=True, mmap=True)["at"]
    return tokens, seconds / 60


def set_centred(encoder: T5Encoder, centred: bool) -> T5Encoder:
    """Train with layer norm, or turn what was so trained into a plain T5 encoder that computes the same.

    Layer norm is RMS norm of the centred stream, and centring is linear: applied to everything that writes to the
    residual stream, it makes the mean zero and the two norms one. On a CPU the fused kernel is several times faster.
    """
    for module in encoder.modules():
        if isinstance(module, RMSNorm):
            module.centred = centred
    if not centred:
        with torch.no_grad():
            encoder.tokens.weight -= encoder.tokens.weight.mean(dim=1, keepdim=True)
            for layer in encoder.blocks():
                for product in (layer.out, layer.down):
                    product.weight -= product.weight.mean(dim=0, keepdim=True)
    return encoder
