"""`train`: train a checkpoint on files, or adapt the current one to a task with labelled data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_table, say
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.settings import Settings
    from openclaw_instructor.train.prepare import Wording

FILE = click.Path(path_type=Path)


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
@click.option("--steps", type=click.IntRange(min=1), help="Steps in all; instead of --epochs.")
@click.option("--epochs", type=float, help="Times through the data. [default: 1]")
@click.option("--batch-size", type=click.IntRange(min=2), help="Records of a step, over all processes. [default: 64]")
@click.option(
    "--chunk-tokens", type=click.IntRange(min=64), help="Tokens of one pass, the bound on memory. [default: 16384]"
)
@click.option("--max-tokens", type=click.IntRange(min=8), help="Tokens of a text with its instruction. [default: 512]")
@click.option("--learning-rate", type=float, help="Highest rate. [default: 2e-5]")
@click.option(
    "--warmup", type=click.FloatRange(0, 1), help="Share of the steps in which the rate rises. [default: 0.1]"
)
@click.option("--temperature", type=float, help="Temperature of the loss. [default: 0.01]")
@click.option(
    "--in-batch",
    type=click.Choice(["all", "negatives"]),
    help="Which of the batch count against a query. [default: all]",
)
@click.option("--seed", type=int, help="Seed of the data's order and of --scratch. [default: 0]")
@click.option("--log-every", type=click.IntRange(min=1), help="Steps between rows of metrics.jsonl. [default: 10]")
@click.option("--save-every", type=click.IntRange(min=1), help="Steps between saved states. [default: 200]")
@click.option("--evaluate", "evaluation", type=FILE, metavar="FOLDER", help="Evaluation data to measure on.")
@click.option("--evaluate-every", type=click.IntRange(min=1), help="Steps between measurements. [default: at the end]")
@click.option("--restart", is_flag=True, help="Start the run over.")
@json_option
@click.pass_obj
def train(
    connection: Connection, /, files: tuple[Path, ...], source: Path | None, as_json: bool, **options: Any
) -> None:
    """Train a checkpoint, or adapt it to your own data.

    `train --from labels.jsonl --task classify_email` adapts the current checkpoint to a task and says whether it
    helped. `train FILES --out RUN` trains on files of any form in docs/training.md. For several GPUs start
    `torchrun -m openclaw_instructor train` with the same arguments.
    """
    if source is not None:
        _refuse(options | {"files": files}, _RUN_ONLY, "--from adapts the current checkpoint to a task")
        _adapt(connection, source, options, as_json=as_json)
    elif files:
        _refuse(options, _ADAPT_ONLY, "files and --out are a run of their own")
        _train(connection, [expanded(path) for path in files], options, as_json=as_json)
    else:
        raise InvalidArguments("there is nothing to train on; give files and --out, or --from and --task")


# What each of the two ways does not have.
_RUN_ONLY = (
    *("files", "out", "scratch", "tokenizer", "build", "instruction", "query_instruction", "document_instruction"),
    *("embedder", "evaluation", "evaluate_every"),
)
_ADAPT_ONLY = ("task", "name")


def _refuse(options: Mapping[str, Any], others: Sequence[str], what: str) -> None:
    names = {option.name: option.opts[0] for option in click.get_current_context().command.params}
    given = [names[name] for name in others if options[name]]
    if given:
        raise InvalidArguments(f"{what}, so {given[0]} has no meaning there; leave it out, or see docs/training.md")


def _adapt(connection: Connection, source: Path, options: dict[str, Any], *, as_json: bool) -> None:
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.train.adapt import adapt

    if not options["task"]:
        raise InvalidArguments("--from needs --task, the task that the rows are for")
    settings = connection.settings()
    task = Registry.load(settings).get(options["task"])
    start = _open(options["checkpoint"] or settings.checkpoint, settings)
    folder = _folder(settings.home / "checkpoints", options["name"], task.name)
    result = adapt(
        source, task, start, folder, _given(options, connection), restart=options["restart"], progress=not as_json
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


def _train(connection: Connection, files: list[Path], options: dict[str, Any], *, as_json: bool) -> None:
    from openclaw_instructor.train.prepare import prepare, write_built

    settings, out, build = connection.settings(), options["out"], options["build"]
    seed = options["seed"] or 0
    start = options["checkpoint"] or settings.checkpoint
    embedder = _Embedder(options["embedder"] or start, settings)
    if build is not None:
        count = write_built(files, build, _wording(options), embedder, seed=seed)
        print_json({"file": str(build), "records": count}) if as_json else say(f"{count} records in {build}")
        return
    if out is None:
        raise InvalidArguments("give --out, the folder of the run")
    from openclaw_instructor.train.contrastive import TrainConfig
    from openclaw_instructor.train.contrastive import train as run
    from openclaw_instructor.train.distributed import reports
    from openclaw_instructor.train.evaluator import Scores
    from openclaw_instructor.train.initial import from_scratch, parse_shape
    from openclaw_instructor.train.metrics_log import read

    if options["scratch"] is not None and options["tokenizer"] is None:
        raise InvalidArguments("--scratch needs --tokenizer, a folder with a tokenizer.json")

    def begin() -> Checkpoint:
        if options["scratch"] is None:
            return _open(start, settings)
        return from_scratch(parse_shape(options["scratch"]), options["tokenizer"], out, seed=seed)

    def ready() -> list[Path]:
        name = f"{embedder.name}@{embedder.revision}"
        return prepare(files, out / "data", _wording(options), embedder, embedder_name=name, seed=seed)

    scores = Scores(options["evaluation"]) if options["evaluation"] else None
    config = TrainConfig(**_given(options, connection))
    folder = run(ready, out, begin, config, evaluate=scores, restart=options["restart"], progress=not as_json)
    if not reports():
        return
    last: dict[str, Any] = {}
    for row in read(out / "metrics.jsonl"):
        last |= row
    if as_json:
        print_json({"checkpoint": str(folder), **last})
    else:
        say(f"trained: {folder}; use it: openclaw-instructor model use {folder}")


def _open(name: str, settings: Settings) -> Checkpoint:
    from openclaw_instructor.model.checkpoint import Checkpoint

    return Checkpoint.open(name, revision=settings.revision_of(name), offline=settings.offline)


class _Embedder:
    """Pairs instruction data; loaded only where there is some."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.revision = settings.revision_of(name)

    def __call__(self) -> Any:
        from openclaw_instructor.evaluate.embedders import open_embedder

        device, offline = self.settings.device, self.settings.offline
        model = open_embedder(self.name, device=device, revision=self.revision, offline=offline)
        return lambda texts: model.embed(list(texts), "", "text").vectors


_CONFIG = (
    *("steps", "epochs", "batch_size", "chunk_tokens", "max_tokens", "learning_rate", "warmup", "temperature"),
    *("in_batch", "seed", "log_every", "save_every", "evaluate_every"),
)


def _given(options: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """The settings of the run that were really given; device and number format are the configured ones."""
    settings = connection.settings()
    # int8 is a format to serve in, not to train in.
    configured = {"device": settings.device, "dtype": "auto" if settings.dtype == "int8" else settings.dtype}
    return configured | {name: options[name] for name in _CONFIG if options[name] is not None}


def _wording(options: dict[str, Any]) -> Wording:
    from openclaw_instructor.train.prepare import Wording

    given = {role: options[key] for role, key in _WORDS.items() if options[key]}
    return Wording(**given)


_WORDS = {"text": "instruction", "query": "query_instruction", "document": "document_instruction"}


def _folder(checkpoints: Path, name: str | None, task: str) -> Path:
    """Where an adapted checkpoint goes: under its given name, else under the first free one of the task's."""
    if name is not None:
        return checkpoints / name
    number = 1
    while (folder := checkpoints / (task if number == 1 else f"{task}-{number}")).exists():
        number += 1
    return folder
