"""Prepare a multilingual run: its texts, tokenizer, and the start of the new rows. Each part is made once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.evaluate.embedders import InstructorEmbedder
from openclaw_instructor.evaluate.extras import need
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.corpus import read_corpus
from openclaw_instructor.train.distill.facets import facet_instructions
from openclaw_instructor.train.distill.multilingual.aligned import AlignedCorpus
from openclaw_instructor.train.distill.multilingual.alignment import align, foreign_share, start_rows
from openclaw_instructor.train.distill.multilingual.held_out import HELD_OUT, Split
from openclaw_instructor.train.distill.multilingual.pieces import write_multilingual_tokenizer
from openclaw_instructor.train.distill.multilingual.record import Record
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, read_aligned, read_texts, write_texts
from openclaw_instructor.train.distill.multilingual.sentences import everyday_sentences
from openclaw_instructor.train.distill.multilingual.targets import EnglishVectors
from openclaw_instructor.train.distill.recipe import instructions, tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

ENGLISH_TEXTS = 100_000  # without a translation
INSTRUCTIONS = 600  # beside those that ask for a facet


@dataclass(frozen=True)
class Preparation:
    """What a run starts from, kept in the folder `work`; `checkpoint` learns the languages."""

    checkpoint: Checkpoint
    work: Path
    size: int  # pieces in all
    seed: int = 0
    everyday: bool = True  # with the everyday sentences of this package

    def texts(self, data: Sequence[Path], languages: Sequence[str], english: Path | None) -> AlignedTexts:
        """Read the texts from the folders `data`, and from the training data `english`, or those that are kept.

        Raises InvalidArguments where there is neither, or where those that are kept were made with other options.
        """
        kept, asked = self.work / "texts.jsonl.xz", self._options(data, languages, english)
        if kept.is_file():
            Record.read(self.work).check(asked, self.work)
            return read_texts(kept, self.seed)
        if not data:
            raise InvalidArguments(f"{kept}: no such file; give the folder of aligned texts, DATA, to make it")
        more = read_corpus(english).texts[:ENGLISH_TEXTS] if english else []
        texts = read_aligned(data, languages, more, self.seed, everyday=self.everyday)
        Record(asked, dict(texts.sources.most_common())).write(self.work)
        write_texts(texts, kept)
        return texts

    def _options(self, data: Sequence[Path], languages: Sequence[str], english: Path | None) -> dict[str, str]:
        """Describe what the texts are made of, and the pieces; folders go by name, since they may be moved."""
        options = {
            "--checkpoint": Path(self.checkpoint.name).name,
            "weights of --checkpoint": self.checkpoint.identity,
            "--pieces": str(self.size),
            "--sentences": "yes" if self.everyday else "no",
            "--seed": str(self.seed),
            "a hold-out of": f"{HELD_OUT} translations",
        }
        if data:
            options["DATA"] = " ".join(folder.resolve().name for folder in data)
        if data or languages:
            options["--languages"] = " ".join(sorted(set(languages)))
        if data or english:
            options["--english"] = english.resolve().name if english else "none"
        return options

    def tokenizer(self, texts: AlignedTexts, split: Split) -> Path:
        """Return the folder of the extended tokenizer, made for the texts that are learned."""
        folder = self.work / "tokenizer"
        if not (folder / "tokenizer.json").is_file():
            learned = replace(texts, translations=[texts.translations[place] for place in split.learned])
            write_multilingual_tokenizer(self.checkpoint.folder, learned, self.size, folder)
        return folder

    def alignment(
        self,
        texts: AlignedTexts,
        split: Split,
        english: Sequence[Sequence[int]],
        ids: Sequence[Sequence[int]],
        tokenizer: Path,
    ) -> csr_array:
        """Return the weights of English pieces for each piece of `tokenizer`, from the token ids of both sides."""
        from tokenizers import Tokenizer

        sparse = need("scipy.sparse", "train")
        kept, old = self.work / "alignment.npz", self.checkpoint.t5_shape().vocab_size
        if not kept.is_file():
            sides = [[piece for piece in text if piece < old] for text in english]
            learned = ((texts.translations[place], ids[place]) for place in split.learned)
            rows = [(row.language, text, sides[row.english]) for row, text in learned]
            pieces = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab_size()
            new = kept.with_suffix(".new.npz")
            sparse.save_npz(new, align(rows, pieces, old))
            new.replace(kept)
        return sparse.csr_array(sparse.load_npz(kept))

    def foreign(
        self, texts: AlignedTexts, english: Sequence[Sequence[int]], ids: Sequence[Sequence[int]], tokenizer: Path
    ) -> NDArray[np.float64]:
        """Return which share of each piece's uses is outside English."""
        from tokenizers import Tokenizer

        numbers = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab()
        others = ((row.language, text) for row, text in zip(texts.translations, ids, strict=True))
        return foreign_share(english, others, sorted(numbers, key=numbers.__getitem__))

    def encoder(self, weights: csr_array, foreign: NDArray[np.float64]) -> T5Encoder:
        """Return the checkpoint's encoder with a row for each piece."""
        before = T5Encoder.from_checkpoint(self.checkpoint)
        table = start_rows(before.tokens.weight.detach().numpy(), weights, foreign)
        encoder = T5Encoder(replace(before.shape, vocab_size=len(table)))
        encoder.load_state_dict(before.state_dict() | {"tokens.weight": torch.from_numpy(table)})
        return encoder

    def corpus(
        self, texts: AlignedTexts, split: Split, english: list[list[int]], ids: list[list[int]], tokenizer: Path
    ) -> AlignedCorpus:
        """Collect what batches are drawn from."""
        from tokenizers import Tokenizer

        file = tokenizer / "tokenizer.json"
        reference = InstructorEmbedder(str(self.checkpoint.folder), name=self.checkpoint.name)
        asked = [phrase for phrases in facet_instructions().values() for phrase in phrases]
        phrases = [*instructions()[:INSTRUCTIONS], *asked]
        vocabulary = Tokenizer.from_file(str(file)).get_vocab()
        languages = texts.languages if self.everyday else ()
        sentences = {(language, *pair) for language in languages for pair in everyday_sentences(language)}
        return AlignedCorpus(
            texts=texts,
            english=english,
            translations=ids,
            vectors=EnglishVectors(texts.english, reference),
            instructions=list(zip(phrases, tokens(file, phrases), strict=True)),
            reference=reference,
            start=vocabulary["[CLS]"],
            end=vocabulary["[SEP]"],
            split=split,
            everyday=frozenset(
                index
                for index, row in enumerate(texts.translations)
                if (row.language, texts.english[row.english], row.text) in sentences
            ),
        )
