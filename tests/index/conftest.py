"""A home with an index on it, and a folder to index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw_instructor.index import Index
from openclaw_instructor.settings import Settings
from tests.index.word_engine import DOCUMENT, WordEngine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small documents about different things."""
    folder = tmp_path / "notes"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "install.md").write_text(
        "# Installing\n\nUse pip on any platform.\n\n## Linux\n\nInstall the package with `pip install thing`.\n\n"
        "## Windows\n\nDownload the installer and click through it.\n"
    )
    (folder / "bread.md").write_text("# Bread\n\nKnead the dough and let it rise.\n\n```\nflour 500\nwater 350\n```\n")
    (folder / "trip.txt").write_text("We took the night train to Vienna.\n\nThe museum was closed on Monday.\n")
    return folder


@pytest.fixture
def engine() -> WordEngine:
    return WordEngine()


@pytest.fixture
def open_index(home: Path, engine: WordEngine) -> Iterator[Callable[..., Index]]:
    """Opens the index of `home`, each time anew as another process would, and closes them all."""
    opened: list[Index] = []

    def make(with_engine: WordEngine | None = None) -> Index:
        opened.append(Index(Settings.load(home), with_engine or engine))
        return opened[-1]

    yield make
    for index in opened:
        index.close()


@pytest.fixture
def index(open_index: Callable[..., Index]) -> Index:
    return open_index()


@pytest.fixture
def docs(index: Index, folder: Path) -> Index:
    """The index with `folder` synced as the collection docs."""
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return index
