from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.train.distill.multilingual.held_out import letters, split
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, Translation, read_aligned
from tests.evaluate.sets import jsonl


def texts_of(count: int) -> AlignedTexts:
    english = [f"text {n}" for n in range(count)]
    return AlignedTexts(english, [Translation(n, code, f"{code} {n}") for n in range(count) for code in ("de", "ru")])


def test_texts_are_held_out_with_all_their_translations() -> None:
    texts = texts_of(300)
    parts = split(texts, 20)
    assert 18 <= len(parts.held) <= 22
    sides = {texts.translations[place].english for place in parts.held}
    assert sides.isdisjoint(parts.english)
    assert sides.isdisjoint(texts.translations[place].english for place in parts.learned)
    assert len(parts.held) + len(parts.learned) == len(texts.translations)
    assert len(sides) + len(parts.english) == len(texts.english)


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10])
def test_few_rows_are_split_too(count: int) -> None:
    parts = split(texts_of(count))
    assert len(parts.held) <= count
    assert bool(parts.held) == (count > 1)


def test_nothing_that_is_learned_gives_away_what_is_held_out(tmp_path: Path) -> None:
    rows = [
        {"en": english.format(n), "text": text.format(n)}
        for n in range(120)
        for english, text in (("Button {}", "Knopf {}"), ("button {}…", "Taste {}"), ("Press {}", "KNOPF {}!"))
    ]
    jsonl(tmp_path / "train" / "de.jsonl.gz", rows)
    texts = read_aligned([tmp_path], ["de"])
    parts = split(texts)

    def keys(places: list[int]) -> tuple[set[str], set[str]]:
        chosen = [texts.translations[place] for place in places]
        return {letters(texts.english[row.english]) for row in chosen}, {letters(row.text) for row in chosen}

    for held, learned in zip(keys(parts.held), keys(parts.learned), strict=True):
        assert held
        assert held.isdisjoint(learned)
    assert len(parts.learned) > 200


def test_rows_that_are_all_alike_are_refused() -> None:
    with pytest.raises(InvalidData, match="too much alike"):
        split(AlignedTexts(["a", "b", "c"], [Translation(n, "de", "Das!") for n in range(3)]))


def test_texts_without_letters_are_told_apart() -> None:
    assert letters("Ｎｏ, no") == letters("no no!") == "nono"
    assert letters("?!") != letters("…")
