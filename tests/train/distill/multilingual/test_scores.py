from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from openclaw_instructor.evaluate.embedders import InstructorEmbedder
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.multilingual.aligned import AlignedBatches, AlignedCorpus
from openclaw_instructor.train.distill.multilingual.config import MultilingualConfig
from openclaw_instructor.train.distill.multilingual.held_out import split
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, Translation
from openclaw_instructor.train.distill.multilingual.scores import scores
from openclaw_instructor.train.distill.multilingual.targets import EnglishVectors
from tests.train.distill.multilingual.toy import WORDS, english_checkpoint, sentences


def test_a_language_that_is_understood_scores_one_and_another_by_chance(tmp_path: Path) -> None:
    """Texts of `aa` are their English sides, those of `bb` are the English sides of other texts."""
    checkpoint = Checkpoint.open(english_checkpoint(tmp_path / "english"))
    english = sorted({side for side, _ in sentences(400, WORDS)})
    tokenizer = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
    ids = [encoding.ids for encoding in tokenizer.encode_batch(english, add_special_tokens=False)]
    rows = [Translation(place, code, f"{place} {code}") for place in range(len(english)) for code in ("aa", "bb")]
    texts = [ids[(row.english + 7 * (row.language == "bb")) % len(ids)] for row in rows]
    ends = [tokenizer.token_to_id(piece) for piece in ("[CLS]", "[SEP]")]
    reference = InstructorEmbedder(str(checkpoint.folder))
    vectors = EnglishVectors(english, reference)
    aligned = AlignedTexts(english, rows)
    corpus = AlignedCorpus(aligned, ids, texts, vectors, [], reference, ends[0], ends[1], split(aligned, 60))
    encoder = T5Encoder.from_checkpoint(checkpoint)
    found = scores(encoder, AlignedBatches(corpus, MultilingualConfig()))
    assert [score.texts for score in found.values()] == [30, 30]
    assert found["aa"].found == 1.0
    assert found["bb"].found < 0.3
    assert found["aa"].cosine == pytest.approx(1.0, abs=0.01)
    assert found["bb"].cosine < 0.9
