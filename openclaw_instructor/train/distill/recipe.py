"""Make the bundled checkpoint by one command.

    python -m openclaw_instructor.train.distill DATA/train --teacher FOLDER --code PACKAGES --manuals PAGES --out mini

DATA is laid out as `corpus.py` says; FOLDER holds sentence-transformers/all-MiniLM-L6-v2, or another BERT of its kind;
technical English is read from PACKAGES, a folder of Python packages such as `site-packages`, and from PAGES, a folder
of manuals such as `node_modules`.
The student starts from the teacher's own layers (`graft.py`) and learns what T5 cannot take over: some 20 million
tokens an hour on two cores of a processor with bfloat16 matrix instructions. A killed run continues where it was. On
Linux, `MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483648` before the command saves a fifth of the time:
the allocator then keeps the activations' memory from step to step.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import click
import numpy as np
import torch

from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.writer import check_replaceable, write_checkpoint
from openclaw_instructor.train.distill.batches import Corpus, Faceted
from openclaw_instructor.train.distill.command import RecipeCommand
from openclaw_instructor.train.distill.config import DistillConfig
from openclaw_instructor.train.distill.corpus import TrainingTexts, read_corpus, read_labelled
from openclaw_instructor.train.distill.distillation import distill, set_centred
from openclaw_instructor.train.distill.facets import FacetTexts, facet_instructions, facet_targets, facet_texts
from openclaw_instructor.train.distill.graft import graft
from openclaw_instructor.train.distill.teacher import Teacher
from openclaw_instructor.train.distill.token_teacher import TokenTeacher
from openclaw_instructor.train.distill.vocabulary import choose_tokens, write_tokenizer

MAX_TOKENS = 250  # of a training text; the longest passages of the corpus are cut here
MAX_SEQ_LENGTH = 512
FACET_TEXTS = 6_000  # of each grammar
SAMPLES, SAMPLE_TOKENS = 2_000, 126  # what the graft's regressions see

DOMAINS = ["", "Wikipedia", "science", "medicine", "news", "email", "technical", "software", "finance", "legal"]
DOMAINS += ["customer", "web", "documentation", "forum"]
TEXT_TYPES = ["sentence", "text", "document", "paragraph", "title", "statement", "question", "message", "email"]
TEXT_TYPES += ["post", "review", "note"]
OBJECTIVES = (
    "",
    "for retrieval",
    "for clustering",
    "for classification",
    "for retrieving duplicates",
    "for finding a sentence with the same meaning",
    "for semantic similarity",
    "for retrieving relevant documents",
    "for finding related texts",
)
QUERIES = (
    "Represent the question for retrieving supporting documents: ",
    "Represent the query for retrieval: ",
    "Represent the Wikipedia question for retrieving supporting documents: ",
    "Represent the documentation question for retrieving relevant passages: ",
    "Represent the web query for retrieving relevant documents: ",
    "Represent the question for retrieving passages that answer it: ",
    "Represent the technical question for retrieving documentation: ",
)
PASSAGES = (
    "Represent the document for retrieval: ",
    "Represent the passage for retrieval: ",
    "Represent the Wikipedia document for retrieval: ",
    "Represent the documentation passage for retrieval: ",
    "Represent the scientific document for retrieval: ",
    "Represent the paragraph for retrieval: ",
)


def instructions(seed: int = 5) -> list[str]:
    """List every combination in INSTRUCTOR's format, in a fixed random order."""
    words = product(DOMAINS, TEXT_TYPES, OBJECTIVES)
    phrases = [" ".join(filter(None, ("Represent the", *phrase))) + ": " for phrase in words]
    random.Random(seed).shuffle(phrases)
    return phrases


def tokens(tokenizer_file: Path, texts: Sequence[str]) -> list[list[int]]:
    """Tokenize texts without special tokens, cut at `MAX_TOKENS`."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [e.ids for e in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def build_corpus(found: TrainingTexts, tokenizer_file: Path) -> Corpus:
    """Tokenize texts, pairs and instructions for the student."""
    from tokenizers import Tokenizer

    phrases, vocabulary = instructions(), Tokenizer.from_file(str(tokenizer_file)).get_vocab()
    return Corpus(
        ids=tokens(tokenizer_file, found.texts),
        vectors=None,
        pairs=np.array(found.pairs),
        instructions=tokens(tokenizer_file, phrases[:600]),
        query_instructions=tokens(tokenizer_file, [*QUERIES, *phrases[600:620]]),
        passage_instructions=tokens(tokenizer_file, [*PASSAGES, *phrases[620:640]]),
        start=vocabulary["[CLS]"],
        end=vocabulary["[SEP]"],
        often=found.technical,
    )


def faceted(sources: Sequence[FacetTexts], teacher: Teacher, cache: Path, tokenizer_file: Path) -> list[Faceted]:
    """Collect texts with facets, their target vectors and the instructions that ask for each."""
    asked = {facet: tokens(tokenizer_file, phrases) for facet, phrases in facet_instructions().items()}
    return [
        Faceted(
            ids=tokens(tokenizer_file, source.texts),
            targets=facet_targets(teacher.vectors(source.texts, cache), source.labels),
            instructions={facet: asked[facet] for facet in source.labels},
        )
        for source in sources
    ]


def grafted(teacher: Teacher, ids: Sequence[Sequence[int]], kept: Sequence[int], inner: int) -> T5Encoder:
    """Make a student with the teacher's layers; `ids` are texts in the teacher's tokens, `kept` the tokens to keep."""
    bert, tokenizer = teacher.network, teacher.tokenizer
    config = bert.config
    heads = config.num_attention_heads
    shape = T5Shape(
        vocab_size=len(kept), width=config.hidden_size, inner=inner, heads=heads,
        head_width=config.hidden_size // heads, layers=config.num_hidden_layers, buckets=32, max_distance=128,
        epsilon=1e-6, dimension=config.hidden_size, normalize=True, activation="gelu",
    )  # fmt: skip
    encoder = T5Encoder(shape)
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    graft(encoder, bert, [[start, *text[:SAMPLE_TOKENS], end] for text in ids[:SAMPLES]], kept)
    return encoder


@click.command(cls=RecipeCommand, help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--teacher", "teacher_folder", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--code", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="repeat it")
@click.option(
    "--manuals", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="repeat it"
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder of the finished checkpoint")
@click.option("--work", default=Path("build/mini"), type=click.Path(path_type=Path), help="vectors and run state")
@click.option("--vocabulary", default=25_600, show_default=True, help="tokens to keep of the teacher's")
@click.option("--inner", default=1_280, show_default=True, help="feed-forward units to keep of each layer's")
@click.option("--tokens", "length", default=DistillConfig.tokens, show_default=True, help="length of the run")
@click.option("--seed", default=0, show_default=True)
def main(
    data: Path,
    teacher_folder: Path,
    code: tuple[Path, ...],
    manuals: tuple[Path, ...],
    out: Path,
    work: Path,
    vocabulary: int,
    inner: int,
    length: int,
    seed: int,
) -> None:
    """Make the bundled checkpoint from the data in DATA."""
    check_replaceable(out)
    torch.manual_seed(seed)
    teacher, found = Teacher(teacher_folder), read_corpus(data, code, manuals)
    click.echo(f"{len(found.texts)} texts, {len(found.pairs)} pairs", err=True)
    ids = tokens(teacher.tokenizer_file, found.texts)
    kept = choose_tokens(teacher.tokenizer.get_vocab(), ids, vocabulary)
    tokenizer = write_tokenizer(teacher.tokenizer_file, kept, work / "tokenizer", MAX_SEQ_LENGTH)
    encoder = grafted(teacher, ids, kept, inner)
    corpus = build_corpus(found, tokenizer / "tokenizer.json")
    sources = [*facet_texts(FACET_TEXTS), *read_labelled(data)]
    corpus.faceted = faceted(sources, teacher, work / "teacher", tokenizer / "tokenizer.json")
    device = choose_device(None)
    corpus.token_teacher = TokenTeacher(teacher.network, kept, device)
    set_centred(encoder.to(device), centred=True)
    distill(encoder, corpus, DistillConfig(tokens=length, seed=seed), work / "run")
    set_centred(encoder, centred=False)
    card = f"# {out.name}\n\nDistilled from {teacher_folder.name} over {length:,} tokens.\n"
    write_checkpoint(
        out, encoder, tokenizer_from=tokenizer, max_seq_length=MAX_SEQ_LENGTH, card=card, dtype=torch.float16
    )  # fmt: skip
