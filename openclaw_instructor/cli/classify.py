"""`classify`: label one e-mail or text."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, print_json, print_table, read_bytes, say


@click.command()
@click.argument("paths", nargs=-1)
@click.option("--task", default="classify_email", show_default=True, help="Task of kind classify to run.")
@click.option("--raw", metavar="FILE", help="A whole message (.eml, .msg, .emlx) as a file, or - for standard input.")
@click.option("--subject", help="Subject of the e-mail.")
@click.option("--body", help="Body of the e-mail.")
@click.option("--from", "sender", metavar="ADDRESS", help="Sender of the e-mail.")
@click.option("--to", metavar="ADDRESS", help="Recipient of the e-mail.")
@click.option("--text", help="The text, for tasks that take plain text.")
@click.option("--label", "labels", multiple=True, help="Choose among these labels for this call only; repeat it.")
@click.option("--correct", metavar="LABEL", help="Teach that this is the label: the next call takes it into account.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=NAME",
    help="Column of a table that holds the text, "
    "body, subject, from, to, raw or id; repeat it. [default: columns of these names]",
)
@click.option("--out", metavar="FILE", help="Write every result of PATHS to this .csv or .jsonl file.")
@click.option("--resume", is_flag=True, help="Go on with the --out file of a run that was interrupted.")
@click.option(
    "--review",
    type=click.IntRange(0),
    is_flag=False,
    flag_value=20,
    default=0,
    metavar="[N]",
    help="Also list the N most unsure and surprising results. [N: 20]",
)
@json_option
@click.pass_obj
def classify(
    connection: Connection,
    /,
    paths: tuple[str, ...],
    task: str,
    raw: str | None,
    sender: str | None,
    correct: str | None,
    columns: tuple[str, ...],
    out: str | None,
    resume: bool,
    review: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Sort one e-mail or text, or all in PATHS, into the labels of a task.

    Says plainly when no label fits well enough. Give one message with --raw, or its parts, or --text.

    PATHS are files and folders of mail (.eml, .msg, mbox, Maildir), text files, or tables (CSV, JSONL). A summary is
    printed, and --out takes every result. This is done in this process, whether or not a daemon runs.
    """
    arguments = given(options | {"from": sender})
    if paths:
        _classify_paths(
            connection,
            arguments,
            raw,
            correct,
            paths=paths,
            task=task,
            columns=columns,
            out=out,
            resume=resume,
            review=review,
            as_json=as_json,
        )
        return
    if columns or out or resume or review:
        raise click.UsageError("--column, --out, --resume and --review go with PATHS; name files or folders")
    if raw is not None:
        from openclaw_instructor.documents.document import UnreadableDocument
        from openclaw_instructor.documents.email.containers import as_argument
        from openclaw_instructor.errors import InvalidArguments

        try:
            arguments["raw"] = as_argument(read_bytes(raw))
        except UnreadableDocument as error:
            raise InvalidArguments(f"{raw}: this is {error.reason}; give a message (.eml, .msg, .mbox)") from error
    with connection.open() as tools:
        result = tools.run(task, arguments) if correct is None else tools.teach(task, correct, arguments)
    if as_json:
        print_json(result)
    elif correct is None:
        print_label(result)
    else:
        _print_taught(result)


def _classify_paths(
    connection: Connection, arguments: dict[str, Any], raw: str | None, correct: str | None, **options: Any
) -> None:
    from openclaw_instructor.cli.classify_many import classify_paths

    labels = arguments.pop("labels", ())
    if arguments or raw is not None or correct is not None:
        raise click.UsageError("give either PATHS or one message, not both; --correct teaches one message")
    if options["resume"] and options["out"] is None:
        raise click.UsageError("--resume goes on with a file of results; name it with --out")
    classify_paths(connection, labels=labels, **options)


def _print_taught(result: dict[str, Any]) -> None:
    was = f"was {result['answered'] or 'no label'} ({result['score']:.2f})"
    number, label = result["correction"], result["label"]
    if result["known"]:
        say(f"known already as correction {number}: {label}")
    else:
        undo = f"openclaw-instructor tasks corrections undo {number}"
        say(f"learned as correction {number}: {label}, {was}; to take it back: {undo}")
    if result["replaced"] is not None:
        say(f"note: it replaces correction {result['replaced']} of the same text")
    for each in result["contradictions"]:
        other = "an example" if each["correction"] is None else f"correction {each['correction']}"
        say(f"note: {other} of `{each['label']}` is nearly the same text ({each['similarity']:.2f})")
    for note in result["notes"]:
        say(f"note: {note}")


def print_label(result: dict[str, Any]) -> None:
    """Print one classification for people."""
    rows = [(result["label"] or "(no label)", f"{result['score']:.3f}")]
    rows += [(other["label"], f"{other['score']:.3f}") for other in result.get("runners_up", [])]
    print_table(("label", "score"), rows)
    if result.get("reason"):
        say(f"note: {result['reason']}")
    for note in result.get("notes", ()):
        say(f"note: {note}")
