"""`tasks corrections`: what was taught by `classify --correct`, by agents and over HTTP."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_line, print_table, say
from openclaw_instructor.text import one_line, printable

_SHOWN = 60


@click.group()
def corrections() -> None:
    """List, take back and export what was taught; make rules for senders.

    `classify --correct LABEL` teaches. Corrections lie in corrections.db of the home.
    """


@corrections.command("list")
@click.argument("task", required=False)
@click.option("--all", "with_ended", is_flag=True, help="Also those that were taken back or replaced.")
@json_option
@click.pass_obj
def list_corrections(connection: Connection, task: str | None, with_ended: bool, as_json: bool) -> None:
    """List what was taught, what contradicts, what changes over time, and which rules suggest themselves."""
    with connection.open() as tools:
        report = tools.corrections_report(task)
    if not with_ended:
        report["corrections"] = [each for each in report["corrections"] if each["ended"] is None]
    if as_json:
        print_json(report)
        return
    if report["corrections"]:
        columns = ("id", "made", "task", "label", "answered", "text")
        print_table(columns, [_row(each) for each in report["corrections"]])
    else:
        say("nothing was taught yet; try: openclaw-instructor classify --raw MAIL --correct LABEL")
    for sentence in _sentences(report):
        say(f"note: {sentence}")


def _row(correction: dict[str, Any]) -> tuple[object, ...]:
    is_rule = correction["what"] == "sender"
    text = correction["text"]
    shown = f"all mail of {one_line(text)}" if is_rule else _shortened(text)
    if correction["ended"]:
        shown = f"({'taken back' if correction['ended_by'] == 'undone' else 'replaced'}) {shown}"
    answered = "" if is_rule else correction["answered"] or "(no label)"
    return correction["id"], correction["made"][:10], correction["task"], correction["label"], answered, shown


def _shortened(text: str) -> str:
    words = one_line(text)
    shown = textwrap.shorten(words, _SHOWN, placeholder=" …")
    # A first word that is too long by itself is cut.
    return words[: _SHOWN - 1] + "…" if shown == "…" else shown


def _sentences(report: dict[str, Any]) -> list[str]:
    contradictions = [f"correction {each['correction']} is {each['conflict']}" for each in report["contradictions"]]
    rules = [
        f"all {each['count']} mails of {each['sender']} are {each['label']}; to make that a rule: "
        f"openclaw-instructor tasks corrections rule TASK {each['sender']} {each['label']}"
        for each in report["suggested_rules"]
    ]
    return [*report["drift"], *contradictions, *rules]


@corrections.command()
@click.argument("number", metavar="ID", type=click.IntRange(1))
@json_option
@click.pass_obj
def undo(connection: Connection, number: int, as_json: bool) -> None:
    """Take a correction or a rule back; one that it had replaced counts again."""
    with connection.open() as tools:
        correction = tools.undo_correction(number)
    if as_json:
        print_json(correction)
    else:
        say(f"took back {number}: {correction['label']} for {_shortened(correction['text'])}")


@corrections.command()
@click.argument("task")
@click.argument("sender")
@click.argument("label")
@json_option
@click.pass_obj
def rule(connection: Connection, task: str, sender: str, label: str, as_json: bool) -> None:
    """Let all mail of SENDER, an address or a domain, have LABEL.

    A mail that failed the check of its sender (Authentication-Results) is left to its text.
    """
    with connection.open() as tools:
        result = tools.add_rule(task, sender, label)
    if as_json:
        print_json(result)
    else:
        say(f"{'known already' if result['known'] else 'rule'} {result['id']}: {result['text']} is {result['label']}")


@corrections.command()
@click.argument("task")
@json_option
@click.pass_obj
def export(connection: Connection, task: str, as_json: bool) -> None:
    """Print the corrections of a task as examples, as YAML that can be saved as instructions.yaml or pasted there.

    Rules for senders are printed as comments: they have no place in that file.
    """
    import yaml

    from openclaw_instructor.registry.examples import entry_with_examples

    with connection.open() as tools:
        taught = [each for each in tools.corrections_report(task)["corrections"] if each["ended"] is None]
    registry = connection.registry()
    examples: dict[str, list[str]] = {}
    for each in taught:
        if each["what"] == "text":
            examples.setdefault(each["label"], []).append(each["text"])
    rules = {each["text"]: each["label"] for each in taught if each["what"] != "text"}
    content = {"version": 1, "tasks": {task: entry_with_examples(registry, task, examples)}}
    if as_json:
        print_json(content | {"rules": rules})
        return
    for sender, label in rules.items():
        print_line(f"# rule: all mail of {sender} is {label}")
    click.echo(printable(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)), nl=False)
