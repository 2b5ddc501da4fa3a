"""The kinds that read, list and add documents, as entries of a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings


@pytest.fixture
def overlay(home: Path) -> Path:
    return home / "instructions.yaml"


def test_an_agent_gets_what_reads_and_the_owner_shows_the_rest(home: Path, overlay: Path) -> None:
    settings = Settings(home=home)
    tasks = Registry.load(settings).tasks
    assert {"read_document", "list_documents"} < set(tasks)
    assert "index_folder" not in tasks
    overlay.write_text("tasks: {index_folder: {enabled: true}, read_document: {enabled: false}}\n")
    registry = Registry.load(settings)
    assert registry.problem is None
    assert registry.get("index_folder").effect == "write"
    assert "read_document" not in registry.tasks
    assert list(registry.tasks).index("index_folder") == 2


def test_a_tool_that_does_not_exist_cannot_be_shown(home: Path, overlay: Path) -> None:
    overlay.write_text("tasks: {index_foldr: {enabled: true}}\n")
    assert "shows a task that does not exist; did you mean `index_folder`" in str(
        Registry.load(Settings(home=home)).problem
    )


def test_they_have_no_instruction_to_embed_with(home: Path) -> None:
    registry = Registry.load(Settings(home=home))
    assert {registry.get(name).instruction() for name in ("read_document", "list_documents")} == {""}


def test_the_tools_are_short(home: Path, overlay: Path) -> None:
    """Every turn of an agent carries them."""
    overlay.write_text("tasks: {index_folder: {enabled: true}}\n")
    specs = {spec.name: spec for spec in Registry.load(Settings(home=home)).tool_specs()}
    for name in ("read_document", "list_documents", "index_folder"):
        assert len(specs[name].description) + len(str(specs[name].parameters)) < 1_200, name
