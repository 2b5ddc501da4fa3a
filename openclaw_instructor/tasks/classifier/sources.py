"""Texts and mails to classify in bulk, or with their labels to evaluate: one at a time, whatever file they lie in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import Email, from_fields, read
from openclaw_instructor.documents.email.mailboxes import begins_mbox, is_maildir_file, stored_messages
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.errors import InvalidData
from openclaw_instructor.tasks.classifier.folders import MBOXES, TEXTS, check_there, entries, files, links_below
from openclaw_instructor.tasks.classifier.tables import SUFFIXES, Rows, rows_of

# Columns by the part of a message that they hold, the better name first.
_NAMES = {
    "text": ("text", "message", "content", "sentence", "utterance"),
    "body": ("body",),
    "subject": ("subject", "title"),
    "from": ("from", "sender"),
    "to": ("to", "recipients"),
    "raw": ("raw", "eml", "mime"),
    "id": ("id", "uid", "message_id"),
    "label": ("label", "category", "class", "intent"),
}
_LARGEST_TEXT = 2_000_000


@dataclass(frozen=True)
class Item:
    """One message: `name` says where it is, `size` how many bytes it took there, `label` the true one, if given.

    `problem` says why it cannot be read; there is no message then.
    """

    name: str
    message: Email | None
    size: int = 0
    label: str = ""
    problem: str = ""


class _NoColumn(Exception):
    """A table or row lacks a column that is needed; the text says which."""


def items(
    paths: Sequence[Path],
    columns: Mapping[str, str] | None = None,
    *,
    is_mail: bool = True,
    but: Path | None = None,
) -> Iterator[Item]:
    """Yield the messages of files and folders, in order of their paths, without those of the file `but`.

    Mail (.eml, .emlx, .msg, mbox, Maildir), one text a file, or rows of CSV and JSONL; `columns` names the columns of
    a message's parts where they are not the usual ones. Raises InvalidData for one of `paths` that is a table without a
    usable column; such a table in a folder is an item with a `problem`, as is such a row of JSONL among others. So is a
    folder in it that may not be opened, after the files. Links to folders are not followed.
    """
    for path in paths:
        closed: list[OSError] = []
        for file in files(path, closed.append):
            if but is not None and file.name == but.name and file.resolve() == but.resolve():
                continue
            try:
                yield from _of_file(file, columns or {}, is_mail)
            except OSError as error:
                yield _closed(file, error)
            except _NoColumn as error:
                if file == path:
                    raise InvalidData(f"{file}: {error}") from None
                yield Item(str(file), None, problem=str(error))
        yield from (_closed(Path(folder.filename), folder) for folder in closed)


def _closed(path: Path, error: OSError) -> Item:
    return Item(str(path), None, problem=f"cannot be read ({error.strerror})")


def labelled_items(path: Path, columns: Mapping[str, str] | None = None, *, is_mail: bool = True) -> Iterator[Item]:
    """Yield messages with their labels: rows with a label column, folders named by label, or mboxes LABEL.mbox.

    Raises UnreadableSource when there is nothing at that path, InvalidData for a table without a column of labels.
    """
    check_there(path, "a table with labels, or a folder of folders named by label")
    if not path.is_dir():
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidData(f"{path}: holds no labels; give a .csv or .jsonl with them, or a folder of them")
        yield from _labelled_rows(path, columns, is_mail)
        return
    for entry in entries(path):
        if entry.name.startswith("."):
            continue
        if entry.is_file() and entry.suffix.lower() in SUFFIXES:
            yield from _labelled_rows(entry, columns, is_mail)
        elif entry.is_dir() or entry.suffix.lower() in MBOXES or begins_mbox(entry):
            label = entry.stem if entry.suffix.lower() in MBOXES and not entry.is_dir() else entry.name
            yield from (replace(item, label=label) for item in items([entry], columns, is_mail=is_mail))
            for link in links_below(entry):
                yield Item(str(link), None, label=label, problem="is a link to a folder, which is not followed")


def _labelled_rows(file: Path, columns: Mapping[str, str] | None, is_mail: bool) -> Iterator[Item]:
    found = False
    for item in items([file], columns, is_mail=is_mail):
        found = found or bool(item.label) or item.message is None
        yield item
    if not found:
        raise InvalidData(f"{file}: no column holds labels; name it with --column label=NAME")


def _of_file(file: Path, columns: Mapping[str, str], is_mail: bool) -> Iterator[Item]:
    suffix = file.suffix.lower()
    if suffix in SUFFIXES:
        yield from _rows(file, columns, is_mail)
    elif suffix in TEXTS and not is_maildir_file(file):
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_TEXT)
        text, notes = decode(data)
        message = _text_message(text, is_mail)
        for note in notes:
            message.notes.add(note)
        yield Item(str(file), message, len(data))
    else:
        yield from _mails(file)


def _mails(file: Path) -> Iterator[Item]:
    for stored in stored_messages(file):
        name = f"{file}#{stored.number}" if stored.is_one_of_many else str(file)
        try:
            yield Item(name, read(stored.data), len(stored.data))
        except UnreadableDocument as error:
            yield Item(name, None, len(stored.data), problem=f"is {error.reason}")


def _text_message(text: str, is_mail: bool) -> Email:
    return from_fields("", text) if is_mail else Email(body=text)


def _rows(file: Path, columns: Mapping[str, str], is_mail: bool) -> Iterator[Item]:
    table = rows_of(file)
    found: dict[str, str] | None = None
    taken: set[int] = set()
    for number, row, reason in table:
        problem = reason
        if not problem and (found is None or not table.has_header):
            try:
                found = _columns(row, columns)
            except _NoColumn as error:
                if found is None and (table.has_header or not _has_text(table, columns)):
                    raise
                found, problem = found or {}, str(error)
        if problem:
            yield Item(_name(file, number, "", taken), None, problem=problem)
            continue
        values = {part: _cell(row.get(column)) for part, column in (found or {}).items()}
        size = sum(len(value) for value in values.values())
        name = _name(file, number, values.get("id", "")[:200], taken)
        try:
            message = _message(values, is_mail)
            message.notes.add(table.note)
            yield Item(name, message, size, values.get("label", ""))
        except UnreadableDocument as error:
            yield Item(name, None, size, problem=f"is {error.reason}")


def _name(file: Path, number: int, identifier: str, taken: set[int]) -> str:
    """Name a row by its id, else by its line; an id that another row has is followed by the line.

    `taken` holds hashes of the names so far, which take less room than the names.
    """
    name = f"{file}:{identifier or number}"
    while hash(name) in taken:
        name = f"{name}#{number}"
    taken.add(hash(name))
    return name


def _has_text(table: Rows, columns: Mapping[str, str]) -> bool:
    for _, row, problem in table:
        with suppress(_NoColumn):
            if not problem and _columns(row, columns):
                return True
    return False


def _columns(row: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
    """Map the parts of a message to columns: those that were asked for, else by their usual names. Raises _NoColumn."""
    by_name = {str(name).strip().casefold(): name for name in row if name}
    found: dict[str, str] = {}
    for part, names in _NAMES.items():
        asked = wanted.get(part)
        if asked is not None and asked.casefold() not in by_name:
            raise _NoColumn(f"has no column `{asked}`; its columns are {', '.join(map(str, by_name.values()))}")
        name = asked.casefold() if asked is not None else next((name for name in names if name in by_name), None)
        if name is not None:
            found[part] = by_name[name]
    if not found.keys() & {"text", "body", "subject", "raw"}:
        raise _NoColumn(
            f"no column holds a text; its columns are {', '.join(map(str, by_name.values()))}. Name one with "
            "--column text=NAME (or subject, body, raw)"
        )
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _message(values: Mapping[str, str], is_mail: bool) -> Email:
    if not is_mail:
        parts = (values.get("subject", ""), values.get("text") or values.get("body", ""))
        return Email(body="\n\n".join(part for part in parts if part))
    if values.get("raw"):
        return read(values["raw"])
    body = values.get("body") or values.get("text", "")
    return from_fields(values.get("subject", ""), body, values.get("from", ""), values.get("to", ""))
