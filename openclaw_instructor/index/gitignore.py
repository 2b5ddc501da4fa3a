"""Match gitignore patterns as git does, in time linear in the path.

pathspec's expressions backtrack without bound on a pattern such as `*?*?*?~`, and read `?`, `**` and classes of
characters otherwise than git where names are not ASCII or a pattern is odd. Here a pattern is cut at its wildcards;
what stands between two of them has a fixed length, so the first place where it fits is as good as any, and nothing is
tried twice.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from openclaw_instructor.errors import InvalidArguments

MAX_CHARACTERS = 1_000
MAX_WILDCARDS = 100
_WILDCARDS = frozenset("*?[\\")
_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": " \t\n\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
# A pattern is a list of expressions for single characters, and of these tokens.
_STAR = "*"
_DEEP = "**"  # whatever follows, at the end of a pattern
_FOLDERS = "**/"  # any number of folders
_SOME_FOLDERS = "**/?"  # at least one
_DEPTHS = {_DEEP: ".*", _FOLDERS: "(?:[^/]*+/)*?", _SOME_FOLDERS: "(?:[^/]*+/)+?"}


@dataclass(frozen=True)
class Pattern:
    """One line: `text` is what follows `!`, without a slash at its end.

    `named` says that it is compared with only the last part of a path.
    """

    text: str
    negated: bool
    folders_only: bool
    named: bool

    @classmethod
    def parse(cls, line: str) -> Pattern | None:
        """Parse a line; None for a comment and for a pattern that can match nothing."""
        text = _trimmed(line)
        if text.startswith("#"):
            return None
        negated = text.startswith("!")
        text = text[negated:]
        folders_only = text.endswith("/")
        text = text[: len(text) - folders_only]
        named = "/" not in text
        text = text.removeprefix("/")
        return cls(text, negated, folders_only, named) if text else None

    def wildcards(self) -> int:
        """Count the wildcard characters."""
        return sum(character in _WILDCARDS for character in self.text)


class Patterns:
    """The lines of one file, or the values of one option. A path is relative to their folder, with `/` in between."""

    def __init__(self, parsed: Iterable[Pattern], most_slow: int | None = None) -> None:
        """With more than `most_slow` patterns that have to be tried one by one, `too_many` is set and none is ready."""
        self._negated: list[bool] = []
        # Literal patterns, by whether they match folders only: text -> number of the last such pattern.
        self._names: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._paths: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._suffixes: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._others: dict[Pattern, int] = {}
        for pattern in parsed:
            self._add(pattern)
        self.too_many = most_slow is not None and len(self._others) > most_slow
        if self.too_many:
            self._others.clear()
        self._lengths = sorted({len(suffix) for table in self._suffixes for suffix in table})
        self._matchers = [
            (number, pattern.folders_only, pattern.named, expression)
            for pattern, number in sorted(self._others.items(), key=lambda item: -item[1])
            if (expression := _compiled(pattern)) is not None
        ]

    def __bool__(self) -> bool:
        return bool(self._negated)

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        """Return whether the last pattern that matches this path selects (True) or negates it; None if none matches."""
        number = self._last(path, is_folder)
        return None if number < 0 else not self._negated[number]

    def covers(self, path: str) -> bool | None:
        """Return the same for a file together with its folders: the last pattern that matches any of them decides."""
        number = self._last(path, False)
        position = path.find("/")
        while position > 0:
            number = max(number, self._last(path[:position], True))
            position = path.find("/", position + 1)
        return None if number < 0 else not self._negated[number]

    def match_file(self, path: str) -> bool:
        """Whether a file is selected, by itself or by one of its folders."""
        return bool(self.covers(path))

    def _last(self, path: str, is_folder: bool) -> int:
        """Return the number of the last pattern that matches; -1 if none does."""
        if not self._negated:
            return -1
        if _FOLD:
            path = path.lower()
        name = path[path.rfind("/") + 1 :]
        best = -1
        for folders_only in (False, True) if is_folder else (False,):
            best = max(best, self._names[folders_only].get(name, -1), self._paths[folders_only].get(path, -1))
            for length in self._lengths:
                if length <= len(name):
                    best = max(best, self._suffixes[folders_only].get(name[len(name) - length :], -1))
        for number, folders_only, named, expression in self._matchers:
            if number < best:
                break
            if (is_folder or not folders_only) and expression.match(name if named else path):
                return number
        return best

    def _add(self, pattern: Pattern) -> None:
        number = len(self._negated)
        self._negated.append(pattern.negated)
        text = pattern.text.lower() if _FOLD else pattern.text
        if not _WILDCARDS.intersection(text):
            (self._names if pattern.named else self._paths)[pattern.folders_only][text] = number
        elif pattern.named and text[0] == "*" and not _WILDCARDS.intersection(text[1:]):
            self._suffixes[pattern.folders_only][text[1:]] = number
        else:
            self._others[Pattern(text, False, pattern.folders_only, pattern.named)] = number


def patterns(lines: Sequence[str], what: str) -> Patterns:
    """Compile patterns of the option `what`. Raises InvalidArguments, which names it."""
    parsed = []
    for line in lines:
        shown = line if len(line) <= 60 else f"{line[:60]}…"
        pattern = Pattern.parse(line)
        if len(line) > MAX_CHARACTERS:
            raise InvalidArguments(f"{what}: {shown!r} has {len(line):,} characters; use at most {MAX_CHARACTERS:,}")
        if pattern is None or _compiled(pattern) is None:
            raise InvalidArguments(
                f"{what}: {shown!r} can match nothing; patterns are those of .gitignore, such as `guides/*.md`"
            )
        if pattern.wildcards() > MAX_WILDCARDS:
            raise InvalidArguments(
                f"{what}: {shown!r} has {pattern.wildcards()} wildcards; use at most {MAX_WILDCARDS}"
            )
        parsed.append(pattern)
    return Patterns(parsed)


def lines(data: bytes) -> Iterator[str]:
    """Yield the lines of a `.gitignore`, each byte as one character, as git compares them."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        yield line.removesuffix(b"\r").split(b"\0", 1)[0].decode("latin-1")


_FOLD = sys.platform == "darwin"


def _trimmed(line: str) -> str:
    """Remove the blanks at the end, except one behind a backslash."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " * (len(line) > len(kept) and backslashes % 2)


def _compiled(pattern: Pattern) -> re.Pattern[str] | None:
    """Compile a regular expression for the whole path; None when nothing can match."""
    text, prefix = pattern.text, ""
    if not pattern.named:
        # git compares the text before the first wildcard separately, so that a `**` directly after it is at the start.
        length = next((i for i, character in enumerate(text) if character in _WILDCARDS), len(text))
        prefix, text = re.escape(text[:length]), text[length:]
    tokens = _tokens(text, pattern.named)
    return None if tokens is None else re.compile(prefix + _expression(tokens) + r"\Z", re.DOTALL)


def _tokens(text: str, named: bool) -> list[str] | None:
    """Translate a pattern piece by piece; None when git takes it for malformed."""
    found: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "*":
            end = position
            while text[end : end + 1] == "*":
                end += 1
            bounded = not named and end - position > 1 and (position == 0 or text[position - 1] == "/")
            token, position = _stars(text, end) if bounded else (_STAR, end)
        elif character == "?":
            token, position = "[^/]", position + 1
        elif character == "[":
            token, position = _class(text, position + 1)
        else:
            position += character == "\\"
            token, position = re.escape(text[position : position + 1]), position + 1
        if not token:
            return None
        found.append(token)
    return found


def _stars(text: str, end: int) -> tuple[str, int]:
    """Return the token for two or more stars between slashes, and where it ends."""
    if end == len(text):
        return _DEEP, end
    if text[end] == "/":
        return _FOLDERS, end + 1
    if text.startswith("\\/", end):
        return _SOME_FOLDERS, end + 2
    return _STAR, end


def _class(text: str, position: int) -> tuple[str, int]:
    """Return the expression for the class of characters at `position`, and its end; empty when it is malformed."""
    negated = text[position : position + 1] in ("!", "^") and position < len(text)
    position += negated
    members: list[str] = []
    previous = ""
    first = True
    while first or text[position : position + 1] != "]":
        first = False
        character = text[position : position + 1]
        if not character:
            return "", position
        if character == "\\":
            position += 1
            character = text[position : position + 1]
            if not character:
                return "", position
            members.append(re.escape(character))
            previous = character
        elif character == "-" and previous and text[position + 1 : position + 2] not in ("", "]"):
            position += 1
            if text[position] == "\\":
                position += 1
                if position == len(text):
                    return "", position
            if previous <= text[position]:
                members.append(f"{re.escape(previous)}-{re.escape(text[position])}")
            previous = ""
        elif text.startswith("[:", position):
            end = text.find("]", position + 2)
            if end < 0:
                return "", position
            if text[end - 1] == ":" and end - 1 >= position + 2:
                named = _CLASSES.get(text[position + 2 : end - 1])
                if named is None:
                    return "", position
                members.append(re.escape(named))
                previous, position = "", end
            else:
                members.append(re.escape("["))
                previous = "["
        else:
            members.append(re.escape(character))
            previous = character
        position += 1
    inside = "".join(members)
    if negated:
        return f"[^/{inside}]", position + 1
    return (f"(?!/)[{inside}]" if inside else "(?!)"), position + 1


def _expression(tokens: Sequence[str]) -> str:
    """Join the tokens to one expression that never backtracks.

    A run of tokens between two `**` spans a fixed number of folders, so the first place where it fits is final; so is,
    within it, that of a piece between two stars.
    """
    result = ""
    run: list[str] = []
    opening = ""
    for token in tokens:
        if token in _DEPTHS:
            result += f"(?>{opening}{_run(run)})"
            run, opening = [], _DEPTHS[token]
        else:
            run.append(token)
    return result + opening + _run(run)


def _run(tokens: Sequence[str]) -> str:
    result = ""
    piece = ""
    opening = ""
    for token in tokens:
        if token == _STAR:
            result += f"(?>{opening}{piece})"
            piece, opening = "", "[^/]*?"
        else:
            piece += token
    return result + opening + piece
