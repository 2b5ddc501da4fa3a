"""Teach a checkpoint more languages by one command.

    python -m openclaw_instructor.train.distill.multilingual DATA --english TRAIN --out mini-multilingual

DATA, one folder or several, holds `train/LANG.jsonl.gz`, rows of a text and its English side (`rows.py`; words from
dictionaries make one, `words.py`); TRAIN is the folder that the recipe of `mini` reads, for English texts without a
translation. The checkpoint keeps its pieces and gets new ones (`pieces.py`), which start from the English ones that
they are aligned with; English ones that are mostly used elsewhere start in the same way (`alignment.py`). First only
these rows learn, then everything does, with English texts mixed in so that their vectors stay (`aligned.py`).

All parts are kept in WORK: a killed run continues where it was. `--prepare` stops before the training; what it made can
be taken to another machine, where DATA is not needed. The table is stored in int8.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.writer import write_checkpoint
from openclaw_instructor.train.distill.distillation import learn, set_centred
from openclaw_instructor.train.distill.multilingual.aligned import AlignedBatches, AlignedCorpus
from openclaw_instructor.train.distill.multilingual.alignment import english_rows
from openclaw_instructor.train.distill.multilingual.config import stage
from openclaw_instructor.train.distill.multilingual.preparation import Preparation
from openclaw_instructor.train.distill.recipe import tokens

LANGUAGES = "ar cs de es fr hi id it ja ko nl pl pt ru sv tr uk vi zh"
STAGES = ("rows", "layers")


def train(
    encoder: T5Encoder,
    corpus: AlignedCorpus,
    english: torch.Tensor,
    preparation: Preparation,
    lengths: dict[str, tuple[int, float]],
) -> None:
    """Train in two stages; `lengths` are the tokens and minutes of each, `english` (pieces,) marks the rows to keep."""
    device = choose_device(None)
    set_centred(encoder.to(device), centred=True)
    for name in STAGES:
        config = stage(name, device, *lengths[name], preparation.seed)
        encoder.requires_grad_(name == "layers")
        encoder.tokens.weight.requires_grad_(True)
        frozen = english.to(device) if name == "rows" else None
        learn(encoder, AlignedBatches(corpus, config), config, preparation.work / name, frozen)
    set_centred(encoder.to("cpu"), centred=False)


@click.command(help=__doc__)
@click.argument("data", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--languages", default=LANGUAGES, help="codes, separated by spaces; by default all nineteen")
@click.option(
    "--english", type=click.Path(exists=True, file_okay=False, path_type=Path), help="training data of `mini`"
)
@click.option(
    "--checkpoint", default="mini", show_default=True, help="the one that learns, and says where texts belong"
)
@click.option("--out", type=click.Path(path_type=Path), help="folder of the finished checkpoint")
@click.option("--work", default=Path("build/multilingual"), show_default=True, type=click.Path(path_type=Path))
@click.option("--pieces", default=79_600, show_default=True, help="size of the vocabulary")
@click.option(
    "--rows", nargs=2, type=(int, float), default=(20_000_000, 0), help="tokens and minutes of the first stage"
)
@click.option(
    "--layers", nargs=2, type=(int, float), default=(160_000_000, 0), help="and of the second; 0 for no limit"
)
@click.option("--prepare", is_flag=True, help="stop before the training")
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
    seed: int,
) -> None:
    """Teach a checkpoint the languages of DATA."""
    if out is None and not prepare:
        raise click.UsageError("give --out, the folder of the finished checkpoint, or --prepare")
    torch.manual_seed(seed)
    preparation = Preparation(Checkpoint.open(checkpoint), work, pieces, seed)
    texts = preparation.texts(data, languages.split(), english)
    tokenizer = preparation.tokenizer(texts)
    file = tokenizer / "tokenizer.json"
    sides, ids = tokens(file, texts.english), tokens(file, [row.text for row in texts.translations])
    click.echo(f"{len(ids)} translations of {len(sides)} English texts: {sum(map(len, ids)):,} tokens", err=True)
    weights = preparation.alignment(texts, sides, ids, tokenizer)
    if out is None or prepare:
        return
    foreign = preparation.foreign(texts, sides, ids, tokenizer)
    kept = torch.from_numpy(english_rows(foreign, preparation.checkpoint.t5_shape().vocab_size))
    corpus, lengths = preparation.corpus(texts, sides, ids, tokenizer), {"rows": rows, "layers": layers}
    encoder = preparation.encoder(weights, foreign)
    train(encoder, corpus, kept, preparation, lengths)
    card = f"# {out.name}\n\n{checkpoint}, which learned {' '.join(texts.languages)}.\n"
    limit = preparation.checkpoint.max_seq_length
    write_checkpoint(
        out, encoder, tokenizer_from=tokenizer, max_seq_length=limit, card=card, dtype=torch.float16, int8_table=True
    )
