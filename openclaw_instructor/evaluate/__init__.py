"""Measure checkpoints on local folders with the metrics of `mteb`.

    from openclaw_instructor.evaluate import evaluate
    report = evaluate("folder", models=["mini", "path/to/checkpoint", "sentence-transformers:path/to/teacher"])
    print(report.text())           # a table, one column per model and instruction set
    report.as_dict()               # the same as JSON

Needs the extra `evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.evaluate.evaluation import evaluate
    from openclaw_instructor.evaluate.report import Report

__all__ = ["Report", "evaluate"]

_HOMES = {
    "Report": "openclaw_instructor.evaluate.report",
    "evaluate": "openclaw_instructor.evaluate.evaluation",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
