"""What a command makes in the home is for its owner alone, with a daemon and without."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_instructor.daemon.endpoint import close_home_to_others
from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.settings import Settings
from tests.server.serving import PROGRAM

STRANGER, VICTIM = 12_345, 12_346


def run(home: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--home", str(home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_files_of_a_command_are_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (tmp_path / "note.md").write_text("# Note\n\nSomething.\n")
    done = run(home, "index", "add", "docs", str(tmp_path / "note.md"), umask=0o022)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    made = [path for path in home.rglob("*") if path.is_file()]
    assert {path.name for path in made} >= {"index.db", "cache.db"}
    assert [path for path in made if path.stat().st_mode & 0o077] == []


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user reaches; those of pytest are its own user's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_a_home_of_another_user_is_not_filled(open_to_all: Path) -> None:
    home = open_to_all / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)
    settings = Settings(home=home)
    home.chmod(0o777)
    assert as_user(STRANGER, settings) == 0
    assert as_user(VICTIM, settings) == 2
    assert list(home.iterdir()) == []


def as_user(user: int, settings: Settings) -> int:
    """The exit status of a process of that user that is about to use the home."""
    process = os.fork()
    if process == 0:
        os.setgid(user)
        os.setuid(user)
        try:
            close_home_to_others(settings)
        except InvalidSettings as error:
            os._exit(2 if "belongs to another user" in error.message else 1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
