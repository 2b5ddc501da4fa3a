"""Recognise a model without local files by its name, its dimension, and its embedding of a fixed text.

The record of a model is kept in home. A model that later answers otherwise under the same name is refused: its vectors
must not be mixed with those that are stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from openclaw_instructor.errors import InvalidCheckpoint

PROBE = "The ferry to the island leaves at half past nine, if the weather allows."
SAME = 0.999  # cosine; rounding of kernels differs by less, another model by far more
MOST_DIMENSIONS = 65_536


@dataclass(frozen=True)
class Record:
    """What is known of a model: `probe` is its L2-normalised embedding of `PROBE`.

    `name` tells apart what gives other vectors, so that it may be more than the name that people know.
    """

    name: str
    dimension: int
    max_tokens: int
    probe: list[float]
    identity: str

    @classmethod
    def of(cls, name: str, max_tokens: int, vector: Sequence[float], known_as: str = "") -> Record:
        """Make the record of a model seen for the first time. Raises InvalidCheckpoint for an unusable vector."""
        numbers = [float(number) for number in vector]
        length = math.sqrt(sum(number * number for number in numbers))
        if not numbers or len(numbers) > MOST_DIMENSIONS or not 0 < length < math.inf:
            raise InvalidCheckpoint(
                f"{known_as or name}: its embedding of a test sentence is empty or no number; use another model"
            )
        probe = [round(number / length, 6) for number in numbers]
        identity = hashlib.sha256(json.dumps([name, len(probe), probe]).encode()).hexdigest()[:24]
        return cls(name, len(probe), max_tokens, probe, identity)

    def check(self, vector: Sequence[float], path: Path, known_as: str = "") -> None:
        """Compare with the model's present vector. Raises InvalidCheckpoint when it is another model."""
        name = known_as or self.name
        fix = f"give it another name, or delete {path} and run `openclaw-instructor index sync`"
        if len(vector) != self.dimension:
            raise InvalidCheckpoint(
                f"{name} answers {len(vector)} dimensions, {self.dimension} before: it is another model; {fix}"
            )
        length = math.sqrt(sum(number * number for number in vector))
        cosine = sum(a * b for a, b in zip(self.probe, vector, strict=True)) / length if length else 0.0
        if not cosine >= SAME:
            raise InvalidCheckpoint(
                f"{name} embeds a test sentence otherwise than before (cosine {cosine:.3f}): it is another model; {fix}"
            )


class RecordFile:
    """The record of one model in home; `ask()` embeds the probe, and is called when there is no record yet.

    `known_as` is what messages call the model.
    """

    def __init__(
        self, home: Path, name: str, max_tokens: int, ask: Callable[[], Sequence[float]], known_as: str = ""
    ) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.path, self._name, self._max_tokens, self._ask = home / "models" / f"{digest}.json", name, max_tokens, ask
        self._known_as = known_as
        self._record: Record | None = None
        self._checked = False

    @property
    def record(self) -> Record:
        """The record; made by asking the model if there is none yet. Raises InstructorError."""
        if self._record is None:
            self._record = self._read()
        if self._record is None:
            self._record = Record.of(self._name, self._max_tokens, self._ask(), self._known_as)
            self._checked = True
            self._write(self._record)
        return self._record

    def check(self) -> None:
        """Check once that the model is the recorded one. Raises InvalidCheckpoint when it is not."""
        record = self.record
        if not self._checked:
            record.check(list(self._ask()), self.path, self._known_as)
            self._checked = True

    def _read(self) -> Record | None:
        try:
            record = Record(**json.loads(self.path.read_text(encoding="utf-8")))
            usable = record.name == self._name and record.dimension == len(record.probe) and bool(record.identity)
        except (OSError, ValueError, TypeError):
            return None
        return record if usable else None

    def _write(self, record: Record) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(asdict(record)), encoding="utf-8")
        new.replace(self.path)
