"""Which files a path means that somebody typed, or copied from a result."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index.gitignore import MAX_CHARACTERS, patterns
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import one_line

if TYPE_CHECKING:
    import sqlite3

    from typing_extensions import TypeVar

    _Placed = TypeVar("_Placed", sqlite3.Row, dict[str, str])

# How lines are cited: `notes.md:12-30`.
CITED = re.compile(r":\d+(?:-\d+)?$")


class PathFilter:
    """A file or folder as results name it, whole or its end, or a pattern as in `.gitignore`.

    A relative one may match at any depth, because an agent seldom knows where a collection's root is. What is named as
    it stands comes first: `[draft]` may be part of a name, and as a pattern it means one of five letters. Composed and
    decomposed characters are the same, and `~/` is the home of whoever runs this. Raises InvalidArguments.
    """

    def __init__(self, wanted: str, argument: str = "path") -> None:
        typed = _normal(str(expanded(wanted)) if wanted.startswith("~/") else wanted)
        while typed.startswith("./"):
            typed = typed[2:].lstrip("/")
        if not typed.strip("./! ") and not typed.startswith("/"):
            raise InvalidArguments(f"{argument}: {wanted[:60]!r} names no file; write a path, or leave it out")
        self._names = {name for name in (typed, CITED.sub("", typed)) if name}
        self._absolute = typed.startswith("/")
        # A blank at the end of a pattern would be passed over.
        end = len(typed.rstrip(" "))
        pattern = typed[:end] + r"\ " * (len(typed) - end)
        try:
            self._spec = patterns([pattern if self._absolute else f"**/{pattern}"], argument)
        except InvalidArguments:
            # `notes [old.md` is a name, though as a pattern it can match nothing.
            if ("[" not in typed and "\\" not in typed) or len(typed) > MAX_CHARACTERS:
                raise
            self._spec = patterns([], argument)

    def chosen(self, rows: Sequence[_Placed]) -> list[_Placed]:
        """Choose the documents that are named, or lie in the folder that is; else those that fit the pattern."""
        named = [row for row in rows if any(self._named(_normal(row[key])) for key in ("path", "place"))]
        return named or [row for row in rows if self._fits(row["path"], row["place"])]

    def _fits(self, path: str, place: str) -> bool:
        return self._spec.match_file(_normal(path).lstrip("/") if self._absolute else _normal(place))

    def _named(self, known: str) -> bool:
        around = f"/{known.lstrip('/')}/"
        if self._absolute:
            return any(around.startswith(f"{name.rstrip('/')}/") for name in self._names)
        return any(f"/{name.strip('/')}/" in around for name in self._names)


def _normal(path: str) -> str:
    """Write a path as results print it, in composed characters."""
    return unicodedata.normalize("NFC", one_line(path))
