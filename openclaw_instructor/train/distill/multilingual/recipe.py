"""Teach a checkpoint more languages by one command.

    python -m openclaw_instructor.train.distill.multilingual DATA --english TRAIN --out mini-multilingual

DATA, one folder or several, holds `train/LANG.jsonl.gz`, rows of a text and its English side (`rows.py`; words from
dictionaries make one, `words.py`); everyday sentences of this package are read beside them (`sentences.py`). TRAIN is
the folder that the recipe of `mini` reads, for English texts without a translation. The checkpoint keeps its pieces and
gets new ones (`pieces.py`), which start from the English ones that they are aligned with; English ones that are mostly
used elsewhere start in the same way (`alignment.py`). First only these rows learn, then everything does, with English
texts mixed in so that their vectors stay (`aligned.py`).

All parts are kept in WORK: a killed run continues where it was. `--prepare` stops before the training; what it made can
be taken to another machine, where DATA is not needed. The table is stored in int8.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import torch

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.writer import check_replaceable, write_checkpoint
from openclaw_instructor.train.distill.command import RecipeCommand
from openclaw_instructor.train.distill.distillation import learn, set_centred, spent
from openclaw_instructor.train.distill.multilingual.aligned import AlignedBatches, AlignedCorpus
from openclaw_instructor.train.distill.multilingual.alignment import english_rows
from openclaw_instructor.train.distill.multilingual.card import Learned, model_card
from openclaw_instructor.train.distill.multilingual.config import stage
from openclaw_instructor.train.distill.multilingual.held_out import split
from openclaw_instructor.train.distill.multilingual.preparation import Preparation
from openclaw_instructor.train.distill.multilingual.record import Record
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts
from openclaw_instructor.train.distill.multilingual.scores import Score, scores
from openclaw_instructor.train.distill.multilingual.sentences import ENGLISH
from openclaw_instructor.train.distill.recipe import tokens

_Command = TypeVar("_Command", bound=Callable[..., None])

SECONDS_BETWEEN_LINES = 60
LANGUAGES = "ar cs de es fr hi id it ja ko nl pl pt ru sv tr uk vi zh"
STAGES = ("rows", "layers")


def train(
    encoder: T5Encoder,
    corpus: AlignedCorpus,
    english: torch.Tensor,
    preparation: Preparation,
    lengths: dict[str, tuple[int, float]],
) -> dict[str, Score]:
    """Train in two stages, and score each language on what was held out.

    `lengths` are the tokens and minutes of each stage, `english` (pieces,) marks the rows to keep.
    """
    device = choose_device(None)
    set_centred(encoder.to(device), centred=True)
    for name in STAGES:
        if name == "rows" and (preparation.work / "layers" / "state.pt").is_file():
            continue  # The layers go on from rows that they have learned since.
        config = stage(name, device, *lengths[name], preparation.seed)
        encoder.requires_grad_(name == "layers")
        encoder.tokens.weight.requires_grad_(True)
        batches = AlignedBatches(corpus, config)
        learn(encoder, batches, config, preparation.work / name, english.to(device), _told(name))
    scored = scores(encoder, batches)
    set_centred(encoder.to("cpu"), centred=False)
    return scored


def _told(name: str) -> Callable[[dict[str, float]], None]:
    """Return what says every minute how far a stage is."""
    last = float(-SECONDS_BETWEEN_LINES)

    def tell(row: dict[str, float]) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            done = f"{row['minutes']:.0f} minutes, {row['tokens']:,} tokens, {row['tokens_per_second']:,} a second"
            click.echo(f"{name}: {done}, loss {row['loss']}", err=True)

    return tell


def _length(name: str, tokens: int, text: str) -> Callable[[_Command], _Command]:
    """Return the option that says how long a stage is."""
    kinds = (click.IntRange(min=1), click.FloatRange(min=0))
    return click.option(
        name, nargs=2, type=kinds, default=(tokens, 0), show_default=True, metavar="TOKENS MINUTES", help=text
    )


@click.command(cls=RecipeCommand, help=__doc__)
@click.argument("data", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--languages", default="", help=f"codes, separated by spaces; by default {LANGUAGES}")
@click.option(
    "--english", type=click.Path(exists=True, file_okay=False, path_type=Path), help="training data of `mini`"
)
@click.option(
    "--checkpoint", default="mini", show_default=True, help="the one that learns, and says where texts belong"
)
@click.option("--out", type=click.Path(path_type=Path), help="folder of the finished checkpoint")
@click.option("--work", default=Path("build/multilingual"), show_default=True, type=click.Path(path_type=Path))
@click.option("--pieces", default=79_600, show_default=True, help="size of the vocabulary")
@_length("--rows", 20_000_000, "length of the first stage, by whichever ends first; 0 minutes for no limit")
@_length("--layers", 160_000_000, "and of the second")
@click.option("--prepare", is_flag=True, help="stop before the training")
@click.option("--sentences/--no-sentences", default=True, help="whether to read the everyday sentences of this package")
@click.option("--seed", default=0, show_default=True)
def main(
    data: tuple[Path, ...],
    languages: str,
    english: Path | None,
    checkpoint: str,
    out: Path | None,
    work: Path,
    pieces: int,
    rows: tuple[int, float],
    layers: tuple[int, float],
    prepare: bool,
    sentences: bool,
    seed: int,
) -> None:
    """Teach a checkpoint the languages of DATA."""
    if out is None and not prepare:
        raise click.UsageError("give --out, the folder of the finished checkpoint, or --prepare")
    if out is not None:
        check_replaceable(out)
        check_apart(out, work)
    torch.manual_seed(seed)
    preparation = Preparation(Checkpoint.open(checkpoint), work, pieces, seed, sentences)
    chosen = languages.split() or (LANGUAGES.split() if data else [])
    if ENGLISH in chosen:
        raise click.UsageError("en is the language that the others are aligned with; leave it out of --languages")
    texts = preparation.texts(data, chosen, english)
    parts = split(texts)
    tokenizer = preparation.tokenizer(texts, parts)
    file = tokenizer / "tokenizer.json"
    sides, ids = tokens(file, texts.english), tokens(file, [row.text for row in texts.translations])
    click.echo(f"{len(ids)} translations of {len(sides)} English texts: {sum(map(len, ids)):,} tokens", err=True)
    weights = preparation.alignment(texts, parts, sides, ids, tokenizer)
    if weights.shape[0] < pieces:
        click.echo(f"the texts give {weights.shape[0]:,} pieces, fewer than the {pieces:,} of --pieces", err=True)
    if out is None or prepare:
        return
    foreign = preparation.foreign(texts, sides, ids, tokenizer)
    kept = torch.from_numpy(english_rows(foreign, preparation.checkpoint.t5_shape().vocab_size))
    corpus, lengths = preparation.corpus(texts, parts, sides, ids, tokenizer), {"rows": rows, "layers": layers}
    encoder = preparation.encoder(weights, foreign)
    scored = train(encoder, corpus, kept, preparation, lengths)
    write(out, encoder, preparation, texts, scored)


def check_apart(out: Path, work: Path) -> None:
    """Raise InvalidArguments if the finished checkpoint would replace the work folder, or lie in it."""
    one, other = out.resolve(), work.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise InvalidArguments(f"--out {out} and --work {work} lie in one another; give folders of their own")


def write(
    out: Path, encoder: T5Encoder, preparation: Preparation, texts: AlignedTexts, scored: dict[str, Score]
) -> None:
    """Write the checkpoint with its card, and say where it is."""
    work, limit = preparation.work, preparation.checkpoint.max_seq_length
    stages = {name: spent(work / name) for name in STAGES}
    start = Path(preparation.checkpoint.name).name
    learned = Learned(out.resolve().name, start, limit, texts, Record.read(work), stages, scored)
    write_checkpoint(
        out.resolve(),
        encoder,
        tokenizer_from=work / "tokenizer",
        max_seq_length=limit,
        card=model_card(learned, encoder),
        dtype=torch.float16,
        int8_table=True,
    )
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    click.echo(
        f"{out}: {size / 1e6:.0f} MB; `openclaw-instructor model use {shlex.quote(str(out))}` takes it into use",
        err=True,
    )
