"""Find evaluation data on disk by the layout of its files, never by name.

    FOLDER/**/                       kind
    corpus + queries + qrels         retrieval            {id, title?, text}, {id, text}, qid TAB docid TAB grade
    train + test                     classification       {text, label}
    one file of {s1, s2, score}      sts
    one file of {s1, s2, label}      pair-classification  label 0 or 1
    one file of {text, label}        clustering
    one file of {query, positive, negative}               reranking; both lists of texts
    one file of {hypothesis, references, score}           text-evaluation; references a list of texts
    pool + test               prompt-retrieval            {input, output}
    corpus + instructed + qrels    instruction-retrieval  {id, title?, text}, {id, text, instruction}, as retrieval

Files are `.jsonl` or `.jsonl.gz` (`qrels.tsv`, `qrels.tsv.gz`). A data set is named by its path without suffix.
"""

from __future__ import annotations

import gzip
import heapq
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.fields import NAME, NUMBER, SAME, TEXT, TEXTS, typed

KINDS = (
    *("sts", "classification", "pair-classification", "clustering", "reranking", "retrieval"),
    *("text-evaluation", "prompt-retrieval", "instruction-retrieval"),
)
FIELDS = {
    "sts": {"s1": TEXT, "s2": TEXT, "score": NUMBER},
    "pair-classification": {"s1": TEXT, "s2": TEXT, "label": SAME},
    "clustering": {"text": TEXT, "label": NAME},
    "reranking": {"query": TEXT, "positive": TEXTS, "negative": TEXTS},
    "text-evaluation": {"hypothesis": TEXT, "references": TEXTS, "score": NUMBER},
}
_GRADE = re.compile("-?[0-9]+")
_LABELLED = {"text": TEXT, "label": NAME}
_WITH_ID = {"id": NAME, "text": TEXT}
_PARTS = {"corpus": _WITH_ID, "queries": _WITH_ID, "instructed": _WITH_ID | {"instruction": TEXT}}
_FOLDERS = {"prompt-retrieval": {"input": TEXT, "output": TEXT}}
# The files that make a folder a data set; the first kind that fits is taken.
_LAYOUTS = {
    "instruction-retrieval": {"corpus", "instructed", "qrels"},
    "retrieval": {"corpus", "queries", "qrels"},
    "prompt-retrieval": {"pool", "test"},
    "classification": {"train", "test"},
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """One data set: `name` is its path under the evaluated folder, `files` the parts of its layout."""

    name: str
    kind: str
    files: dict[str, Path] = field(hash=False)

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rsplit("/", 1)[-1]

    def rows(self, part: str) -> list[Row]:
        """Read the rows of a JSONL part, each with the fields its kind needs. Raises InvalidData with file and line."""
        path = self.files[part]
        forms = _PARTS.get(part) or FIELDS.get(self.kind) or _FOLDERS.get(self.kind) or _LABELLED
        return [typed(row, forms, f"{path}:{number}") for number, row in numbered_rows(path, tuple(forms))]

    def judgements(self) -> dict[str, dict[str, int]]:
        """Read the relevance judgements (qrels): query id -> document id -> grade. Raises InvalidData."""
        result: dict[str, dict[str, int]] = {}
        path = self.files["qrels"]
        for number, line in lines(path):
            parts = line.rstrip("\n").split("\t")
            if len(parts) != 3 or not _GRADE.fullmatch(parts[2]):
                raise InvalidData(f"{path}:{number}: expected query id, document id and grade, separated by tabs")
            result.setdefault(parts[0], {})[parts[1]] = int(parts[2])
        return result


@dataclass(frozen=True)
class Found:
    """The data sets of a folder, by kind and name, and the files left out, with reasons."""

    datasets: list[Dataset]
    skipped: dict[str, str]


def find(folder: Path) -> Found:
    """Find every data set below `folder`, or the one that `folder` is. Raises InvalidData when there is none."""
    if not folder.exists():
        raise InvalidData(f"{folder}: no such folder; give one in the format of docs/evaluation.md")
    datasets: list[Dataset] = []
    skipped: dict[str, str] = {}
    root = folder if folder.is_dir() else folder.parent
    folders = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())] if folder.is_dir() else []
    loose = [folder] if folder.is_file() else []
    for place in folders:
        parts = {stem(path): path for path in sorted(place.iterdir()) if _is_data(path)}
        name = place.relative_to(root).as_posix() if place != root else place.name
        kind = next((kind for kind, layout in _LAYOUTS.items() if layout <= parts.keys()), None)
        if kind is not None:
            datasets.append(Dataset(name, kind, parts))
        else:
            loose += parts.values()
    for path in loose:
        name = path.relative_to(root).with_name(stem(path)).as_posix()
        kind = _kind_of(path)
        if kind is not None:
            datasets.append(Dataset(name, kind, {"rows": path}))
        else:
            skipped[name] = (
                f"its first row has none of the known forms ({'; '.join(', '.join(f) for f in FIELDS.values())})"
            )
    if not datasets:
        raise InvalidData(f"{folder}: no evaluation data found; docs/evaluation.md shows the format")
    return Found(sorted(datasets, key=lambda d: (KINDS.index(d.kind), d.name)), skipped)


def cut(rows: list[Row], limit: int) -> list[Row]:
    """Take at most `limit` rows, evenly spread, with labels in proportion and a row of each label if possible."""
    if len(rows) <= limit:
        return rows
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[str(row.get("label"))].append(index)
    counts = _shared({label: len(members) for label, members in groups.items()}, limit)
    kept = [groups[label][len(groups[label]) * i // count] for label, count in counts.items() for i in range(count)]
    return [rows[index] for index in sorted(kept)]


def _shared(sizes: dict[str, int], limit: int) -> dict[str, int]:
    """Share `limit` rows among labels: one for each of the commonest, the rest by the Sainte-Laguë method."""
    first = sorted(sizes, key=lambda label: -sizes[label])[:limit]
    counts = dict.fromkeys(first, 1)
    waiting = [(-sizes[label] / 3, place, label) for place, label in enumerate(first)]
    heapq.heapify(waiting)
    for _ in range(limit - len(first)):
        _, place, label = waiting[0]
        counts[label] += 1
        heapq.heapreplace(waiting, (-sizes[label] / (2 * counts[label] + 1), place, label))
    return counts


def read_rows(path: Path, needed: Sequence[str] = ()) -> Iterator[Row]:
    """Read the objects of a JSONL file. Raises InvalidData with file and line."""
    return (row for _, row in numbered_rows(path, needed))


def numbered_rows(path: Path, needed: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    """Read the objects of a JSONL file with their line numbers. Raises InvalidData with file and line."""
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidData(f"{path}:{number}: not valid JSON ({error}); correct that line") from None
        missing = [name for name in needed if not isinstance(row, dict) or name not in row]
        if missing:
            raise InvalidData(f"{path}:{number}: field `{missing[0]}` is missing; rows need {', '.join(needed)}")
        yield number, row


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the numbered lines of a text file, gzip-compressed or not. Raises InvalidData."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            yield from enumerate(file, 1)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path}: cannot be read ({error}); check the path, or make the file again") from None


def stem(path: Path) -> str:
    """Return the file name without `.jsonl`, `.tsv` and `.gz`."""
    name = path.name.removesuffix(".gz")
    return name.removesuffix(".jsonl").removesuffix(".tsv")


def _is_data(path: Path) -> bool:
    return path.is_file() and path.name.removesuffix(".gz").endswith((".jsonl", ".tsv"))


def _kind_of(path: Path) -> str | None:
    if not path.name.removesuffix(".gz").endswith(".jsonl"):
        return None
    first = next(read_rows(path), {})
    if not isinstance(first, dict):
        return None
    for kind, fields in FIELDS.items():
        if all(name in first for name in fields):
            return kind
    return None
