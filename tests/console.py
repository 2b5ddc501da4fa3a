"""Documentation that runs: the console blocks of a page, executed from top to bottom, compared with what stands there.

A command is a line that starts with `$ `; what follows is what it prints, standard output first. `...` stands for any
text, and white space is worth one blank. Pages show the scores of float32, which every processor computes alike to the
digits that are shown; a decimal number may differ by one in its last digit. When the tests are run with another number
format, scores may differ by 0.1.

`make docs` runs this as a program: it writes what is printed now over what no longer agrees, for a person to review.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n`]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.]*\w)")
# The error of a probability or a cosine in int8 or bfloat16.
TOLERANCE_ROUNDED = 0.1
DTYPE = "OPENCLAW_INSTRUCTOR_DTYPE"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page where the text begins."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Step:
    """A command of a console block and what the page says it prints."""

    command: str
    expected: str


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[None]:
    """A folder as the pages assume it: the project's documents and some e-mail, and an empty home."""
    (folder / "docs").mkdir()
    for page in PAGES:
        shutil.copy(page, folder / page.relative_to(ROOT))
    shutil.copytree(ROOT / "openclaw_instructor" / "cli" / "demo_data" / "mail", folder / "mail")
    before = {name: value for name, value in os.environ.items() if name.startswith("OPENCLAW_INSTRUCTOR_")}
    for name in before:
        del os.environ[name]
    os.environ["OPENCLAW_INSTRUCTOR_HOME"] = str(folder / "home")
    os.environ[DTYPE] = before.get(DTYPE, "float32")
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        del os.environ["OPENCLAW_INSTRUCTOR_HOME"], os.environ[DTYPE]
        os.environ.update(before)


def blocks(page: str) -> list[Block]:
    return [Block(found[1], found[2], page[: found.start(2)].count("\n") + 1) for found in FENCE.finditer(page)]


def steps(text: str) -> list[Step]:
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"a console block starts with a command, not with {parts[0]!r}"
    return [Step(*part.partition("\n")[::2]) for part in parts[1:]]


def run(command: str) -> str:
    """What the command prints. Plain ones run in this process, which loads torch once; the shell gets the others."""
    words = shlex.split(command)
    if words[0] == "openclaw-instructor" and not re.search(r"[|<>&;$]", re.sub(r"'[^']*'|\"[^\"]*\"", "", command)):
        from openclaw_instructor.cli import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
            main(words[1:])
        return out.getvalue() + err.getvalue()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": path},
        check=False,
    )
    return done.stdout + done.stderr


def agrees(expected: str, printed: str) -> bool:
    """Whether `printed` is what the page says, within the tolerance of this module."""
    expected, printed = (" ".join(text.split()) for text in (expected, printed))
    pieces = [NUMBER.sub("\0", piece).split("\0") for piece in expected.split("...")]
    pattern = ".*?".join(r"([+-]?\d+\.\d+)".join(map(_literal, piece)) for piece in pieces)
    wanted = [number for piece in expected.split("...") for number in NUMBER.findall(piece)]
    found = re.fullmatch(pattern.strip(), printed)
    return found is not None and all(map(_close, wanted, found.groups()))


def _close(expected: str, printed: str) -> bool:
    digits = len(expected.partition(".")[2])
    rounded = os.environ.get(DTYPE, "float32") != "float32"
    tolerance = TOLERANCE_ROUNDED if rounded else 1.5 * 10.0**-digits
    return abs(float(printed) - float(expected)) <= tolerance


def update(page: Path) -> list[str]:
    """Run the page and write what is printed over what does not agree; the commands that were rewritten."""
    text, rewritten = page.read_text(encoding="utf-8"), []
    with tempfile.TemporaryDirectory() as folder, workplace(Path(folder)):
        for block in blocks(text):
            for step in steps(block.text) if block.language == "console" else []:
                printed = run(step.command)
                if not agrees(step.expected, printed):
                    old, new = (f"$ {step.command}\n{said}" for said in (step.expected, printed))
                    text = text.replace(old, new, 1)
                    rewritten.append(step.command)
    page.write_text(text, encoding="utf-8")
    return rewritten


def _literal(text: str) -> str:
    # Next to `...` a blank may be missing: "hit ..." also fits "hit".
    return re.sub(r"^(\\ )|(\\ )$", " ?", re.escape(text))


if __name__ == "__main__":
    for name in PAGES:
        for command in update(name):
            sys.stdout.write(f"{name.relative_to(ROOT)}: $ {command}\n")
