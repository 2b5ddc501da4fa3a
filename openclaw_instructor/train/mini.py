"""The recipe of the bundled checkpoint, as one command:

    python -m openclaw_instructor.train.mini DATA/train --teacher FOLDER --out mini

DATA is laid out as `corpus.py` says; FOLDER holds sentence-transformers/all-MiniLM-L6-v2. About an hour on two cores of
a processor with bfloat16 matrix instructions, minutes on a GPU; a killed run continues where it was. On Linux,
`MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483648` before the command saves a fifth of the time: the
allocator then keeps the activations' memory from step to step.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from openclaw_instructor.model.checkpoint import Shape
from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.encoder import Encoder
from openclaw_instructor.model.writer import write_checkpoint
from openclaw_instructor.train.corpus import read_corpus
from openclaw_instructor.train.distill import Corpus, DistillConfig, distill, set_centred, start_from_token_vectors
from openclaw_instructor.train.teacher import Teacher

MAX_TOKENS = 250  # of a training text; the longest passages of the corpus are cut here
MAX_SEQ_LENGTH = 512

DOMAINS = ["", "Wikipedia", "science", "medicine", "news", "email", "technical", "software", "finance", "legal"]
DOMAINS += ["customer", "web", "documentation", "forum"]
TEXT_TYPES = ["sentence", "text", "document", "paragraph", "title", "statement", "question", "message", "email"]
TEXT_TYPES += ["post", "review", "note"]
OBJECTIVES = (
    "",
    "for retrieval",
    "for clustering",
    "for classification",
    "for classifying its topic",
    "for retrieving duplicates",
    "for finding a sentence with the same meaning",
    "for semantic similarity",
    "for retrieving relevant documents",
    "for finding related texts",
    "for classifying its intent",
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
    """Every combination in INSTRUCTOR's format, in a fixed random order."""
    words = product(DOMAINS, TEXT_TYPES, OBJECTIVES)
    phrases = [" ".join(filter(None, ("Represent the", *phrase))) + ": " for phrase in words]
    random.Random(seed).shuffle(phrases)
    return phrases


def build_corpus(data: Path, teacher: Teacher, work: Path) -> Corpus:
    """Tokenised texts with their teacher vectors; the vectors are kept in `work`."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(teacher.tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def tokens(texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    found = read_corpus(data)
    click.echo(f"{len(found.texts)} texts, {len(found.pairs)} pairs; computing the teacher's vectors", err=True)
    phrases, vocabulary = instructions(), tokenizer.get_vocab()
    return Corpus(
        ids=tokens(found.texts),
        vectors=teacher.vectors(found.texts, work / "teacher"),
        pairs=np.array(found.pairs),
        instructions=tokens(phrases[:600]),
        query_instructions=tokens([*QUERIES, *phrases[600:620]]),
        passage_instructions=tokens([*PASSAGES, *phrases[620:640]]),
        start=vocabulary["[CLS]"],
        end=vocabulary["[SEP]"],
    )


def write_tokenizer(teacher: Teacher, folder: Path) -> Path:
    """The teacher's tokenizer without the padding and truncation that are the encoder's to decide."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads(teacher.tokenizer_file.read_text(encoding="utf-8"))
    content["padding"] = content["truncation"] = None
    compact = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(compact, encoding="utf-8")
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_SEQ_LENGTH}
    config["model_input_names"] = ["input_ids", "attention_mask"]  # T5 knows no token types
    config |= {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "sep", "pad", "unk", "mask")}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return folder


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--teacher", "teacher_folder", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="folder of the finished checkpoint")
@click.option("--work", default=Path("build/mini"), type=click.Path(path_type=Path), help="vectors and run state")
@click.option("--layers", default=4, show_default=True)
@click.option("--tokens", default=DistillConfig.tokens, show_default=True, help="length of the run")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, teacher_folder: Path, out: Path, work: Path, layers: int, tokens: int, seed: int) -> None:
    teacher = Teacher(teacher_folder)
    corpus = build_corpus(data, teacher, work)
    torch.manual_seed(seed)
    vectors = teacher.token_vectors()
    shape = Shape(
        vocab_size=len(vectors), width=384, inner=1_024, heads=6, head_width=64, layers=layers,
        buckets=32, max_distance=128, epsilon=1e-6, dimension=vectors.shape[1], normalize=True,
    )  # fmt: skip
    encoder = Encoder(shape)
    start_from_token_vectors(encoder, vectors)
    set_centred(encoder.to(choose_device(None)), centred=True)
    distill(encoder, corpus, DistillConfig(tokens=tokens, seed=seed), work / "run")
    set_centred(encoder, centred=False)
    tokenizer = write_tokenizer(teacher, work / "tokenizer")
    card = f"# {out.name}\n\nDistilled from {teacher_folder.name} over {tokens:,} tokens.\n"
    write_checkpoint(
        out, encoder, tokenizer_from=tokenizer, max_seq_length=MAX_SEQ_LENGTH, card=card, dtype=torch.float16
    )  # fmt: skip


if __name__ == "__main__":
    main()
