"""Check the installation itself: Python and packages, home, tasks, checkpoint, kernels, index and daemon."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING

from openclaw_instructor import __version__, distribution
from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.settings import LOCAL, Settings

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint

PACKAGES = ("torch", "transformers", "tokenizers", "faiss-cpu", "mcp", "pydantic")


def examine(load_settings: Callable[[], Settings]) -> list[Finding]:
    """Collect all findings, the settings first, because the other checks need them."""
    findings = [_python(), *map(_package, PACKAGES)]
    try:
        settings = load_settings()
    except InstructorError as error:
        return [*findings, Finding("settings", "fail", error.message, "correct that file, then run doctor again")]
    checks: list[Callable[[Settings], Finding]] = [_home, _registry, _checkpoint, _kernels, _index, _daemon]
    if settings.store != LOCAL:
        checks.append(_store)
    return findings + [_guarded(check, settings) for check in checks]


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except InstructorError as error:
        what, _, fix = error.message.rpartition("; ")
        return Finding(check.__name__.strip("_"), "fail", what or error.message, fix if what else "")


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "fail", "not installed", distribution.pip_line(options="--force-reinstall"))


def _home(settings: Settings) -> Finding:
    place = settings.home
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        fix = f"make {place} a folder you may write to, or set OPENCLAW_INSTRUCTOR_HOME to another"
        return Finding("home", "fail", f"{settings.home} cannot be written", fix)
    return Finding("home", "ok", str(settings.home) + ("" if settings.home.exists() else " (made on first use)"))


def _registry(settings: Settings) -> Finding:
    from openclaw_instructor.registry import Registry

    registry = Registry.load(settings)
    if registry.problem:
        return Finding(
            "tasks", "fail", registry.problem, "correct it; `openclaw-instructor tasks check` lists them all"
        )
    return Finding("tasks", "ok", f"{len(registry.tasks)} in force; your own go into {settings.instructions_path}")


def _checkpoint(settings: Settings) -> Finding:
    if other := _computed_elsewhere(settings):
        return Finding("checkpoint", "ok", f"{settings.checkpoint}: {other}, which a search or sync asks")
    checkpoint = _opened(settings)
    shape = f"{checkpoint.dimension} dimensions, {checkpoint.shape.layers} layers"
    detail = f"{checkpoint.name}: {shape}, {checkpoint.megabytes:.1f} MB"
    return Finding("checkpoint", "ok", detail)


def _computed_elsewhere(settings: Settings) -> str:
    """Name what computes the vectors, "" for our own encoder."""
    from openclaw_instructor.engine.embedders.protocol import provider_of

    provider = provider_of(settings.checkpoint)
    if provider == "local":
        return ""
    return "a remote endpoint" if provider == "remote" else provider


def _opened(settings: Settings) -> Checkpoint:
    """Open the checkpoint without a network, so that a check downloads nothing. Raises as `open_checkpoint`."""
    from openclaw_instructor.engine.embedders.local import open_checkpoint

    return open_checkpoint(settings.model_copy(update={"offline": True}))


def _kernels(settings: Settings) -> Finding:
    from openclaw_instructor.model.device import choose_device
    from openclaw_instructor.model.inference.kernels import amx
    from openclaw_instructor.model.inference.loading import kernels_of

    if other := _computed_elsewhere(settings):
        return Finding("kernels", "ok", f"those of {other}")
    device = choose_device(settings.device)
    if amx.is_missing(device):
        detail = "this processor has AMX, but the kernels for it are missing or of another version: twice the time"
        again = distribution.pip_line(options="--force-reinstall --no-cache-dir")
        fix = f"with a C compiler (gcc 12, clang 16): {again}"
        return Finding("kernels", "warn", detail, fix)
    try:
        shape = _opened(settings).shape
    except InstructorError:  # `_checkpoint` says why
        return Finding("kernels", "warn", "they depend on the checkpoint, which cannot be opened", "mend that first")
    return Finding("kernels", "ok", kernels_of(shape, settings.dtype, device))


def _index(settings: Settings) -> Finding:
    from openclaw_instructor.service import Toolbox

    if not settings.index_path.exists():
        return Finding("index", "warn", "nothing is indexed yet", "openclaw-instructor index add docs ~/Documents")
    with Toolbox(settings=settings) as toolbox:
        collections = toolbox.index_status()
    detail = ", ".join(f"{c.name}: {c.documents} documents, {c.chunks} chunks" for c in collections) or "no collections"
    stale = [f"{c.name}: {c.reason}" for c in collections if c.stale]
    if stale:
        return Finding("index", "warn", "; ".join(stale), "openclaw-instructor index sync")
    return Finding("index", "ok", detail)


def _store(settings: Settings) -> Finding:
    from openclaw_instructor.index.vectors import engines
    from openclaw_instructor.index.vectors.protocol import Elsewhere

    with contextlib.closing(engines.of(settings)) as engine:
        where = engine.reached() if isinstance(engine, Elsewhere) else settings.store
    return Finding("store", "ok", where)


def _daemon(settings: Settings) -> Finding:
    from openclaw_instructor.daemon import lifecycle

    state = lifecycle.status(settings)
    if not state["running"]:
        return Finding("daemon", "ok", "not running; it starts when an agent first needs it")
    if not state["answers"]:
        fix = "openclaw-instructor daemon stop"
        return Finding("daemon", "fail", f"process {state['pid']} does not answer; its log is {state['log']}", fix)
    if state["version"] != __version__:
        fix = "openclaw-instructor daemon ensure"
        return Finding("daemon", "warn", f"version {state['version']} runs, {__version__} is installed", fix)
    return Finding("daemon", "ok", f"process {state['pid']} at {state['url']}")
