from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, read_aligned, read_texts, write_texts
from tests.evaluate.sets import jsonl
from tests.train.distill.multilingual.toy import data


def pairs(texts: AlignedTexts) -> list[tuple[str, str, str]]:
    return sorted((texts.english[each.english], each.language, each.text) for each in texts.translations)


def test_rows_of_one_english_side_share_it(tmp_path: Path) -> None:
    texts = read_aligned([data(tmp_path)], ["ru", "ja"], ["english alone"])
    assert texts.languages == ["ja", "ru"]
    assert "english alone" in texts.english
    assert max(Counter(texts.english).values()) == 1
    assert len(texts.translations) == len(set(texts.translations)) == 288
    assert [each.text for each in texts.translations] != sorted(each.text for each in texts.translations)


def test_what_may_not_be_used_is_not_read(tmp_path: Path) -> None:
    assert "forbidden" not in read_aligned([data(tmp_path)], ["ru", "ja"]).english


def test_kept_texts_come_back_in_the_same_order(tmp_path: Path) -> None:
    rows = [{"en": "hello", "text": text} for text in ("hallo", "guten Tag")]
    jsonl(tmp_path / "train" / "de.jsonl.gz", [*rows, {"en": "line\nbreak", "text": "Zeilen\numbruch"}])
    jsonl(tmp_path / "train" / "ru.jsonl.gz", [{"en": "hello", "text": "привет"}])
    texts = read_aligned([tmp_path], ["de", "ru"], ["english alone"], seed=3)
    write_texts(texts, tmp_path / "texts.jsonl.xz")
    again = read_texts(tmp_path / "texts.jsonl.xz", seed=3)
    assert pairs(again) == pairs(texts)
    assert again == texts


def test_a_language_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="language 'xx'; there are: ja, ru"):
        read_aligned([data(tmp_path)], ["ru", "xx"])
