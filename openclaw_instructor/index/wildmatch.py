"""Translate git's wildcards (wildmatch) to regular expressions that never backtrack.

A pattern is cut at its wildcards. The text between two of them has a fixed length, so the first place where it fits is
as good as any, and nothing is tried twice.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

WILDCARDS = frozenset("*?[\\")
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


def compile_pattern(text: str, named: bool) -> re.Pattern[str] | None:
    """Compile the expression for a whole path, or for its last part if `named`; None when nothing can match."""
    prefix = ""
    if not named:
        # git compares the text before the first wildcard separately, so that a `**` directly after it is at the start.
        length = next((i for i, character in enumerate(text) if character in WILDCARDS), len(text))
        prefix, text = re.escape(text[:length]), text[length:]
    tokens = _tokens(text, named)
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
    negated = text[position : position + 1] in ("!", "^")
    reader = _ClassReader(text, position + negated)
    if not reader.read():
        return "", position
    inside = "".join(reader.members)
    if negated:
        return f"[^/{inside}]", reader.position
    return (f"(?!/)[{inside}]" if inside else "(?!)"), reader.position


class _ClassReader:
    """Reads the members of a class from `position` on; its methods return False for a malformed one."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.members: list[str] = []
        # The character that a range may begin with.
        self._previous = ""

    def read(self) -> bool:
        """Read to the closing bracket; one that comes first is a member."""
        first = True
        while first or self._at(self.position) != "]":
            first = False
            if not self._member():
                return False
            self.position += 1
        self.position += 1
        return True

    def _at(self, position: int) -> str:
        return self.text[position : position + 1]

    def _member(self) -> bool:
        character = self._at(self.position)
        if character == "\\":
            self.position += 1
            return self._single(self._at(self.position))
        if character == "-" and self._previous and self._at(self.position + 1) not in ("", "]"):
            return self._range()
        if self.text.startswith("[:", self.position):
            return self._named()
        return self._single(character)

    def _single(self, character: str) -> bool:
        self.members.append(re.escape(character))
        self._previous = character
        return character != ""

    def _range(self) -> bool:
        self.position += 1
        if self._at(self.position) == "\\":
            self.position += 1
        last = self._at(self.position)
        if last and self._previous <= last:
            self.members.append(f"{re.escape(self._previous)}-{re.escape(last)}")
        self._previous = ""
        return last != ""

    def _named(self) -> bool:
        """Read a named class such as `[:alpha:]`, or a plain bracket."""
        end = self.text.find("]", self.position + 2)
        if end < 0:
            return False
        if self.text[end - 1] != ":" or end - 1 < self.position + 2:
            return self._single("[")
        characters = _CLASSES.get(self.text[self.position + 2 : end - 1], "")
        self.members.append(re.escape(characters))
        self._previous, self.position = "", end
        return characters != ""


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
