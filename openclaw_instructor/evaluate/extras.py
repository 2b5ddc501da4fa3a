"""Import optional dependencies on use, and name their `pip install` line when they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra


def need(module: str, extra: str) -> Any:
    """Import `module`. Raises MissingExtra that names the extra of this package which brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != module.split(".")[0]:
            raise
        top = module.split(".")[0]
        raise MissingExtra(f"this needs {top}, which is not installed; run: {distribution.pip_line(extra)}") from None
