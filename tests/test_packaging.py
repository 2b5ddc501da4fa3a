"""What `pip install` gets: the wheel holds everything the program reads at run time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "openclaw_instructor"
KERNELS = ROOT / PACKAGE / "model" / "inference" / "kernels"
LIBRARIES = [path for name in ("amx", "int8") if (path := KERNELS / name / f"{name}.so").exists()]


def build(folder: Path, **environment: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **environment})
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this system, with what could be compiled."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of every system."""
    return build(tmp_path_factory.mktemp("pure"), OPENCLAW_INSTRUCTOR_PURE="1")


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    """The wheel, unpacked as an installation would."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "installed")
    return wheel.parent / "installed"


def test_the_wheel_holds_every_file_of_the_package(unpacked: Path) -> None:
    listed = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of files to compare with")
    missing = [name for name in listed.stdout.splitlines() if (ROOT / name).exists() and not (unpacked / name).exists()]
    assert missing == []


@pytest.mark.skipif(not LIBRARIES, reason="nothing was compiled when this checkout was installed")
def test_the_wheel_holds_what_was_compiled(unpacked: Path) -> None:
    for library in LIBRARIES:
        assert (unpacked / library.relative_to(ROOT)).stat().st_size > 10_000


@pytest.mark.skipif(not LIBRARIES, reason="nothing was compiled when this checkout was installed")
def test_the_tag_names_the_systems_that_can_load_what_was_compiled(wheel: Path) -> None:
    tag = wheel.stem.split("-")[-1]
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True, check=True
    ).stdout
    assert f'"{tag}"' in " ".join(shown.split())


def test_the_pure_wheel_is_for_every_system(pure_wheel: Path) -> None:
    assert pure_wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(pure_wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith(".so")] == []


@pytest.mark.parametrize("which", ["wheel", "pure_wheel"])
def test_an_installed_wheel_embeds(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A fresh environment that holds the wheel, and sees the packages that it needs."""
    built: Path = request.getfixturevalue(which)
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    installer = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*installer, str(built)], check=True, capture_output=True)
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    own = packages / "zz_dependencies.pth"
    own.write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    program = tmp_path / "env" / "bin" / "openclaw-instructor"
    done = subprocess.run(
        [program, "--home", tmp_path / "home", "embed", "a text", "--json"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["data"][0]["embedding"]) == 384
    where = subprocess.run(
        [python, "-c", "import openclaw_instructor; print(openclaw_instructor.__file__)"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)


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
