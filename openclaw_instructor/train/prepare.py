"""Turn files of any known form into MEDI files to train on, once, in the run's folder."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.evaluate.datasets import numbered_rows, read_rows
from openclaw_instructor.evaluate.fields import NAME, TEXT, TEXTS, typed
from openclaw_instructor.train import builders, medi

_FIELDS = {
    "pairs": {"a": TEXT, "b": TEXT},
    "labelled": {"text": TEXT, "label": NAME},
    "instructions": {"input": TEXT},
}


@dataclass(frozen=True)
class Wording:
    """The instructions of what is built: of labelled texts, and of the two sides of pairs."""

    text: str = builders.LABELLED
    query: str = builders.QUERY
    document: str = builders.DOCUMENT


def prepare(
    files: Sequence[Path],
    work: Path,
    wording: Wording,
    embedder: Callable[[], builders.Embed],
    *,
    embedder_name: str = "",
    seed: int = 0,
) -> list[Path]:
    """Return MEDI files as they are, and files of other forms as copies built in `work`.

    `embedder()` is called for instruction data only, which is built anew for an embedder of another name.

    Raises InvalidData for a file of no known form.
    """
    made = []
    for path in files:
        if is_medi(path):
            made.append(path)
            continue
        key = f"{path.absolute()}:{path.stat().st_mtime_ns}:{wording}:{seed}"
        if builders.form_of(path) == "instructions":
            key += f":{embedder_name}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        built = work / f"{path.name.split('.')[0]}-{digest}.medi.jsonl"
        if not built.is_file():
            medi.write(built, build(path, wording, embedder, seed=seed))
        made.append(built)
    return made


def build(
    path: Path, wording: Wording, embedder: Callable[[], builders.Embed], *, seed: int = 0
) -> Iterator[builders.Row]:
    """Yield the MEDI records of a file of any known form. Raises InvalidData."""
    form, name = builders.form_of(path), path.name.split(".")[0]
    if form == "medi":
        return read_rows(path, builders.FORMS[form])
    rows = _typed_rows(path, form)
    if form == "pairs":
        return builders.pairs(rows, wording.query, wording.document, name)
    if form == "labelled":
        return builders.labelled(rows, wording.text, name, seed=seed)
    return builders.instruction_data(rows, embedder(), seed=seed)


def _typed_rows(path: Path, form: str) -> Iterator[builders.Row]:
    for number, row in numbered_rows(path, builders.FORMS[form]):
        negatives = {"neg": TEXTS} if form == "pairs" and row.get("neg") is not None else {}
        yield typed(row, _FIELDS[form] | negatives, f"{path}:{number}")


def write_built(
    files: Sequence[Path], to: Path, wording: Wording, embedder: Callable[[], builders.Embed], *, seed: int = 0
) -> int:
    """Write all files as one MEDI file; returns its number of records. Raises InvalidData, InvalidArguments."""
    if any(is_array(path) for path in files):
        raise InvalidArguments("a JSON array is MEDI data already; train on it as it is")
    records = itertools.chain.from_iterable(build(path, wording, embedder, seed=seed) for path in files)
    return medi.write(to, records)


def is_medi(path: Path) -> bool:
    """Tell whether a file is a JSON array, or JSONL whose first row is a MEDI record. Raises InvalidData."""
    return is_array(path) or builders.form_of(path) == "medi"


def is_array(path: Path) -> bool:
    """Write by the suffix: `.json` holds one array, `.jsonl` a row per line."""
    return path.name.removesuffix(".gz").endswith(".json")
