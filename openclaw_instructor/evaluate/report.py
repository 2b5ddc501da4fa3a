"""Report what was measured, as JSON and as tables with one column per model."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.evaluate.result import Result

if TYPE_CHECKING:
    from openclaw_instructor.reports.page import Page

WORDS = "bm25"


@dataclass
class Report:
    """Results as measured; `facets`: rows of the instruction-following test; `skipped`: file and reason."""

    folder: str
    results: list[Result] = field(default_factory=list)
    facets: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def means(self) -> list[dict[str, Any]]:
        """Average the scores of each kind, mode and model over its data sets."""
        groups: dict[tuple[str, str, str, str], list[float]] = {}
        for result in self.results:
            groups.setdefault((result.kind, result.mode, result.model, result.instructions), []).append(result.score)
        return [
            {
                "kind": kind,
                "mode": mode,
                "model": model,
                "instructions": used,
                "score": _mean(scores),
                "datasets": len(scores),
            }
            for (kind, mode, model, used), scores in groups.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types; an undefined score (such as of constant pairs) is null."""
        return {
            "folder": self.folder,
            "means": [_finite(row) for row in self.means()],
            "results": [_finite(asdict(result)) for result in self.results],
            "facets": self.facets,
            "skipped": self.skipped,
        }

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Return (title, columns, rows) of each table, ready to print."""
        made = [self._scores()] if self.results else []
        if self.facets:
            columns = ["data", "facet", "model", "asked", "other", "none", "gain"]
            rows = [
                [str(row[key]) if isinstance(row[key], str) else f"{100 * row[key]:.1f}" for key in columns]
                for row in self.facets
            ]
            made.append(("Following instructions: nearest-neighbour accuracy for a facet", columns, rows))
        return made

    def text(self) -> str:
        """Render the tables as plain text."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        out = io.StringIO()
        console = Console(file=out, width=200, highlight=False)
        for title, columns, rows in self.tables():
            table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
            for index, column in enumerate(columns):
                table.add_column(column, justify="left" if index < 2 else "right", overflow="fold")
            for row in rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"

    def page(self, facts: Mapping[str, str]) -> Page:
        """Return this as a page to write or show; `facts` are what only the caller knows, such as the device."""
        from openclaw_instructor.evaluate.pages import evaluation_page

        return evaluation_page(self.folder, self.results, self.tables(), self.skipped, facts)

    def _repr_html_(self) -> str:
        """Show the scores in a notebook."""
        from openclaw_instructor.reports import notebook

        return notebook.page(self.page({}))

    def _scores(self) -> tuple[str, list[str], list[list[str]]]:
        several = len({r.instructions for r in self.results if r.instructions}) > 1
        models = list(dict.fromkeys(_column(result, several=several) for result in self.results))
        cells = {(_row(r), _column(r, several=several)): r for r in self.results}
        rows = []
        for kind in dict.fromkeys(result.kind for result in self.results):
            of_kind = [result for result in self.results if result.kind == kind]
            # BM25 has no vectors, so its one score stands beside both dense and hybrid.
            names = list(dict.fromkeys(_row(r) for r in of_kind if r.mode != WORDS)) or [r.dataset for r in of_kind]
            found = [[_cell(cells, name, model) for model in models] for name in names]
            rows += [[name, of_kind[0].main, *map(_percent, row)] for name, row in zip(names, found, strict=True)]
            for mode in dict.fromkeys(_mode(name) for name in names):
                own = [row for name, row in zip(names, found, strict=True) if _mode(name) == mode]
                if len(own) > 1:
                    means = [_mean([v for v in column if v is not None]) for column in zip(*own, strict=True)]
                    rows.append([f"mean {kind}{mode}", of_kind[0].main, *map(_percent, means)])
        return "Scores x 100", ["data set", "metric", *models], rows


def _row(result: Result) -> str:
    return result.dataset if result.mode in ("", WORDS) else f"{result.dataset} [{result.mode}]"


def _mode(name: str) -> str:
    return " [" + name.rsplit(" [", 1)[1] if name.endswith("]") else ""


def _column(result: Result, *, several: bool) -> str:
    model = "/".join(Path(result.model).parts[-2:])  # the end of a long path distinguishes models
    return f"{model} ({result.instructions})" if several and result.instructions else model


def _cell(cells: dict[tuple[str, str], Result], name: str, model: str) -> float | None:
    result = cells.get((name, model)) or cells.get((name.rsplit(" [", 1)[0], model))
    return None if result is None or math.isnan(result.score) else result.score


def _percent(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def _mean(values: Iterable[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan


def _finite(value: Any) -> Any:
    """Return None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
