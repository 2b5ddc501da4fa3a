"""The fields at the head of a note."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.front_matter import split


def fields(text: str, fence: str = "---") -> dict[str, str | list[str]]:
    lines = [fence, *text.split("\n"), fence, "body"]
    taken, found = split(lines)
    assert taken == len(lines) - 1
    return found


def test_fields_keep_the_texts_that_were_written() -> None:
    assert fields("Title: 0x1F\nversion: 1.10\ndraft: yes\ntime: 1:30:00\nempty:\nnothing: ~\nquoted: 'a: b'") == {
        "title": "0x1F",
        "version": "1.10",
        "draft": "yes",
        "time": "1:30:00",
        "quoted": "a: b",
    }


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("date: 2024-03-05", "2024-03-05"),
        ("date: 2024-3-5", "2024-03-05"),
        ("date: 2024-03-05 10:30", "2024-03-05T10:30"),
        ("date: 2024-03-05T10:30:00Z", "2024-03-05T10:30:00Z"),
        ("date: 5 March 2024", "2024-03-05"),
        ("created: 2024-03-05", "2024-03-05"),
        ("date: soon\nupdated: 2024-03-05", "2024-03-05"),
        ("date: soon", None),
    ],
)
def test_dates_are_iso_dates(text: str, date: str | None) -> None:
    assert fields(text).get("date") == date


@pytest.mark.parametrize(
    "text",
    [
        "tags: [a, b c]",
        "tags:\n- a\n- b c",
        "tags:\n  - '#a'\n  - b c",
        "tag: a, b c",
        "tags: '#a; b c'",
        "Tags: [a, [x], b c]",
    ],
)
def test_tags_are_lists(text: str) -> None:
    assert fields(text) == {"tags": ["a", "b c"]}


def test_other_names_and_forms() -> None:
    assert fields("authors:\n- Ada\n- Bob\nlang: de\nmeta:\n  source: web\n  deep:\n    er: x\n    est: {x: y}") == {
        "author": ["Ada", "Bob"],
        "language": "de",
        "meta.source": "web",
        "meta.deep.er": "x",
    }


def test_broken_yaml_is_read_line_by_line() -> None:
    text = "title: Budget: 2026 plan\n# a comment\nauthor: @ada\ntags: [x, y]\n"
    text += "list:\n- one\n- two: three\n\nfolded: a\n  rest"
    assert fields(text) == {
        "title": "Budget: 2026 plan",
        "author": "@ada",
        "tags": ["x", "y"],
        "list": ["one", "two: three"],
        "folded": "a",
    }


def test_toml_is_read_too() -> None:
    assert fields('title = "T"\ndate = 2024-03-05\ntags = ["a"]\ndraft = true', "+++") == {
        "title": "T",
        "date": "2024-03-05",
        "tags": ["a"],
        "draft": "true",
    }


@pytest.mark.parametrize(
    "text",
    [
        "---\n\n# Heading\n\nText.\n\n---\n",
        "---\nJust a sentence.\n---\n",
        "---\n- a list\n---\n",
        "---\n[broken\n---\n",
        "---\nnever: closed\n",
        "+++\nnot toml\n+++\n",
        "text\n---\na: b\n---\n",
        "",
    ],
)
def test_what_is_no_mapping_is_no_front_matter(text: str) -> None:
    assert split(text.split("\n")) == (0, {})


def test_empty_front_matter_is_front_matter() -> None:
    assert split(["---", "---", "x"]) == (2, {})


def bomb(levels: int) -> str:
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: v" for i in range(10)) + "}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, levels)]
    return "\n".join(lines)


N = 800_000
HOSTILE = {
    "sexagesimal": "title: 1" + ":0" * (N // 2),
    "hexadecimal": "title: 0x" + "F" * N,
    "merge keys": bomb(9),
    "aliases": "a: &a [x]\nb: &b [" + "*a, " * 1_000 + "]\nc: [" + "*b, " * 1_000 + "]",
    "brackets": "a: " + "[" * N,
    "braces": "a: " + "{" * N,
    "a long list": "a:\n" + "- x\n" * (N // 4),
    "many fields": "a: b\n" * (N // 5),
    "quotes": "a: '" + "''" * (N // 2),
    "complex keys": "? " * (N // 2),
    "dashes": "- " * (N // 2),
    "spaces": "a" + " " * N + "b",
    "deep": "\n".join(" " * depth + "k:" for depth in range(350)),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("fence", ["---", "+++"])
def test_hostile_front_matter_is_bounded(hostile: str, fence: str) -> None:
    _, found = split([fence, *HOSTILE[hostile].split("\n"), fence])
    assert len(str(found)) < 200_000
