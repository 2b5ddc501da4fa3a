"""FAISS follows the store, whatever happens to its file."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index import Index
from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors, best_backend
from tests.index.word_engine import DOCUMENT, ask

QUESTION = "how long does the dough rise"


@pytest.fixture
def file(docs: Index, home: Path) -> Path:
    (file,) = (home / "vectors").iterdir()
    return file


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "damage", [truncate, flip, lambda f: f.write_bytes(b""), lambda f: f.write_bytes(b"\0" * 5_000)]
)
def test_a_damaged_file_is_rebuilt_from_the_store_and_said_so(
    docs: Index, file: Path, open_index: Callable[..., Index], damage: Callable[[Path], None]
) -> None:
    before, content = ask(docs, QUESTION, mode="vector"), file.read_bytes()
    damage(file)
    after = ask(open_index(), QUESTION, mode="vector")
    assert after["notes"] == [f"the vector file {file} was damaged and has been rebuilt from the store"]
    assert after["hits"] == before["hits"]
    assert file.read_bytes() == content
    assert ask(open_index(), QUESTION, mode="vector")["notes"] == []


def test_a_file_that_is_gone_is_rebuilt(docs: Index, file: Path, open_index: Callable[..., Index]) -> None:
    before = ask(docs, QUESTION, mode="vector")
    file.unlink()
    index = open_index()
    assert ask(index, QUESTION, mode="vector") == before
    index.sync()
    assert file.is_file()


def test_the_file_of_another_store_is_not_trusted(
    docs: Index, file: Path, home: Path, folder: Path, open_index: Callable[..., Index]
) -> None:
    stranger = file.read_bytes()
    docs.close()
    for path in home.glob("index.db*"):
        path.unlink()
    for name in ("bread.md", "trip.txt"):
        (folder / name).rename(folder / f"z-{name}")
    index = open_index()
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync()
    file.write_bytes(stranger)
    assert ask(open_index(), QUESTION, mode="vector")["hits"][0]["title"] == "Bread"


def test_a_store_put_back_from_a_backup_is_not_taken_for_the_one_after_it(
    docs: Index, home: Path, folder: Path, open_index: Callable[..., Index]
) -> None:
    docs.close()
    shutil.copy(home / "index.db", home / "backup.db")
    (folder / "saturn.md").write_text("The rings of Saturn in a telescope.\n")
    later = open_index()
    later.sync()
    later.close()
    (folder / "saturn.md").unlink()
    shutil.copy(home / "backup.db", home / "index.db")
    (folder / "roses.md").write_text("When roses are pruned.\n")
    restored = open_index()
    restored.sync()
    hit = ask(restored, "roses are pruned", mode="vector")["hits"][0]
    assert (Path(hit["file"]).name, hit["score"] > 0.5) == ("roses.md", True)


def test_an_older_file_is_caught_up(docs: Index, file: Path, folder: Path, open_index: Callable[..., Index]) -> None:
    old = file.read_bytes()
    (folder / "bread.md").unlink()
    (folder / "tea.md").write_text("# Tea\n\nBoil the water first.\n")
    docs.sync()
    file.write_bytes(old)
    index = open_index()
    assert ask(index, "boil the water", mode="vector")["hits"][0]["title"] == "Tea"
    assert "Bread" not in str(ask(index, QUESTION, mode="vector"))


def test_a_search_sees_what_another_process_has_published(
    docs: Index, folder: Path, open_index: Callable[..., Index]
) -> None:
    reader = open_index()
    ask(reader, QUESTION)
    (folder / "tea.md").write_text("# Tea\n\nBoil the water first.\n")
    docs.sync()
    assert ask(reader, "boil the water", mode="vector")["hits"][0]["title"] == "Tea"


def test_faiss_tools_read_the_file(file: Path) -> None:
    import faiss

    assert faiss.read_index(str(file)).ntotal == 5


def test_a_folder_that_takes_no_file_costs_only_the_file(
    docs: Index, file: Path, home: Path, open_index: Callable[..., Index]
) -> None:
    file.unlink()
    (home / "vectors").rmdir()
    (home / "vectors").write_text("in the way")
    assert ask(open_index(), QUESTION, mode="vector")["hits"][0]["title"] == "Bread"


def test_without_faiss_numpy_answers_the_same(
    docs: Index, file: Path, open_index: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ask(docs, QUESTION, mode="vector", path="*.md")
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert best_backend() is NumpyVectors
    index = open_index()
    after = ask(index, QUESTION, mode="vector", path="*.md")
    assert [hit["file"] for hit in after["hits"]] == [hit["file"] for hit in before["hits"]]
    index.sync()
    assert file.with_suffix(".npvec").is_file()
    assert ask(open_index(), QUESTION, mode="vector")["hits"]


VECTOR = st.lists(st.integers(-9, 9).map(float), min_size=4, max_size=4)


@given(
    st.dictionaries(st.integers(1, 2**60), VECTOR, max_size=30),
    st.sets(st.integers(0, 29)),
    VECTOR,
    st.none() | st.sets(st.integers(0, 29)),
)
def test_both_backends_agree(
    content: dict[int, list[float]], removed: set[int], query: list[float], allowed: set[int] | None
) -> None:
    ids = np.array(list(content), dtype=np.int64)
    matrix = np.array(list(content.values()), dtype=np.float32).reshape(-1, 4)
    chosen = None if allowed is None else ids[[i for i in sorted(allowed) if i < len(ids)]]
    answers = []
    for backend in (FaissVectors, NumpyVectors):
        filled, loaded = backend(4), backend(4)
        filled.add(ids, matrix)
        filled.remove(ids[[i for i in sorted(removed) if i < len(ids)]])
        loaded.load(filled.dump())
        found = loaded.search(np.array(query, dtype=np.float32), 50, chosen)
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        answers.append((dict(found), loaded.ids().tolist()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("backend", [FaissVectors, NumpyVectors])
def test_bytes_of_another_dimension_are_refused(backend: type[FaissVectors] | type[NumpyVectors]) -> None:
    other = backend(6)
    other.add(np.array([1], dtype=np.int64), np.ones((1, 6), dtype=np.float32))
    with pytest.raises((ValueError, RuntimeError)):
        backend(4).load(other.dump())


def test_what_a_killed_process_left_half_written_is_cleared_away_by_the_next(
    docs: Index, file: Path, open_index: Callable[..., Index]
) -> None:
    left, held = file.with_name(f"{file.name}.1.tmp"), file.with_name(f"{file.name}.2.tmp")
    left.write_bytes(b"half")
    with held.open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        open_index()
        assert set(file.parent.iterdir()) == {file, held}
    open_index()
    assert set(file.parent.iterdir()) == {file}
