"""Hostile mail ends, within memory that grows with its size only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.email.hostile import CASES

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_hostile_mail_keeps_within_its_memory_and_ends() -> None:
    """Over any of these, code that is not linear takes hours or gigabytes."""
    command = [sys.executable, "-m", "tests.documents.email.hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.splitlines() == list(CASES)
