"""The report of `evaluate`: the scores of every data set side by side, as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from openclaw_instructor.reports.page import Bar, Bars, Page, Section, Table, now

if TYPE_CHECKING:
    from openclaw_instructor.evaluate.result import Result

_NOT_NUMBERS = frozenset(("data set", "metric", "data", "facet", "model"))


def evaluation_page(
    folder: str,
    results: Sequence[Result],
    tables: Sequence[tuple[str, list[str], list[list[str]]]],
    skipped: Mapping[str, str],
    facts: Mapping[str, str],
) -> Page:
    """Return the report of an evaluation, with its `tables` as they are printed; see `Report.page`."""
    models = list(dict.fromkeys(result.model for result in results if result.instructions))
    sets = list(dict.fromkeys(result.instructions for result in results if result.instructions))
    names = list(dict.fromkeys(result.dataset for result in results))
    known = {
        "folder": folder,
        "checkpoint" if len(models) == 1 else "checkpoints": ", ".join(models) or "none: words only",
        "instructions": ", ".join(sets) or "none",
        "data sets": f"{len(names)}",
        "texts embedded": f"{sum(result.texts for result in results):,}",
    }
    sections = [Section("Scores", [*_charts(results), *_tables(tables)])]
    if results:
        sections.append(Section("How they were measured", [_measured(results), *_instructions(results)]))
    summary = f"{len(names)} data sets, {len(models)} checkpoints; scores are x 100, higher is better"
    return Page(
        "How well checkpoints do", summary, {**known, **facts, "date": now()}, sections, _notes(results, skipped)
    )


def _charts(results: Sequence[Result]) -> Iterator[Bars]:
    """Draw a chart for each kind and mode; their numbers are the tables of the report."""
    places = list(dict.fromkeys((result.kind, result.mode) for result in results))
    several = len({result.instructions for result in results if result.instructions}) > 1
    for kind, mode in places:
        groups: dict[str, list[Bar]] = {}
        own = [each for each in results if (each.kind, each.mode) == (kind, mode) and not math.isnan(each.score)]
        for result in own:
            name = f"{result.model} ({result.instructions})" if several and result.instructions else result.model
            groups.setdefault(result.dataset, []).append(Bar(name, 100 * max(0.0, result.score)))
        if groups:
            title = f"{kind}, {mode}" if mode else kind
            said = "; ".join(f"{data}: {', '.join(_told(bars))}" for data, bars in groups.items())
            yield Bars(title, f"{own[0].main}, x 100. {said}.", groups, 100.0, "{:.1f}")


def _told(bars: Sequence[Bar]) -> Iterator[str]:
    return (f"{bar.name} {bar.value:.1f}" for bar in bars)


def _tables(tables: Sequence[tuple[str, list[str], list[list[str]]]]) -> Iterator[Table]:
    for title, columns, rows in tables:
        yield Table(title, columns, rows, frozenset(columns) - _NOT_NUMBERS)


def _measured(results: Sequence[Result]) -> Table:
    columns = ["data set", "mode", "model", "texts", "truncated", "seconds", "all metrics"]
    rows = [
        [each.dataset, each.mode or each.kind, each.model, f"{each.texts:,}", f"{each.truncated:,}",
         f"{each.seconds:.1f}", ", ".join(_metrics(each.metrics))]
        for each in results
    ]  # fmt: skip
    return Table("Every measurement", columns, rows, frozenset(("texts", "truncated", "seconds")))


def _metrics(metrics: Mapping[str, float]) -> Iterator[str]:
    return (f"{name} {value:.4f}" for name, value in metrics.items())


def _instructions(results: Sequence[Result]) -> Iterator[Table]:
    used = {
        (each.dataset, each.instructions, role): text
        for each in results if each.instructions
        for role, text in each.used.items()
    }  # fmt: skip
    rows = [[dataset, name, role, text.strip() or "none"] for (dataset, name, role), text in used.items()]
    if rows:
        yield Table("Instructions", ["data set", "instructions", "role", "instruction"], rows)


def _notes(results: Sequence[Result], skipped: Mapping[str, str]) -> list[str]:
    notes = [f"skipped {name}: {reason}" for name, reason in skipped.items()]
    cut = sum(result.truncated for result in results)
    return [*notes, *([f"{cut:,} texts were longer than their model reads; their ends were left out"] if cut else [])]
