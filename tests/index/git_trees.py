"""Random trees with random `.gitignore` files, and what git itself says of them."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

_NAMES = ["a", "b", "ab", "foo", "bar", "foobar", "Foo", "a.md", "b.md", "foo.md", "a b", "a ", "x-y", "1", "caf\u00e9"]
_ODD = ["!a", "#a", "[a]", "a*", "a\\", "-", "^", "]", "{a,b}", "a?", ".hid", "..."]
_PIECES = [
    *(
        "*",
        "**",
        "***",
        "?",
        "??",
        "[ab]",
        "[!ab]",
        "[^f]",
        "[a-f]",
        "[f-a]",
        "[]a]",
        "[!]a]",
        "[[:alpha:]]",
        "[[:no:]]",
    ),
    *("[a-", "[\\]]", "[a\\-f]", "[[:digit:]x]", "[]-a]", "\\a", "\\*", "\\", "\\[", "[", "]", "!", "#", " ", "\\ "),
    *("a", "b", "foo", "bar", ".md", "o", ".", "-", "caf?", "caf??", "\u00e9", "[\u00e9]", "^", "{a,b}", "\t"),
]


def plant(folder: Path, seed: int) -> list[str]:
    """Make a repository with files and ignore files; return the files, relative and sorted."""
    draw = random.Random(seed)
    names = _NAMES + (_ODD if draw.random() < 0.3 else [])
    files: set[str] = set()
    folders = [""]
    for _ in range(draw.randint(3, 8)):
        folders.append(f"{draw.choice(folders)}{draw.choice(names)}/")
    for folder_name in folders:
        for _ in range(draw.randint(0, 4)):
            files.add(folder_name + draw.choice(names))
    files = {file for file in files if f"{file}/" not in folders}
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("text")
    for place in {"", *draw.sample(folders, min(2, len(folders)))}:
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / ".gitignore").write_bytes(_lines(draw))
    return sorted(files)


def ignored(folder: Path, files: list[str], home: Path) -> set[str]:
    """Which of the files git ignores in this folder, which becomes a repository."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
    options = {"cwd": folder, "env": environment, "capture_output": True}
    subprocess.run(["git", "init", "-q"], check=True, **options)  # type: ignore[call-overload]
    asked = "\0".join(files).encode()
    command = ["git", "check-ignore", "-z", "--no-index", "--stdin"]
    answer = subprocess.run(command, input=asked, check=False, **options)  # type: ignore[call-overload]
    assert answer.returncode in (0, 1), answer.stderr
    return {os.fsdecode(name) for name in answer.stdout.split(b"\0") if name}


def _lines(draw: random.Random) -> bytes:
    lines = [_pattern(draw) for _ in range(draw.randint(1, 6))]
    end = draw.choice(["\n", "\n", "\r\n"])
    text = end.join(lines) + end * draw.randint(0, 1)
    return (b"\xef\xbb\xbf" if draw.random() < 0.1 else b"") + text.encode()


def _pattern(draw: random.Random) -> str:
    if draw.random() < 0.3:
        text = draw.choice(
            ["*", "*.md", "foo", "/foo", "foo/", "a/", "/*", "*/", "**/a", "a/**", "foo**/bar", "a/**/b"]
        )
    else:
        pieces = _PIECES + ["/"] * 8 + _NAMES
        text = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 5)))
    return "!" * (draw.random() < 0.25) + text + "/" * (draw.random() < 0.1) + " " * (draw.random() < 0.05)
