"""Vectors in Milvus: what is found is what the local engine finds, whatever state Milvus is in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import InvalidSettings, MissingExtra, VectorsUnavailable
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.vectors.milvus import engine as milvus_engine
from openclaw_instructor.index.vectors.milvus import server as milvus_server
from openclaw_instructor.index.vectors.milvus import snapshot as milvus_snapshot
from openclaw_instructor.index.vectors.milvus.server import MilvusServer
from openclaw_instructor.settings import Settings
from tests.conftest import Command
from tests.index.vectors.milvus_host import MilvusHost
from tests.index.word_engine import DOCUMENT, WordEngine, ask

TOPICS = ("dough", "train", "museum", "installer", "violin", "harbour")
QUESTIONS = ("dough number 7", "night train harbour", "museum of violins 31", "which installer")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every search looks at Milvus anew, and nobody waits long for one that is gone."""
    monkeypatch.setattr(milvus_snapshot, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(milvus_engine, "_DOWN_SECONDS", 0.0)
    for name in ("_LOOK_SECONDS", "_READ_SECONDS", "_WRITE_SECONDS"):
        monkeypatch.setattr(milvus_server, name, 5.0)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Sixty files in two folders, many of them alike."""
    folder = tmp_path / "notes"
    for number in range(60):
        topic, other = TOPICS[number % 6], TOPICS[number // 7 % 6]
        file = folder / ("even" if number % 2 == 0 else "odd") / f"{number}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {topic} {number}\n\nThe {topic} number {number} and the {other}, {number * 37}.\n")
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[MilvusHost]:
    host = MilvusHost(tmp_path / "milvus.db")
    yield host
    host.stop()


@pytest.fixture
def opened(home: Path, engine: WordEngine) -> Iterator[Callable[..., Index]]:
    """Opens an index as another process would, over Milvus or locally."""
    made: list[Index] = []

    def make(store: str, at: Path = home) -> Index:
        made.append(Index(Settings.load(at, store=store), engine))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def filled(opened: Callable[..., Index], host: MilvusHost, notes: Path) -> Index:
    index = opened(host.store)
    index.add("docs", [notes], instruction=DOCUMENT)
    assert index.sync().collections[0].error is None
    return index


def found(index: Index, question: str, **options: Any) -> dict[str, Any]:
    """File -> score of all hits; texts of equal scores may come in any order."""
    hits = ask(index, question, top_k=100, **options)["hits"]
    return {hit["file"]: pytest.approx(hit["score"], abs=2e-4) for hit in hits}


def assert_alike(index: Index, local: Index, **options: Any) -> None:
    for question in QUESTIONS:
        for mode in ("vector", "hybrid"):
            expected = found(local, question, mode=mode, **options)
            assert expected
            assert found(index, question, mode=mode, **options) == expected


def in_milvus(index: Index) -> dict[str, int]:
    """Collection of Milvus -> the vectors that it holds."""
    server = index._vectors._server
    return {name: len(server.ids(name)) for name in server.names("openclaw_instructor_")}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that change Milvus or list what it has, and searches, by name."""
    made: list[str] = []
    for name in ("add", "remove", "ids", "nearest"):
        kept = getattr(MilvusServer, name)

        def told(self: Any, *arguments: Any, _kept: Any = kept, _name: str = name, **options: Any) -> Any:
            made.append(_name)
            return _kept(self, *arguments, **options)

        monkeypatch.setattr(MilvusServer, name, told)
    return made


@pytest.mark.parametrize(("few", "sent"), [(2_048, 16_384), (3, 16_384), (3, 5)], ids=["stored", "sent", "wider"])
def test_milvus_and_the_local_engine_find_the_same(
    filled: Index,
    opened: Callable[..., Index],
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    sent: int,
) -> None:
    monkeypatch.setattr(milvus_engine, "FEW", few)
    monkeypatch.setattr(milvus_engine, "SENT", sent)
    monkeypatch.setattr(milvus_engine, "_SPARE", 0)
    local = opened("local")
    assert_alike(filled, local)
    assert "nearest" in asked
    asked.clear()
    assert_alike(filled, local, path="even/*")
    assert_alike(filled, local, types="md", path="odd/*")
    assert ("nearest" in asked) == (few == 3)


def test_what_changes_is_found_as_by_the_local_engine(
    filled: Index, opened: Callable[..., Index], notes: Path, asked: list[str]
) -> None:
    (notes / "even" / "0.md").unlink()
    (notes / "odd" / "1.md").write_text("the lighthouse of the harbour")
    (notes / "new.md").write_text("an accordion beside the violin")
    filled.sync()
    assert asked.count("add") == asked.count("remove") == 1
    assert "ids" not in asked
    (held,) = in_milvus(filled).values()
    assert held == filled.status()[0].chunks == 60
    assert str(filled.status()[0].store).endswith(": 60 of 60 vectors")
    local = opened("local")
    assert_alike(filled, local)
    assert ask(filled, "lighthouse", mode="vector")["hits"][0]["file"].endswith("1.md")


def test_what_a_sync_has_not_sent_yet_is_found(
    filled: Index, opened: Callable[..., Index], notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (notes / "new.md").write_text("an accordion")
    (notes / "even" / "0.md").unlink()
    opened("local").sync()
    monkeypatch.setattr(filled._vectors._background, "request", lambda name, job: None)
    hits = found(filled, "accordion", mode="vector")
    assert str(notes / "new.md") in hits
    assert str(notes / "even" / "0.md") not in hits
    assert str(filled.status()[0].store).endswith("of 61 vectors")


def test_a_search_brings_milvus_up_to_date(filled: Index, opened: Callable[..., Index], notes: Path) -> None:
    (notes / "new.md").write_text("an accordion")
    opened("local").sync()
    filled._vectors._background.request = lambda name, job: job(lambda: True)
    ask(filled, "accordion")
    assert list(in_milvus(filled).values()) == [61]


def test_a_restart_sends_nothing_again(
    filled: Index, opened: Callable[..., Index], host: MilvusHost, asked: list[str]
) -> None:
    filled.close()
    host.stop()
    host.start()
    index = opened(host.store)
    assert_alike(index, opened("local"))
    index.sync()
    assert set(asked) == {"nearest"}


def test_without_its_ledger_what_milvus_has_is_listed_and_not_sent_again(
    filled: Index, opened: Callable[..., Index], host: MilvusHost, home: Path, asked: list[str]
) -> None:
    filled.close()
    shutil.rmtree(home / "vectors")
    index = opened(host.store)
    assert index.sync().collections[0].error is None
    assert asked == ["ids"]
    assert_alike(index, opened("local"))


def test_lost_vectors_are_sent_again(
    filled: Index, opened: Callable[..., Index], host: MilvusHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.close()
    host.stop()
    shutil.rmtree(host.folder)
    host.start()
    index = opened(host.store)
    with monkeypatch.context() as still:
        still.setattr(index._vectors._background, "request", lambda name, job: None)
        assert_alike(index, opened("local"))
        assert in_milvus(index) == {}
    index.sync()
    assert list(in_milvus(index).values()) == [60]
    assert_alike(index, opened("local"))


def test_a_collection_that_is_dropped_while_it_is_used_is_sent_again(
    filled: Index, opened: Callable[..., Index]
) -> None:
    server = filled._vectors._server
    server.drop(server.names("openclaw_instructor_")[0])
    assert_alike(filled, opened("local"))
    filled.sync()
    assert list(in_milvus(filled).values()) == [60]


def test_a_write_that_was_broken_off_is_completed(
    filled: Index, opened: Callable[..., Index], notes: Path, host: MilvusHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (notes / f"new{number}.md").write_text(f"an accordion, number {number}")
    (notes / "even" / "0.md").unlink()
    with monkeypatch.context() as killed:
        killed.setattr(MilvusServer, "write_state", _killed_at(2))
        with pytest.raises(KeyboardInterrupt):
            filled.sync()
    filled.close()
    index = opened(host.store)
    assert str(notes / "new3.md") in found(index, "accordion", mode="vector")
    index.sync()
    assert list(in_milvus(index).values()) == [64]
    assert_alike(index, opened("local"))


def _killed_at(count: int) -> Callable[..., None]:
    """The method that writes the state row, which does not come back from this call of it."""
    kept, calls = MilvusServer.write_state, iter(range(1, 100))

    def write_state(self: Any, *arguments: Any) -> None:
        if next(calls) == count:
            raise KeyboardInterrupt
        kept(self, *arguments)

    return write_state


def test_a_server_that_goes_away_during_a_sync_loses_nothing(
    filled: Index, opened: Callable[..., Index], notes: Path, host: MilvusHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (notes / f"new{number}.md").write_text(f"an accordion, number {number}")
    add = MilvusServer.add

    def gone(self: Any, *arguments: Any) -> None:
        host.stop()
        add(self, *arguments)

    with monkeypatch.context() as away:
        away.setattr(MilvusServer, "add", gone)
        report = filled.sync().collections[0]
    assert report.added == 5
    assert "cannot be reached" in str(report.error)
    assert "the next sync sends" in str(report.error)
    result = ask(filled, "accordion", mode="vector")
    assert "accordion" in result["hits"][0]["snippet"]
    assert "is searched without Milvus" in result["notes"][0]
    host.start()
    assert filled.sync().collections[0].error is None
    assert list(in_milvus(filled).values()) == [65]
    assert_alike(filled, opened("local"))


def test_many_vectors_are_found_by_words_while_the_server_is_away(
    filled: Index, host: MilvusHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus_snapshot, "COMPARED", 10)
    host.stop()
    result = ask(filled, "violin 4")
    assert "violin" in result["hits"][0]["snippet"]
    assert any(note.startswith("searched by words only: Milvus at ") for note in result["notes"])
    with pytest.raises(VectorsUnavailable, match="cannot be reached; check that it runs"):
        ask(filled, "violin 4", mode="vector")
    assert "cannot be reached" in str(filled.status()[0].store)
    filled.close()


def test_two_processes_share_what_milvus_has(
    filled: Index, opened: Callable[..., Index], host: MilvusHost, notes: Path, asked: list[str]
) -> None:
    other = opened(host.store)
    assert_alike(other, opened("local"))
    (notes / "new.md").write_text("an accordion")
    filled.sync()
    asked.clear()
    assert str(notes / "new.md") in found(other, "accordion", mode="vector")
    other._vectors._background.stop()
    assert "add" not in asked


def test_a_copy_of_a_home_has_vectors_of_its_own(
    filled: Index, opened: Callable[..., Index], host: MilvusHost, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("*.lock"))
    copy = opened(host.store, tmp_path / "copy")
    copy.sync()
    assert sorted(in_milvus(copy).values()) == [60, 60]
    copy.remove("docs")
    assert list(in_milvus(filled).values()) == [60]
    assert_alike(filled, opened("local"))


def test_a_collection_that_is_removed_is_dropped_also_if_the_server_is_away(filled: Index, host: MilvusHost) -> None:
    host.stop()
    filled.remove("docs")
    host.start()
    assert len(filled._vectors._server.names("openclaw_instructor_")) == 1
    filled.sync()
    assert in_milvus(filled) == {}


def test_the_vectors_of_the_last_passage_go_with_it(filled: Index, notes: Path) -> None:
    for file in list(notes.rglob("*.md"))[1:]:
        file.unlink()
    filled.sync()
    assert list(in_milvus(filled).values()) == [1]


def test_a_collection_of_another_home_is_left_alone(filled: Index) -> None:
    server = filled._vectors._server
    (name,) = server.names("openclaw_instructor_")
    state = milvus_server.State("someone", "else", "identity", "stamp", 1)
    server.write_state(name, state, 256)
    for act in (lambda: ask(filled, "dough"), filled.sync):
        with pytest.raises(InvalidSettings, match="belongs to another home; drop or rename it"):
            act()
    assert len(server.ids(name)) == 60


def test_a_collection_with_other_fields_is_left_alone(
    opened: Callable[..., Index], host: MilvusHost, notes: Path
) -> None:
    index = opened(host.store)
    index.add("docs", [notes], instruction=DOCUMENT)
    opened("local").sync()
    with index._store.read() as connection:
        (row,) = connection.execute("SELECT key FROM generations").fetchall()
    client = index._vectors._server._connected()
    client.create_collection(f"{index._vectors._prefix()}{row['key']}", dimension=4)
    with pytest.raises(InvalidSettings, match="that this package did not make; drop or rename it"):
        index.sync()


def test_a_collection_of_another_dimension_is_made_anew(
    filled: Index, opened: Callable[..., Index], asked: list[str]
) -> None:
    server = filled._vectors._server
    (name,) = server.names("openclaw_instructor_")
    server.drop(name)
    server.create(name, 8)
    assert_alike(filled, opened("local"))
    filled.sync()
    assert server.dimension(name) == 256
    assert list(in_milvus(filled).values()) == [60]


def test_verify_tells_what_differs_and_repair_mends_it(
    filled: Index, host: MilvusHost, home: Path, engine: WordEngine, opened: Callable[..., Index]
) -> None:
    looking_after = Maintenance(Settings.load(home, store=host.store), engine)
    assert looking_after.verify()["ok"]
    server = filled._vectors._server
    (name,) = server.names("openclaw_instructor_")
    server.remove(name, server.ids(name)[:2])
    (problem,) = looking_after.verify()["problems"]
    assert "has other passages than the index" in problem["message"]
    looking_after.repair()
    assert looking_after.verify()["ok"]
    (name,) = server.names("openclaw_instructor_")
    ids = server.ids(name)[:1]
    ((_, vectors),) = server.vectors(name, ids)
    server.add(name, ids, -vectors)
    assert "has other vectors" in looking_after.verify()["problems"][0]["message"]
    looking_after.repair()
    assert_alike(filled, opened("local"))
    host.stop()
    report = looking_after.verify()
    assert report["ok"]
    assert "were not compared: Milvus at" in report["notes"][0]


def test_a_token_is_read_from_a_file_or_the_environment_and_never_shown(
    home: Path, tmp_path: Path, engine: WordEngine, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = MilvusHost(tmp_path / "guarded.db", token="root:correct-horse")
    file = tmp_path / "token"
    file.write_text("root:wrong-horse\n")
    settings = Settings.load(home, store=host.store, store_token_file=str(file))
    index = Index(settings, engine)
    index.add("docs", [notes], instruction=DOCUMENT)
    error = str(index.sync().collections[0].error)
    assert "refuses the token" in error
    assert "wrong-horse" not in error + str(index._vectors._server.address)
    index.close()
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_STORE_TOKEN", "root:correct-horse")
    index = Index(settings, engine)
    assert index.sync().collections[0].error is None
    assert list(in_milvus(index).values()) == [60]
    index.close()
    host.stop()


def test_milvus_lite_in_a_folder(home: Path, tmp_path: Path, engine: WordEngine, notes: Path) -> None:
    settings = Settings.load(home, store=f"milvus://{tmp_path}/lite.db")
    index = Index(settings, engine)
    index.add("docs", [notes], instruction=DOCUMENT)
    index.sync()
    index.close()
    # Closed, so that another process could open it: as MilvusLite does here.
    other = MilvusHost(tmp_path / "lite.db")
    index = Index(settings, engine)
    result = ask(index, "dough number 6")
    assert "one process at a time" in result["notes"][0]
    assert result["hits"]
    other.stop()
    assert not ask(index, "dough number 6")["notes"]
    index.close()


def test_status_and_doctor_say_where_the_vectors_are(
    filled: Index, host: MilvusHost, home: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_STORE", host.store)
    told = command("--home", str(home), "--in-process", "index", "status")
    assert f"vectors of docs: {host.store}: 60 of 60 vectors" in told.out + told.err
    findings = command("--home", str(home), "doctor", "--json").json["findings"]
    assert {"check": "store", "level": "ok", "message": f"{host.store}: 1 collection of this home"} in [
        {key: each[key] for key in ("check", "level", "message")} for each in findings
    ]
    host.stop()
    findings = command("--home", str(home), "doctor", "--json").json["findings"]
    (store,) = [each for each in findings if each["check"] == "store"]
    assert store["level"] == "fail"
    assert "cannot be reached" in store["message"]
    assert "check that it runs" in store["fix"]


def test_the_client_is_an_extra(home: Path, engine: WordEngine, monkeypatch: pytest.MonkeyPatch, notes: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", None)
    index = Index(Settings.load(home, store="milvus://127.0.0.1:1"), engine)
    index.add("docs", [notes], instruction=DOCUMENT)
    with pytest.raises(MissingExtra, match=r"pip install .*\[milvus\]"):
        index.sync()
    index.close()
