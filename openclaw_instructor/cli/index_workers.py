"""`index add --ray` and `index sync --ray`: have the processes of a Ray cluster read, cut and embed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from openclaw_instructor.cli.connection import Connection, OnProgress

_Command = TypeVar("_Command", bound=Callable[..., Any])


def workers_options(command: _Command) -> _Command:
    """Add `--ray` and `--workers` to a command."""
    encoders = click.option(
        "--workers",
        "encoders",
        type=click.IntRange(min=1),
        help="With --ray: how many embed at once; default: one for each processor or GPU of the cluster.",
    )
    ray = click.option(
        "--ray",
        metavar="ADDRESS",
        help="Read, cut and embed on a Ray cluster: HOST:6379, auto, or local for processes of this machine.",
    )
    return ray(encoders(command))


def synced_by_workers(
    connection: Connection,
    name: str | None,
    on_progress: OnProgress | None,
    address: str,
    encoders: int | None,
    *,
    full: bool = False,
) -> dict[str, Any]:
    """Sync in this process, whether or not a daemon runs, and have the cluster do the work; return the report."""
    from openclaw_instructor.index.workers.ray_pipeline import RayWorkers

    with connection.library() as toolbox:
        workers = RayWorkers(toolbox.settings, address, encoders)
        report: dict[str, Any] = toolbox.index_sync(name, on_progress, full=full, workers=workers).as_dict()
        return report
