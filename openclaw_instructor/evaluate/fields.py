"""Check the fields of evaluation data, so that a value of a wrong type is refused and not scored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.errors import InvalidData


@dataclass(frozen=True)
class Form:
    """`read` gives a field's value, or raises ValueError or TypeError; `what` it has to be."""

    what: str
    read: Callable[[Any], Any]


def typed(row: Mapping[str, Any], forms: Mapping[str, Form], where: str) -> dict[str, Any]:
    """Return the row with its fields as `forms` read them. Raises InvalidData with `where` the row stands."""
    values = {}
    for name, form in forms.items():
        try:
            values[name] = form.read(row[name])
        except (TypeError, ValueError, OverflowError):
            given = json.dumps(row[name], ensure_ascii=False)[:60]
            raise InvalidData(f"{where}: field `{name}` is {given}; it must be {form.what}") from None
    return {**row, **values}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _name(value: Any) -> Any:
    if not isinstance(value, (str, int, float)):
        raise TypeError
    return value


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError
    return number


def _same(value: Any) -> int:
    if value not in (0, 1, "0", "1"):
        raise ValueError
    return int(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise TypeError
    return [_text(each) for each in value]


TEXT = Form("a text", _text)
NAME = Form("a text or a number", _name)
NUMBER = Form("a number", _number)
SAME = Form("0 or 1", _same)
TEXTS = Form("a list of texts, [] for none", _texts)
