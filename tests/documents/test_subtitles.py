"""SubRip and WebVTT."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.document import Location, UnreadableDocument
from tests.documents.office_files import outline, read_as

SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Where</i> are we?
{\\an8}Nowhere.

2
00:00:04,000 --> 00:00:05,000
- Who asks?

3
01:02:03,000 --> 01:02:09,900
Much later &amp; far away.
"""

VTT = """WEBVTT - a talk
Kind: captions

STYLE
::cue { color: red }

NOTE 00:01.000 --> 00:02.000
is no cue

intro
00:01.000 --> 00:03.000 align:start
<v Anna Müller>We <c.loud>begin</c>.</v>

00:02.000 --> 00:05.000
We begin.
And <00:04.000>go on.

00:04.000 --> 00:06.000
And go on.
To the end.
"""


def test_subrip() -> None:
    document = read_as("a.srt", SRT.encode())
    assert document.lines == ["Where are we?", "Nowhere.", "- Who asks?", "", "Much later & far away."]
    assert [block.location for block in document.blocks] == [
        Location("time", 1, 3), Location("time", 4, 5), Location("time", 3723, 3729),
    ]  # fmt: skip
    assert str(document.location(1, 3)) == "time 0:01-0:05"
    assert str(document.location(5, 5)) == "time 1:02:03-1:02:09"


def test_webvtt_says_who_speaks_and_each_line_once() -> None:
    document = read_as("a.vtt", VTT.encode())
    assert outline(document) == ["Anna Müller: We begin.", "We begin.\nAnd go on.", "To the end."]


@pytest.mark.parametrize(
    "text",
    [
        SRT.replace("\n", "\r\n"),
        SRT.replace(",", "."),
        SRT.replace("1\n00:", "00:").replace("2\n00:", "00:").replace("3\n01:", "01:"),
        SRT.replace("\n\n2", "\n2").replace("\n\n3", "\n3"),
        "\ufeff" + SRT,
    ],
)
def test_files_as_people_have_them(text: str) -> None:
    lines = read_as("a.srt", text.encode()).lines
    assert [line for line in lines if line] == ["Where are we?", "Nowhere.", "- Who asks?", "Much later & far away."]


def test_what_has_no_times_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="no subtitles: it has no line of times"):
        read_as("a.srt", b"just a text\n")
    assert read_as("a.srt", b"").blocks == []
