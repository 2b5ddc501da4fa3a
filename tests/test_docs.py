"""The documentation is executed, complete and in step with the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from openclaw_instructor.cli import cli, reference
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.registry import check
from openclaw_instructor.registry.kinds import kinds
from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.settings import Settings
from tests.console import PAGES, ROOT, agrees, blocks, run, steps, workplace


@pytest.fixture(scope="module")
def embedded_once() -> Iterator[None]:
    """What a page indexes and an earlier page indexed too has the vectors that the model gave it there."""
    known: dict[tuple[object, ...], Any] = {}
    embed = INSTRUCTOR.embed

    def remembering(model: INSTRUCTOR, prompts: Sequence[Prompt], *given: Any) -> Any:
        keys = [(model.checkpoint.identity, model.dtype, each.pool_from, *each.ids) for each in prompts]
        new = [index for index, key in enumerate(keys) if key not in known]
        if new:
            vectors = embed(model, [prompts[index] for index in new], *given)
            known.update((keys[index], vector) for index, vector in zip(new, vectors, strict=True))
        return np.stack([known[key] for key in keys])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(INSTRUCTOR, "embed", remembering)
        yield


@pytest.mark.usefixtures("embedded_once")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    with workplace(tmp_path):
        follow(page)


def follow(page: Path) -> None:
    names: dict[str, object] = {}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "console":
            for step in steps(block.text):
                printed = run(step.command)
                where = f"{page.name}, block at line {block.line}: {step.command}"
                assert agrees(step.expected, printed), (
                    f"{where}\nsaid:\n{step.expected}\nprinted:\n{printed}\nIf that is right: make docs"
                )
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_not_run_at_least_exist(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language not in ("sh", "bash"):
            continue
        for line in block.text.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0].endswith("openclaw-instructor"):
                parse(words[1:])


def parse(words: list[str]) -> None:
    """Parse a command line without running it; raises click.UsageError."""
    command: click.Command = cli
    context = cli.make_context("openclaw-instructor", list(words))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_on_a_page_is_sound(page: Path, tmp_path: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language != "yaml":
            continue
        content = yaml.safe_load(block.text)
        if content.keys() & {"tasks", "embeddings"}:
            path = tmp_path / "instructions.yaml"
            path.write_text(block.text)
            assert [str(problem) for problem in check(path)] == []
        else:
            Settings(home=tmp_path, **content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_generated_pages_are_up_to_date() -> None:
    for path, text in reference.generated().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale; run: make generated"


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if name != "home" and not field.description] == []


def test_every_key_of_a_task_is_documented() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    models: dict[str, type[BaseModel]] = {name: kind.task for name, kind in kinds().items()}
    for kind, model in {**models, "label": Label}.items():
        for name, field in model.model_fields.items():
            assert name == "name" or f"`{field.alias or name}`" in page, f"{kind}.{field.alias or name}"


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a 0.81 b", "a  0.80\nb", True),
        ("a 0.812 b", "a 0.821 b", False),
        ("a 0.81 b", "a 0.70 b", False),
        ("a 0.81 b", "a 0.81 c", False),
        ("a ... b", "a x y b", True),
        ("a ...", "a", True),
        ("a ...", "b", False),
        ("...", "", True),
        ("", "anything", False),
        ("version 1.2.3", "version 1.2.4", False),
    ],
)
def test_the_comparison_itself(expected: str, printed: str, same: bool) -> None:
    assert agrees(expected, printed) is same
