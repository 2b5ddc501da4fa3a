"""The excerpt is where the match is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index.query import parse
from openclaw_instructor.index.snippets import snippet


def test_a_passage_that_fits_is_shown_whole_without_blank_ends() -> None:
    assert snippet("\n# H\n\ntext\n", 10, parse("text")) == ("# H\n\ntext", 11, 13)


def test_the_lines_with_most_query_words_are_shown() -> None:
    lines = [f"line {i} about nothing" for i in range(50)]
    lines[30], lines[31] = "the engine starts", "when idle it unloads"
    text, first, last = snippet("\n".join(lines), 101, parse("engine unload idle"), 80)
    assert first <= 131 <= 132 <= last
    assert text == "\n".join(lines[first - 101 : last - 100])
    assert len(text) <= 80


def test_without_a_match_the_beginning_is_shown() -> None:
    text, first, _ = snippet("\n".join(f"line {i}" for i in range(50)), 1, parse("zebra"), 40)
    assert (text.startswith("line 0\n"), first) == (True, 1)


def test_one_long_line_is_cut_around_the_match() -> None:
    line = "word " * 200 + "the needle lies here " + "word " * 200
    text, first, last = snippet(line, 7, parse("needle lies"), 100)
    assert "needle lies" in text
    assert (text[0], text[-1], first, last) == ("…", "…", 7, 7)
    assert len(text) <= 100


def test_a_match_inside_a_run_without_blanks_is_shown() -> None:
    line = "ああああ" * 50 + "東京都の天気" + "いいいい" * 50
    text = snippet(line, 7, parse("東京都 天気"), 40)[0]
    assert ("東京都の天気" in text, text[0], text[-1], len(text)) == (True, "…", "…", 40)
    assert snippet("\n".join(["何もない"] * 30 + ["明日は晴れ"] + ["何もない"] * 30), 1, parse("晴れ"), 10)[1] >= 30


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("resume", "a résumé and more"),
        ("résumé", "a re\u0301sume\u0301 and more"),
        ("cooperate", "they co\u00adoperate"),
        ("duong pho", "Đường phố"),
        ("strasse", "in der Straße"),
        ("ｆｕｌｌ", "the full width"),
        ("file size", "calls getFileSize"),
        ("getFileSize", "calls get_file_size"),
        ("get_file_size", "calls GetFileSize"),
        ("getfilesize", "calls getFileSize"),
        ("ERR-7731", "shows ERR-7731 at times"),
        ("10.0.0.1", "pings 10.0.0.1"),
        ("v3.14.2", "since 3.14.2"),
        ("3.14.2", "since v3.14.2"),
        ('"blue chairs"', "some blue chairs"),
        ("IT", "ask IT"),
        ("kettles", "one kettle"),
    ],
)
def test_the_match_is_shown_whatever_its_spelling(query: str, line: str) -> None:
    """The other lines hold the words that a query shares with everything."""
    others = ["the chairs and the files of it err, 3 of 10, blue and 14"] * 20
    text, first, last = snippet("\n".join([*others, line, *others]), 1, parse(f"{query} err"), 80)
    assert line in text.split("\n")
    assert first <= 21 <= last
    long = f"{' '.join(others)} {line} {' '.join(others)}"
    assert line in snippet(long, 1, parse(query), 120)[0]


def test_the_very_form_is_shown_before_its_stem() -> None:
    lines = ["news on fridays"] * 3 + ["a new laptop"] + ["news again"] * 9
    assert "a new laptop" in snippet("\n".join(lines), 1, parse("new"), 30)[0]


@given(
    st.lists(st.text("ab \t", max_size=50), min_size=1, max_size=30).map("\n".join),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=4),
    st.integers(20, 200),
)
def test_an_excerpt_is_short_and_stands_in_the_lines_it_names(text: str, terms: list[str], limit: int) -> None:
    excerpt, first, last = snippet(text, 1, parse(" ".join(terms)), limit)
    lines = text.split("\n")
    assert len(excerpt) <= limit
    assert 1 <= first <= last <= len(lines)
    assert excerpt.strip("…") in "\n".join(lines[first - 1 : last])
