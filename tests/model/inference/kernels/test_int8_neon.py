"""The int8 kernels for ARM, cross-compiled and run by an emulator. They were not run on a real processor."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.model.inference.kernels.int8 import library

SOURCES = library.LIBRARY.parent
DRIVER = Path(__file__).with_name("driver_int8.c")
CROSS, EMULATOR = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
OPTIONS = ("-std=gnu17", "-O2", "-pthread", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", '-DSOURCES="driver"')

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(CROSS is None or EMULATOR is None, reason="needs gcc for aarch64 and qemu-user"),
]


def compiled(compiler: str, program: Path, *more: str) -> str:
    sources = [str(DRIVER), *(str(path) for path in SOURCES.glob("*.c"))]
    command = [compiler, *OPTIONS, *more, f"-I{SOURCES}", *sources, "-o", str(program), "-lm"]
    subprocess.run(command, check=True, timeout=800)
    return str(program)


@pytest.fixture(scope="module")
def for_arm(tmp_path_factory: pytest.TempPathFactory) -> str:
    assert CROSS
    return compiled(CROSS, tmp_path_factory.mktemp("arm") / "driver", "-static", "-march=armv8-a")


def ran(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    return done.stdout.splitlines()


def test_a_vector_depends_on_no_neighbour_and_on_no_number_of_threads(for_arm: str) -> None:
    assert ran(str(EMULATOR), for_arm, "neon") == ["ok"]


def test_a_processor_without_dot_products_runs_none(for_arm: str) -> None:
    assert ran(str(EMULATOR), "-cpu", "cortex-a72", for_arm, "neon") == ["none"]
    assert ran(str(EMULATOR), for_arm, "avx2") == ["none"]


@pytest.mark.skipif(platform.machine() != "x86_64" or shutil.which("gcc") is None, reason="compares with x86-64")
def test_vectors_are_those_of_x86(for_arm: str, tmp_path: Path) -> None:
    for_x86 = compiled("gcc", tmp_path / "driver", "-march=x86-64")
    theirs = ran(for_x86, "avx2", "print")
    if theirs == ["none"]:
        pytest.skip("this processor has no AVX2")
    ours = ran(str(EMULATOR), for_arm, "neon", "print")
    assert ours[-1] == theirs[-1] == "ok"
    vectors = [np.array(lines[:-1], float).reshape(-1, 48) for lines in (ours, theirs)]
    assert len(vectors[0]) == 60  # ten prompts, three activations, two kinds of norms
    # A number halfway between two steps may be rounded to either.
    assert (vectors[0] * vectors[1]).sum(1).min() > 0.9995
