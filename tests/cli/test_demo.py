"""`demo` on a small random checkpoint: the road, not the quality of the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command


@pytest.fixture(autouse=True)
def tiny(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_THREADS", "1")


def test_the_demo_asks_all_three_tools_and_touches_nothing_else(command: Command, home: Path) -> None:
    first = command("demo", "--json")
    assert first.status == 0, first.err
    result = first.json
    # Random weights may find anything of the documents, which are pages and notebooks.
    found = {Path(hit["file"]).suffix for hit in result["search_docs"]["hits"]}
    assert found
    assert found <= {".md", ".ipynb"}
    assert len(result["classify_email"]) == 6
    subjects = {answer["file"]: answer["subject"] for answer in result["classify_email"]}
    assert subjects["meeting.eml"] == "Can we move our call to Thursday 14:00\N{EN DASH}14:30?"
    assert subjects["trip.eml"] == "Your booking at Hôtel du Lac, Annecy is confirmed"
    assert len(result["semantic_match"]["matches"]) == 4
    assert result["index"]["collections"][0]["added"] > 3
    assert [path.name for path in home.iterdir()] == ["demo"]

    again = command("demo")
    assert again.status == 0
    assert again.err.endswith(f'openclaw-instructor --home {home / "demo"} search "..."\n')
    assert all(name in again.out for name in ("search_docs", "classify_email", "semantic_match"))
    assert command("demo", "--json").json["index"]["collections"][0]["embedded"] == 0
    assert command("index", "status", "--json").json["collections"] == []
