"""A sync by the workers of a Ray cluster: several real processes on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidArguments, MissingExtra, ServiceError
from openclaw_instructor.index import CollectionReport, Index
from openclaw_instructor.index.chunk_store import Known
from openclaw_instructor.index.files import Skipped
from openclaw_instructor.index.listing import Found
from openclaw_instructor.index.outcomes import Outcome
from openclaw_instructor.index.workers.protocol import Job
from openclaw_instructor.index.workers.work import Embedding, Problem, Reading, Spec, prefixes
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.conftest import Command
from tests.index.ray_engines import ONCE_EMBEDDING, ONCE_READING, POISON, MortalEngine, OtherEngine
from tests.index.word_engine import DOCUMENT, WordEngine

ray = pytest.importorskip("ray", reason="pip install '.[ray]' to test workers on a Ray cluster")

from openclaw_instructor.index.workers import ray_pipeline  # noqa: E402
from openclaw_instructor.index.workers.ray_pipeline import RayWorkers  # noqa: E402

# Of Ray itself, and of what it leaves to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray on this machine for all tests of the module: starting it takes longer than they do."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of which some are alike, unreadable, secret or long."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.md").write_text(f"# Bread {number}\n\nKnead dough number {number % 30}.\n")
    (folder / "long.txt").write_text("\n\n".join(f"paragraph {number} " + "word " * 200 for number in range(12)))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "key.txt").write_text("-----BEGIN RSA PRIVATE KEY-----\nMIIabcdef\n-----END RSA PRIVATE KEY-----\n")
    return folder


@pytest.fixture
def opened(tmp_path: Path, folder: Path) -> Iterator[Callable[[str], Index]]:
    """Opens an index of a name, with the folder as the collection docs."""
    made: list[Index] = []

    def make(name: str) -> Index:
        settings = Settings.load(tmp_path / name)
        made.append(Index(settings, WordEngine(settings=settings)))
        made[-1].add("docs", [folder], instruction=DOCUMENT)
        return made[-1]

    yield make
    for index in made:
        index.close()


def workers(index: Index, engine: Any = MortalEngine, address: str = "local") -> RayWorkers:
    return RayWorkers(index.settings, address, 2, open_engine=engine)


def by_workers(index: Index, **options: Any) -> CollectionReport:
    return index.sync(workers=workers(index), **options).collections[0]


def content(index: Index) -> list[tuple[Any, ...]]:
    """All that a search may find, in the order in which it was published."""
    query = (
        "SELECT path, hash, reason, documents.title, first_line, heading, text, digest, vector FROM documents "
        "LEFT JOIN chunks ON chunks.document_id = documents.id LEFT JOIN vectors ON vectors.chunk_id = chunks.id "
        "ORDER BY chunks.id, path"
    )
    with index._store.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def counted(report: CollectionReport) -> dict[str, Any]:
    return {key: value for key, value in report.as_dict().items() if key != "seconds"}


def test_workers_index_what_one_process_does_although_they_die(opened: Callable[[str], Index], folder: Path) -> None:
    (folder / "7.md").write_text(f"# Herbs\n\nA sprig of {ONCE_READING}.\n")
    (folder / "30.md").write_text(f"# Herbs\n\nA sprig of {ONCE_EMBEDDING}.\n")
    local, remote = opened("local"), opened("remote")
    expected = counted(local.sync().collections[0])
    # One of these ends every process that reads it, so only workers are given it.
    (folder / "8.txt").write_text(f"A sprig of {POISON}.\n")
    told: list[str] = []
    report = by_workers(remote, on_progress=lambda done, total, what: told.append(what))
    why = "reading it ended the worker that read it; leave it out with --exclude"
    assert report.skipped.pop([path for path, _ in report.skipped].index(str(folder / "8.txt")))[1] == why
    assert counted(report) == expected
    assert expected["added"] == 41
    assert len(expected["skipped"]) == 2
    assert content(remote) == content(local)
    assert (remote.settings.home / ONCE_READING).exists()
    assert (remote.settings.home / ONCE_EMBEDDING).exists()
    assert any("44 of 44 files" in what for what in told)
    # The model of this process had to do only what the files beside that one hold.
    engine = remote.engine
    assert isinstance(engine, WordEngine)
    assert len(engine.texts) < 20
    engine.calls.clear()

    (folder / "8.txt").unlink()
    (folder / "3.md").write_text("# Bread 3\n\nKnead it again.\n")
    (folder / "4.md").unlink()
    (folder / "5.md").rename(folder / "five.md")
    os.utime(folder / "6.md", (1_000_000_000, 1_000_000_000))
    expected = counted(local.sync().collections[0])
    assert counted(by_workers(remote)) == expected
    assert not engine.texts
    assert (expected["changed"], expected["added"], expected["removed"]) == (1, 1, 2)
    assert sorted(content(remote), key=repr) == sorted(content(local), key=repr)


def test_a_sync_whose_caller_goes_away_is_completed_by_the_next(
    opened: Callable[[str], Index], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_instructor.index.embedding.CHUNKS_PER_CALL", 5)

    def gone(done: int, total: int, what: str) -> None:
        if done:
            raise CancelledError

    local, remote = opened("local"), opened("remote")
    local.sync()
    with pytest.raises(CancelledError):
        by_workers(remote, on_progress=gone)
    assert remote._chosen("docs")[0].unfinished
    assert 0 < len(content(remote)) < len(content(local))
    by_workers(remote)
    assert sorted(content(remote), key=repr) == sorted(content(local), key=repr)


class Blind:
    """Workers that see none of the files, as machines without the share do."""

    def outcomes(self, job: Job, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        for found, _ in pending:
            yield found, Skipped("vanished while it was being indexed", gone=True)


def test_files_that_workers_do_not_see_are_read_here(opened: Callable[[str], Index]) -> None:
    remote, local = opened("remote"), opened("local")
    local.sync()
    report = remote.sync(workers=Blind()).collections[0]
    assert "43 files were read here, because the workers could not" in report.notes[0]
    assert content(remote) == content(local)


def test_workers_with_another_checkpoint_index_nothing(opened: Callable[[str], Index], folder: Path) -> None:
    remote = opened("remote")
    spec = Spec(remote.settings, DOCUMENT, remote.engine.identity(DOCUMENT), OtherEngine)
    status = (folder / "1.md").stat()
    found = Found(str(folder / "1.md"), "notes/1.md", status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    problem = Reading(spec).outcome(found, None)
    assert isinstance(problem, Problem)
    assert "has another checkpoint than this machine (it has other words)" in problem.message
    assert Embedding(spec, prefixes([])).completed([problem]) == [problem]
    with pytest.raises(ServiceError, match=r"the workers cannot embed: a worker on .* has another checkpoint"):
        ray_pipeline._Pipeline._checked(problem)


def test_what_cannot_be_asked_of_ray_is_said(opened: Callable[[str], Index], monkeypatch: pytest.MonkeyPatch) -> None:
    remote = opened("remote")
    with pytest.raises(InvalidArguments, match="write local, auto, or HOST:6379"):
        workers(remote, address="ray://head:10001")
    report = remote.sync(workers=RayWorkers(remote.settings, "local", 64, open_engine=MortalEngine)).collections[0]
    assert "has room for 2 encoders" in str(report.error)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[ray\]"):
        workers(remote)


def test_a_cluster_that_is_not_there_is_said(opened: Callable[[str], Index], monkeypatch: pytest.MonkeyPatch) -> None:
    remote = opened("remote")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", _refused)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(ServiceError, match="no Ray cluster answers at head:6379"):
        remote.sync("docs", workers=workers(remote, address="head:6379"))


def _refused(**options: Any) -> None:
    raise ConnectionError("Could not find any running Ray instance")


def test_the_command_line_indexes_by_workers_with_a_real_model(
    command: Command, folder: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_DTYPE", "float32")
    stored = []
    for name, options in (("local", ()), ("remote", ("--ray", "local", "--workers", "1"))):
        added = command("--home", str(tmp_path / name), "index", "add", "docs", str(folder), *options, "--json")
        assert added.status == 0
        assert added.json["collections"][0]["added"] == 41
        toolbox = Toolbox(tmp_path / name)
        stored.append(content(toolbox.index))
        toolbox.close()
    local, remote = stored
    assert [row[:-1] for row in remote] == [row[:-1] for row in local]
    vectors = [np.frombuffer(b"".join(row[-1] for row in rows if row[-1]), np.float16) for rows in stored]
    np.testing.assert_allclose(vectors[1], vectors[0], atol=2e-3)
    again = command("--home", str(tmp_path / "remote"), "index", "sync", "--ray", "local", "--full", "--json")
    assert again.json["collections"][0]["unchanged"] == 41
    assert again.json["collections"][0]["embedded"] == 0
