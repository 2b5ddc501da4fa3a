"""Compile the AMX kernels when the package is built, as a build hook of hatchling.

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
LIBRARY = FOLDER / "amx.so"
PURE = "OPENCLAW_INSTRUCTOR_PURE"
# For the oldest processors with AMX; `__init__.py` checks the processor before it opens the library.
OPTIONS = ("-std=c17", "-O3", "-march=sapphirerapids", "-fno-math-errno", "-fPIC", "-shared", "-pthread")


class CompileAmx(BuildHookInterface[Any]):
    """Compiles the library into the source folder and the wheel, which is then tagged for this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the library into the wheel and tag it for this platform; a pure wheel needs none."""
        if self.target_name != "wheel" or os.environ.get(PURE) == "1" or not compiled():
            return
        build_data.update(pure_python=False, tag=f"py3-none-{platform_tag(LIBRARY)}")
        build_data["artifacts"].append(LIBRARY.relative_to(self.root).as_posix())


def platform_tag(library: Path) -> str:
    """Return the tag of the systems that can load the library (PEP 600): those with its newest version of glibc.

    It needs no other library. With another C library the tag is that of this platform.
    """
    needed = [int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", library.read_bytes())]
    system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"manylinux_2_{max(needed)}_{platform.machine()}" if needed else system


def compiled() -> bool:
    """Compile the library; returns whether it was, and prints why not on systems that could use it."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    digest = runpy.run_path(str(FOLDER / "sources.py"))["digest"]
    # Written to another file first, because a process may have the old one open.
    with tempfile.TemporaryDirectory(dir=FOLDER) as beside:
        made = Path(beside) / LIBRARY.name
        options = [*OPTIONS, f'-DSOURCES="{digest(FOLDER)}"', str(FOLDER / "forward.c"), "-o", str(made)]
        problems = []
        for compiler in _compilers():
            try:
                subprocess.run([*shlex.split(compiler), *options], check=True, capture_output=True, text=True)
            except OSError as error:
                problems.append(f"{compiler}: {error.strerror}")
            except subprocess.CalledProcessError as error:
                problems.append(f"{compiler}: {error.stderr.strip()}")
            else:
                made.replace(LIBRARY)
                return True
    LIBRARY.unlink(missing_ok=True)
    sys.stderr.write("\n".join(["note: the AMX kernels are left out, torch's run instead", *problems, ""]))
    return False


def _compilers() -> list[str]:
    """List compilers: the one in $CC, the one that built Python, then the system's."""
    asked = os.environ.get("CC", "").strip()
    return [asked] if asked else [*filter(None, [sysconfig.get_config_var("CC")]), "cc"]
