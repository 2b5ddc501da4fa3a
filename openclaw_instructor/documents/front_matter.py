"""Read the front matter of a note or page (YAML between `---`, TOML between `+++`) as metadata.

Values stay the texts that somebody wrote: nothing is resolved, neither anchors nor merge keys nor numbers, so that a
few bytes never unfold to gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.text import clean

Fields: TypeAlias = dict[str, str | list[str]]

_MAX_CHARACTERS = 65_536
_MAX_NESTING = 20
_MAX_FIELDS = 200
_MAX_ITEMS = 500
_MAX_VALUE = 2_000
_KEY_LINE = re.compile(r"([^\W\d][\w .-]{0,60}?)\s{0,4}:(?:\s++(.*))?")
_ITEM_LINE = re.compile(r"\s*-\s++(.*)")
_ANCHOR = re.compile(r"(?:^|[\s,:[{-])[&*][^\s,\[\]{}]", re.MULTILINE)
_NULLS = frozenset(("", "~", "null"))
_DATES = ("date", "created", "published", "modified", "updated", "lastmod")
_SAME = {"authors": "author", "tag": "tags", "lang": "language", "created_at": "created", "updated_at": "updated"}


def split(lines: Sequence[str]) -> tuple[int, Fields]:
    """Return (number of lines of front matter, its fields). A horizontal rule at the start is not front matter."""
    fence = lines[0].rstrip() if lines else ""
    # Before a blank line it is a horizontal rule, as in pandoc.
    if fence not in ("---", "+++") or not "".join(lines[1:2]).strip():
        return 0, {}
    ends = ("---", "...") if fence == "---" else ("+++",)
    last = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() in ends), 0)
    if not last:
        return 0, {}
    text = "\n".join(lines[1:last])
    if len(text) > _MAX_CHARACTERS:
        text = text[:_MAX_CHARACTERS].rpartition("\n")[0]
    written = _toml(text) if fence == "+++" else _yaml(text)
    if written is None:
        return 0, {}
    return last + 1, _fields(written)


def _yaml(text: str) -> Mapping[Any, Any] | None:
    """Parse the text as a YAML mapping, or line by line if the YAML is invalid; None if it is no mapping."""
    import yaml

    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n")):
        return {} if "#" not in text else None
    if _nesting(text) > _MAX_NESTING or _ANCHOR.search(text):
        return _by_lines(text)
    try:
        # Builds only strings, lists and mappings, without merge keys.
        values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except Exception:  # the parser raises KeyError, RecursionError and others on malformed text
        return _by_lines(text)
    return values if isinstance(values, Mapping) else None


def _nesting(text: str) -> int:
    """Return how deeply brackets are nested, also those in quotes."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth = max(0, depth - 1)
    return deepest


def _toml(text: str) -> Mapping[Any, Any] | None:
    import tomllib

    if _nesting(text) > _MAX_NESTING:
        return None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _by_lines(text: str) -> Mapping[str, Any] | None:
    """Parse `key: value` lines and `- item` lists; None as soon as a line is anything else."""
    values: dict[str, Any] = {}
    key = ""
    for line in text.split("\n"):
        if not line.strip() or (key and line.lstrip().startswith("#")):
            continue
        item, pair = _ITEM_LINE.fullmatch(line), _KEY_LINE.fullmatch(line)
        if pair:
            key = pair[1].strip()
            values[key] = _unquoted(pair[2] or "")
        elif item and key:
            items = values[key] if isinstance(values[key], list) else []
            values[key] = [*items[:_MAX_ITEMS], _unquoted(item[1])]
        elif not (key and line[:1].isspace()):
            return None
    return values or None


def _unquoted(value: str) -> str | list[str]:
    value = value.strip()
    if value[:1] == "[" and value[-1:] == "]":
        return [str(_unquoted(part)) for part in value[1:-1].split(",") if part.strip() and "[" not in part]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _fields(values: Mapping[Any, Any], prefix: str = "") -> Fields:
    fields: Fields = {}
    for key, value in list(values.items())[:_MAX_FIELDS]:
        name = f"{prefix}{_text(key)}".lower()[:100]
        if isinstance(value, Mapping):
            fields |= _fields(value, f"{name}.") if prefix.count(".") < 2 else {}
        elif isinstance(value, list | tuple):
            items = [_text(item) for item in value[:_MAX_ITEMS] if not isinstance(item, Mapping | list | tuple)]
            fields[name] = [item for item in items if item not in _NULLS]
        elif (text := _text(value)) not in _NULLS:
            fields[name] = text
    return fields if prefix else _named(fields)


def _named(fields: Fields) -> Fields:
    """Rename and convert the fields to the names and forms that filters use."""
    named = {_SAME.get(name, name) if _SAME.get(name) not in fields else name: value for name, value in fields.items()}
    for name in _DATES:
        if isinstance(value := named.get(name), str):
            # A field that is not a date would break filters by date.
            named[name] = iso_date(value)
    named["date"] = named.get("date") or next((named[name] for name in _DATES if named.get(name)), "")
    if isinstance(tags := named.get("tags"), str):
        named["tags"] = re.split(r"[,;]\s*" if "," in tags or ";" in tags else r"\s+", tags)
    if isinstance(tags := named.get("tags"), list):
        named["tags"] = [tag for tag in (tag.strip().removeprefix("#") for tag in tags) if tag]
    return {name: value for name, value in named.items() if value}


def _text(value: Any) -> str:
    """Convert a value to one line of text; `True` from TOML is written as in YAML."""
    text = str(value).lower() if isinstance(value, bool) else str(value)[: 2 * _MAX_VALUE]
    return " ".join(clean(text).split())[:_MAX_VALUE]
