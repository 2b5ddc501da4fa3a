"""What `pip install` gets: the wheel holds everything the program reads at run time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "openclaw_instructor"
LIBRARY = ROOT / PACKAGE / "model" / "tiles" / "tiles.so"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked as an installation would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_every_file_of_the_package(unpacked: Path) -> None:
    listed = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of files to compare with")
    missing = [name for name in listed.stdout.splitlines() if (ROOT / name).exists() and not (unpacked / name).exists()]
    assert missing == []


@pytest.mark.skipif(not LIBRARY.exists(), reason="nothing was compiled when this checkout was installed")
def test_the_wheel_holds_what_was_compiled_and_says_for_which_system(unpacked: Path) -> None:
    assert (unpacked / LIBRARY.relative_to(ROOT)).stat().st_size > 10_000
    (described,) = unpacked.glob("*.dist-info/WHEEL")
    assert f"Tag: py3-none-linux_{platform.machine()}" in described.read_text()


@pytest.mark.parametrize(
    "name",
    ["instructions.yaml", "model/mini/model.safetensors", "skills/instructor-search/SKILL.md", "openclaw/plugin.js"],
)
def test_the_wheel_holds_what_is_read_at_run_time(unpacked: Path, name: str) -> None:
    assert (unpacked / PACKAGE / name).stat().st_size > 100


def test_an_installed_program_finds_its_own_files(unpacked: Path, tmp_path: Path) -> None:
    script = (
        "from openclaw_instructor.cli.demo import documents; from openclaw_instructor import Toolbox; "
        "print(Toolbox().registry.sources[0]); print(*documents(), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert all(Path(line).is_relative_to(unpacked) for line in lines)
    assert [Path(line).name for line in lines] == ["instructions.yaml", "README.md", "docs", "skills"]
