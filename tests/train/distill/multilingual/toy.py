"""A small English checkpoint, and languages whose words are those of English, spelled and ordered otherwise."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.writer import write_checkpoint
from openclaw_instructor.train.distill.vocabulary import SPECIAL
from tests.evaluate.sets import jsonl

WORDS = ["invoice", "pay", "march", "garden", "water", "rose", "ferry", "pier", "noon", "dough", "soup", "cheese"]
RUSSIAN = ["счёт", "платить", "март", "сад", "вода", "роза", "паром", "причал", "полдень", "тесто", "суп", "сыр"]
JAPANESE = ["請求書", "払う", "三月", "庭", "水", "バラ", "フェリー", "桟橋", "正午", "生地", "スープ", "チーズ"]
CHARACTERS = [*"abcdefghijklmnopqrstuvwxyz.:", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
SHAPE = T5Shape(0, 64, 64, 4, 16, 1, 8, 32, 1e-6, 64, normalize=True, activation="gelu")


def english_checkpoint(folder: Path, seed: int = 0) -> Path:
    """A checkpoint whose tokenizer has a piece for each of `WORDS`, and for characters; it replaces another."""
    vocabulary = {piece: number for number, piece in enumerate([*SPECIAL, *WORDS, "the", *CHARACTERS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL[1]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIAL))
    edges = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=edges)
    source = folder.with_name("tokenizer of " + folder.name)
    source.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(source / "tokenizer.json"))
    (source / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    torch.manual_seed(seed)
    encoder = T5Encoder(T5Shape(**{**SHAPE.__dict__, "vocab_size": len(vocabulary)}))
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight, mean=1.0 if weight.dim() == 1 else 0.0, std=0.2)
    return write_checkpoint(folder, encoder, tokenizer_from=source, max_seq_length=64, card="")


def sentences(count: int, words: list[str], between: str = " ", seed: int = 0) -> list[tuple[str, str]]:
    """(English, the same in another language, the other way round)."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        chosen = draw.sample(range(len(WORDS)), draw.randint(2, 5))
        english = "the " + " ".join(WORDS[index] for index in chosen)
        rows.append((english, between.join(words[index] for index in reversed(chosen))))
    return rows


def data(folder: Path, count: int = 150) -> Path:
    """Russian and Japanese rows of nearly the same English texts."""
    for language, words, between in (("ru", RUSSIAN, " "), ("ja", JAPANESE, "")):
        rows = [{"en": english, "text": text, "source": "toy"} for english, text in sentences(count, words, between)]
        jsonl(folder / "train" / f"{language}.jsonl.gz", rows)
    jsonl(folder / "train-mixed-licence" / "ru.jsonl.gz", [{"en": "forbidden", "text": "запрещено"}])
    return folder
