from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from openclaw_instructor.train.distill.vocabulary import SPECIAL, choose_tokens, write_tokenizer

WORDS = ["invoice", "pay", "##ment", "##s", "rare", "rarer", "é", "##é", "[unused1]"]
CHARACTERS = [*"abcdefghijklmnopqrstuvwxyz.", *(f"##{c}" for c in "abcdefghijklmnopqrtuvwxyz")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *WORDS, *CHARACTERS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIAL))
    edges = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=edges)
    tokenizer.enable_padding()
    tokenizer.save(str(tmp_path / "source.json"))
    return tmp_path / "source.json"


def test_what_texts_need_stays_and_the_rest_is_spelled(source: Path, tmp_path: Path) -> None:
    before = Tokenizer.from_file(str(source))
    texts = [before.encode(text, add_special_tokens=False).ids for text in ("pay invoice", "payments", "rare")]
    size = len(SPECIAL) + len(CHARACTERS) + 1 + 4  # `##s` is a character too
    kept = choose_tokens(before.get_vocab(), texts, size)
    assert len(kept) == size
    write_tokenizer(source, kept, tmp_path / "small", 64)
    after = Tokenizer.from_file(str(tmp_path / "small" / "tokenizer.json"))
    assert after.get_vocab_size() == size
    assert after.encode("Payments rare").tokens == ["[CLS]", "pay", "##ment", "##s", "rare", "[SEP]"]
    assert after.encode("rarer").tokens == ["[CLS]", "rare", "##r", "[SEP]"]
    assert after.encode("pay", add_special_tokens=False).ids == [kept.index(before.token_to_id("pay") or -1)]


def test_padding_and_truncation_are_left_to_the_encoder(source: Path, tmp_path: Path) -> None:
    write_tokenizer(source, range(len(SPECIAL) + len(WORDS) + len(CHARACTERS)), tmp_path / "whole", 64)
    content = json.loads((tmp_path / "whole" / "tokenizer.json").read_text(encoding="utf-8"))
    assert content["padding"] is content["truncation"] is None
