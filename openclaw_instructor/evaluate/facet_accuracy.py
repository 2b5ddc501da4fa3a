"""Measure whether a model follows its instruction.

The same texts are embedded under one instruction per facet. For each facet the score is the leave-one-out accuracy of
nearest neighbours under the instruction that asks for it, under the others, and under none. A model that ignores
instructions scores the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import Dataset, Row, cut
from openclaw_instructor.evaluate.embedders import Embedder
from openclaw_instructor.evaluate.metrics import check_classes, neighbours
from openclaw_instructor.registry.task import render

ROWS_PER_SOURCE = 1500


@dataclass(frozen=True)
class Faceted:
    """Texts with a label per facet, and the instruction that asks for each facet."""

    name: str
    texts: list[str]
    labels: dict[str, list[str]]
    instructions: dict[str, str]


def faceted(specs: Mapping[str, Mapping[str, Any]], datasets: Sequence[Dataset], limit: int | None) -> list[Faceted]:
    """Build the described sets whose sources are all among `datasets`. Raises InvalidData for a malformed one."""
    by_name = {dataset.short: dataset for dataset in datasets if dataset.kind in ("classification", "clustering")}
    made = []
    for name, spec in specs.items():
        _check(name, spec)
        if all(source in by_name for source in spec["sources"]):
            made.append(_build(name, spec, by_name, limit))
    return made


def follow(embedder: Embedder, data: Faceted) -> list[dict[str, Any]]:
    """Return a row per facet: `asked`, `other` (the mean of the others) and `none`, accuracies; `gain` = asked - other.

    Raises Undefined where a facet has a single label.
    """
    for facet, labels in data.labels.items():
        check_classes(labels, f"the texts' {facet}")
    vectors = {
        asked: embedder.embed(data.texts, render(text), "text").vectors
        for asked, text in {**data.instructions, "": ""}.items()
    }
    rows = []
    for facet, labels in data.labels.items():
        scores = {asked: neighbours(each, labels) for asked, each in vectors.items()}
        others = [score for asked, score in scores.items() if asked not in (facet, "")]
        row = {"asked": scores[facet], "other": sum(others) / len(others), "none": scores[""]}
        gain = row["asked"] - row["other"]
        rows.append({"data": data.name, "facet": facet, "model": embedder.name, "n": len(labels), **row, "gain": gain})
    return rows


def _check(name: str, spec: Any) -> None:
    what = f"facets.{name}"
    if not isinstance(spec, Mapping) or not isinstance(spec.get("facets"), Mapping) or len(spec["facets"]) < 2:
        raise InvalidData(f"{what}: give `sources:` and at least two `facets:`; see docs/evaluation.md")
    if not isinstance(spec.get("sources"), list) or not spec["sources"]:
        raise InvalidData(f"{what}.sources: give a list of data sets, such as [support-mail]")
    if not isinstance(spec.get("labels", []), list):
        raise InvalidData(f"{what}.labels: give a list of labels, or leave it out for all")
    if not isinstance(spec.get("split_label", ""), str) or spec.get("split_label") == "":
        raise InvalidData(f'{what}.split_label: give what parts the labels of a row, such as " / "')
    for facet, value in spec["facets"].items():
        parts = {"instruction": value} if isinstance(value, str) else value
        if not isinstance(parts, Mapping) or not isinstance(parts.get("instruction"), str):
            raise InvalidData(f"{what}.facets.{facet}: give an instruction, or {{by: ..., instruction: ...}}")
        if not isinstance(parts.get("by", ""), str):
            raise InvalidData(f"{what}.facets.{facet}.by: give `label`, `source` or the name of a field of the rows")


def _build(name: str, spec: Mapping[str, Any], by_name: Mapping[str, Dataset], limit: int | None) -> Faceted:
    texts: list[str] = []
    labelled = _labelled(spec)
    columns: dict[str, list[str]] = {facet: [] for facet in labelled}
    for source in spec["sources"]:
        dataset = by_name[source]
        rows = dataset.rows("test" if "test" in dataset.files else "rows")
        allowed = spec.get("labels")
        kept = [row for row in rows if allowed is None or row["label"] in allowed]
        for row in cut(kept, limit) if limit else kept[:ROWS_PER_SOURCE]:
            labels = _labels(name, spec, labelled, source, row)
            texts.append(row["text"])
            for facet, column in columns.items():
                column.append(labels[facet])
    return Faceted(name, texts, columns, {facet: _instruction(value) for facet, value in spec["facets"].items()})


def _labels(name: str, spec: Mapping[str, Any], labelled: Mapping[str, Any], source: str, row: Row) -> dict[str, str]:
    if "split_label" in spec:
        parts = str(row["label"]).split(spec["split_label"])
        if len(parts) != len(spec["facets"]):
            raise InvalidData(
                f"facets.{name}: label {row['label']!r} of {source} does not split into {len(spec['facets'])}"
            )
        return dict(zip(spec["facets"], parts, strict=True))
    values = row | {"source": source}
    absent = next((value["by"] for value in labelled.values() if values.get(value["by"]) is None), None)
    if absent is not None:
        raise InvalidData(f"facets.{name}: a row of {source} has no field `{absent}`; give it one, or change `by:`")
    return {facet: str(values[value["by"]]) for facet, value in labelled.items()}


def _labelled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Select the facets that rows have a label of; one without `by` only serves as another instruction."""
    if "split_label" in spec:
        return dict(spec["facets"])
    return {facet: value for facet, value in spec["facets"].items() if isinstance(value, Mapping) and "by" in value}


def _instruction(value: str | Mapping[str, str]) -> str:
    return value if isinstance(value, str) else value["instruction"]
