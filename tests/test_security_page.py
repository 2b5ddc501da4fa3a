"""SECURITY.md names a test for each claim, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_claim_names_its_test() -> None:
    claims = PAGE.partition("## Who is trusted")[2].partition("## What is not promised")[0]
    lines = [line for line in claims.splitlines() if line.startswith("- ") and not line.startswith("- Can ")]
    assert len(lines) > 20
    assert [line for line in lines if "::test_" not in line] == []
