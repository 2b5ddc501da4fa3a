"""`evaluate`: measure checkpoints on local data sets, side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, say
from openclaw_instructor.cli.report_file import report_option, write_report
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.text import printable

if TYPE_CHECKING:
    from openclaw_instructor.evaluate.report import Report

KINDS = (
    *("sts", "classification", "pair-classification", "clustering", "reranking", "retrieval"),
    *("text-evaluation", "prompt-retrieval", "instruction-retrieval"),
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="NAME",
    help="mini, a folder or a hub id; repeat it. [default: the configured one]",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="sentence-transformers:PATH",
    help="A sentence-transformers model to compare with; repeat it.",
)
@click.option(
    "--instructions",
    "instruction_sets",
    multiple=True,
    metavar="FILE",
    help="YAML of instructions, or `none`; repeat it to compare. [default: packaged]",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(["dense", "bm25", "hybrid"]),
    help="Retrieval by vectors, words or both. [default: all three]",
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these kinds of data sets.")
@click.option("--dataset", "datasets", multiple=True, metavar="GLOB", help="Only data sets of this name; `*` allowed.")
@click.option("--facets/--no-facets", default=True, show_default=True, help="Test whether instructions are followed.")
@click.option(
    "--limit", type=click.IntRange(min=2), help="Rows per file, and queries per retrieval set; for a quick look."
)
@click.option(
    "--shots",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Examples chosen for each prompt, in prompt retrieval.",
)
@click.option(
    "--complete",
    metavar="COMMAND",
    help='A language model for prompt retrieval: reads lines {"prompt": ...}, writes lines {"completion": ...}.',
)
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), help="Keep vectors here; repeated runs are quick."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write the JSON to this file.")
@report_option()
@json_option
@click.pass_obj
def evaluate(
    connection: Connection,
    /,
    folder: Path,
    checkpoints: tuple[str, ...],
    teachers: tuple[str, ...],
    instruction_sets: tuple[str, ...],
    complete: str | None,
    output: Path | None,
    report: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure checkpoints on the data sets in FOLDER with the metrics of MTEB.

    Finds sets of nine kinds by the layout of their files (docs/evaluation.md), and prints one column per model.
    """
    from openclaw_instructor.evaluate import evaluate as run
    from openclaw_instructor.evaluate.completion import Program
    from openclaw_instructor.evaluate.embedders import TEACHER

    settings = connection.settings()
    if output and not output.parent.is_dir():
        raise InvalidArguments(f"--output: the folder {output.parent} does not exist; create it")
    models = [*checkpoints] or [settings.checkpoint]
    models += [teacher if teacher.startswith(TEACHER) else TEACHER + teacher for teacher in teachers]
    options["modes"] = options["modes"] or ("dense", "bm25", "hybrid")
    measured = run(
        folder,
        models,
        instructions=instruction_sets or (None,),
        device=settings.device,
        dtype=settings.dtype,
        revisions={settings.checkpoint: settings.revision},
        offline=settings.offline,
        complete=Program(complete) if complete else None,
        on_progress=say,
        **options,
    )
    result = measured.as_dict()
    if output:
        output.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print_json(result) if as_json else _print(measured)
    facts = {"device and number format": f"{settings.device}, {settings.dtype}"}
    facts |= {"rows of a file": f"at most {options['limit']:,}"} if options["limit"] else {}
    write_report(report, lambda: measured.page(facts))


def _print(report: Report) -> None:
    click.echo(printable(report.text()), nl=False)
    for name, reason in report.skipped.items():
        say(f"skipped {name}: {reason}")
    cut = sum(row.truncated for row in report.results)
    if cut:
        say(f"note: {cut} texts were longer than their model reads; their ends were left out (`truncated` in the JSON)")
