"""Manual pages."""

from __future__ import annotations

import gzip
from pathlib import PurePath

import pytest

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.reading import readable
from tests.documents.office_files import outline, read_as

MAN = r""".\" a comment
.TH FIND 1 "2024\-03\-05" "GNU" "User Commands"
.de xx
not read
..
.if n .ad l
.ie t \{\
.  not read either
.\}
.SH NAME
find \- search for files
.SH SYNOPSIS
.B find
[\fIpath\fP...] [\fB\-name\fP \fIpattern\fP]
.SH DESCRIPTION
It costs 5\ \(Eu, \(lqquoted\(rq, caf\('e, \[u00DF], \s-1SMALL\s0 and \e.
.PP
Next.
.TP
.BR \-name " \fIpattern\fP"
By name.
.IP \(bu 4
dot
.SS "Exit status"
.RS
.nf
if x:

    y()
.fi
.RE
.TS
tab(;);
l l.
Code;Meaning
0;fine
1;wrong
.TE
.SH
SEE ALSO
.BR ls (1),
.UR http://x.y
here
.UE
"""


def test_a_page_of_man_macros() -> None:
    document = read_as("find.1", MAN.encode())
    assert outline(document) == [
        "# NAME",
        "find - search for files",
        "# SYNOPSIS",
        "find\n[path...] [-name pattern]",
        "# DESCRIPTION",
        "It costs 5 €, “quoted”, café, ß, SMALL and \\.",
        "Next.",
        "-name pattern\nBy name.",
        "•\ndot",
        "## Exit status",
        "if x:\n\n    y()",
        "Code | Meaning",
        "[Code | Meaning] 0 | fine",
        "[Code | Meaning] 1 | wrong",
        "# SEE ALSO",
        "ls(1),\nhttp://x.y\nhere",
    ]
    assert (document.title, document.metadata) == ("FIND(1)", {"date": "2024-03-05"})
    assert document.lines[10] == "find - search for files"


MDOC = r""".Dd March 5, 2024
.Dt TOOL 8
.Os
.Sh NAME
.Nm tool
.Nd do a thing
.Sh SYNOPSIS
.Nm
.Op Fl a | Fl -all
.Op Fl f Ar file
.Ar name ...
.Sh DESCRIPTION
The
.Nm
utility
.Pq see Xr ls 1 ,
does
.Dq much ,
says
.An Anna Aq Mt anna@x.y .
.Bl -tag
.It Fl a , Fl -all
All of it.
.It Pa /etc/x
.El
.Bd -literal
tool -a

tool
.Ed
.Fn open "const char *path" "int flags"
.Em not Ns ed
"""


def test_a_page_of_mdoc_macros() -> None:
    document = read_as("tool.8", MDOC.encode())
    assert outline(document) == [
        "# NAME",
        "tool\n– do a thing",
        "# SYNOPSIS",
        "tool\n[-a | --all]\n[-f file]\nname ...",
        "# DESCRIPTION",
        "The\ntool\nutility\n(see ls(1)),\ndoes\n“much”,\nsays\nAnna <anna@x.y>.",
        "-a, --all\nAll of it.",
        "/etc/x",
        "tool -a\n\ntool",
        "open(const char *path, int flags)\nnoted",
    ]
    assert (document.title, document.metadata) == ("tool(8)", {"date": "2024-03-05"})


def test_compressed_pages() -> None:
    assert read_as("find.1.gz", gzip.compress(MAN.encode())).title == "FIND(1)"
    with pytest.raises(UnreadableDocument, match="unpacks to more than 10 MB"):
        read_as("find.1.gz", gzip.compress(b"x" * 20_000_000))
    with pytest.raises(UnreadableDocument, match="damaged: it cannot be unpacked"):
        read_as("find.1.gz", b"\x1f\x8b\x08broken")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("ls.1", True), ("open.2", True), ("ssl.1ssl", True), ("x.3pm", True), ("ls.1.gz", True), ("DBI.3pm.gz", True),
        ("x.man", True), ("backup.2024.gz", False), ("x.9", False), ("dump.gz", False),
    ],
)  # fmt: skip
def test_which_names_are_taken(name: str, taken: bool) -> None:
    assert readable(PurePath(name)) is taken


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="not a manual page: it has no title"):
        read_as("syslog.1", b"Mar  5 12:00:00 host daemon: started\n")
    assert read_as("x.1", b".so man1/y.1\n").notes == ["only refers to man1/y.1"]


def test_hostile_pages_take_no_time() -> None:
    for line in (".if \\{", ".de x", ".nf", "\\[" * 10_000, '.B "' + '"' * 20_000, ".Op " * 5_000):
        read_as("x.1", b".TH X 1\n" + (line + "\n").encode() * 200)
