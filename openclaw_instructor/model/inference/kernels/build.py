"""Compile the kernels in C when the package is built, as a build hook of hatchling.

Without a compiler, or on another system, the package is complete too: torch's kernels run there. With
`OPENCLAW_INSTRUCTOR_PURE=1` nothing is compiled and the wheel is for every system.
"""

from __future__ import annotations

import os
import platform
import re
import runpy
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).parent
PURE = "OPENCLAW_INSTRUCTOR_PURE"
COMMON = ("-O3", "-fno-math-errno", "-fPIC", "-shared", "-pthread")
# Which processors run what is decided when it is loaded. AMX is compiled for the oldest processors that have it; of the
# int8 kernels each file names the instructions that it uses. Contracted products would differ between their loops.
_INT8 = ("-std=gnu17", "-ffp-contract=off", *COMMON)
OPTIONS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("linux", "x86_64"): {
        "amx": ("-std=c17", "-march=sapphirerapids", *COMMON),
        "int8": ("-march=x86-64", *_INT8),
    },
    ("linux", "aarch64"): {"int8": ("-march=armv8-a", *_INT8)},
    ("darwin", "arm64"): {"int8": _INT8},
}
NAMES = ("amx", "int8")


def library(name: str) -> Path:
    """Return where the library of these kernels is compiled to."""
    return FOLDER / name / f"{name}.so"


class CompileKernels(BuildHookInterface[Any]):
    """Compiles the libraries into the source folder and the wheel, which is then tagged for this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the libraries into the wheel and tag it for this platform; a pure wheel needs none."""
        if self.target_name != "wheel" or os.environ.get(PURE) == "1":
            return
        made = [library(name) for name in NAMES if compiled(name)]
        if not made:
            return
        build_data.update(pure_python=False, tag=f"py3-none-{platform_tag(made)}")
        build_data["artifacts"] += [path.relative_to(self.root).as_posix() for path in made]


def platform_tag(libraries: list[Path]) -> str:
    """Return the tag of the systems that can load the libraries (PEP 600): those with their newest version of glibc.

    They need no other library. With another C library the tag is that of this platform.
    """
    needed = [int(minor) for path in libraries for minor in re.findall(rb"GLIBC_2\.(\d+)", path.read_bytes())]
    system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"manylinux_2_{max(needed)}_{platform.machine()}" if needed else system


def compiled(name: str) -> bool:
    """Compile a library; returns whether it was, and prints why not on systems that could use it."""
    wanted = OPTIONS.get((sys.platform, platform.machine()), {}).get(name)
    if wanted is None:
        return False
    digest = runpy.run_path(str(FOLDER / "sources.py"))["digest"]
    folder, target = FOLDER / name, library(name)
    # Written to another file first, because a process may have the old one open.
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        made = Path(beside) / target.name
        sources = [str(path) for path in sorted(folder.glob("*.c"))]
        options = [*wanted, f'-DSOURCES="{digest(folder)}"', *sources, "-o", str(made), "-lm"]
        problems = []
        for compiler in _compilers():
            try:
                subprocess.run([*shlex.split(compiler), *options], check=True, capture_output=True, text=True)
            except OSError as error:
                problems.append(f"{compiler}: {error.strerror}")
            except subprocess.CalledProcessError as error:
                problems.append(f"{compiler}: {error.stderr.strip()}")
            else:
                made.replace(target)
                return True
    target.unlink(missing_ok=True)
    sys.stderr.write("\n".join([f"note: the {name} kernels are left out, torch's run instead", *problems, ""]))
    return False


def _compilers() -> list[str]:
    """List compilers: the one in $CC, the one that built Python, then the system's."""
    asked = os.environ.get("CC", "").strip()
    return [asked] if asked else [*filter(None, [sysconfig.get_config_var("CC")]), "cc"]
