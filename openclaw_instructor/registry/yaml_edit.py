"""Edit a YAML file as text, so that comments and order survive, and verify the result before it replaces the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from openclaw_instructor.errors import InvalidSettings, UnreadableSource
from openclaw_instructor.paths import write_whole

_REFUSED = "cannot be edited automatically without losing something; add the lines yourself:"


def set_key(path: Path, key: str, value: str | None) -> None:
    """Set (or with None remove) a top-level scalar `key` of the YAML file, which may not exist yet.

    Raises InvalidSettings when the file is not a plain mapping, UnreadableSource when it cannot be read or written.
    """
    text = _read(path)
    before = _mapping(text, path)
    if before.get(key) == value:
        return
    line = f"{key}: {_scalar(value)}\n" if value is not None else ""
    lines = text.splitlines(keepends=True)
    places = [number for number, row in enumerate(lines) if row.startswith(f"{key}:")]
    if places:
        lines[places[0]] = line
    else:
        lines = [*_ended(lines), line]
    wanted = {name: old for name, old in before.items() if name != key} | ({key: value} if value is not None else {})
    write_whole(path, _proved(path, "".join(lines), wanted, line))


def with_entry(path: Path, section: str, name: str, entry: Mapping[str, Any], *, new: str = "") -> str:
    """Return the text of the YAML file with `name: entry` at the end of the mapping `section`.

    `new` is the text to start from when the file does not exist yet.

    Raises InvalidSettings when the file has a form that cannot be edited safely or `name` is there already.
    """
    text = _read(path) if path.exists() else new
    before = _mapping(text, path)
    present = before.get(section) or {}
    if name in present:
        raise InvalidSettings(f"{path}: `{section}` already has `{name}`; edit it there, or choose another name")
    at, indent, header = _insertion(text, section)
    block = _dumped({name: dict(entry)})
    block = header + "".join(f"{' ' * indent}{row}" for row in block.splitlines(keepends=True))
    lines = text.splitlines(keepends=True)
    edited = "".join([*_ended(lines[:at]), block, *lines[at:]])
    return _proved(path, edited, {**before, section: {**present, name: dict(entry)}}, block)


def with_item(path: Path, location: Sequence[str | int], key: str | None, value: Any) -> str:
    """Return the text of the YAML file with `value` at the end of the list, or under `key` of the mapping, at a place.

    Raises InvalidSettings when the file has a form that cannot be edited safely.
    """
    text, wanted, node, parent = _located(path, location)
    if key is None:
        parent.append(value)
    else:
        parent[key] = value
    piece = [value] if key is None else {key: value}
    if node is None or not node.value:
        raise InvalidSettings(f"{path}: {_REFUSED}\n{_dumped(piece)}")
    if node.flow_style:
        at = node.end_mark.index - 1
        inner = yaml.safe_dump(piece, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
        edited = f"{text[:at].rstrip()}, {inner.strip()[1:-1]}{text[at:]}"
        return _proved(path, edited, wanted, inner)
    rows = text.splitlines(keepends=True)
    end = _content_end([row.rstrip("\r\n") for row in rows], node.end_mark.line or len(rows))
    indent = " " * node.start_mark.column
    block = "".join(indent + row for row in _dumped(piece).splitlines(keepends=True))
    return _proved(path, "".join([*_ended(rows[:end]), block, *rows[end:]]), wanted, block)


def with_value(path: Path, location: Sequence[str | int], key: str, value: Any) -> str:
    """Return the text of the YAML file with `value` in place of what `key` of the mapping at a place holds.

    Raises InvalidSettings when the file has a form that cannot be edited safely.
    """
    text, wanted, node, parent = _located(path, location)
    parent[key] = value
    old = _child(node, key)
    written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    written = written.removesuffix("...\n").strip()
    end = old.end_mark.index
    # The end of a block scalar is the begin of what follows it.
    end -= len(text[old.start_mark.index : end]) - len(text[old.start_mark.index : end].rstrip())
    return _proved(path, text[: old.start_mark.index] + written + text[end:], wanted, f"{key}: {written}\n")


def _located(path: Path, location: Sequence[str | int]) -> tuple[str, Any, Any, Any]:
    """Return the text of the file and all that it says, and at a place the YAML node and what it says."""
    text = _read(path)
    whole: Any = _mapping(text, path)
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    said = whole
    for part in location:
        node, said = _child(node, part), said[part]
    return text, whole, node, said


def _child(node: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return node.value[part]
    return next(value for name, value in node.value if name.value == part)


def _dumped(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)


def _insertion(text: str, section: str) -> tuple[int, int, str]:
    """Return the line before which to insert an entry of `section`, its indentation, and a header for a new section."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    rows = text.splitlines()
    for key, value in pairs:
        if key.value != section:
            continue
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            return _content_end(rows, value.end_mark.line), value.value[0][0].start_mark.column, ""
        return key.start_mark.line + 1, 2, ""
    return len(rows), 2, f"{section}:\n"


def _content_end(rows: list[str], end: int) -> int:
    """Return the last line of the content: blank lines and comments before the next key belong to that key."""
    while end > 0 and (end > len(rows) or not rows[end - 1].strip() or rows[end - 1].startswith("#")):
        end -= 1
    return end


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"{path}: cannot be read ({error}); fix its permissions or encoding") from None


def _mapping(text: str, path: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise InvalidSettings(f"{path}{where}: not valid YAML, so it was left alone; correct that line first") from None
    if value is not None and not isinstance(value, dict):
        raise InvalidSettings(f"{path}: must hold `key: value` lines, so it was left alone; correct it first")
    return value or {}


def _ended(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + "\n"] if lines and not lines[-1].endswith("\n") else lines


def _scalar(value: str) -> str:
    return yaml.safe_dump(value, allow_unicode=True, width=10_000).removesuffix("...\n").strip()


def _proved(path: Path, text: str, wanted: Mapping[str, Any], lines: str) -> str:
    """Return `text`, the new content of the file, if it parses to exactly `wanted`."""
    try:
        result = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        result = None
    if result != wanted:
        raise InvalidSettings(f"{path}: {_REFUSED}\n{lines}")
    return text
