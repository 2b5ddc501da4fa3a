"""Compiles `layers.c` when the package is built, as hatchling's custom build hook.

A package built without a compiler, or for another system, is whole too: torch's kernels serve there.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).parent
SOURCE, LIBRARY = FOLDER / "layers.c", FOLDER / "tiles.so"
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
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    try:
        # Beside it first: a process may have the old one open.
        made = LIBRARY.with_suffix(".new")
        subprocess.run([*compiler, *OPTIONS, str(SOURCE), "-o", str(made)], check=True, capture_output=True, text=True)
        made.replace(LIBRARY)
    except OSError as error:
        why = error.strerror
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip()
    else:
        return True
    LIBRARY.unlink(missing_ok=True)
    sys.stderr.write(f"note: the encoder's kernels for AMX are left out, torch's serve instead: {compiler[0]}: {why}\n")
    return False
