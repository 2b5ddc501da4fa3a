"""Check the arguments of a call against the task's schema, and refuse them in one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.source import suggest
from openclaw_instructor.registry.task import Task
from openclaw_instructor.text import clean_all, one_line
from openclaw_instructor.untrusted import quoted, sentence

if TYPE_CHECKING:
    from jsonschema import ValidationError

_TYPES = {"string": "text", "integer": "a whole number", "number": "a number", "array": "a list", "object": "an object"}
_NAMES = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "an object"}
_ORDER = ("required", "type")
# No argument of any kind is deeper than a list of objects.
_MAX_NESTING = 20
_MAX_NAME = 80


def validate(task: Task, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check the arguments and fill in the schema's defaults; raises InvalidArguments.

    A null stands for an argument that was left out: many callers send every name they know.
    """
    from jsonschema import Draft202012Validator

    if not isinstance(arguments, Mapping):
        raise InvalidArguments(f"{task.name}: the arguments must be an object, not {_given(arguments)}")
    schema = task.parameters()
    given = {name: _without_nulls(value) for name, value in arguments.items() if value is not None}
    # Checked before the schema, which would walk through megabytes. An unknown name explains a missing one.
    unknown = next((name for name in given if name not in schema["properties"]), None)
    if unknown is not None:
        name = str(unknown)[:_MAX_NAME]
        raise InvalidArguments(
            f"{task.name}: unknown argument `{one_line(name)}`; {suggest(name, schema['properties'])}"
        )
    for name, value in given.items():
        _check_size(task, name, value)
        _check_nesting(task, name, value)
        # NaN passes the bounds of a schema.
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidArguments(f"{task.name}: `{name}` is {value}; give an ordinary number")
    # Half a surrogate pair has no bytes: no tokenizer, store or wire takes it.
    given = {name: clean_all(value) for name, value in given.items()}
    errors = sorted(Draft202012Validator(schema).iter_errors(given), key=_urgency)
    if errors:
        raise InvalidArguments(f"{task.name}: {_sentence(errors[0], schema)}")
    for name, value in given.items():
        _check_blank(task, name, value, schema["properties"][name])
        # In JSON Schema 5.0 is an integer, in Python it is not.
        if schema["properties"][name].get("type") == "integer":
            given[name] = int(value)
    defaults = {name: rule["default"] for name, rule in schema["properties"].items() if "default" in rule}
    return defaults | given


def _without_nulls(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, Mapping) else value


def _check_size(task: Task, name: str, value: Any) -> None:
    limit = task.limits.get(name)
    if isinstance(limit, int) and isinstance(value, str) and len(value) > limit:
        _refuse_length(task, name, len(value), limit)
    if isinstance(limit, tuple) and isinstance(value, list | tuple | dict):
        most, longest = limit
        if len(value) > most:
            advice = task.when_too_many.get(name, "send fewer")
            raise InvalidArguments(
                f"{task.name}: `{name}` has {len(value):,} entries and the limit is {most:,}; {advice}"
            )
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            text = item.get("text") if isinstance(item, dict) else item
            if isinstance(text, str) and len(text) > longest:
                _refuse_length(task, f"{name}[{str(key)[:60]}]", len(text), longest)


def _check_nesting(task: Task, name: str, value: Any) -> None:
    level = [value]
    for _ in range(_MAX_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | tuple | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise InvalidArguments(f"{task.name}: `{name}` is nested more than {_MAX_NESTING} deep; give it as the schema says")


def _refuse_length(task: Task, name: str, length: int, limit: int) -> NoReturn:
    raise InvalidArguments(
        f"{task.name}: `{name}` is {length:,} characters long and the limit is {limit:,}; send only what matters"
    )


def _check_blank(task: Task, name: str, value: Any, rule: Mapping[str, Any]) -> None:
    items = value if isinstance(value, list) else [value]
    rule = rule.get("items", rule)
    for number, item in enumerate(items):
        if isinstance(item, str) and rule.get("minLength") and not item.strip():
            where = f"{name}[{number}]" if isinstance(value, list) else name
            raise InvalidArguments(f"{task.name}: `{where}` is empty; write some text there")


def _urgency(error: ValidationError) -> tuple[int, list[str]]:
    place = _ORDER.index(error.validator) if error.validator in _ORDER else len(_ORDER)
    return place, [str(part) for part in error.absolute_path]


def _sentence(error: Any, schema: Mapping[str, Any]) -> str:
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)[1:]
    rule, value, bound = error.validator, error.instance, error.validator_value
    if rule == "anyOf":
        # What is wrong within the form that was meant, if its type tells which.
        inner = next((each for each in error.context if each.validator != "type" or each.relative_path), None)
        return _sentence(inner or error.context[0], schema)
    if rule == "required":
        missing = next(key for key in bound if key not in value)
        if name:
            return f"`{name}` has no `{missing}`; add it"
        return f"`{missing}` is missing; add it: {schema['properties'][missing]['description'].rstrip('.')}"
    sentences = {
        "type": f"must be {_TYPES.get(str(bound), bound)}, not {_given(value)}",
        "minLength": "is empty; write some text there",
        "minItems": f"has {len(value) if isinstance(value, list) else 0} entries; give at least {bound}",
        "uniqueItems": f"lists {quoted(_duplicate(value))} twice; name each one once",
        "enum": f"is {quoted(value)}; use one of {', '.join(map(str, bound)) if isinstance(bound, list) else bound}",
        "minimum": f"is {quoted(value)}; give at least {bound}",
        "maximum": f"is {quoted(value)}; give at most {bound}",
    }
    return f"`{name}` {sentences.get(str(rule)) or sentence(error.message, 200)}"


def _duplicate(items: Any) -> Any:
    known = items if isinstance(items, list) else []
    return next((item for number, item in enumerate(known) if item in known[:number]), None)


def _given(value: Any) -> str:
    return "true/false" if isinstance(value, bool) else _NAMES.get(type(value), type(value).__name__)
