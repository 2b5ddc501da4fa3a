from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.train.distill.multilingual import preparation, rows, sentences
from openclaw_instructor.train.distill.multilingual.held_out import split
from openclaw_instructor.train.distill.multilingual.recipe import LANGUAGES
from openclaw_instructor.train.distill.multilingual.rows import Translation, read_aligned
from openclaw_instructor.train.distill.multilingual.sentences import everyday_sentences
from openclaw_instructor.train.distill.recipe import tokens
from tests.evaluate.sets import jsonl
from tests.train.distill.multilingual.toy import data, english_checkpoint

WRITTEN = {
    "ar": ("\u0600", "\u06ff"), "hi": ("\u0900", "\u097f"), "ja": ("\u3040", "\u9fff"), "ko": ("\uac00", "\ud7a3"),
    "ru": ("\u0400", "\u04ff"), "uk": ("\u0400", "\u04ff"), "zh": ("\u4e00", "\u9fff"),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES.split())
def test_lines_are_translations_into_the_language(language: str) -> None:
    """A line left out or in English would shift or spoil what is learned."""
    lines = {
        code: (files(sentences.__package__) / "everyday" / f"{code}.txt").read_text("utf-8").splitlines()
        for code in ("en", language)
    }
    assert len(lines["en"]) == len(lines[language])
    pairs = everyday_sentences(language)
    assert len(pairs) > 0.98 * len(lines["en"])
    assert sum(english.casefold() == text.casefold() for english, text in pairs) < 0.005 * len(pairs)
    assert not [text for _, text in pairs if text != " ".join(text.split())]
    if language in WRITTEN:
        first, last = WRITTEN[language]
        assert not [text for _, text in pairs if not any(first <= letter <= last for letter in text)]


def test_no_english_sentence_occurs_twice() -> None:
    english = [side for side, _ in everyday_sentences("de")]
    assert len({side.casefold() for side in english}) == len(english)


def test_a_language_without_sentences_has_none() -> None:
    assert everyday_sentences("fi") == ()


def test_sentences_are_read_beside_the_data_when_asked_for(tmp_path: Path) -> None:
    jsonl(tmp_path / "train" / "de.jsonl.gz", [{"en": "the garden", "text": "der Garten"}])
    without = read_aligned([tmp_path], ["de"])
    assert without.translations == [Translation(0, "de", "der Garten")]
    texts = read_aligned([tmp_path], ["de"], everyday=True)
    read = {(texts.english[row.english], row.text) for row in texts.translations}
    assert read == {("the garden", "der Garten"), *everyday_sentences("de")}


def test_a_run_draws_these_pairs_oftener_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english, text = "the rose pay noon", "полдень платить роза"
    known = {"ru": ((english, text), (english, text)), "ja": ()}
    for module in (rows, preparation):
        monkeypatch.setattr(module, "everyday_sentences", known.__getitem__)
    folder = data(tmp_path / "data")
    jsonl(folder / "train" / "ja.jsonl.gz", [{"en": english, "text": "正午払うバラ"}])
    prepared = preparation.Preparation(
        Checkpoint.open(english_checkpoint(tmp_path / "english")), tmp_path / "work", 200
    )
    texts = prepared.texts([folder], ["ru", "ja"], None)
    parts = split(texts)
    tokenizer = prepared.tokenizer(texts, parts)
    file = tokenizer / "tokenizer.json"
    sides, ids = (tokens(file, column) for column in (texts.english, [row.text for row in texts.translations]))
    chosen = prepared.corpus(texts, parts, sides, ids, tokenizer).everyday
    assert [texts.translations[index].text for index in chosen] == [text]
