"""Read a YAML file with the line of every key, and the problems found in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from openclaw_instructor.flat_yaml import DatelessLoader

Location: TypeAlias = tuple[str | int, ...]

_MAX_BYTES = 4_000_000
_MAX_NODES = 200_000


@dataclass(frozen=True)
class Problem:
    """Something to correct in a file: where it is, what is wrong, and what to do."""

    path: Path
    line: int | None
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return ": ".join(part for part in (where, self.key, f"{self.what}; {self.fix}") if part)

    def as_dict(self) -> dict[str, object]:
        """Return the problem as JSON."""
        return {"file": str(self.path), "line": self.line, "key": self.key, "what": self.what, "fix": self.fix}


@dataclass
class Source:
    """The content of a file. `data` is None when it could not be parsed, {} when it is empty."""

    path: Path
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int | None:
        """Return the line of a key, or of the nearest one that encloses it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location)

    def report(self, location: Location, what: str, fix: str) -> None:
        """Add a problem at this place of the file."""
        self.problems.append(Problem(self.path, self.line(location), dotted(location), what, fix))


def dotted(location: Location) -> str:
    """Write a location as a path, such as `tasks.x.labels[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def suggest(word: str, known: Iterable[str]) -> str:
    """Ask "did you mean `x`?" where a known name is close, else list the known ones."""
    names = list(known)
    close = difflib.get_close_matches(word.casefold(), names, 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(names) or 'none'}"


def read(path: Path) -> Source:
    """Parse a file; what is wrong with it ends up in `problems`, never in an exception."""
    source = Source(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            source.report((), f"is larger than {_MAX_BYTES // 1_000_000} MB", "move long examples elsewhere")
            return source
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        source.report((), f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
        return source
    except OSError as error:
        source.report((), f"cannot be read ({error.strerror})", "correct its permissions, or delete it")
        return source
    return parse(path, text)


def parse(path: Path, text: str) -> Source:
    """Parse the text of a file; what is wrong with it ends up in `problems`, never in an exception."""
    source = Source(path)
    try:
        _parse(text, source)
    except yaml.YAMLError as error:
        source.data = None
        source.problems.append(_syntax_problem(path, text, error))
    return source


def _parse(text: str, source: Source) -> None:
    loader = DatelessLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            source.data = {}
            return
        _walk(node, (), source, ())
        # Duplicate keys would silently lose a value, so the file is not used.
        if not source.problems:
            source.data = loader.construct_document(node)
    except ValueError as error:
        source.report((), f"holds a value YAML cannot read ({error})", "put it in quotes")
    finally:
        loader.dispose()


def _walk(node: yaml.Node, location: Location, source: Source, parents: tuple[int, ...]) -> None:
    source.lines.setdefault(location, node.start_mark.line + 1)
    # An alias may refer to its own parent, or expand exponentially.
    if id(node) in parents or len(source.lines) > _MAX_NODES:
        raise yaml.YAMLError("aliases that expand without end")
    parents = (*parents, id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*location, number), source, parents)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            line = key_node.start_mark.line + 1
            inner = (*location, key)
            if key in seen and key != "<<":
                source.problems.append(
                    Problem(
                        source.path, line, dotted(inner), f"is written twice (first on line {seen[key]})", "keep one"
                    )
                )
            seen.setdefault(key, line)
            source.lines[inner] = line
            _walk(value_node, inner, source, parents)


def _syntax_problem(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or str(error)
    if mark is None:
        return Problem(path, None, "", f"is not valid YAML ({what})", "correct it")
    rows = text.splitlines()
    for number in (mark.line, mark.line - 1):
        row = rows[number] if 0 <= number < len(rows) else ""
        if "\t" in row[: len(row) - len(row.lstrip())]:
            return Problem(path, number + 1, "", "is indented with a tab", "replace the tab by two spaces")
    return Problem(path, mark.line + 1, "", f"is not valid YAML ({what})", "correct that line or the one above")
