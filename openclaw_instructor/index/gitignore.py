"""Match gitignore patterns as git does, in time linear in the path.

pathspec's expressions backtrack without bound on a pattern such as `*?*?*?~`, and read `?`, `**` and classes of
characters otherwise than git where names are not ASCII or a pattern is odd. See `wildmatch.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index.wildmatch import WILDCARDS, compile_pattern

MAX_CHARACTERS = 1_000
MAX_WILDCARDS = 100
_USUAL_LENGTH = 30


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
        return sum(character in WILDCARDS for character in self.text)


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
        length = sum(len(pattern.text) for pattern in self._others)
        self.too_many = most_slow is not None and (len(self._others) > most_slow or length > _USUAL_LENGTH * most_slow)
        if self.too_many:
            self._others.clear()
        self._lengths = sorted({len(suffix) for table in self._suffixes for suffix in table})
        self._matchers = [
            (number, pattern.folders_only, pattern.named, expression)
            for pattern, number in sorted(self._others.items(), key=lambda item: -item[1])
            if (expression := compile_pattern(pattern.text, pattern.named)) is not None
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
        if not WILDCARDS.intersection(text):
            (self._names if pattern.named else self._paths)[pattern.folders_only][text] = number
        elif pattern.named and text[0] == "*" and not WILDCARDS.intersection(text[1:]):
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
        if pattern is None or compile_pattern(pattern.text, pattern.named) is None:
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
