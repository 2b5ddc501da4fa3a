"""Until its name is published, no text may tell people to install it by name."""

from __future__ import annotations

import re

import pytest

from openclaw_instructor import distribution
from tests.openclaw.conftest import ROOT

NAME = re.compile(r"(?:pip|pipx|uv|uvx|npm|npx)\b[^\n`|]*?\binstall\b[^\n`|]*\bopenclaw-instructor\b[^\n`]*")
TEXTS = [
    *ROOT.glob("*.md"),
    *(path for folder in ("docs", "skills") for path in (ROOT / folder).rglob("*.md")),
    *(ROOT / "openclaw_instructor").rglob("*.py"),
    *(ROOT / "openclaw_instructor").rglob("*.js"),
]


def test_no_text_installs_by_bare_name() -> None:
    bare = {
        f"{path.relative_to(ROOT)}: {line}"
        for path in TEXTS
        for line in NAME.findall(path.read_text(encoding="utf-8"))
        if "openclaw/openclaw-instructor" not in line and "git+" not in line and "plugins install" not in line
    }
    assert not bare


def test_one_constant_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert distribution.uv_line() in (ROOT / "docs" / "openclaw.md").read_text(encoding="utf-8")
    assert distribution.pip_line("plot").startswith('pip install "openclaw-instructor[plot] @ git+https://')
    monkeypatch.setattr(distribution, "SOURCE", "")
    assert distribution.uv_line() == "uv tool install openclaw-instructor"
    assert distribution.pip_line("plot") == 'pip install "openclaw-instructor[plot]"'
