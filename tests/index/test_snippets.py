"""The excerpt is where the match is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index.snippets import snippet


def test_a_passage_that_fits_is_shown_whole_without_blank_ends() -> None:
    assert snippet("\n# H\n\ntext\n", 10, ["text"]) == ("# H\n\ntext", 11, 13)


def test_the_lines_with_most_query_words_are_shown() -> None:
    lines = [f"line {i} about nothing" for i in range(50)]
    lines[30], lines[31] = "the engine starts", "when idle it unloads"
    text, first, last = snippet("\n".join(lines), 101, ["engine", "unload", "idle"], 80)
    assert first <= 131 <= 132 <= last
    assert text == "\n".join(lines[first - 101 : last - 100])
    assert len(text) <= 80


def test_without_a_match_the_beginning_is_shown() -> None:
    text, first, _ = snippet("\n".join(f"line {i}" for i in range(50)), 1, ["zebra"], 40)
    assert (text.startswith("line 0\n"), first) == (True, 1)


def test_one_long_line_is_cut_around_the_match() -> None:
    line = "word " * 200 + "the needle lies here " + "word " * 200
    text, first, last = snippet(line, 7, ["needle", "lies"], 100)
    assert "needle lies" in text
    assert (text[0], text[-1], first, last) == ("…", "…", 7, 7)
    assert len(text) <= 100


def test_a_match_inside_a_run_without_blanks_is_shown() -> None:
    line = "ああああ" * 50 + "東京都の天気" + "いいいい" * 50
    text = snippet(line, 7, ["東京", "京都", "天気"], 40)[0]
    assert ("東京都の天気" in text, text[0], text[-1], len(text)) == (True, "…", "…", 40)
    assert snippet("\n".join(["何もない"] * 30 + ["明日は晴れ"] + ["何もない"] * 30), 1, ["晴れ"], 10)[1] >= 30


@given(
    st.lists(st.text("ab \t", max_size=50), min_size=1, max_size=30).map("\n".join),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=4),
    st.integers(20, 200),
)
def test_an_excerpt_is_short_and_stands_in_the_lines_it_names(text: str, terms: list[str], limit: int) -> None:
    excerpt, first, last = snippet(text, 1, terms, limit)
    lines = text.split("\n")
    assert len(excerpt) <= limit
    assert 1 <= first <= last <= len(lines)
    assert excerpt.strip("…") in "\n".join(lines[first - 1 : last])
