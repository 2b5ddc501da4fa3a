from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from openclaw_instructor.model.tokenizer_rules import is_bounded
from openclaw_instructor.train.distill.multilingual.pieces import write_multilingual_tokenizer
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, Translation
from tests.train.distill.multilingual.toy import JAPANESE, RUSSIAN, english_checkpoint, sentences


@pytest.fixture
def both(tmp_path: Path) -> tuple[Tokenizer, Tokenizer]:
    """The English tokenizer and the one made of it."""
    rows = [("ru", *row) for row in sentences(200, RUSSIAN)] + [("ja", *row) for row in sentences(200, JAPANESE, "")]
    # "ferryboat" is as usual in Russian text as in English.
    rows += [("ru", "the ferryboat", "паром ferryboat")] * 60
    english = [side for _, side, _ in rows]
    texts = AlignedTexts(english, [Translation(i, code, text) for i, (code, _, text) in enumerate(rows)])
    checkpoint = english_checkpoint(tmp_path / "english")
    folder = write_multilingual_tokenizer(checkpoint, texts, 260, tmp_path / "new")
    assert is_bounded(folder / "tokenizer.json")
    old, new = (str(each / "tokenizer.json") for each in (checkpoint, folder))
    return Tokenizer.from_file(old), Tokenizer.from_file(new)


def test_english_is_cut_as_before(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, new = both
    for text in ("The invoice: pay.", "the ferryboat", "cheesecake", *(side for side, _ in sentences(20, RUSSIAN))):
        assert new.encode(text).ids == old.encode(text).ids, text


def test_other_languages_have_pieces_of_their_own(both: tuple[Tokenizer, Tokenizer]) -> None:
    new = both[1]
    for text in ("сад и вода", "バラの庭", "請求書払う"):
        assert "[UNK]" not in new.encode("сад вода").tokens, text
    assert new.encode("Паром", add_special_tokens=False).tokens == ["паром"]
    # Neither accents nor the marks of kana are stripped, and a word ends where the script changes.
    assert new.encode("счёт", add_special_tokens=False).tokens == ["счёт"]
    assert new.encode("庭バラ", add_special_tokens=False).tokens == ["庭", "バラ"]


def test_a_dotted_capital_is_an_i(both: tuple[Tokenizer, Tokenizer]) -> None:
    assert both[1].encode("İ", add_special_tokens=False).tokens == ["i"]
