"""Where this package is installed from: one constant decides what every text, error and skill tells people to run."""

from __future__ import annotations

REPOSITORY = "https://github.com/openclaw-instructor/openclaw-instructor"
NAME = "openclaw-instructor"
SOURCE = f"git+{REPOSITORY}"
"""What pip and uv install: the repository, or the URL of a wheel; "" once the name is ours on PyPI."""


def requirement(extra: str = "") -> str:
    """Return the requirement as pip reads it, with one of the optional extras."""
    name = f"{NAME}[{extra}]" if extra else NAME
    return f"{name} @ {SOURCE}" if SOURCE else name


def pip_line(extra: str = "", options: str = "") -> str:
    """Return the `pip install` line to type."""
    return " ".join(filter(None, ["pip install", options, f'"{requirement(extra)}"']))


def uv_line() -> str:
    """Return the line that installs the program with uv."""
    return f"uv tool install {SOURCE or NAME}"
