"""Read training data in the form of MEDI (Su et al., ACL 2023) from disk by byte offset, never into memory.

    {"query": [instruction, text], "pos": [instruction, text], "neg": [instruction, text], "task_id": 3}

`pos` and `neg` may hold several such pairs, `neg` may be absent; `task_id` is a number or a name. With `label` (of
query and positive) and `neg_label`, records of one label are never negatives of each other. Files: JSONL, one JSON
array, or either with `.gz`; what cannot be read by offset is unpacked once into the work folder.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openclaw_instructor.errors import InvalidData

Pair = tuple[str, str]
_BLOCK = 1 << 20
_BETWEEN = re.compile(r"\s*,?\s*")  # separators of array elements; matches at any position


@dataclass(frozen=True)
class Record:
    """One training example; a pair is (instruction, text)."""

    query: Pair
    positives: tuple[Pair, ...]
    negatives: tuple[Pair, ...]
    task: str
    label: str | None = None
    negative_label: str | None = None


class MediData:
    """Random access to the records of several files; `digest` hashes their content, whatever their paths.

    Raises InvalidData with file and line for a malformed record.
    """

    def __init__(self, files: Sequence[Path], work: Path) -> None:
        offsets, tasks, owners, digests = [], [], [], []
        names: dict[str, int] = {}
        paths = [_unpacked(source, work) for source in files]
        for number, path in enumerate(paths):
            found = _index(path, work)
            offsets.append(found["offsets"])
            tasks.append(np.array([names.setdefault(name, len(names)) for name in found["names"]])[found["tasks"]])
            owners.append(np.full(len(found["offsets"]), number))
            digests.append(str(found["digest"]))
        self.offsets, self.owners = np.concatenate(offsets), np.concatenate(owners)
        self.task_of = np.concatenate(tasks)
        self.tasks = list(names)
        self.digest = hashlib.sha256("".join(digests).encode()).hexdigest()[:12]
        self._files = [path.open("rb") for path in paths]

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Record:
        file = self._files[self.owners[index]]
        file.seek(int(self.offsets[index]))
        return parse(json.loads(file.readline()), file.name)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


class Plan:
    """Which records make up each step: one task per batch, every record once per epoch, a new order each epoch.

    A pure function of the seed and the step, so a resumed run needs to know nothing else.
    """

    def __init__(self, task_of: np.ndarray, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        self._by_task = [np.flatnonzero(task_of == task) for task in np.unique(task_of)]
        self.steps_per_epoch = sum(-(-len(members) // batch_size) for members in self._by_task)
        self._epoch: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, step: int) -> np.ndarray:
        """Return the indices of the records of a step, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._draw(epoch))
        return self._epoch[1][position]

    def _draw(self, epoch: int) -> list[np.ndarray]:
        random = np.random.default_rng((self.seed, epoch))
        batches = []
        for members in self._by_task:
            shuffled = random.permutation(members)
            batches += [shuffled[i : i + self.batch_size] for i in range(0, len(shuffled), self.batch_size)]
        return [batches[i] for i in random.permutation(len(batches))]


def parse(row: Any, where: str) -> Record:
    """Parse a record from its JSON. Raises InvalidData."""
    try:
        query = _pair(row["query"])
        positives, negatives = _pairs(row["pos"]), _pairs(row.get("neg") or [])
        if not positives:
            raise ValueError("`pos` is empty")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = error if isinstance(error, ValueError) else "`query` or `pos` is missing"
        form = '{"query": [instruction, text], "pos": [instruction, text], "neg": [instruction, text], "task_id": 0}'
        raise InvalidData(f"{where}: {what}; a record is {form}") from None
    task = row.get("task_id", row.get("task_name", 0))
    return Record(query, positives, negatives, str(task), _text(row.get("label")), _text(row.get("neg_label")))


def write(path: Path, records: Iterator[dict[str, Any]]) -> int:
    """Write records as JSONL (gzip-compressed if the name says so); returns how many. The file appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    count = 0
    with gzip.open(new, "wt", encoding="utf-8") if path.suffix == ".gz" else new.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    new.replace(path)
    return count


def _unpacked(source: Path, work: Path) -> Path:
    """Return the file itself where its lines can be read by offset, else a JSONL copy in `work`."""
    try:
        packed = source.suffix == ".gz"
        with gzip.open(source, "rb") if packed else source.open("rb") as file:
            array = file.read(64).lstrip()[:1] == b"["
        if not packed and not array:
            return source
        copy = work / f"{source.name.split('.')[0]}-{_fingerprint(source)}.jsonl"
        if copy.is_file():
            return copy
        work.mkdir(parents=True, exist_ok=True)
        new = copy.with_suffix(".new")
        with gzip.open(source, "rb") if packed else source.open("rb") as file, new.open("wb") as out:
            if array:
                for row in _elements(file, str(source)):
                    out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            else:
                shutil.copyfileobj(file, out, _BLOCK)
        new.replace(copy)
        return copy
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidData(f"{source}: cannot be read ({error}); check the path, or make the file again") from None


def _elements(file: Any, where: str) -> Iterator[Any]:
    """Yield the elements of a JSON array, with one block of the file in memory at a time."""
    decoder, text = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")()
    buffer = text.decode(file.read(_BLOCK)).lstrip().removeprefix("[")
    number = at = 0
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]
        if buffer.startswith("]", at):
            return
        try:
            row, end = decoder.raw_decode(buffer, at)
        except ValueError:
            block = file.read(_BLOCK)
            if not block:
                raise InvalidData(f"{where}: element {number} of the array is cut off or not JSON") from None
            buffer, at = buffer[at:] + text.decode(block), 0
            continue
        yield row
        number, at = number + 1, end


def _index(path: Path, work: Path) -> dict[str, Any]:
    """Index a file: byte offset and task of every record, and a digest; kept in `work` until the file changes."""
    kept = work / f"{path.stem}-{_fingerprint(path)}.npz"
    if kept.is_file():
        with np.load(kept) as found:
            # The index of an earlier version has no digest.
            if "digest" in found:
                return dict(found)
    offsets: list[int] = []
    tasks: list[int] = []
    names: dict[str, int] = {}
    position, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise InvalidData(f"{path}:{number}: not valid JSON ({error}); correct that line") from None
                record = parse(row, f"{path}:{number}")
                digest.update(line.strip() + b"\n")
                offsets.append(position)
                tasks.append(names.setdefault(record.task, len(names)))
            position += len(line)
    if not offsets:
        raise InvalidData(f"{path}: holds no records; give a file of training data")
    columns = {"offsets": offsets, "tasks": tasks, "names": list(names), "digest": digest.hexdigest()}
    found = {name: np.array(values) for name, values in columns.items()}
    work.mkdir(parents=True, exist_ok=True)
    with (new := kept.with_suffix(".new")).open("wb") as out:
        np.savez(out, **found)
    new.replace(kept)
    return found


def _fingerprint(path: Path) -> str:
    stat = path.stat()
    return hashlib.sha256(f"{path.absolute()}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:12]


def _pair(value: Any) -> Pair:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise ValueError(f"{str(value)[:60]!r} is not an [instruction, text] pair")
    return value[0], value[1]


def _pairs(value: Any) -> tuple[Pair, ...]:
    if value and isinstance(value[0], str):
        return (_pair(value),)
    return tuple(_pair(each) for each in value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
