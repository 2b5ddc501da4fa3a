"""Many vectors: most in a graph, new ones beside it, and every answer as the store has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from openclaw_instructor.documents.chunking import Chunk
from openclaw_instructor.index import chunk_store, collections, stored_vectors
from openclaw_instructor.index.collections import Generation, Root
from openclaw_instructor.index.filters import Filter
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.vectors import graph as graphs
from openclaw_instructor.index.vectors import snapshot
from openclaw_instructor.index.vectors.local import LocalVectorEngine
from openclaw_instructor.index.vectors.protocol import View

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix

DIMENSION, COUNT, EXACT = 24, 1_500, 400


def vectors(count: int, seed: int) -> Matrix:
    """Unit vectors around a few centres, as texts on a few subjects have them."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(20, DIMENSION))
    found = centres[chance.integers(0, 20, count)] + chance.normal(size=(count, DIMENSION))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype("<f2").astype(np.float32)


class Filled:
    """A store with one collection, whose documents have one passage each."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home / "index.db")
        with self.store.write() as connection:
            collections.put(connection, "docs", "", [Root(home, (), ())])
            (self.collection,) = collections.collections(connection)
            wanted = Generation(0, "", "identity", "space", "words", DIMENSION, 0)
            self.generation = collections.target(connection, self.collection, wanted)

    def publish(self, names: Sequence[str], found: Matrix) -> Ids:
        with self.store.write() as connection:
            for name, vector in zip(names, found, strict=True):
                row = chunk_store.DocumentRow(name, name, 1, 1, 1, name, "text/1", name, 1.0)
                chunk = Chunk(1, 1, "", name, name, name)
                blob = stored_vectors.as_blob(vector)
                chunk_store.publish(connection, self.generation.id, row, [chunk], [blob])
            collections.touch(connection, self.collection, self.generation)
        with self.view() as view:
            return view.ids()[-len(names) :]

    def forget(self, ids: Ids) -> None:
        with self.store.write() as connection:
            rows = [connection.execute("SELECT document_id FROM chunks WHERE id = ?", (int(key),)) for key in ids]
            chunk_store.forget(connection, [row.fetchone()[0] for row in rows])
            collections.touch(connection, self.collection, self.generation)

    @contextmanager
    def view(self) -> Iterator[View]:
        with self.store.read() as connection:
            now = collections.generation(connection, self.generation.id)
            assert now is not None
            yield View(connection, self.collection, now)

    def exactly(self, query: Matrix, limit: int, among: Ids | None = None) -> list[int]:
        with self.view() as view:
            ids = view.ids() if among is None else np.intersect1d(view.ids(), among)
            scored = [
                (-score, key)
                for keys, found in view.vectors(ids)
                for key, score in zip(keys.tolist(), (found @ query).tolist(), strict=True)
            ]
        return [key for _, key in sorted(scored)[:limit]]


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    monkeypatch.setattr(snapshot, "TAIL_VECTORS", 100)
    filled = Filled(tmp_path)
    filled.publish([f"{number}.txt" for number in range(COUNT)], vectors(COUNT, seed=1))
    yield filled
    filled.store.close()


@pytest.fixture
def open_engine(tmp_path: Path) -> Iterator[Callable[..., LocalVectorEngine]]:
    opened: list[LocalVectorEngine] = []

    def open_one(exact_vectors: int | None = EXACT) -> LocalVectorEngine:
        opened.append(LocalVectorEngine(tmp_path / "vectors", exact_vectors))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(filled: Filled, open_engine: Callable[..., LocalVectorEngine]) -> LocalVectorEngine:
    engine = open_engine()
    with filled.view() as view:
        assert engine.update(view) == []
    return engine


def file_of(engine: LocalVectorEngine) -> Path:
    (path,) = engine.folder.iterdir()
    assert path.suffix == ".hnsw"
    return path


def found(
    engine: LocalVectorEngine, filled: Filled, query: Matrix, limit: int = 10, wanted: Filter | None = None
) -> list[int]:
    with filled.view() as view:
        searcher, notes = engine.open(view)
        assert notes == []
        hits = searcher.search(query, limit, wanted or Filter())
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
    return [key for key, _ in hits]


def recall(engine: LocalVectorEngine, filled: Filled, among: Ids | None = None) -> float:
    wanted = None if among is None else Filter(passages=tuple(among.tolist()))
    shares = []
    for query in vectors(30, seed=9):
        nearest = filled.exactly(query, 10, among)
        shares.append(len(set(found(engine, filled, query, wanted=wanted)) & set(nearest)) / len(nearest))
    return float(np.mean(shares))


def test_the_graph_finds_the_nearest(engine: LocalVectorEngine, filled: Filled) -> None:
    assert file_of(engine)
    assert recall(engine, filled) > 0.99


def test_scores_are_those_of_the_stored_vectors(
    engine: LocalVectorEngine, filled: Filled, open_engine: Callable[..., LocalVectorEngine]
) -> None:
    query, exact = vectors(1, seed=3)[0], open_engine(None)
    with filled.view() as view:
        answers = [dict(each.open(view)[0].search(query, 20, Filter())) for each in (engine, exact)]
    shared = answers[0].keys() & answers[1].keys()
    assert len(shared) > 15
    assert {key: answers[0][key] for key in shared} == pytest.approx({key: answers[1][key] for key in shared})


@pytest.mark.parametrize("step", [700, 100, 20, 7, 2])
def test_a_filter_loses_nothing(engine: LocalVectorEngine, filled: Filled, step: int) -> None:
    with filled.view() as view:
        among = view.ids()[::step]
    assert recall(engine, filled, among) > 0.99


def test_what_is_added_and_deleted_is_seen_at_once(engine: LocalVectorEngine, filled: Filled) -> None:
    query = vectors(1, seed=4)[0]
    before, graph = found(engine, filled, query), file_of(engine).read_bytes()
    (new,) = filled.publish(["new.txt"], query[None])
    assert found(engine, filled, query)[0] == new
    filled.forget(np.array(before[:3]))
    assert found(engine, filled, query) == filled.exactly(query, 10)
    filled.forget(np.array([new]))
    assert found(engine, filled, query) == filled.exactly(query, 10)
    assert file_of(engine).read_bytes() == graph


def test_it_answers_when_most_near_ones_are_gone(engine: LocalVectorEngine, filled: Filled) -> None:
    query = vectors(1, seed=5)[0]
    filled.forget(np.array(filled.exactly(query, 300)))
    assert set(found(engine, filled, query, 20)) == set(filled.exactly(query, 20))


def test_the_tail_is_taken_into_the_graph(engine: LocalVectorEngine, filled: Filled) -> None:
    filled.publish([f"more-{number}.txt" for number in range(150)], vectors(150, seed=6))
    before = file_of(engine).stat().st_size
    with filled.view() as view:
        engine.update(view)
        held = engine._snapshot(view)
    assert file_of(engine).stat().st_size > before
    assert len(held.tail) == 0
    assert recall(engine, filled) > 0.99


def test_a_graph_of_what_is_mostly_gone_is_built_anew(engine: LocalVectorEngine, filled: Filled) -> None:
    with filled.view() as view:
        filled.forget(view.ids()[:700])
    filled.publish([f"more-{number}.txt" for number in range(150)], vectors(150, seed=6))
    with filled.view() as view:
        engine.update(view)
        held = engine._snapshot(view)
        assert held.state.graph is not None
        assert held.state.graph.ids.tolist() == view.ids().tolist()


def test_few_are_searched_exactly_again(engine: LocalVectorEngine, filled: Filled) -> None:
    with filled.view() as view:
        filled.forget(view.ids()[150:])
    with filled.view() as view:
        engine.update(view)
    (path,) = engine.folder.iterdir()
    assert path.suffix == ".faiss"
    assert recall(engine, filled) == 1.0


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "damage", [truncate, flip, lambda f: f.write_bytes(b""), lambda f: f.write_bytes(b"\xff" * 5_000)]
)
def test_a_damaged_graph_is_rebuilt_from_the_store_and_said_so(
    engine: LocalVectorEngine,
    filled: Filled,
    open_engine: Callable[..., LocalVectorEngine],
    damage: Callable[[Path], None],
) -> None:
    path = file_of(engine)
    damage(path)
    other, query = open_engine(), vectors(1, seed=7)[0]
    with filled.view() as view:
        searcher, notes = other.open(view)
        assert notes[0] == f"the vector file {path} was damaged and is rebuilt from the store"
        assert "compared one by one" in notes[1]
        # Every vector is looked at until the graph is there.
        assert [key for key, _ in searcher.search(query, 10, Filter())] == filled.exactly(query, 10)
        other.update(view)
    assert recall(open_engine(), filled) > 0.99


def test_another_process_maps_the_file(
    engine: LocalVectorEngine, filled: Filled, open_engine: Callable[..., LocalVectorEngine]
) -> None:
    other = open_engine()
    assert recall(other, filled) > 0.99
    filled.publish([f"more-{number}.txt" for number in range(450)], vectors(450, seed=6))
    with filled.view() as view:
        engine.update(view)
    assert recall(other, filled) > 0.99
    with filled.view() as view:
        assert len(other._snapshot(view).tail) == 0


def test_a_search_does_not_wait_for_a_graph_that_is_built(
    filled: Filled, open_engine: Callable[..., LocalVectorEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    building, go_on = threading.Event(), threading.Event()
    build = graphs.build

    def held(*arguments: object) -> graphs.Graph:
        building.set()
        assert go_on.wait(60)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(graphs, "build", held)
    engine, query = open_engine(), vectors(1, seed=8)[0]
    with filled.view() as view:
        engine.open(view)
        assert building.wait(60)
        searcher, notes = engine.open(view)
        assert "is being built" in notes[0]
        assert [key for key, _ in searcher.search(query, 10, Filter())] == filled.exactly(query, 10)
        go_on.set()
        engine.update(view)
    assert found(engine, filled, query)


def test_a_store_put_back_is_compared_whole(
    engine: LocalVectorEngine, filled: Filled, open_engine: Callable[..., LocalVectorEngine]
) -> None:
    gone = filled.exactly(vectors(1, seed=4)[0], 5)
    filled.forget(np.array(gone))
    filled.publish(["new.txt"], vectors(1, seed=4))
    other = open_engine()
    query = vectors(1, seed=4)[0]
    assert found(other, filled, query) == filled.exactly(query, 10)


def test_its_file_can_be_verified(
    engine: LocalVectorEngine, filled: Filled, open_engine: Callable[..., LocalVectorEngine]
) -> None:
    path = file_of(engine)
    with filled.view() as view:
        assert open_engine().verify(view) == []
    content = path.read_bytes()
    flip(path)
    with filled.view() as view:
        assert open_engine().verify(view) == [f"{path} is damaged"]
    path.write_bytes(content)
    with filled.store.write() as connection:
        blob = stored_vectors.as_blob(vectors(1, seed=77)[0])
        connection.execute(
            "UPDATE vectors SET vector = ? WHERE chunk_id = (SELECT max(chunk_id) FROM vectors)", (blob,)
        )
    with filled.view() as view:
        assert open_engine().verify(view) == [f"{path} has other vectors than the index"]
