"""Remove embedded files from texts, such as images as `data:` URIs."""

from __future__ import annotations

import re

_URI = re.compile(r"(data:[\w.+-]{1,60}/[\w.+-]{1,80}(?:;[\w.=-]{1,60}){0,4},)[A-Za-z0-9+/=_%-]{64,}")
_WRAPPED = re.compile(r"[A-Za-z0-9+/=]{20,}+\s*+[)>\"']?\)?\s*")


def without_payloads(lines: list[str]) -> list[str]:
    """Cut the content of `data:` URIs, also over several lines, from the lines; no line is dropped."""
    kept: list[str] = []
    is_open = False
    for line in lines:
        if is_open and _WRAPPED.fullmatch(line):
            kept.append("")
            continue
        is_open = False
        if "data:" in line:
            shortened = _URI.sub(r"\1…", line)
            is_open = shortened != line and shortened.rstrip().endswith("…")
            line = shortened
        kept.append(line)
    return kept
