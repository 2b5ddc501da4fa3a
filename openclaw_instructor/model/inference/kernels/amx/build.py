"""Compiles `forward.c` when the package is built, as hatchling's custom build hook.

A package built without a compiler, or for another system, is whole too: torch's kernels serve there.
"""

from __future__ import annotations

import os
import platform
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
LIBRARY = FOLDER / "tiles.so"
# The oldest processors with AMX; what runs it asks the processor first.
OPTIONS = ("-std=c17", "-O3", "-march=sapphirerapids", "-fno-math-errno", "-fPIC", "-shared", "-pthread")


class CompileTiles(BuildHookInterface[Any]):
    """Puts the library beside its source, and into the wheel, which then is of this system."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or not compiled():
            return
        system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data.update(pure_python=False, tag=f"py3-none-{system}")
        build_data["artifacts"].append(LIBRARY.relative_to(self.root).as_posix())


def compiled() -> bool:
    """Whether the library could be made; says why not where it is of use."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    digest = runpy.run_path(str(FOLDER / "sources.py"))["digest"]
    # Beside it first: a process may have the old one open.
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
    sys.stderr.write("\n".join(["note: the kernels for AMX are left out, torch's serve instead", *problems, ""]))
    return False


def _compilers() -> list[str]:
    """The one that is asked for, else Python's own and the system's."""
    asked = os.environ.get("CC", "").strip()
    return [asked] if asked else [*filter(None, [sysconfig.get_config_var("CC")]), "cc"]
