"""One schema per kind, shown to every host and enforced on every call."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.settings import Settings


@pytest.fixture
def registry(home: Path) -> Registry:
    Settings.load(home).instructions_path.write_text(
        "tasks:\n  sort_text:\n    kind: classify\n    description: d\n    instruction: i\n"
        "    labels: [{name: a}, {name: b}]\n"
    )
    return Registry.load(Settings.load(home))


def test_schemas_are_what_hosts_accept(registry: Registry) -> None:
    for task in registry.tasks.values():
        schema = task.parameters()
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert not schema.keys() & {"oneOf", "anyOf", "allOf", "$ref", "$defs"}
        for name, rule in schema["properties"].items():
            assert isinstance(rule["type"], str), name
            assert rule["description"], name
        # llama.cpp refuses a tool list whose schemas hold large repetitions.
        assert not re.search(r"max(Length|Items)", json.dumps(schema))


def test_every_open_ended_argument_has_a_limit(registry: Registry) -> None:
    for task in registry.tasks.values():
        for name, rule in task.parameters()["properties"].items():
            bounded = "enum" in rule or "pattern" in rule or rule["type"] in ("integer", "number", "boolean")
            assert bounded or name in task.limits, f"{task.name}.{name}"


def test_defaults_are_the_tasks_own(registry: Registry) -> None:
    assert validate(registry.get("search_docs"), {"query": "x"}) == {
        "query": "x",
        "top_k": 5,
        "collection": "docs",
        "mode": "hybrid",
    }


def test_null_is_an_argument_left_out(registry: Registry) -> None:
    given = {"query": "x", "path": None, "top_k": None, "nonsense": None}
    assert validate(registry.get("search_docs"), given)["top_k"] == 5


def test_half_a_surrogate_pair_is_replaced(registry: Registry) -> None:
    checked = validate(registry.get("sort_text"), {"text": "a\ud83d", "labels": ["b\udc00", "c"]})
    assert (checked["text"], checked["labels"]) == ("a?", ["b?", "c"])


def test_a_whole_number_may_be_written_as_a_fraction(registry: Registry) -> None:
    top_k = validate(registry.get("search_docs"), {"query": "x", "top_k": 3.0})["top_k"]
    assert (top_k, type(top_k)) == (3, int)


def nested(depth: int, kind: str = "list") -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


CALLS: list[tuple[str, Any, str]] = [
    ("search_docs", {}, "search_docs: `query` is missing; add it: A question"),
    ("search_docs", {"query": ""}, "search_docs: `query` is empty; write some text there"),
    ("search_docs", {"query": " \n "}, "search_docs: `query` is empty"),
    ("search_docs", {"query": "x" * 10_000_000}, "`query` is 10,000,000 characters long and the limit is 20,000"),
    ("search_docs", {"qurey": "x"}, "unknown argument `qurey`; did you mean `query`?"),
    ("search_docs", {"query": "x", "zzz": 1}, "unknown argument `zzz`; known: query, top_k"),
    ("search_docs", {"query": 7}, "`query` must be text, not a whole number"),
    ("search_docs", {"query": "x", "top_k": "5"}, "`top_k` must be a whole number, not text"),
    ("search_docs", {"query": "x", "top_k": 2.5}, "`top_k` must be a whole number, not a number"),
    ("search_docs", {"query": "x", "top_k": True}, "`top_k` must be a whole number, not true/false"),
    ("search_docs", {"query": "x", "top_k": 0}, "`top_k` is 0; give at least 1"),
    ("search_docs", {"query": "x", "top_k": 101}, "`top_k` is 101; give at most 100"),
    ("search_docs", {"query": "x", "mode": "fuzzy"}, "`mode` is 'fuzzy'; use one of hybrid, vector, keyword"),
    ("search_docs", {"query": "x", "where": {"a": "x" * 501}}, "`where[a]` is 501 characters long"),
    (
        "search_docs",
        {"query": "x", "where": {"author": 3, "tags": None}},
        "`where.author` must be text, not a whole number",
    ),
    ("search_docs", ["x"], "search_docs: the arguments must be an object, not a list"),
    ("semantic_match", {"query": "x"}, "`candidates` is missing"),
    ("semantic_match", {"query": "x", "candidates": []}, "`candidates` has 0 entries; give at least 1"),
    ("semantic_match", {"query": "x", "candidates": "a"}, "`candidates` must be a list, not text"),
    ("semantic_match", {"query": "x", "candidates": ["a", 3]}, "`candidates[1]` must be text, not a whole number"),
    ("semantic_match", {"query": "x", "candidates": ["a"] * 20_001}, "limit is 20,000; index them as files"),
    ("semantic_match", {"queries": ["x"] * 2_001, "candidates": ["a"]}, "limit is 2,000; send them in several calls"),
    ("semantic_match", {"query": "x", "candidates": [{"id": "a"}]}, "`candidates[0]` has no `text`; add it"),
    ("semantic_match", {"query": "x", "candidates": [{"text": 3}]}, "`candidates[0].text` must be text, not a whole"),
    ("semantic_match", {"query": "x", "candidates": [{"text": "a" * 20_001}]}, "`candidates[0]` is 20,001 characters"),
    ("semantic_match", {"query": "x", "candidates": ["a" * 20_001]}, "`candidates[0]` is 20,001 characters long"),
    ("semantic_match", {"query": "x", "candidates": ["a"], "threshold": 2}, "`threshold` is 2; give at most 1"),
    ("semantic_match", {"query": "x", "candidates": ["a"], "threshold": float("nan")}, "`threshold` is nan; give an"),
    ("sort_text", {"text": "x", "labels": ["a"]}, "`labels` has 1 entries; give at least 2"),
    ("sort_text", {"text": "x", "labels": ["a", "b", "a"]}, "`labels` lists 'a' twice"),
    ("sort_text", {"text": "x", "labels": ["a", " "]}, "`labels[1]` is empty"),
    ("sort_text", {"text": "x", "labels": list(map(str, range(101)))}, "`labels` has 101 entries"),
    ("sort_text", {"body": "x"}, "unknown argument `body`"),
    ("sort_text", {"a" * 20_000_000: "x"}, f"unknown argument `{'a' * 80}`; known"),
    ("sort_text", {"a\x1b[31m\n<|": "x"}, "unknown argument `a[31m <|`"),
    ("sort_text", dict.fromkeys(map(str, range(200_000)), 1), "unknown argument `0`"),
    ("search_docs", {"query": "x", "mode": "m" * 20_000_000}, "`mode` is 'mmm"),
    ("search_docs", {"query": "x", "top_k": 10**300}, "`top_k` is 1000"),
    ("sort_text", {"text": "x", "labels": nested(900)}, "`labels` is nested more than 20 deep"),
    ("sort_text", {"text": "x", "labels": ["a", nested(900)]}, "`labels` is nested more than 20 deep"),
    ("search_docs", {"query": nested(900, "object")}, "`query` is nested more than 20 deep"),
    ("sort_text", {"text": "x", "labels": ["a", ["b"]]}, "`labels[1]` must be text, not a list"),
]


@pytest.mark.parametrize(("task", "arguments", "said"), CALLS, ids=[call[2][:40] for call in CALLS])
def test_every_refusal_is_one_plain_sentence(registry: Registry, task: str, arguments: Any, said: str) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        validate(registry.get(task), arguments)
    assert said in refusal.value.message
    assert len(refusal.value.message) < 400
    assert "\n" not in refusal.value.message
