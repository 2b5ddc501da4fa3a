"""Evaluate models on a folder: every data set, model and set of instructions, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.evaluate.datasets import KINDS, Dataset, find
from openclaw_instructor.evaluate.embedders import CachedEmbedder, Embedder, open_embedder
from openclaw_instructor.evaluate.facet_accuracy import Faceted, faceted, follow
from openclaw_instructor.evaluate.instructions import Instructions
from openclaw_instructor.evaluate.metrics import MAIN, Undefined, need_for
from openclaw_instructor.evaluate.rankings import MODES
from openclaw_instructor.evaluate.report import Report
from openclaw_instructor.evaluate.result import Result
from openclaw_instructor.evaluate.task import Complete, Task
from openclaw_instructor.evaluate.task_scores import run
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.model.instructor import INSTRUCTOR

BM25 = "bm25"


def evaluate(
    folder: str | Path,
    models: Sequence[str | Path | Embedder | INSTRUCTOR] = ("mini",),
    *,
    instructions: Sequence[str | Path | None] = (None,),
    modes: Sequence[str] = MODES,
    kinds: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    facets: bool = True,
    limit: int | None = None,
    device: str | None = None,
    dtype: str = "auto",
    revisions: Mapping[str, str | None] | None = None,
    offline: bool = False,
    cache: str | Path | None = None,
    shots: int = 8,
    complete: Complete | None = None,
    on_progress: Callable[[str], Any] | None = None,
) -> Report:
    """Measure every model on every data set below `folder`.

    `models`: `mini`, checkpoint folders, hub ids, `sentence-transformers:PATH`, loaded INSTRUCTORs, or objects with
    `.name` and `.embed(texts, instruction, role)`; `revisions` says which one of a hub id. `instructions`: YAML files,
    "none", or None for the packaged set. `modes` are for retrieval; `kinds` and `datasets` (globs on the name or its
    last part) choose data sets; `facets` adds the instruction-following test; `limit` cuts rows per file (queries in
    retrieval); `cache` is a folder in which vectors are kept, so that an unchanged model (a teacher) is run once.
    `shots` and `complete` are for prompt retrieval: how many examples are chosen, and a language model that maps
    prompts to completions. A data set without a score (all of one label) is in the report's `skipped`. Raises
    InvalidData, InvalidArguments, MissingExtra and what opening a checkpoint raises.
    """
    _check(modes, kinds, limit, shots)
    found = find(expanded(folder))
    chosen = _choose(found.datasets, folder, kinds, datasets)
    sets = [Instructions.load(source) for source in instructions]
    # Checked before any model is loaded, so that a mistake in a description is reported at once.
    facet_sets = faceted(sets[0].facets, chosen, limit) if facets else []
    need_for({dataset.kind for dataset in chosen})
    embedders = [_open(model, revisions or {}, device=device, dtype=dtype, offline=offline) for model in models]
    if cache is not None:
        embedders = [CachedEmbedder(embedder, Path(cache)) for embedder in embedders]
    say = on_progress or _unheard
    make = partial(Task, limit=limit, shots=shots, complete=complete)
    report = Report(str(folder), skipped=dict(found.skipped))
    for dataset in chosen:
        with _skipping(report, dataset.name):
            report.results += _measure(dataset, embedders, sets, modes, make, say)
    return _with_facets(report, facet_sets, embedders, say)


def _with_facets(
    report: Report, facet_sets: Sequence[Faceted], embedders: Sequence[Embedder], say: Callable[[str], Any]
) -> Report:
    """Add the instruction-following test of each model to the report."""
    for data in facet_sets:
        with _skipping(report, f"facets.{data.name}"):
            for embedder in embedders:
                say(f"{embedder.name}: following instructions on {data.name}")
                report.facets += follow(embedder, data)
    return report


@contextmanager
def _skipping(report: Report, name: str) -> Iterator[None]:
    try:
        yield
    except Undefined as error:
        report.skipped[name] = str(error)


def _open(model: str | Path | Embedder | INSTRUCTOR, revisions: Mapping[str, str | None], **options: Any) -> Embedder:
    revision = revisions.get(model) if isinstance(model, str) else None
    return open_embedder(model, revision=revision, **options)


def _unheard(progress: str) -> None:
    pass


def _measure(
    dataset: Dataset,
    embedders: Sequence[Embedder],
    sets: Sequence[Instructions],
    modes: Sequence[str],
    make: Callable[[Dataset, Embedder, Instructions], Task],
    say: Callable[[str], Any],
) -> list[Result]:
    """Measure one data set under every model and set of instructions."""
    results: list[Result] = []
    # BM25 needs no model, so its one result is shared by all.
    if BM25 in modes and dataset.kind == "retrieval":
        results += _run(make(dataset, _Words(), sets[0]), [BM25])
    with_vectors = [mode for mode in modes if mode != BM25]
    for embedder, each in product(embedders, sets):
        if dataset.kind != "retrieval" or with_vectors:
            say(f"{embedder.name}: {dataset.name}")
            results += _run(make(dataset, embedder, each), with_vectors)
    return results


class _Words:
    """Takes the place of the model for BM25."""

    name = BM25

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Any:
        raise AssertionError("bm25 embeds nothing")


def _run(task: Task, modes: Sequence[str]) -> list[Result]:
    dataset, embedder = task.dataset, task.embedder
    began = time.perf_counter()
    scores = run(task, modes)
    seconds = round(time.perf_counter() - began, 3)
    main = MAIN[dataset.kind]
    return [
        Result(
            dataset=dataset.name,
            kind=dataset.kind,
            mode=mode,
            model=embedder.name,
            instructions="" if mode == BM25 else task.instructions.name,
            main=main,
            score=values.get(main, float("nan")),
            metrics=values,
            used=task.used,
            texts=task.texts,
            truncated=task.truncated,
            seconds=seconds,
        )
        for mode, values in scores.items()
    ]


def _choose(
    found: Sequence[Dataset], folder: str | Path, kinds: Sequence[str] | None, names: Sequence[str] | None
) -> list[Dataset]:
    """Return the data sets of these kinds and names. Raises InvalidArguments when there is none."""
    chosen = [dataset for dataset in found if _wanted(dataset, kinds, names)]
    if not chosen:
        known = ", ".join(dataset.name for dataset in found)
        raise InvalidArguments(f"no data set of {folder} matches the given kinds and names; there are: {known}")
    return chosen


def _wanted(dataset: Dataset, kinds: Sequence[str] | None, names: Sequence[str] | None) -> bool:
    if kinds and dataset.kind not in kinds:
        return False
    return not names or any(fnmatch(dataset.name, name) or fnmatch(dataset.short, name) for name in names)


def _check(modes: Sequence[str], kinds: Sequence[str] | None, limit: int | None, shots: int) -> None:
    for name, values, known in (("mode", modes, MODES), ("kind", kinds or (), KINDS)):
        for value in values:
            if value not in known:
                raise InvalidArguments(f"{name} {value!r} is unknown; use {', '.join(known)}")
    if shots < 1:
        raise InvalidArguments(f"shots {shots}: give at least one example")
    if limit is not None and limit < 2:
        raise InvalidArguments(f"limit {limit}: give at least 2 rows, or none")
