"""Files and questions that are made to exhaust the index: the honest ones beside them are found all the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import Index
from openclaw_instructor.settings import Settings
from tests.index.word_engine import DOCUMENT, WordEngine, ask

N = 100_000
HEADINGS = {
    "spaces": "# x" + " " * N + "y",
    "hashes": "# " + "# " * (N // 2) + "y",
    "brackets": "# " + "[" * N,
    "links": "# " + "[](" * (N // 3),
    "tags": "# " + "<a " * (N // 3),
    "attributes": "# " + "{#" * (N // 2),
    "unusual spaces": "# a" + "\u00a0" * N + "b",
    "underscores": "# " + "_" * N,
    "backticks": "# " + "`" * N,
    "images": "# " + "![" * (N // 2),
    "bullets": "- " * (N // 2) + "x",
    "numbers": "1. " * (N // 3) + "x",
}
# Each section is embedded with the headings above it.
REPEATED = "# " + "word " * 20_000 + "\n\n" + "".join(f"## s{number}\n\nx\n\n" for number in range(2_000))
LEVELS = [
    "a0: &a0 {" + ", ".join(f"k{number}: v" for number in range(10)) + "}",
    *(f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, 9)),
]
MERGED = "---\n" + "\n".join(LEVELS) + "\n---\n\nThe body of it.\n"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home whose index has read all of them, and the folder they are in."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, text in HEADINGS.items():
        (folder / f"{name}.md").write_text(f"{text}\n\nBelow it stands something.\n")
    (folder / "repeated.md").write_text(REPEATED)
    (folder / "merged.md").write_text(MERGED)
    (folder / "how-to-configure-the-refund-policy.md").write_text("# Refunds\n\nThe marmalade is here.\n")
    home = folder.parent / "home-of-hostile"
    index = Index(Settings.load(home), WordEngine())
    index.add("docs", [folder], instruction=DOCUMENT)
    (report,) = index.sync("docs").collections
    index.close()
    assert report.error is None
    return home, folder


@pytest.fixture
def read(hostile: tuple[Path, Path]) -> Index:
    return Index(Settings.load(hostile[0]), WordEngine())


def test_an_honest_file_beside_them_is_found(read: Index) -> None:
    (hit, *_) = ask(read, "marmalade", mode="keyword")["hits"]
    assert hit["file"].endswith("refund-policy.md")


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize("name", [*HEADINGS, "repeated", "merged"])
def test_none_of_them_breaks_a_search(read: Index, name: str, mode: str) -> None:
    assert ask(read, "something body word", mode=mode, path=f"{name}.md", top_k=3)["hits"]


def test_a_heading_is_not_stored_a_thousand_times(hostile: tuple[Path, Path]) -> None:
    with closing(sqlite3.connect(hostile[0] / "index.db")) as connection:
        (stored,) = connection.execute(
            "SELECT sum(length(text) + length(heading) + length(context)) FROM chunks "
            "JOIN documents ON documents.id = document_id WHERE path LIKE '%repeated.md'"
        ).fetchone()
    assert stored < 10 * len(REPEATED)


@pytest.mark.parametrize(
    "pattern",
    [
        "*?" * 15 + "~",
        "*?" * 400 + "~",
        "**/" * 300 + "~",
        "**/*/" * 16 + "~",
        "*a" * 30 + "*b",
        "[a-z]" * 300,
        "[" * 900,
    ],
)
def test_no_pattern_holds_a_search_up(read: Index, pattern: str) -> None:
    """A matcher that backtracks would not come to an end; the limit of the suite is the assertion."""
    found: list[object] = []
    # Which of them are refused as too long does not matter here.
    with suppress(InvalidArguments):
        found = ask(read, "marmalade", mode="keyword", path=pattern)["hits"]
    assert found == []
