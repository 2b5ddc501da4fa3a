"""Read plain text as it is sent: unwrap its paragraphs, and leave out files that old programs encode in it."""

from __future__ import annotations

import re

_UU_BEGIN = re.compile(r"begin(?:-base64)? [0-7]{3,4} (\S.{0,200})$")


def unflowed(text: str, *, joined: bool) -> str:
    """Unwrap the paragraphs of format=flowed text (RFC 3676); `joined` is DelSp=yes."""
    lines: list[str] = []
    open_depth = -1
    for raw in text.replace("\r\n", "\n").split("\n"):
        depth = len(raw) - len(raw.lstrip(">"))
        line = raw[depth:].removeprefix(" ")
        soft = line.endswith(" ") and line != "-- "
        content = line[:-1] if soft and joined else line
        if depth == open_depth and line != "-- ":
            lines[-1] += content
        else:
            lines.append(f"{'>' * depth} {content}" if depth else content)
        open_depth = depth if soft else -1
    return "\n".join(lines)


def without_files(text: str) -> tuple[str, list[str]]:
    """Remove uuencoded files from the text, and return their names with it."""
    if "\nbegin" not in f"\n{text}" or "\nend" not in text:
        return text, []
    kept: list[str] = []
    names: list[str] = []
    within = False
    for line in text.split("\n"):
        begun = None if within else _UU_BEGIN.match(line)
        if begun:
            within = True
            names.append(begun[1].strip())
        elif not within:
            kept.append(line)
        elif line.rstrip() in ("end", "===="):
            within = False
    return (text, []) if within else ("\n".join(kept), names)
