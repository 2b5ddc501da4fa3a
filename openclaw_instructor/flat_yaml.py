"""Read a small YAML file of `key: value` lines in bounded time and memory, whatever it contains."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import yaml

from openclaw_instructor.errors import InvalidSettings

MAX_BYTES = 64 << 10
_LONGEST_VALUE = 4_096

# libyaml's parser is several times faster, but PyYAML may be built without it.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_DATE, _INTEGER, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float"))
# Without numbers to the base of 60, which take quadratic time to read and which nobody means.
_INTEGERS = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|(?:0|[1-9][0-9_]*))$")
_FLOATS = re.compile(
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN))$"
)
_TRUTH = "tag:yaml.org,2002:bool"
_TRUTHS = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_NUMBERS = {_INTEGER: _INTEGERS, _FLOAT: _FLOATS}


class DatelessLoader(SafeLoader):  # type: ignore[misc]
    """YAML without dates: no key of ours holds one, so 2026-01-31 can only be meant as text; nor is 10:30 a number."""

    yaml_implicit_resolvers: ClassVar = {
        letter: [(tag, _NUMBERS.get(tag, pattern)) for tag, pattern in resolvers if tag != _DATE]
        for letter, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }


def _number(loader: DatelessLoader, node: yaml.ScalarNode) -> int | float:
    """Make a number, also of a text that is tagged as one. Raises ValueError."""
    if ":" in node.value:
        raise ValueError("a number to the base of 60")
    make = loader.construct_yaml_int if node.tag == _INTEGER else loader.construct_yaml_float
    number: int | float = make(node)
    return number


DatelessLoader.add_constructor(_INTEGER, _number)
DatelessLoader.add_constructor(_FLOAT, _number)


class _FlatLoader(DatelessLoader):
    """As of YAML 1.2 only true and false are truth values: `off` and `yes` may be what a setting is called."""

    yaml_implicit_resolvers: ClassVar = {
        letter: [(tag, _TRUTHS if tag == _TRUTH else pattern) for tag, pattern in resolvers]
        for letter, resolvers in DatelessLoader.yaml_implicit_resolvers.items()
    }


def read_flat(path: Path, mappings: Collection[str] = ()) -> dict[str, Any]:
    """Read the file; {} where there is none. The keys in `mappings` may hold a mapping of plain values.

    Raises InvalidSettings, which names the line and never quotes a value: one of them may be a secret.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8, or delete it") from None
    except OSError as error:
        raise InvalidSettings(
            f"{path}: cannot be read ({error.strerror}); fix its permissions or encoding, or delete it"
        ) from None
    if len(content) > MAX_BYTES:
        raise InvalidSettings(f"{path}: is larger than {MAX_BYTES >> 10} kB; it holds a few `key: value` lines")
    try:
        _check_flat(text, path, mappings)
        values = yaml.load(text, Loader=_FlatLoader)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it cannot be read"
        raise InvalidSettings(f"{path}{where}: not valid YAML ({what}); correct that line") from None
    except ValueError:
        raise InvalidSettings(f"{path}: holds a value YAML cannot read; put it in quotes") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InvalidSettings(f"{path}: must hold `key: value` lines, such as `checkpoint: mini`")
    return values


def _check_flat(text: str, path: Path, mappings: Collection[str]) -> None:
    """Raise InvalidSettings for anything but keys with plain values, before a value is made of it."""
    wrong = ""
    # The keys of the file, and those of the mapping within it that is being read.
    levels: list[set[str]] = []
    key = ""
    is_key = True
    # Scan to the end, so that a file that is not YAML is reported as such.
    for event in yaml.parse(text, Loader=SafeLoader):
        found = ""
        if isinstance(event, yaml.CollectionStartEvent):
            may = not levels or (len(levels) == 1 and key in mappings and isinstance(event, yaml.MappingStartEvent))
            found = "" if may else "holds a list or a mapping where one value belongs; write the value"
            levels.append(set())
            is_key = True
        elif isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            is_key = True
        elif isinstance(event, yaml.AliasEvent):
            found = "holds an alias (`*name`); write the value itself, or put it in quotes"
        elif isinstance(event, yaml.ScalarEvent):
            if len(event.value) > _LONGEST_VALUE:
                found = f"is longer than {_LONGEST_VALUE:,} characters; shorten it"
            elif is_key and levels and event.value in levels[-1]:
                found = f"sets `{event.value[:40]}` a second time; keep one of them"
            if is_key and levels:
                levels[-1].add(event.value)
                key = event.value
            is_key = not is_key
        if found and not wrong:
            wrong = f"{path}:{event.start_mark.line + 1 if event.start_mark else 1}: {found}"
    if wrong:
        raise InvalidSettings(wrong)
