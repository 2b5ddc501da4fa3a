"""Read subtitles in SubRip and WebVTT: what is said, with its time."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location, UnreadableDocument
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format

_STAMP = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"\s*{_STAMP}\s*-->\s*{_STAMP}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s++([^<>]{1,100})>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}|\{/?[a-z]\}", re.IGNORECASE)
_NUMBER = re.compile(r"\s*\d+\s*")
_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
# A longer pause begins a new paragraph.
_PAUSE_SECONDS = 4.0


@dataclass(frozen=True)
class _Cue:
    start: float
    end: float
    lines: list[str]


def read(data: bytes, path: PurePath) -> Document:
    """Read subtitles. Places are seconds from the beginning; lines that stay while others come are read once."""
    lines, notes = lines_of(data)
    builder = DocumentBuilder()
    shown: list[str] = []
    end = 0.0
    for cue in _cues(lines):
        # Rolling captions repeat the line before.
        new = [line for line in cue.lines if line not in shown]
        shown = cue.lines
        location = Location("time", int(cue.start), max(int(cue.start), int(cue.end)))
        builder.paragraph("\n".join(new), location, is_continued=cue.start - end < _PAUSE_SECONDS)
        end = cue.end
    if not shown and any(line.strip() for line in lines):
        raise UnreadableDocument("no subtitles: it has no line of times")
    return builder.document(notes=notes)


def _cues(lines: list[str]) -> Iterator[_Cue]:
    times: re.Match[str] | None = None
    said: list[str] = []
    is_aside = False
    for line in [*lines, ""]:
        if found := _TIMES.fullmatch(line):
            if times:
                # Some files separate cues by their numbers only.
                yield _cue(times, said[:-1] if said and _NUMBER.fullmatch(said[-1]) else said)
            times, said, is_aside = found, [], False
        elif line.strip():
            is_aside = is_aside or (times is None and bool(_ASIDE.match(line)))
            if times:
                said.append(line)
        elif times and said:
            yield _cue(times, said)
            times, said = None, []
        else:
            is_aside = False
    if times and said:
        yield _cue(times, said)


def _cue(times: re.Match[str], said: list[str]) -> _Cue:
    lines = []
    for line in said:
        line = _TAG.sub("", _VOICE.sub(r"\1: ", line))
        if text := " ".join(html.unescape(line).split()):
            lines.append(text)
    return _Cue(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), lines)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction or 0}")


FORMATS = (Format("subtitles", (".srt", ".vtt"), read),)
