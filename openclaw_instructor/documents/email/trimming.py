"""Trim the text of a message to what its writer wrote for its reader."""

from __future__ import annotations

import re

from openclaw_instructor.documents.email import boilerplate, quotes
from openclaw_instructor.documents.email.characters import visible

_EMPTY_LINES = re.compile(r"\n{3,}")


def trim(body: str, *, forwarded: bool = False) -> tuple[str, list[str]]:
    """Remove quoted replies, signature, legal notice and gateway warning, and say what was removed.

    Forwarded text is kept whole (see `quotes.split`), and nothing is removed if no text would be left.
    """
    lines = [line.rstrip() for line in _EMPTY_LINES.sub("\n\n", visible(body)).split("\n")]
    lines, warned = boilerplate.without_banner(lines)
    own, forward, quoted = quotes.split(lines, forwarded=forwarded)
    kept, left_out = boilerplate.without_endings(own)
    text = _EMPTY_LINES.sub("\n\n", "\n".join(quotes.without_marker(kept + forward))).strip(" \n_")
    if not text:
        return "\n".join(quotes.without_marker(lines)).strip(), []
    what = [*(["quoted reply"] if quoted else []), *left_out, *([boilerplate.BANNER] if warned else [])]
    return text, [f"{part} left out" for part in dict.fromkeys(what)]
