"""`train`: train a checkpoint on files, or adapt the current one to a task with labelled data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_table, say
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.paths import expanded
from openclaw_instructor.train.config import options

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.settings import Settings
    from openclaw_instructor.train.prepare import Wording

FILE = click.Path(path_type=Path)


def _options_of_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting of a run."""
    for setting in reversed(options()):
        bounds, default = setting.metadata, setting.default
        kind: click.ParamType[Any] = click.FLOAT if isinstance(default, float) else click.INT
        if "choices" in bounds:
            kind = click.Choice(bounds["choices"])
        elif "maximum" in bounds:
            kind = click.FloatRange(bounds["minimum"], bounds["maximum"])
        elif "minimum" in bounds:
            kind = click.IntRange(min=bounds["minimum"])
        shown = f" [default: {default:g}]" if isinstance(default, float) else f" [default: {default}]"
        flag = f"--{setting.name.replace('_', '-')}"
        said = bounds["help"] + (shown if default or setting.name == "seed" else _UNSET.get(setting.name, ""))
        command = click.option(flag, type=kind, help=said)(command)
    return command


_UNSET = {"evaluate_every": " [default: at the end]"}


@click.command()
@click.argument("files", nargs=-1, type=FILE)
@click.option("--from", "source", type=FILE, metavar="FILE", help="Your own rows for a task, such as {text, label}.")
@click.option("--task", metavar="NAME", help="The task that --from is for; its instruction is used.")
@click.option("--name", help="Name of the adapted checkpoint. [default: the task's]")
@click.option("--out", type=FILE, metavar="FOLDER", help="Folder of the run; a run that is there is continued.")
@click.option(
    "--checkpoint", metavar="NAME", help="Where to start: mini, a folder or a hub id. [default: the configured one]"
)
@click.option("--scratch", metavar="SHAPE", help="Random weights, as layers=4,width=256,heads=4; needs --tokenizer.")
@click.option("--tokenizer", type=FILE, metavar="FOLDER", help="Folder with the tokenizer.json of --scratch.")
@click.option("--build", type=FILE, metavar="FILE", help="Only write the training records there (.jsonl, .jsonl.gz).")
@click.option("--instruction", metavar="TEXT", help="Instruction of labelled texts.")
@click.option("--query-instruction", metavar="TEXT", help="Instruction of the first side of pairs.")
@click.option("--document-instruction", metavar="TEXT", help="Instruction of the second side of pairs.")
@click.option(
    "--embedder", metavar="NAME", help="Checkpoint or sentence-transformers:PATH that pairs instruction data."
)
@_options_of_config
@click.option("--evaluate", "evaluation", type=FILE, metavar="FOLDER", help="Evaluation data to measure on.")
@click.option("--restart", is_flag=True, help="Start the run over.")
@json_option
@click.pass_obj
def train(connection: Connection, /, files: tuple[Path, ...], source: Path | None, as_json: bool, **given: Any) -> None:
    """Train a checkpoint, or adapt it to your own data.

    `train --from labels.jsonl --task classify_email` adapts the current checkpoint to a task and says whether it
    helped. `train FILES --out RUN` trains on files of any form in docs/training.md. For several GPUs start
    `torchrun -m openclaw_instructor train` with the same arguments.
    """
    if source is not None:
        _refuse(given | {"files": files}, _RUN_ONLY, "--from adapts the current checkpoint to a task")
        _adapt(connection, source, given, as_json=as_json)
    elif files:
        _refuse(given, _ADAPT_ONLY, "files and --out are a run of their own")
        _train(connection, [expanded(path) for path in files], given, as_json=as_json)
    else:
        raise InvalidArguments("there is nothing to train on; give files and --out, or --from and --task")


# Options that do not apply to adapting, and to training on files.
_RUN_ONLY = (
    *("files", "out", "scratch", "tokenizer", "build", "instruction", "query_instruction", "document_instruction"),
    *("embedder", "evaluation", "evaluate_every"),
)
_ADAPT_ONLY = ("task", "name")


def _refuse(values: Mapping[str, Any], others: Sequence[str], what: str) -> None:
    names = {option.name: option.opts[0] for option in click.get_current_context().command.params}
    given = [names[name] for name in others if values[name]]
    if given:
        raise InvalidArguments(f"{what}, so {given[0]} has no meaning there; leave it out, or see docs/training.md")


def _adapt(connection: Connection, source: Path, values: dict[str, Any], *, as_json: bool) -> None:
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.train.adapt import adapt

    if not values["task"]:
        raise InvalidArguments("--from needs --task, the task that the rows are for")
    settings = connection.settings()
    task = Registry.load(settings).get(values["task"])
    start = _open(values["checkpoint"] or settings.checkpoint, settings)
    folder = _folder(settings.home / "checkpoints", values["name"], task.name)
    result = adapt(
        source, task, start, folder, _given(values, connection), restart=values["restart"], progress=not as_json
    )
    if as_json:
        print_json(result.as_dict())
        return
    rows = [(result.metric, f"{100 * result.before:.1f}", f"{100 * result.after:.1f}")]
    print_table((f"on {result.held_out} held-out texts", "before", "after"), rows)
    for note in result.notes:
        say(f"note: {note}")
    if result.improved:
        say(f"use it: openclaw-instructor model use {result.checkpoint}")


def _train(connection: Connection, files: list[Path], values: dict[str, Any], *, as_json: bool) -> None:
    from openclaw_instructor.train.prepare import prepare, write_built

    settings, out, build = connection.settings(), values["out"], values["build"]
    seed = values["seed"] or 0
    start = values["checkpoint"] or settings.checkpoint
    embedder = _Embedder(values["embedder"] or start, settings)
    if build is not None:
        count = write_built(files, build, _wording(values), embedder, seed=seed)
        print_json({"file": str(build), "records": count}) if as_json else say(f"{count} records in {build}")
        return
    if out is None:
        raise InvalidArguments("give --out, the folder of the run")
    from openclaw_instructor.train.config import TrainConfig
    from openclaw_instructor.train.contrastive import train as run
    from openclaw_instructor.train.distributed import reports
    from openclaw_instructor.train.evaluator import Scores
    from openclaw_instructor.train.initial import from_scratch, parse_shape

    if values["scratch"] is not None and values["tokenizer"] is None:
        raise InvalidArguments("--scratch needs --tokenizer, a folder with a tokenizer.json")

    def begin() -> Checkpoint:
        if values["scratch"] is None:
            return _open(start, settings)
        return from_scratch(parse_shape(values["scratch"]), values["tokenizer"], out, seed=seed)

    def ready() -> list[Path]:
        name = f"{embedder.name}@{embedder.revision}"
        return prepare(files, out / "data", _wording(values), embedder, embedder_name=name, seed=seed)

    scores = Scores(values["evaluation"]) if values["evaluation"] else None
    config = TrainConfig(**_given(values, connection))
    folder = run(ready, out, begin, config, evaluate=scores, restart=values["restart"], progress=not as_json)
    if reports():
        _report(folder, out, as_json=as_json)


def _report(folder: Path, out: Path, *, as_json: bool) -> None:
    """Print where the checkpoint is, and the last metrics of the run."""
    from openclaw_instructor.train.metrics_log import read

    if not as_json:
        say(f"trained: {folder}; use it: openclaw-instructor model use {folder}")
        return
    last: dict[str, Any] = {}
    for row in read(out / "metrics.jsonl"):
        last |= row
    print_json({"checkpoint": str(folder), **last})


def _open(name: str, settings: Settings) -> Checkpoint:
    from openclaw_instructor.model.checkpoint import Checkpoint

    return Checkpoint.open(name, revision=settings.revision_of(name), offline=settings.offline)


class _Embedder:
    """Embeds instruction data to pair it; opened only if there is any."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.revision = settings.revision_of(name)

    def __call__(self) -> Any:
        from openclaw_instructor.evaluate.embedders import open_embedder

        device, offline = self.settings.device, self.settings.offline
        model = open_embedder(self.name, device=device, revision=self.revision, offline=offline)
        return lambda texts: model.embed(list(texts), "", "text").vectors


def _given(values: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """Return the run's settings that were given; device and number format are the configured ones."""
    settings = connection.settings()
    # int8 is for inference only.
    configured = {"device": settings.device, "dtype": "auto" if settings.dtype == "int8" else settings.dtype}
    return configured | {
        setting.name: values[setting.name] for setting in options() if values[setting.name] is not None
    }


def _wording(values: dict[str, Any]) -> Wording:
    from openclaw_instructor.train.prepare import Wording

    given = {role: values[key] for role, key in _WORDS.items() if values[key]}
    return Wording(**given)


_WORDS = {"text": "instruction", "query": "query_instruction", "document": "document_instruction"}


def _folder(checkpoints: Path, name: str | None, task: str) -> Path:
    """Return the folder of an adapted checkpoint: of the given name, else the first free one named after the task."""
    if name is not None:
        return checkpoints / name
    number = 1
    while (folder := checkpoints / (task if number == 1 else f"{task}-{number}")).exists():
        number += 1
    return folder
