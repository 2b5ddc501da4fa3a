"""Run workers on a Ray cluster, as a pipeline of Ray Data: tasks that read and cut, actors that embed.

A worker that dies is replaced and its files are read again, a few times; a file that still ends its worker is left out
by name. The results come in the order of the files, so that a sync by workers publishes what one without them does.
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor import distribution
from openclaw_instructor.engine import Engine
from openclaw_instructor.errors import InvalidArguments, MissingExtra, ServiceError
from openclaw_instructor.index.files import Skipped
from openclaw_instructor.index.workers.work import Embedding, Problem, Reading, Spec, packed, prefixes, unpacked

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found
    from openclaw_instructor.index.outcomes import Outcome
    from openclaw_instructor.index.workers.protocol import Job
    from openclaw_instructor.settings import Settings

HERE = "local"
# Of a processor: a reader beside each encoder.
_READER, _ENCODER = 0.25, 0.75
_FILES_PER_TASK = 16
_TRIES_AGAIN = 2
_WHOLE_BLOCKS: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}


@dataclass(frozen=True)
class RayWorkers:
    """Workers on the cluster at `address`, which is `local` for processes of this machine, else HOST:PORT or auto.

    `encoders`: models at once; without it one for each GPU if `device` is one, else for each processor. Raises
    InvalidArguments and MissingExtra.
    """

    settings: Settings
    address: str
    encoders: int | None = None
    open_engine: Callable[[Settings], Engine] = Engine

    def __post_init__(self) -> None:
        if "://" in self.address or not self.address:
            raise InvalidArguments(
                f"--ray {self.address[:60]!r}: write local, auto, or HOST:6379, on a machine of the cluster"
            )
        _ray()

    def outcomes(self, job: Job, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        """Yield what came of each file; see `Workers`."""
        if not pending:
            return
        with self._connected() as ray:
            encoders, encoder_needs = self._shape(ray)
            # Each encoder has the share of a machine that Ray gives it, one processor; a GPU is used as ever. The token
            # of this home's daemon is no business of theirs.
            changed = {"threads": self.settings.threads or 1, "cache_mb": 0, "token": None}
            settings = self.settings.model_copy(update=changed)
            spec = Spec(settings, job.instruction, job.identity, self.open_engine)
            yield from _Pipeline(ray, spec, _stored(job), encoders, encoder_needs).results(pending)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        ray = _ray()
        # Ray reports its use over the network unless it is told not to.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
        if self.address == HERE:
            options["num_cpus"] = max(2, self.encoders or 0, os.cpu_count() or 1)
        else:
            options = {"address": self.address, "log_to_driver": False, "logging_level": logging.ERROR}
        owned = not ray.is_initialized()
        # They tell of every step; what matters is an error of ours, or in the report.
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            if owned:
                ray.init(**options)
        except Exception as error:
            raise ServiceError(
                f"no Ray cluster answers at {self.address} ({str(error)[:150]}); check the address, that this machine "
                "belongs to it, and that both have the same version of Ray"
            ) from None
        try:
            yield ray
        finally:
            if owned:
                ray.shutdown()

    def _shape(self, ray: Any) -> tuple[int, dict[str, float]]:
        """Return how many encoders there are, and what Ray reserves for each."""
        there = ray.cluster_resources()
        if str(self.settings.device or "").startswith("cuda"):
            needs, most = {"num_cpus": _ENCODER, "num_gpus": 1.0}, int(there.get("GPU", 0))
        else:
            needs, most = {"num_cpus": _ENCODER}, int(there.get("CPU", 0))
        wanted = most if self.encoders is None else self.encoders
        if not 1 <= wanted <= most:
            raise InvalidArguments(
                f"--workers {wanted}: the Ray cluster at {self.address} has room for {most} encoders; add machines to "
                "it, or ask for fewer"
            )
        return wanted, needs


@dataclass(frozen=True)
class _Pipeline:
    ray: Any
    spec: Spec
    stored: Any
    encoders: int
    encoder_needs: dict[str, float]

    def results(self, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[Found, Outcome]]:
        """Yield what came of each file, in their order; a file whose workers died is read once more by itself."""
        awaited = iter(enumerate(pending))
        for number, result in self._streamed(pending):
            for expected, each in awaited:
                yield each[0], self._checked(result if expected == number else self._alone(each))
                if expected == number:
                    break
        for _, each in awaited:
            yield each[0], self._checked(self._alone(each))

    def _streamed(self, pending: Sequence[tuple[Found, Known | None]]) -> Iterator[tuple[int, Outcome | Problem]]:
        data = importlib.import_module("ray.data")
        arrow = importlib.import_module("pyarrow")
        context = data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.execution_options.preserve_order = True
        # What is lost with a file that ends its workers is read again, file by file.
        context.max_errored_blocks = -1
        with data.DataContext.current(context), warnings.catch_warnings():
            # The numbers of tries have no other place in Ray up to the release that takes this one away.
            warnings.filterwarnings("ignore", message=".*ray_remote_args")
            rows = arrow.array([packed(each) for each in enumerate(pending)], arrow.large_binary())
            # Enough pieces for all encoders, and no more encoders than pieces.
            blocks = max(-(-len(pending) // _FILES_PER_TASK), min(len(pending), 2 * self.encoders))
            embedded = (
                data.from_arrow(arrow.table({"file": rows}), override_num_blocks=blocks)
                .map_batches(_read, fn_args=(self.spec,), num_cpus=_READER, max_retries=_TRIES_AGAIN, **_WHOLE_BLOCKS)
                .map_batches(
                    _Encoder,
                    fn_constructor_args=(self.spec, self.stored),
                    compute=data.ActorPoolStrategy(size=min(blocks, self.encoders)),
                    max_restarts=-1,
                    max_task_retries=_TRIES_AGAIN,
                    **_WHOLE_BLOCKS,
                    **self.encoder_needs,
                )
            )
            for batch in embedded.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield from map(unpacked, batch.column("file").to_pylist())

    def _alone(self, each: tuple[Found, Known | None]) -> Outcome | Problem:
        """Read a file in a process of its own; its passages are embedded by whoever publishes them."""
        task = self.ray.remote(num_cpus=_READER, max_retries=0)(_read_one)
        try:
            result: Outcome | Problem = self.ray.get(task.remote(self.spec, each))
        except self.ray.exceptions.RayError:
            return Skipped("reading it ended the worker that read it; leave it out with --exclude", final=True)
        return result

    @staticmethod
    def _checked(result: Outcome | Problem) -> Outcome:
        if isinstance(result, Problem):
            raise ServiceError(f"the workers cannot embed: {result.message}")
        return result


_reading: dict[str, Reading] = {}


def _reader(spec: Spec) -> Reading:
    """Return what reads for this job in this process."""
    if spec.identity not in _reading:
        _reading.clear()
        _reading[spec.identity] = Reading(spec)
    return _reading[spec.identity]


def _read(batch: Any, spec: Spec) -> Any:
    """Read the files of a table; return a table of what came of them."""
    reading, results = _reader(spec), []
    for number, (found, before) in map(unpacked, batch.column("file").to_pylist()):
        results.append(packed((number, reading.outcome(found, before))))
    return _table(results)


def _read_one(spec: Spec, each: tuple[Found, Known | None]) -> Outcome | Problem:
    return _reader(spec).outcome(*each)


class _Encoder:
    """An actor that keeps a model."""

    def __init__(self, spec: Spec, stored: Any) -> None:
        self._embedding = Embedding(spec, stored)

    def __call__(self, batch: Any) -> Any:
        numbered = [unpacked(data) for data in batch.column("file").to_pylist()]
        completed = self._embedding.completed([result for _, result in numbered])
        return _table([packed((number, result)) for (number, _), result in zip(numbered, completed, strict=True)])


def _table(rows: list[bytes]) -> Any:
    arrow = importlib.import_module("pyarrow")
    return arrow.table({"file": arrow.array(rows, arrow.large_binary())})


def _stored(job: Job) -> Any:
    """List what was embedded before, short: a text that is missed is embedded here."""
    import numpy as np

    with job.store.read() as connection:
        digests = [row["digest"] for row in connection.execute("SELECT DISTINCT digest FROM chunks")]
    return np.unique(prefixes(digests))


def _ray() -> Any:
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError:
        raise MissingExtra(f"--ray needs Ray, which is not installed; run: {distribution.pip_line('ray')}") from None
