"""What files are called and hold never steers the terminal, in no command."""

from __future__ import annotations

import json
import os
import pty
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.text import escape_steering, one_line, printable
from tests import prepared_weights
from tests.server.serving import PROGRAM

NAMES = [
    "a\x1b]0;PWNED\x07\x1b[31mred.md",
    "b\x1b[2J\x1b[Hok.md",
    "c\nskipped: fake.md",
    "d\rFAKE LINE.md",
    "e\u009b31mred.md",
    "f\u202egnp.md",
    "g[bold red]x[link=evil]y.md",
    "h\x1b]52;c;ZWNobw==\x07.md",
    "i[/b].md",
]
# What this program itself sends: colours, and the movements of a progress bar.
OWN = re.compile(r"\x1b\[[0-9;?]*[A-GJKhlm]")
STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(exist_ok=True)
        text = f"# Title \x1b[5m{number}\u009b32m\n\nThe word sesame is here, \x1b]0;x\x07 twice.\n"
        (folder / name).write_text(text)
    (folder / "not\x1b[42mtext.md").write_bytes(b"\0\1")
    (folder / "fake\nerror: gone.md").write_bytes(b"\0\1")
    return folder


def on_a_terminal(*arguments: str) -> str:
    process, descriptor = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(PROGRAM[0], [*PROGRAM, *arguments])
    shown = b""
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    return shown.decode("utf-8", "replace")


def is_steered(shown: str) -> bool:
    return STEERING.search(OWN.sub("", shown)) is not None or any(
        line.startswith(("skipped: fake.md", "error: gone.md", "FAKE LINE")) for line in shown.splitlines()
    )


@pytest.mark.timeout(300)
def test_names_and_passages_on_a_terminal(hostile: Path, home: Path) -> None:
    prepared_weights.give(home)
    for arguments in (
        ("index", "add", "docs", str(hostile)),
        ("search", "sesame", "--mode", "keyword", "--top-k", "20"),
        ("index", "status"),
    ):
        shown = on_a_terminal(*arguments)
        assert not is_steered(shown), repr(shown)


def test_names_in_a_pipe_and_as_json(hostile: Path, command: Callable[..., Any]) -> None:
    added = command("index", "add", "docs", str(hostile))
    assert added.status == 0
    assert not is_steered(added.out + added.err)
    found = command("search", "sesame", "--mode", "keyword", "--top-k", "20", "--json")
    assert STEERING.search(found.out) is None
    # Nothing is lost: a program reads the names as they are.
    assert {Path(hit["file"]).name for hit in json.loads(found.out)["hits"]} <= {Path(name).name for name in NAMES}


def test_an_error_quotes_without_steering(command: Callable[..., Any]) -> None:
    failed = command("search", "x", "--collection", "docs\x1b]0;PWNED\x07\u202e")
    assert STEERING.search(failed.out + failed.err) is None
    missing = command("tasks", "check", "no\x1b[2Jfile\nerror: forged")
    assert not is_steered(missing.err)
    assert "\nerror: forged" not in missing.err


def test_cleaning() -> None:
    assert printable("a\x1b[31mb\u202ec\ud800\td\n") == "a[31mbc\td\n"
    assert printable(os.fsdecode(b"caf\xe9.eml")) == "caf\\xe9.eml"
    assert one_line("a\nb\x07") == "a b"
    value = {"name": "a\x7f\u009b\u2028b"}
    assert json.loads(escape_steering(json.dumps(value, ensure_ascii=False))) == value
