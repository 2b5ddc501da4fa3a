"""Log a run: a progress bar for people, `metrics.jsonl` for programs, TensorBoard where it is installed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from tqdm import tqdm

from openclaw_instructor.train.train_state import Position


class MetricsLog:
    """Writes a row of numbers per step; without a folder it only measures time.

    On resume, rows after the resumed step are dropped: they are about to come again.
    """

    def __init__(self, folder: Path | None, position: Position, steps: int, *, shown: bool) -> None:
        self._file: TextIO | None = None
        self._board: Any = None
        if folder is not None:
            path = folder / "metrics.jsonl"
            kept = [row for row in read(path) if row["step"] <= position.step]
            path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
            self._file = path.open("a", encoding="utf-8")
            self._board = _tensorboard(folder / "tensorboard", position.step)
        self._bar = tqdm(total=steps, initial=position.step, unit="step", file=sys.stderr, disable=not shown)
        self._began = time.monotonic()
        self._start = position

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        for sink in (self._file, self._board):
            if sink:
                sink.close()

    @property
    def seconds(self) -> float:
        """Time spent on the run, earlier sessions included."""
        return self._start.seconds + time.monotonic() - self._began

    def advance(self) -> None:
        """Move the progress bar by a step."""
        self._bar.update()

    def write(self, step: int, tokens: int, **values: float) -> None:
        """Write one row, and show it beside the bar."""
        if self._file is None:
            return
        fresh = time.monotonic() - self._began
        speed = round((tokens - self._start.tokens) / max(fresh, 1e-9))
        row = {"step": step, "seconds": round(self.seconds, 1), "tokens": tokens, "tokens_per_second": speed, **values}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in row.items():
            if self._board and name != "step":
                self._board.add_scalar(name, value, step)
        shown = {"loss": f"{values['loss']:.3f}"} if "loss" in values else {}
        self._bar.set_postfix({**shown, "tok/s": speed})


def read(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a metrics file; a last line cut by a kill is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step)
