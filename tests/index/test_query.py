"""How a query is read."""

from __future__ import annotations

import pytest

from openclaw_instructor.index.query import MAX_CLAUSES, parse


def texts(query: str) -> list[str]:
    return [clause.text for clause in parse(query).clauses]


@pytest.mark.parametrize(
    ("query", "clauses"),
    [
        ("Where is the Kettle, the kettle?", "kettle"),
        ("is it to be", "is it to be"),
        ("what's O'Brien's plan, don't you know", "o'brien plan know"),
        ("東京都 の weather APIキー", "東京 京都 の weather api キー"),
        ("open /etc/ssh/sshd_config at 10.0.0.1:22", "open etc/ssh/sshd_config 10.0.0.1:22"),
        ("2024-03-05 v3.14.2 ERR-7731 --dry-run", "2024-03-05 v3.14.2 err-7731 --dry-run"),
        ("call fs.readFile(path) in C++ or C#", "call fs.readfile path c++ c#"),
        ("1,000 of them, 3", "1,000 3"),
        ("???", ""),
        ("🚀", "🚀"),
        ("दुनिया மொழி", "दुनिया மொழி"),
        ("ไทยมี", "ไท ทย ยม"),
    ],
)
def test_a_query_names_words_and_literals(query: str, clauses: str) -> None:
    assert texts(query) == clauses.split()


@pytest.mark.parametrize(
    ("query", "clauses"),
    [
        ("IT support", "it support"),
        ("IT", "it"),
        ("WHO recommendation", "who recommendation"),
        ("who recommends it", "recommends"),
        ("It is. How?", "it is how"),
        ("the U.S. visa", "u.s. visa"),
        ("HOW DO I RESET IT", "reset"),
    ],
)
def test_words_in_capitals_are_no_stop_words(query: str, clauses: str) -> None:
    assert texts(query) == clauses.split()


def test_a_quotation_is_required_and_searched_by() -> None:
    for query in ('a "Blue Chair" sold', "a “Blue Chair” sold", "a «Blue Chair» sold"):
        found = parse(query)
        assert [clause.sequences for clause in found.required] == [((("blue"), ("chair")),)]
        assert texts(query) == ["blue", "chair", "sold"]
    assert [clause.text for clause in parse('学习"北京大学"的').required] == ["北京大学"]
    assert parse('a 5" disk and 3" disk').required == ()
    assert parse('say "" or "?"').required == ()


def test_what_has_a_minus_before_it_is_excluded() -> None:
    found = parse('jaguar -car -"sports club" well-known - 5 -x')
    assert [each.text for each in found.excluded] == ["sports club", "-car"]
    assert parse("--verbose -v x").excluded == ()
    assert parse("-lonely").excluded == ()


def test_a_query_of_too_many_words_is_cut() -> None:
    found = parse(" ".join(f"word{number}" for number in range(MAX_CLAUSES + 1)))
    assert (len(found.clauses), found.truncated) == (MAX_CLAUSES, True)
    assert not parse(" ".join(f"word{number}" for number in range(MAX_CLAUSES))).truncated


def test_quotations_are_counted_once_and_up_to_a_limit() -> None:
    assert len(parse('"a b" -"c d" ' * 3000).required) == len(parse('"a b" -"c d" ' * 3000).excluded) == 1
    found = parse(" ".join(f'"name n{number}" -"x y{number}"' for number in range(MAX_CLAUSES + 1)))
    assert (len(found.required), len(found.excluded), found.truncated) == (MAX_CLAUSES, MAX_CLAUSES, True)


def test_a_word_with_combining_marks_is_no_literal() -> None:
    assert [clause.literal for clause in parse("दुनिया மொழி").clauses] == [False, False]
    assert [clause.whole for clause in parse("नई-दिल्ली x-ray x_ray").clauses] == [False, False, True]


@pytest.mark.parametrize("query", ["31 February 2025", "release 2025-05-03-rc1", "2025-13-01"])
def test_what_is_no_date_is_looked_up_as_it_stands(query: str) -> None:
    assert all(len(clause.sequences) < 6 for clause in parse(query).clauses)
