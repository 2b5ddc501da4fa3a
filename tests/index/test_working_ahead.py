"""While the model embeds, a sync reads the next files and publishes the ones before."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.engine.cancellation import CancelScope
from openclaw_instructor.errors import ServiceError
from openclaw_instructor.index import Index, embedding
from openclaw_instructor.index.chunk_store import Known
from openclaw_instructor.index.listing import Found
from openclaw_instructor.index.outcomes import Outcome
from openclaw_instructor.index.pending import Pending
from openclaw_instructor.index.results import CollectionReport
from openclaw_instructor.index.workers.protocol import Job
from openclaw_instructor.index.workers.work import Embedding as Computing
from openclaw_instructor.index.workers.work import Reading, Spec, prefixes
from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordPrompt
from tests.engine.held_embedder import HeldEmbedder, engine_with
from tests.index.word_engine import DOCUMENT, WordEngine

FILES = 9


@pytest.fixture(autouse=True)
def small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNKS_PER_CALL", 1)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.md").write_text(f"# Title{number}\n\nunique{number} words\n")
    return folder


@pytest.fixture
def model() -> HeldEmbedder:
    return HeldEmbedder()


@pytest.fixture
def opened(home: Path, many: Path, model: HeldEmbedder) -> Iterator[Callable[..., tuple[Index, Engine]]]:
    """Opens an index of `many` over a real engine that runs the model."""
    closing: list[Index | Engine] = []

    def make(**settings: int) -> tuple[Index, Engine]:
        engine = engine_with(model, home, cache_mb=0, **settings)
        index = Index(Settings.load(home), engine)
        closing.extend((index, engine))
        index.add("docs", [many], instruction=DOCUMENT)
        return index, engine

    yield make
    model.gate.set()
    for each in closing:
        each.close()


@contextmanager
def not_collected() -> Iterator[None]:
    """Without Python's search for garbage, which would hide what is kept in a circle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Running:
    """A sync in a thread, and what it tells."""

    def __init__(self, index: Index) -> None:
        self.told: list[str] = []
        self.reports: list[CollectionReport] = []
        self.scope = CancelScope()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[index])
        self._thread.start()

    def _run(self, index: Index) -> None:
        try:
            with self.scope.entered():
                self.reports += index.sync(
                    "docs", on_progress=lambda done, total, what: self.told.append(what)
                ).collections
        except BaseException as error:
            self.error = error

    def ended(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    @property
    def read(self) -> int:
        return sum("reading" in what for what in self.told)


def waiting(engine: Engine) -> int:
    return int(engine.stats()["queue_texts"]["bulk"])


@pytest.mark.parametrize("texts", [FILES, 1], ids=["all new", "all alike"])
def test_the_next_files_are_read_while_the_model_works(
    opened: Callable[..., tuple[Index, Engine]], many: Path, model: HeldEmbedder, texts: int
) -> None:
    if texts == 1:
        for file in many.iterdir():
            file.write_text("# Title\n\nthe same words\n")
    index, engine = opened()
    model.gate.clear()
    running = Running(index)
    until(lambda: running.read == 1 + embedding.CALLS_AHEAD)
    until(lambda: waiting(engine) == min(texts, running.read))
    # So many and no more, however long the model takes.
    time.sleep(0.1)
    assert running.read == 1 + embedding.CALLS_AHEAD
    model.gate.set()
    running.ended()
    (report,) = running.reports
    assert (report.added, report.chunks, report.embedded, report.error) == (FILES, FILES, texts, None)
    embedded = [prompt.text for batch in model.batches for prompt in batch]
    assert len(embedded) == texts
    assert embedded == sorted(embedded)


def test_documents_are_published_while_the_model_works(
    opened: Callable[..., tuple[Index, Engine]], model: HeldEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, engine = opened()
    real = HeldEmbedder.embed

    def held_after_the_first(self: HeldEmbedder, prompts: Sequence[WordPrompt], batch_tokens: int) -> Any:
        rows = real(self, prompts, batch_tokens)
        if len(self.batches) == 1:
            self.gate.clear()
        return rows

    monkeypatch.setattr(HeldEmbedder, "embed", held_after_the_first)
    running = Running(index)
    # On a busy machine the first pass may take the texts of the calls that were queued ahead as well.
    until(lambda: index.status("docs", check=False)[0].documents >= 1)
    until(lambda: len(model.batches) == 2)
    assert waiting(engine)
    model.gate.set()
    running.ended()
    assert running.reports[0].added == FILES


def test_a_full_queue_slows_it_down_only(opened: Callable[..., tuple[Index, Engine]], model: HeldEmbedder) -> None:
    index, engine = opened(queue_texts=1)
    model.gate.clear()
    running = Running(index)
    until(lambda: engine.stats()["busy"])
    model.gate.set()
    running.ended()
    (report,) = running.reports
    assert (report.added, report.embedded, report.error) == (FILES, FILES, None)


def test_what_the_model_had_before_it_failed_is_published(
    opened: Callable[..., tuple[Index, Engine]], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, engine = opened()
    failed: list[int] = []
    real = HeldEmbedder.embed

    def fails_at_one(self: HeldEmbedder, prompts: Sequence[WordPrompt], batch_tokens: int) -> Any:
        if any("unique4" in prompt.text for prompt in prompts):
            failed.extend(int(prompt.text.split()[0].removeprefix("Title")) for prompt in prompts)
            raise ServiceError("out of order")
        return real(self, prompts, batch_tokens)

    monkeypatch.setattr(HeldEmbedder, "embed", fails_at_one)
    with pytest.raises(ServiceError, match="out of order"):
        index.sync("docs")
    assert index.status("docs", check=False)[0].documents == failed[0]
    until(lambda: waiting(engine) == 0)
    monkeypatch.undo()
    assert index.sync("docs").collections[0].added == FILES - failed[0]


def test_nothing_is_left_of_a_sync_whose_caller_goes_away(
    opened: Callable[..., tuple[Index, Engine]], model: HeldEmbedder
) -> None:
    index, engine = opened()
    model.gate.clear()
    running = Running(index)
    until(lambda: waiting(engine) == 1 + embedding.CALLS_AHEAD)
    running.scope.cancel()
    running.ended()
    assert isinstance(running.error, CancelledError)
    model.gate.set()
    until(lambda: waiting(engine) == 0)
    assert len(model.batches) <= 1
    assert index.sync("docs").collections[0].added == FILES


def test_a_sync_that_is_stopped_between_withdraws_what_the_model_has_not_begun(
    opened: Callable[..., tuple[Index, Engine]], model: HeldEmbedder
) -> None:
    index, engine = opened()
    model.gate.clear()

    def stop(done: int, total: int, what: str) -> None:
        if "embedding" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.sync("docs", on_progress=stop)
    model.gate.set()
    until(lambda: waiting(engine) == 0)
    assert len(model.batches) <= 1


class Here:
    """Workers of this process: each file is read and embedded as if it were the only one."""

    def outcomes(self, job: Job, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        spec = Spec(Settings.load(), job.instruction, job.identity, lambda settings: WordEngine(settings=settings))
        reading, computing = Reading(spec), Computing(spec, prefixes([]))
        for found, before in pending:
            (outcome,) = computing.completed([reading.outcome(found, before)])
            assert isinstance(outcome, Pending)
            yield found, outcome


@pytest.mark.parametrize("texts", [FILES, 1], ids=["all new", "all alike"])
def test_what_workers_computed_is_not_computed_again(
    open_index: Callable[..., Index], engine: WordEngine, many: Path, texts: int
) -> None:
    if texts == 1:
        for file in many.iterdir():
            file.write_text("# Title\n\nthe same words\n")
    index = open_index()
    index.add("docs", [many], instruction=DOCUMENT)
    report = index.sync("docs", workers=Here()).collections[0]
    assert (report.added, report.chunks, report.embedded, engine.texts) == (FILES, FILES, texts, [])


class Apart:
    """Workers that only read, and count how many syncs have them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.held = 0
        self.most = 0

    def outcomes(self, job: Job, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        self.held += 1
        self.most = max(self.most, self.held)
        try:
            reading = Reading(Spec(Settings.load(), job.instruction, job.identity, lambda _: self._engine))
            for found, before in pending:
                outcome = reading.outcome(found, before)
                assert isinstance(outcome, Pending)
                yield found, outcome
        finally:
            self.held -= 1


def test_a_sync_that_fails_lets_its_workers_go(
    opened: Callable[..., tuple[Index, Engine]], many: Path, model: HeldEmbedder
) -> None:
    index, engine = opened()
    index.add("more", [many], instruction=DOCUMENT)
    model.failure = ServiceError("out of order")
    workers = Apart(engine)
    with not_collected():
        reports = index.sync(workers=workers).collections
    assert [report.error for report in reports] == ["out of order", "out of order"]
    assert (workers.held, workers.most) == (0, 1)
