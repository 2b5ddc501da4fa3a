"""A format from outside the package: its files are indexed and found, and hits carry its own locations."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path, PurePath

import pytest

from openclaw_instructor.documents import Block, Document, Format, Location, UnreadableDocument, formats, register
from openclaw_instructor.index import Index
from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEngine


def read(data: bytes, path: PurePath) -> Document:
    """Read cards: a line is a card under a heading of its own, and counts as a page."""
    if not data.strip():
        raise UnreadableDocument("holds no card")
    lines = data.decode().splitlines()
    blocks = [
        Block(number, number, 1, line[:5], Location("page", number, number)) for number, line in enumerate(lines, 1)
    ]
    return Document(lines, blocks, title="Cards", metadata={"author": "Ada"})


CARDS = Format("recipe cards", (".cards",), read)


@pytest.fixture(params=["registered", "declared"])
def cards(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The format, as a program registers it or as another installed distribution declares it."""
    monkeypatch.setattr(formats, "_registered", [])
    formats._table.cache_clear()
    if request.param == "registered":
        register(CARDS)
    else:
        point = EntryPoint("cards", f"{__name__}:CARDS", formats.ENTRY_POINTS)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    yield
    monkeypatch.undo()
    formats._table.cache_clear()


@pytest.mark.usefixtures("cards")
def test_its_files_are_read_and_found_in_their_place(home: Path, tmp_path: Path) -> None:
    (tmp_path / "box.cards").write_text("bread: knead the dough\ntrips: the train to the coast\n")
    (tmp_path / "empty.cards").write_text("\n")
    index = Index(Settings.load(home), WordEngine())
    index.add("box", [tmp_path], instruction="")
    report = index.sync("box").collections[0]
    assert report.added == 1
    assert [(Path(path).name, reason) for path, reason in report.skipped] == [("empty.cards", "holds no card")]
    (hit,) = index.search("train to the coast", collection="box", query_instruction="", top_k=1).as_dict()["hits"]
    assert hit["page"] == "2"
    assert "lines" not in hit
    index.close()


@pytest.mark.usefixtures("cards")
def test_it_is_in_the_table() -> None:
    assert "recipe cards" in [known.name for known in formats.formats()]
    assert formats.format_of(PurePath("BOX.CARDS")) is CARDS


def test_without_it_such_files_are_left_out() -> None:
    assert formats.format_of(PurePath("box.cards")) is None


def test_an_isolated_reader_must_be_found_by_its_name() -> None:
    with pytest.raises(ValueError, match="found by its name"):
        Format("local", (".x",), lambda data, path: Document([], []), isolated=True)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (Location("lines", 3, 5), "lines 3-5"),
        (Location("lines", 3, 3), "lines 3"),
        (Location("page", 2, 2), "page 2"),
        (Location("page", 2, 4), "pages 2-4"),
        (Location("row", 3, 9, "Budget"), "Budget, rows 3-9"),
    ],
)
def test_a_location_in_words(location: Location, words: str) -> None:
    assert str(location) == words


def test_a_location_around_others_keeps_to_the_first_container() -> None:
    around = Location.around([Location("row", 4, 4, "A"), Location("row", 2, 2, "A"), Location("row", 9, 9, "B")])
    assert around == Location("row", 2, 4, "A")
