"""Validate the entries of a registry file; every problem is reported with its line."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from openclaw_instructor.registry import kinds
from openclaw_instructor.registry.source import Location, Problem, Source, read, suggest
from openclaw_instructor.registry.task import DESCRIPTION_LIMIT, NAME_PATTERN, InstructionText, Task

VERSION = 1
PACKAGED = "packaged"
_KEYS = ("version", "embeddings", "tasks")
_BOUNDS = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}

_SHAPES = {
    **dict.fromkeys(("tuple_type", "list_type"), ("a list", "write its entries below it, each behind `- `")),
    **dict.fromkeys(("model_type", "dict_type"), ("a mapping", "write its keys, such as `name: ...`")),
}


@dataclass
class Entries:
    """The content of one file; `hidden` are the tasks that it only switches off, by `enabled: false`."""

    tasks: dict[str, Task] = field(default_factory=dict)
    embeddings: dict[str, str | dict[str, str]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


def load(path: Path, base: Entries | None) -> tuple[Entries, list[Problem]]:
    """Read a file: (its valid entries, the problems of the others). `base` is the registry that it overlays, if any."""
    return of_source(read(path), base)


def of_source(source: Source, base: Entries | None) -> tuple[Entries, list[Problem]]:
    """Return the valid entries of what was parsed, and the problems of the others; `base` as in `load`."""
    entries = Entries()
    if source.data is None:
        return entries, source.problems
    if not isinstance(source.data, dict):
        source.report((), "must hold keys", "start it with `version: 1` and `tasks:`")
        return entries, source.problems
    for key in source.data:
        if key not in _KEYS:
            source.report((str(key),), "is not a known key", suggest(str(key), _KEYS))
    version = source.data.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        source.report(("version",), f"is {version!r}, which this release does not know", f"write `version: {VERSION}`")
    for name, value in _section(source, "embeddings").items():
        _add_embedding(source, name, value, entries)
    for name, value in _section(source, "tasks").items():
        _add_task(source, name, value, entries, base)
    return entries, sorted(source.problems, key=lambda problem: problem.line or 0)


def _section(source: Source, key: str) -> dict[Any, Any]:
    section = source.data.get(key)
    if section is None:
        return {}
    if isinstance(section, dict):
        return section
    source.report(
        (key,), "must be a mapping of name to entry", f"write `{key}:` and indented `name: ...` lines below it"
    )
    return {}


def _add_embedding(source: Source, name: Any, value: Any, entries: Entries) -> None:
    location: Location = ("embeddings", str(name))
    if (
        not isinstance(name, str)
        or not name.strip()
        or any(character.isspace() or character == "." for character in name)
    ):
        source.report(location, "is not a usable name", "use one word without dots or spaces, in quotes if need be")
        return
    try:
        entries.embeddings[name] = TypeAdapter(InstructionText).validate_python(value)
    except ValidationError as error:
        _explain(source, location, error, None)


def _report_kind(source: Source, location: Location, value: dict[Any, Any], is_packaged: bool) -> None:
    """Report an entry without a known kind, and the key that was probably meant to say it.

    `is_packaged` is whether a packaged task has the same name, which the entry was then probably meant to change.
    """
    if value.get("kind") is not None:
        known = kinds.kinds()
        source.report(
            (*location, "kind"),
            f"is `{value['kind']}`, which is not a kind of task",
            suggest(str(value["kind"]), known),
        )
        return
    near = difflib.get_close_matches("kind", [key for key in value if isinstance(key, str) and key != "kind"], 1)
    if near:
        source.report((*location, near[0]), "is not a known key", "did you mean `kind`?")
    else:
        at = (*location, "kind") if "kind" in value else location
        change = f"add `extends: {PACKAGED}` to change the packaged task, or, for one of your own, "
        fix = f"{change if is_packaged else 'add '}`kind:`, one of {', '.join(kinds.kinds())}"
        source.report(at, "has no `kind`", fix)


def _report_rest(source: Source, location: Location, name: str, value: dict[Any, Any]) -> None:
    """Report the other mistakes of an entry whose kind is misspelt, as one of the kind that was probably meant."""
    near = difflib.get_close_matches(str(value.get("kind")).casefold(), kinds.kinds(), 1)
    meant = kinds.find(near[0]) if near else None
    if meant is None:
        return
    try:
        meant.task.model_validate({**value, "kind": near[0], "name": name})
    except ValidationError as error:
        _explain(source, location, error, meant.task)


def _add_task(source: Source, name: Any, value: Any, entries: Entries, base: Entries | None) -> None:
    location: Location = ("tasks", str(name))
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        source.report(location, "is not a valid tool name", "use a-z, 0-9 and _, a letter first, at most 64 characters")
        return
    if not isinstance(value, dict):
        source.report(location, "must be a mapping", "indent `kind:`, `description:` ... below it")
        return
    if base is not None and value in ({"enabled": False}, {"enabled": True}):
        _switch(source, location, name, value["enabled"], base, entries)
        return
    if "extends" in value:
        extended = _extended(source, location, name, value, base)
        if extended is None:
            return
        value = extended
    kind = value.get("kind")
    known = kinds.find(kind) if isinstance(kind, str) else None
    if known is None:
        _report_kind(source, location, value, base is not None and name in base.tasks)
        _report_rest(source, location, name, value)
        return
    if "name" in value:
        source.report((*location, "name"), "is not a known key", "the name is the key above it")
        return
    try:
        entries.tasks[name] = known.task.model_validate({**value, "name": name})
    except ValidationError as error:
        _explain(source, location, error, known.task)


def _switch(source: Source, location: Location, name: str, enabled: bool, base: Entries, entries: Entries) -> None:
    """Show or hide a packaged task by an entry that says nothing else."""
    if name not in base.tasks:
        what = "shows" if enabled else "hides"
        source.report(location, f"{what} a task that does not exist", suggest(name, base.tasks))
    elif enabled:
        entries.tasks[name] = base.tasks[name].model_copy(update={"enabled": True})
    if not enabled:
        entries.hidden.add(name)


def _extended(
    source: Source, location: Location, name: str, value: dict[str, Any], base: Entries | None
) -> dict[str, Any] | None:
    """Return the whole entry that one with `extends` stands for; None when it cannot be made, which is reported."""
    given = value["extends"]
    wanted = name if given == PACKAGED else given
    original = base.tasks.get(wanted) if base is not None and isinstance(wanted, str) else None
    at = (*location, "extends")
    if original is None or base is None:
        known = [PACKAGED, *(base.tasks if base else ())]
        what = f"is `{given}`, and no packaged task is called `{wanted}`"
        source.report(at, what, suggest(str(wanted), known))
        return None
    edit = {key: part for key, part in value.items() if key != "extends"}
    if edit.get("kind", original.kind) != original.kind:
        source.report((*location, "kind"), f"is not `{original.kind}`, that of the task it extends", "leave it out")
        return None
    try:
        return kinds.kind_of(original).extend(original.entry(), edit)
    except ValidationError as error:
        _explain(source, location, error, type(original))
    except kinds.ExtensionError as error:
        source.report((*location, *error.location), error.what, error.fix)
    return None


def _explain(source: Source, location: Location, error: ValidationError, model: type[BaseModel] | None) -> None:
    found = [(tuple(details["loc"]), details) for details in error.errors(include_url=False)]
    missing = [inner for inner, details in found if details["type"] == "missing"]
    # A key that is there, but misspelt.
    meant = {
        (*inner[:-1], near[0])
        for inner, details in found
        if details["type"] == "extra_forbidden"
        and (
            near := difflib.get_close_matches(str(inner[-1]), [str(m[-1]) for m in missing if m[:-1] == inner[:-1]], 1)
        )
    }
    for inner, details in found:
        if inner in meant:
            continue
        at: Location = () if inner == ("name",) else inner
        what, fix = _sentence(details["type"], at, details, model)
        source.report((*location, *at), what, fix)


def _sentence(kind: str, inner: Location, details: Any, model: type[BaseModel] | None) -> tuple[str, str]:
    context, given = details.get("ctx", {}), details["input"]
    if kind == "value_error":
        what, _, fix = str(context["error"]).partition("; ")
        return what, fix
    if kind == "missing":
        return "is missing", f"add `{inner[-1]}: ...`"
    if kind == "extra_forbidden":
        return "is not a known key", suggest(str(inner[-1]), _keys(model, inner[:-1]))
    if kind == "string_type":
        # YAML reads an unquoted no, on, 12 or 2024-01-01 as another type than text.
        return f"must be text, not {type(given).__name__}", "put it in quotes"
    if kind == "string_too_long":
        return f"is {len(given)} characters long; the limit is {context['max_length']}", "shorten it"
    if kind == "string_too_short":
        return "is empty", f"write at most {DESCRIPTION_LIMIT} characters"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"is {given!r}", f"give a number of {words} {context[key]}"
    if kind == "too_short":
        return f"has {context['actual_length']} entries", f"give at least {context['min_length']}"
    if kind in _SHAPES:
        shape, fix = _SHAPES[kind]
        return f"must be {shape}, not {_shape_of(given)}", fix
    if kind == "literal_error":
        return f"is {given!r}", suggest(str(given), re.findall(r"'([^']+)'", context["expected"]))
    return f"is {given!r}", details["msg"][:1].lower() + details["msg"][1:]


def _shape_of(given: Any) -> str:
    if isinstance(given, dict):
        return "a mapping"
    return "a list" if isinstance(given, list) else f"`{given}`"[:60]


def _keys(model: type[BaseModel] | None, location: Location) -> list[str]:
    """List the YAML keys known at this place inside an entry."""
    for part in location:
        if model is not None and isinstance(part, str):
            field_info = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
            annotation = field_info.annotation if field_info else None
            found = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
            model = found[0] if found else None
    if model is None:
        return []
    return [
        info.alias or name for name, info in model.model_fields.items() if name != "name" or not issubclass(model, Task)
    ]
