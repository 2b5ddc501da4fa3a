"""Every regular expression of the package, and lines that were made to take it long.

`used()` finds the calls of `re` in the sources, and how what they compile is used. `hostile(pattern)` makes lines out
of the expression itself: each of its parts many times over, after what may come before it, and then something that it
does not expect.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import openclaw_instructor

PACKAGE = Path(openclaw_instructor.__file__).parent
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
_SAMPLES = 4
_PARTS = 50
_ENDS = ("", "\0", "!\n")
_FOLLOWING = "a0 \n-.<>[](){}\"'=:;,/\\*_#\u00e9"


@dataclass(frozen=True)
class Used:
    """A pattern, where it stands, and the methods it is called with."""

    where: str
    pattern: re.Pattern[str] | re.Pattern[bytes]
    methods: frozenset[str]

    def calls(self) -> dict[str, Callable[[Any], object]]:
        """What is done with it, each as a function of a line; what gives many matches is run to its end."""
        pattern: Any = self.pattern
        empty = "" if isinstance(pattern.pattern, str) else b""
        every = {
            "match": pattern.match,
            "fullmatch": pattern.fullmatch,
            "search": pattern.search,
            "finditer": lambda line: [None for _ in pattern.finditer(line)],
            "sub": lambda line: pattern.sub(empty, line),
        }
        walked = {"findall": "finditer", "split": "finditer", "subn": "finditer", "sub": "finditer"}
        return {name: every[name] for name in {walked.get(method, method) for method in self.methods}}


@dataclass(frozen=True)
class Local:
    """A call of `re` whose expression names what only its function knows."""

    where: str
    expression: str


@cache
def used() -> tuple[list[Used], list[Local]]:
    """Find every call of `re` in the package: its pattern, or the expression that cannot be known from the module."""
    found: list[tuple[str, Any, set[str], str]] = []
    local: list[Local] = []
    called: dict[tuple[str, str], set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text()
        if not re.search(r"^\s*import re$", source, re.MULTILINE) and not METHODS & set(
            re.findall(r"\.(\w+)\(", source)
        ):
            continue
        tree = ast.parse(source)
        where = str(path.relative_to(PACKAGE))
        _note_methods(tree, where, called)
        for name, call in _calls(tree):
            method = call.func.attr  # type: ignore[attr-defined]
            try:
                pattern = _value(call, path)
            except NameError:
                local.append(Local(where, ast.unparse(call.args[0])))
                continue
            found.append((where, pattern, {method} & METHODS, name))
    named = {(where, name) for where, _, _, name in found}
    patterns = []
    for where, pattern, methods, name in found:
        if name.startswith("_"):
            owners = {(where, name)}
        elif name:
            # A public name may be used by any module.
            owners = {(module, name) for module, _ in called}
        else:
            # It lies in a table: what the module asks of anything that is no pattern by its own name.
            owners = {owner for owner in called if owner[0] == where and owner not in named and owner[1] != "re"}
        asked = {method for owner in owners for method in called.get(owner, ())}
        # Texts have a method of that name, too.
        known = methods or (asked if name else asked - {"split"}) or METHODS
        patterns.append(Used(f"{where} {name or '(inline)'}", pattern, frozenset(known)))
    return patterns, local


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call of a function of `re`, with the name that its result is given, if it is."""
    names: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[id(node.value)] = node.targets[0].id
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in METHODS | {"compile"}
        ):
            yield names.get(id(node), ""), node


def _note_methods(tree: ast.AST, where: str, called: dict[tuple[str, str], set[str]]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            called.setdefault((where, name), set()).add(node.attr)


def _value(call: ast.Call, path: Path) -> re.Pattern[str]:
    module = importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    if call.func.attr == "compile":  # type: ignore[attr-defined]
        flags += call.args[1:2]
    arguments = [ast.unparse(call.args[0]), *(ast.unparse(flag) for flag in flags[:1])]
    return eval(f"re.compile({', '.join(arguments)})", vars(module) | {"re": re})


@dataclass(frozen=True)
class Recipe:
    """What a hostile line is made of: a part many times, something before and something behind."""

    before: str
    part: str
    end: str

    def line(self, length: int, pattern: re.Pattern[Any]) -> Any:
        """Make a line of about `length` characters; of bytes for an expression of bytes."""
        text = self.before + self.part * (length // len(self.part) + 1) + self.end
        return text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")


def hostile(pattern: re.Pattern[Any]) -> list[Recipe]:
    """Recipes for lines that may take an expression long."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    parts = dict.fromkeys((before[-200:], part[:200]) for before, part in _parts(parser.parse(source, flags)))
    chosen = sorted(parts, key=lambda pair: len(pair[0]) + len(pair[1]))[:_PARTS]
    return [Recipe(before, part, _ENDS[number % len(_ENDS)]) for number, (before, part) in enumerate(chosen)]


def _parts(tree: Any) -> list[tuple[str, str]]:
    """What may come before a part of the expression, and the part."""
    found: list[tuple[str, str]] = []

    def walk(sequence: Any, before: str) -> None:
        items = list(sequence)
        for first in range(len(items)):
            begun = before + "".join(sample(item, 0) for item in items[:first])
            for last in range(first + 1, min(first + 4, len(items)) + 1):
                for variant in range(_SAMPLES):
                    if part := "".join(sample(item, variant) for item in items[first:last]):
                        found.extend([(begun, part), ("", begun + part)])
            for inner in _inside(items[first]):
                walk(inner, begun)

    walk(tree, "")
    return found + [("", character) for character in _FOLLOWING]


def _inside(item: Any) -> list[Any]:
    operation, argument = item
    if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if operation is codes.SUBPATTERN:
        return [argument[3]]
    if operation is codes.ATOMIC_GROUP:
        return [argument]
    if operation is codes.BRANCH:
        return list(argument[1])
    if operation in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return []


def sample(item: Any, variant: int) -> str:
    """A text that the item matches, in one of a few variants."""
    operation, argument = item
    if operation is codes.LITERAL:
        return chr(argument)
    if operation is codes.NOT_LITERAL:
        return next(character for character in _FOLLOWING if ord(character) != argument)
    if operation is codes.ANY:
        return "a <"[variant % 3]
    if operation is codes.IN:
        return _member(tuple(argument), variant)
    if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, inner = argument
        times = (max(least, 1), least, min(least + 2, int(most)), max(least, 1))[variant % 4]
        return "".join(sample(each, variant) for _ in range(min(times, 70)) for each in inner)
    if operation is codes.SUBPATTERN:
        return "".join(sample(each, variant) for each in argument[3])
    if operation is codes.ATOMIC_GROUP:
        return "".join(sample(each, variant) for each in argument)
    if operation is codes.BRANCH:
        branches = argument[1]
        return "".join(sample(each, variant // 2) for each in branches[variant % len(branches)])
    return ""


@cache
def _member(choices: tuple[Any, ...], variant: int) -> str:
    members = [character for character in _FOLLOWING + _more(choices) if _is_member(choices, character)]
    return members[variant % len(members)] if members else ""


def _more(choices: tuple[Any, ...]) -> str:
    literal = [chr(value) for operation, value in choices if operation is codes.LITERAL]
    ranges = [chr(low) for operation, (low, _) in (c for c in choices if c[0] is codes.RANGE)]
    return "".join([*literal, *ranges])


def _is_member(choices: tuple[Any, ...], character: str) -> bool:
    inside = False
    negated = False
    for operation, value in choices:
        if operation is codes.NEGATE:
            negated = True
        elif operation is codes.LITERAL:
            inside |= ord(character) == value
        elif operation is codes.RANGE:
            inside |= value[0] <= ord(character) <= value[1]
        elif operation is codes.CATEGORY:
            inside |= bool(re.match(_CATEGORIES[value], character))
    return inside != negated


_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
