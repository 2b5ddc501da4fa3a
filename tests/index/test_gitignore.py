"""Patterns mean what git means by them, and no pattern takes long."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import walk
from openclaw_instructor.index.collections import Root
from openclaw_instructor.index.gitignore import MAX_CHARACTERS, MAX_WILDCARDS, Patterns, patterns
from tests.index import git_trees


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", range(20))
def test_random_trees_are_read_as_git_reads_them(seed: int, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    planted = git_trees.plant(root, seed)
    ignored = git_trees.ignored(root, planted, tmp_path)
    taken = {str(Path(path).relative_to(root)) for path in walk.walk([Root(root, ("*",), ())]).files}
    visible = {file for file in planted if not any(part.startswith(".") for part in file.split("/"))}
    assert taken == visible - ignored


def match(pattern: str, path: str) -> bool:
    return patterns([pattern], "path").match_file(path)


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.md", "a/b.md", "a/b.md.txt"),
        ("/a/*.md", "a/b.md", "a/c/b.md"),
        ("guides/", "x/guides/a.md", "guides.md"),
        ("a/**/b", "a/b", "ab"),
        ("a/**/b*c/d", "a/bx/bxc/d", "a/bx/cxc/d"),
        ("**/x/*y*z", "a/x/yyzz", "a/x/y/z"),
        ("a/**", "a/b/c", "b/a"),
        ("[a-c][!x]?", "bab", "bxb"),
        ("caf?.md", "caf\u00e9.md", "cafe\u0301.md"),
        ("[[:digit:]]*", "1a", "a1"),
        ("\\*", "*", "a"),
    ],
)
def test_what_people_type(pattern: str, fits: str, fits_not: str) -> None:
    assert match(pattern, fits)
    assert not match(pattern, fits_not)


def test_of_several_patterns_the_last_that_fits_decides() -> None:
    chosen = patterns(["docs/", "!docs/old/", "docs/old/keep.md"], "include")
    assert [chosen.covers(path) for path in ("docs/a.md", "docs/old/a.md", "docs/old/keep.md", "a.md")] == [
        *(True, False, True),
        None,
    ]


@pytest.mark.parametrize("pattern", ["*?" * 15 + "~", "**/" + "*a" * 20 + "b", "**/a*/" * 15 + "b", "a?" * 40 + "*c"])
def test_no_pattern_backtracks_without_end(pattern: str) -> None:
    # Hours, were a pattern tried in every way.
    for path in ("a" * 4_000, "a/" * 2_000 + "c", "?" * 255):
        assert not match(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a" * (MAX_CHARACTERS + 1), "has 1,001 characters; use at most 1,000"),
        ("*a" * (MAX_WILDCARDS + 1), "has 101 wildcards; use at most 100"),
        ("[a-", "can match nothing"),
        ("a\\", "can match nothing"),
        ("/", "can match nothing"),
        ("# a", "can match nothing"),
        ("", "can match nothing"),
        ("[[:no:]]", "can match nothing"),
    ],
)
def test_a_pattern_that_is_no_use_is_named(pattern: str, message: str) -> None:
    with pytest.raises(InvalidArguments, match=f"path: .*{message}"):
        patterns([pattern], "path")


def test_no_patterns_say_nothing() -> None:
    assert Patterns([]).covers("a") is None
