"""`classify PATHS...`: label files, folders and tables, and write the results as they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import print_json, print_table, progress, say
from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.paths import expanded

_CSV = ("name", "label", "score", "margin", "reason", "next", "next_score", "subject", "from", "notes")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    from openclaw_instructor.tasks.classifier.review import Review
    from openclaw_instructor.tasks.classifier.sources import items, size_of
    from openclaw_instructor.tasks.teach import classify_task

    folders = [expanded(path) for path in paths]
    total = size_of(folders)
    target = None if out is None else _target(out, resume)
    done = _names_in(target) if target is not None and resume else set()
    found = Review(most=max(review, 1))
    with connection.library() as toolbox, progress("reading") as show, _writer(target, resume) as write:
        definition = classify_task(toolbox.registry, task)
        chosen = labels_of(definition, list(labels) or None)
        given = items(folders, parse_columns(columns), is_mail=definition.input == "email")
        size = count = 0
        for classified in classify_items(definition, given, toolbox, chosen, skip=done):
            write(classified.item.name, classified.result)
            found.add(classified)
            size += classified.item.size
            count += 1
            if show is not None:
                show(min(size, total), total, f"{count:,} labelled")
    skipped = len(done)
    if as_json:
        rows = found.rows if review else []
        print_json(
            {"count": count, "skipped": skipped, "unreadable": found.unreadable, "labels": found.summary()}
            | ({"review": rows} if review else {})
            | ({"out": str(target)} if target is not None else {})
        )
        return
    _print_summary(found.summary(), found.rows if review else [])
    if skipped:
        say(f"{skipped:,} were in {target} already and were left as they are")
    if found.unreadable:
        say(f"{found.unreadable:,} could not be read; --review lists them first")
    if target is not None:
        say(f"wrote {count:,} results to {target}")


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


def _target(out: str, resume: bool) -> Path:
    target = expanded(out)
    if target.suffix.lower() not in (".csv", ".jsonl"):
        raise InvalidArguments(f"--out {out}: end the name with .csv or .jsonl")
    if target.exists() and not resume:
        raise InvalidArguments(f"{target}: is there already; go on with --resume, or choose another name")
    return target


def _names_in(target: Path) -> set[str]:
    """Return the names of what an earlier run wrote; a last line that it did not finish is cut off."""
    if not target.exists():
        return set()
    try:
        with target.open("r+b") as ending:
            content = ending.read()
            ending.truncate(content.rfind(b"\n") + 1)
        with target.open(encoding="utf-8", newline="") as file:
            if target.suffix.lower() == ".jsonl":
                return {json.loads(line)["name"] for line in file}
            return {row["name"].removeprefix("'") for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableSource(f"{target}: is not what --out writes ({error}); choose another name") from None


@contextmanager
def _writer(target: Path | None, resume: bool) -> Iterator[Any]:
    """Yield a function that writes a result, as a row or as a line of JSON."""
    if target is None:
        yield lambda name, result: None
        return
    try:
        file = target.open("a" if resume else "x", encoding="utf-8", newline="")
    except OSError as error:
        raise UnreadableSource(f"{target}: cannot be written ({error.strerror}); check its folder") from None
    with file:
        yield _csv_writer(file) if target.suffix.lower() == ".csv" else _json_writer(file)


def _json_writer(file: IO[str]) -> Any:
    def write(name: str, result: Mapping[str, Any]) -> None:
        file.write(json.dumps({"name": name, **result}, ensure_ascii=False) + "\n")

    return write


def _csv_writer(file: IO[str]) -> Any:
    rows = csv.DictWriter(file, _CSV, extrasaction="ignore")
    if file.tell() == 0:
        rows.writeheader()

    def write(name: str, result: Mapping[str, Any]) -> None:
        following = next((each for each in result.get("runners_up", ()) if each["label"] != result["label"]), None)
        row = {**result, "name": name, "notes": "; ".join(result["notes"])}
        if following is not None:
            row |= {"next": following["label"], "next_score": following["score"]}
        rows.writerow({key: _harmless(value) for key, value in row.items()})

    return write


def _harmless(value: Any) -> Any:
    """Put an apostrophe before what a stranger wrote and a spreadsheet would run."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
