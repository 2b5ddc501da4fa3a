"""`classify PATHS...`: label files, folders and tables, and write the results as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import print_json, print_table, progress, say
from openclaw_instructor.cli.results_file import results_file, writing
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.paths import expanded

_KINDS = 5  # of files that are passed over are named, and links


def classify_paths(
    connection: Connection,
    paths: Sequence[str],
    *,
    task: str,
    labels: Sequence[str],
    columns: Sequence[str],
    out: str | None,
    resume: bool,
    review: int,
    as_json: bool,
) -> None:
    """Label every message in `paths`, in this process. Raises InvalidArguments, UnreadableSource, InvalidData."""
    from openclaw_instructor.tasks.bulk import classify_items
    from openclaw_instructor.tasks.classifier.call_labels import labels_of
    from openclaw_instructor.tasks.classifier.folders import passed_over, size_of
    from openclaw_instructor.tasks.classifier.review import Review
    from openclaw_instructor.tasks.classifier.sources import items
    from openclaw_instructor.tasks.teach import classify_task

    folders, wanted = [expanded(path) for path in paths], parse_columns(columns)
    total = size_of(folders)
    target = None if out is None else results_file(out, resume)
    found = Review(most=max(review, 1))
    size = count = 0
    with connection.library() as toolbox, progress("reading") as show:
        definition = classify_task(toolbox.registry, task)
        chosen = labels_of(definition, list(labels) or None)
        given = items(folders, wanted, is_mail=definition.input == "email", but=None if target is None else target.path)
        results = classify_items(definition, given, toolbox, chosen, skip=target.names if target is not None else ())
        # Only now is the file touched: a call that is refused leaves it as it is.
        with writing(target) as write:
            for classified in results:
                write(classified.item.name, classified.result)
                found.add(classified)
                size += classified.item.size
                count += 1
                if show is not None:
                    show(min(size, total), total, f"{count:,} labelled")
    rows = found.rows if review else []
    others = passed_over(folders)
    outcome = {
        "count": count,
        "skipped": len(target.names) if target is not None else 0,
        "unreadable": found.unreadable,
        "passed_over": others.files,
        "links": [str(link) for link in others.links],
        "labels": found.summary(),
    }
    path = None if target is None else str(target.path)
    if as_json:
        print_json(outcome | ({"review": rows} if review else {}) | ({} if path is None else {"out": path}))
        return
    if count:
        _print_summary(found.summary(), rows)
    _print_notes(outcome, path)
    if found.unreadable:
        say(f"{found.unreadable:,} could not be read" + ("" if review else "; --review lists them first"))


def _print_notes(outcome: Mapping[str, Any], path: str | None) -> None:
    if path is not None and outcome["skipped"]:
        say(f"{outcome['skipped']:,} were in {path} already and were left as they are")
    if others := outcome["passed_over"]:
        say(f"note: passed over {_counted(others)}: no mail, text or table")
    if links := outcome["links"]:
        more = f" and {len(links) - _KINDS:,} more" if len(links) > _KINDS else ""
        say(f"note: links to folders are not followed, but read when they are given: {', '.join(links[:_KINDS])}{more}")
    if path is not None:
        say(f"wrote {outcome['count']:,} results to {path}")


def _print_summary(summary: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        ("label", "count", "share", "mean score"),
        [
            (each["label"] or "(no label)", each["count"], f"{each['share']:.0%}", f"{each['mean_score']:.2f}")
            for each in summary
        ],
    )
    if rows:
        print_table(
            ("to review", "label", "score", "why", "subject"),
            [(row["name"], row["label"] or "", f"{row['score']:.2f}", row["why"], row["subject"]) for row in rows],
        )


def _counted(others: Mapping[str, int]) -> str:
    kinds = [f"{count:,} {suffix or 'without a suffix'}" for suffix, count in others.items()]
    more = [f"{len(kinds) - _KINDS} more kinds"] if len(kinds) > _KINDS else []
    total = sum(others.values())
    return f"{total:,} file{'s' if total > 1 else ''} ({', '.join([*kinds[:_KINDS], *more])})"


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """Parse the values of --column. Raises InvalidArguments."""
    columns = {}
    for each in given:
        part, _, name = each.partition("=")
        if not name or part not in ("text", "body", "subject", "from", "to", "raw", "id", "label"):
            raise InvalidArguments(
                f"--column {each}: write PART=NAME, with text, body, subject, from, to, raw, id or label as PART"
            )
        columns[part] = name
    return columns
