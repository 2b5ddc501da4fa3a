"""The short schema that agents see, and what of their arguments is brought into the form of the whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.agent_view import taken
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.registry.task import Task
from openclaw_instructor.settings import Settings


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, Task]:
    return dict(Registry.load(Settings(home=tmp_path)).tasks)


def test_collections_stand_in_the_schema_as_long_as_they_are_few(tasks: dict[str, Task]) -> None:
    spec = tasks["search_docs"].tool_spec()
    shown = spec.for_agents(["docs", "mail"])["properties"]["collection"]
    assert shown["items"] == {"enum": ["docs", "mail", "*"]}
    assert shown["default"] == ["docs"]
    for names in (None, [], [str(number) for number in range(30)]):
        assert spec.for_agents(names)["properties"]["collection"]["items"] == {"type": "string"}


def test_what_only_people_use_is_left_out_and_still_taken(tasks: dict[str, Task]) -> None:
    task = tasks["search_docs"]
    assert not {"explain", "diversity"} & set(task.tool_spec().for_agents()["properties"])
    assert validate(task, taken(task.parameters(), {"query": "x", "explain": "true"}))["explain"] is True


@pytest.mark.parametrize(
    ("name", "given", "argument", "expected"),
    [
        ("search_docs", {"query": "x", "top_k": "7"}, "top_k", 7),
        ("search_docs", {"query": "x", "top_k": " 7.0 "}, "top_k", 7),
        ("search_docs", {"query": "x", "collection": ["docs", "mail"]}, "collection", "docs,mail"),
        ("search_docs", {"query": "x", "collection": "docs"}, "collection", "docs"),
        ("search_docs", {"query": "x", "collection": ["*"]}, "collection", "*"),
        ("search_docs", {"query": "7"}, "query", "7"),
        ("search_docs", {"query": "x", "where": '{"author": "Ann"}'}, "where", {"author": "Ann"}),
        ("semantic_match", {"query": "x", "candidates": '["a", "b"]'}, "candidates", ["a", "b"]),
        ("semantic_match", {"query": "x", "candidates": ["a"], "threshold": "0.5"}, "threshold", 0.5),
        ("classify_email", {"subject": "x", "labels": '["a", "b"]'}, "labels", ["a", "b"]),
    ],
)
def test_what_is_plainly_meant_is_taken(
    tasks: dict[str, Task], name: str, given: dict[str, Any], argument: str, expected: object
) -> None:
    task = tasks[name]
    assert validate(task, taken(task.parameters(), given))[argument] == expected


@pytest.mark.parametrize("value", ["five", "true", "[1]", ""])
def test_what_is_not_plain_stays_for_the_check_to_refuse(tasks: dict[str, Task], value: str) -> None:
    assert taken(tasks["search_docs"].parameters(), {"top_k": value}) == {"top_k": value}
