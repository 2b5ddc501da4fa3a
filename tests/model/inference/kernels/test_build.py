"""The build hook that compiles the kernels, and the check that a library is of these sources."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.sources import digest

KERNELS = amx.LIBRARY.parents[1]
COMPILER = shutil.which("cc") or shutil.which("gcc")
NAMES = ["amx", "int8"]

# Compiling takes seconds, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(600)

needs_compiler = pytest.mark.skipif(
    COMPILER is None or platform.machine() != "x86_64" or sys.platform != "linux",
    reason="the kernels are for x86-64 Linux, and take a C compiler",
)


@pytest.fixture
def build(tmp_path: Path) -> ModuleType:
    """The build hook, on a copy of the sources."""
    copy = tmp_path / "kernels"
    shutil.copytree(KERNELS, copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    spec = importlib.util.spec_from_file_location("build_of_kernels", copy / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_build_without_a_compiler_leaves_the_kernels_out_and_says_so(
    name: str, build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build.sys, "platform", "linux")
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("CC", "no-such-compiler")
    build.library(name).write_bytes(b"an older one")
    assert not build.compiled(name)
    assert not build.library(name).exists()
    assert f"the {name} kernels are left out, torch's run instead\nno-such-compiler: No such file" in (
        capsys.readouterr().err
    )


def test_other_systems_are_not_asked_for_a_compiler(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "arm64")
    assert not any(build.compiled(name) for name in NAMES)
    assert capsys.readouterr().err == ""


@needs_compiler
def test_a_build_leaves_nothing_but_the_library_and_another_one_is_not_used(build: ModuleType) -> None:
    before = set(build.FOLDER.rglob("*"))
    assert build.compiled("int8")
    path = build.library("int8")
    assert {made for made in set(build.FOLDER.rglob("*")) - before if "__pycache__" not in made.parts} == {path}
    assert library.open_library(path, digest(path.parent)) is not None
    with (path.parent / "gemm.h").open("a") as file:
        file.write("/* edited */\n")
    assert library.open_library(path, digest(path.parent)) is None
    path.unlink()  # not written over: it is mapped
    path.write_bytes(b"of another system")
    assert library.open_library(path, digest(path.parent)) is None


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_library_compiles_without_a_warning(name: str, tmp_path: Path, build: ModuleType) -> None:
    sources = [str(path) for path in (KERNELS / name).glob("*.c")]
    options = [*build.OPTIONS["linux", "x86_64"][name], "-Wall", "-Wextra", "-Werror", '-DSOURCES="none"', *sources]
    subprocess.run([str(COMPILER), *options, "-o", str(tmp_path / "made.so")], check=True, timeout=500)


def test_every_file_in_c_is_part_of_the_digest(tmp_path: Path) -> None:
    shutil.copytree(KERNELS, tmp_path / "kernels", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    folder = tmp_path / "kernels" / "int8"
    digests = {digest(folder)}
    for path in (folder / "attention.h", folder / "kernels_avx2.c", folder.with_name("shared") / "scratch.h"):
        path.write_text(path.read_text() + "\n")
        digests.add(digest(folder))
    assert len(digests) == 4
