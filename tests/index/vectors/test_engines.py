"""An engine from outside the package, and generations that do not wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.index import Index
from openclaw_instructor.index.collections import Collection, Generation
from openclaw_instructor.index.filters import Filter
from openclaw_instructor.index.vectors import engines
from openclaw_instructor.index.vectors.local import LocalVectorEngine
from openclaw_instructor.index.vectors.protocol import Searcher, View
from openclaw_instructor.settings import Settings
from tests.index.word_engine import DOCUMENT, WordEngine, ask

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Matrix


class ToySearcher:
    """Reads every vector from the view for each question."""

    def __init__(self, engine: ToyEngine, view: View) -> None:
        self.engine, self.view = engine, view

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        self.engine.asked.append(wanted)
        self.engine.before_search(self.view.collection.name)
        passing = self.view.passing(wanted)
        ids = self.view.ids() if passing is None else passing
        found = [(int(i), float(v @ query)) for i_s, vs in self.view.vectors(ids) for i, v in zip(i_s, vs, strict=True)]
        return sorted(found, key=lambda item: -item[1])[:limit]


class ToyEngine:
    """An engine with nothing of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[Filter] = []
        self.kept: dict[str, Generation] = {}
        self.closed = False
        self.before_search = lambda collection: None

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        return ToySearcher(self, view), [f"toy vectors of {view.collection.name}"]

    def update(self, view: View) -> list[str]:
        return ["toy vectors are up to date"]

    def keep(self, generations: Mapping[str, Generation]) -> None:
        self.kept = dict(generations)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> list[ToyEngine]:
    made: list[ToyEngine] = []
    monkeypatch.setattr(engines, "_registered", dict(engines._registered))
    engines.register("toy", lambda folder: made.append(ToyEngine(folder)) or made[-1])  # type: ignore[func-returns-value]
    return made


@pytest.fixture
def index(toy: list[ToyEngine], home: Path, engine: WordEngine, folder: Path) -> Iterator[Index]:
    index = Index(Settings.load(home, vector_engine="toy"), engine)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync()
    yield index
    index.close()


def test_a_registered_engine_answers(index: Index, toy: list[ToyEngine], home: Path) -> None:
    result = ask(index, "how long does the dough rise", mode="vector")
    assert result["hits"][0]["title"] == "Bread"
    assert result["notes"] == ["toy vectors of docs"]
    (engine,) = toy
    assert engine.folder == home / "vectors"
    assert list(engine.kept) == ["docs"]
    assert not engine.folder.exists()
    index.close()
    assert engine.closed


def test_notes_of_an_engine_reach_the_report(index: Index, folder: Path) -> None:
    (folder / "new.md").write_text("new")
    assert "toy vectors are up to date" in index.sync().collections[0].notes


def test_an_engine_is_given_the_filter_as_a_value(index: Index, toy: list[ToyEngine]) -> None:
    ask(index, "dough", mode="vector", path="*.txt", after="2020-01-01")
    (wanted,) = toy[0].asked
    assert (wanted.path, len(wanted.generations)) == ("*.txt", 1)
    assert wanted.after is not None
    assert (wanted.before, wanted.passages, wanted.where) == (None, None, ())
    assert hash(wanted)


def test_both_engines_answer_alike(index: Index, home: Path, engine: WordEngine) -> None:
    exact = Index(Settings.load(home), engine)
    for options in ({}, {"path": "*.md"}, {"mode": "vector"}):
        one, other = (ask(each, "knead the dough", **options) for each in (index, exact))
        assert one["hits"] == other["hits"]
    exact.close()


def test_a_search_of_one_collection_does_not_wait_for_another(
    index: Index, toy: list[ToyEngine], tmp_path: Path
) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "a.txt").write_text("sourdough")
    index.add("mail", [tmp_path / "mail"], instruction=DOCUMENT)
    index.sync("mail")
    inside, go_on = threading.Event(), threading.Event()

    def wait(collection: str) -> None:
        if collection == "docs":
            inside.set()
            assert go_on.wait(60)

    toy[0].before_search = wait
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(ask(index, "dough", mode="vector")))
    slow.start()
    assert inside.wait(60)
    assert ask(index, "sourdough", "mail", mode="vector")["count"] == 1
    assert not answers
    go_on.set()
    slow.join(60)
    assert answers[0]["count"] == 5


class StillView(View):
    """A view whose vectors can be held back."""

    arrived: threading.Event
    go_on: threading.Event

    def ids(self) -> Any:
        return np.arange(3)

    def vectors(self, ids: Any) -> Iterator[Any]:
        self.arrived.set()
        assert self.go_on.wait(60)
        yield ids, np.eye(3, dtype=np.float32)[: len(ids)]

    def passing(self, wanted: Filter) -> None:
        return None


def still_view(name: str, *, held: bool) -> StillView:
    generation = Generation(1, f"key-{name}", f"identity-{name}", "", "words", 3, 1)
    view = StillView(None, Collection(1, name, "", generation, False, None, ()), generation)  # type: ignore[arg-type]
    object.__setattr__(view, "arrived", threading.Event())
    object.__setattr__(view, "go_on", threading.Event())
    if not held:
        view.go_on.set()
    return view


def test_building_the_vectors_of_one_generation_holds_up_no_other(tmp_path: Path) -> None:
    local = LocalVectorEngine(tmp_path)
    building, quick = still_view("a", held=True), still_view("b", held=False)
    thread = threading.Thread(target=lambda: local.update(building))
    thread.start()
    assert building.arrived.wait(60)
    searcher, notes = local.open(quick)
    assert searcher.search(np.array([0, 1, 0], dtype=np.float32), 1, Filter()) == [(1, 1.0)]
    assert notes == []
    assert thread.is_alive()
    building.go_on.set()
    thread.join(60)


def test_an_engine_nobody_provides_is_the_users_mistake(home: Path, engine: WordEngine) -> None:
    with pytest.raises(InvalidSettings, match=r"no engine 'milvus'; use one of exact, local"):
        Index(Settings.load(home, vector_engine="milvus"), engine)


def test_an_installed_package_provides_an_engine(
    home: Path, engine: WordEngine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = metadata.EntryPoint("far", f"{__name__}:ToyEngine", engines.ENTRY_POINTS)
    monkeypatch.setattr(metadata, "entry_points", lambda **_: metadata.EntryPoints([point]))
    index = Index(Settings.load(home, vector_engine="far"), engine)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync()
    assert ask(index, "dough")["notes"] == ["toy vectors of docs"]
    index.close()
