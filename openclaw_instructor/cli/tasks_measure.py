"""`tasks evaluate` and `tasks tune`: how well a classify task does on labelled texts, and what would do better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_table, progress, say
from openclaw_instructor.cli.report_file import report_option, write_report

_column = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=NAME",
    help="Column of a table that holds the label, text, body, subject, from, to or raw; repeat it.",
)


@click.command()
@click.argument("name", metavar="TASK")
@click.argument("data")
@_column
@report_option("--plot")
@json_option
@click.pass_obj
def evaluate(
    connection: Connection, name: str, data: str, columns: tuple[str, ...], report: Path | None, as_json: bool
) -> None:
    """Measure a classify task on DATA, as it answers now.

    DATA is a table with labels (CSV, JSONL), a folder of folders named by label, or of mboxes LABEL.mbox. Texts that
    are examples or corrections of the task are left out.
    """
    from openclaw_instructor.cli.classify_many import parse_columns

    with connection.library() as toolbox:
        result = toolbox.evaluate(name, data, parse_columns(columns))
    write_report(report, lambda: result.page({"data": data}))
    if as_json:
        print_json(result)
    else:
        _print_evaluation(result)


@click.command()
@click.argument("name", metavar="TASK")
@click.argument("data")
@_column
@click.option("--instruction", "instructions", multiple=True, help="Another instruction to compare; repeat it.")
@click.option("--wrong-costs", type=click.FloatRange(0), default=1.0, show_default=True,
              help="How many right answers a wrong one outweighs, when the threshold is chosen.")  # fmt: skip
@click.option("--apply", "is_applied", is_flag=True, help="Write what won into your own instructions.yaml.")
@report_option()
@json_option
@click.pass_obj
def tune(
    connection: Connection,
    /,
    name: str,
    data: str,
    columns: tuple[str, ...],
    instructions: tuple[str, ...],
    wrong_costs: float,
    is_applied: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Compare instructions, descriptions, teaching and thresholds for a classify task, by cross-validation on DATA.

    A setup wins over the one in force only where it is better by twice the noise. With --apply the instruction, the
    threshold and, if that won, empty descriptions are written, and DATA is taught as corrections, which can be taken
    back.
    """
    from openclaw_instructor.cli.classify_many import parse_columns
    from openclaw_instructor.tasks.classifier.tuned import apply
    from openclaw_instructor.tasks.teach import classify_task

    with connection.library() as toolbox, progress("comparing") as show:
        options = {"instructions": instructions, "wrong_costs": wrong_costs, "on_progress": show}
        tuned = toolbox.tune(name, data, parse_columns(columns), **options)
        task = classify_task(toolbox.registry, name)
        written = apply(task, tuned, toolbox) if is_applied else []
    facts = {"data": data, "a wrong answer outweighs": f"{wrong_costs:g} right ones"}
    done = "; ".join(written) if is_applied else "nothing was changed; --apply writes the winner and the threshold"
    write_report(report, lambda: tuned.page(facts | {"applied": done}))
    if as_json:
        print_json(tuned.table | {"written": written})
        return
    _print_tuning(tuned.table)
    for sentence in written:
        say(sentence)
    if not is_applied:
        say("nothing was changed; --apply writes the winner and the threshold")


def _print_evaluation(result: dict[str, Any]) -> None:
    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    print_table(
        ("measure", "value"),
        [
            ("texts", result["count"]),
            ("accuracy", f"{result['accuracy']:.3f} ± {result['accuracy_noise']:.3f}"),
            ("macro-F1", share(result["macro_f1"])),
            ("answered", f"{result['coverage']:.0%}, of these right: {share(result['accuracy_of_answered'])}"),
            ("calibration error", share(result["calibration_error"])),
        ],
    )
    print_table(
        ("label", "texts", "precision", "recall", "F1"),
        [
            (row["label"], row["count"], share(row["precision"]), share(row["recall"]), share(row["f1"]))
            for row in result["labels"]
        ],
    )
    if result["confusions"]:
        print_table(
            ("truth", "taken for", "times"),
            [(row["truth"], row["answered"], row["count"]) for row in result["confusions"][:10]],
        )
    print_table(
        ("score", "texts", "mean", "right"),
        [
            (f"{row['from']:.1f}-{row['to']:.1f}", row["count"], share(row["mean_score"]), share(row["accuracy"]))
            for row in result["reliability"]
        ],
    )
    print_table(
        ("the surest", "right", "score from"),
        [(f"{row['coverage']:.0%}", share(row["accuracy"]), share(row["from_score"])) for row in result["by_coverage"]],
    )
    _print_mistakes(result["mistakes"])
    _say_left_out(result["left_out"])


def _print_mistakes(mistakes: Sequence[dict[str, Any]]) -> None:
    rows = []
    for each in mistakes:
        near = each["nearest"][0] if each["nearest"] else None
        nearest = f"{near['label']}: {near['example'][:50]} ({near['similarity']:.2f})" if near else ""
        rows.append((each["truth"], each["answered"], f"{each['score']:.2f}", each["text"][:60], nearest))
    if rows:
        print_table(("truth", "taken for", "score", "worst mistakes", "nearest example"), rows)


def _print_tuning(table: dict[str, Any]) -> None:
    rows = []
    for row in table["setups"]:
        mark = "winner" if row["winner"] else "now" if row["now"] else ""
        setup = (row["instruction"], "yes" if row["descriptions"] else "no", "yes" if row["taught"] else "no")
        scores = (f"{row['macro_f1']:.3f} ± {row['noise']:.3f}", f"{row['accuracy']:.3f}")
        rows.append((mark, *setup, *scores, "" if row["now"] else f"{row['gain']:+.3f} ± {row['gain_noise']:.3f}"))
    columns = ("", "instruction", "descriptions", "data taught", "macro-F1", "accuracy", "gain")
    print_table(columns, rows)
    shown = [row for row in table["thresholds"] if round(row["abstain_below"] * 100) % 10 == 0]
    print_table(
        ("abstain below", "answered", "right of these"),
        [
            (
                f"{row['abstain_below']:.2f}",
                f"{row['coverage']:.0%}",
                "" if row["accuracy"] is None else f"{row['accuracy']:.3f}",
            )
            for row in shown
        ],
    )
    best = table["abstain_below"]
    say(
        f"best threshold: {best['best']:g} (now {best['now']:g}); {table['count']} texts, {table['folds']} folds, twice"
    )
    _say_left_out(table["left_out"])


def _say_left_out(left_out: Sequence[dict[str, Any]]) -> None:
    for each in left_out:
        say(f"note: {each['count']} left out: {each['reason']}")
