"""A kind from outside the package: its entries are validated, run and offered like the package's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry import check, kinds, schema
from openclaw_instructor.registry.kinds import Kind, Option
from openclaw_instructor.registry.task import Task
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.runners import Resources

ENTRY = """\
tasks:
  how_long:
    kind: measure
    description: Count the characters of a text.
    unit: characters
"""


class MeasureTask(Task):
    """Counts what a text holds."""

    kind: Literal["measure"] = "measure"
    unit: Literal["characters", "words"] = "words"
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {"text": 20}

    def parameters(self) -> dict[str, Any]:
        return schema.object_(["text"], text=schema.text("The text."))

    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return ""

    def usage(self) -> str:
        return f"Counts {self.unit}."


def run(task: MeasureTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    text = arguments["text"]
    return {task.unit: len(text) if task.unit == "characters" else len(text.split())}


MEASURE = Kind(
    task=MeasureTask,
    runner=f"{__name__}:run",
    new_entry=lambda options: {"unit": options.get("unit", "words")},
    options=(Option("--unit", "[characters|words]", "What a measure task counts."),),
)


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> None:
    # Commands take the options of kinds when they are imported; imported now, they keep those of the package.
    import openclaw_instructor.cli.tasks  # noqa: F401

    monkeypatch.setattr(kinds, "_registered", {})
    kinds.register(MEASURE)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kind as another installed distribution declares it."""
    point = EntryPoint("measure", f"{__name__}:MEASURE", kinds.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    kinds._installed.cache_clear()
    yield
    kinds._installed.cache_clear()


@pytest.mark.parametrize("how", ["measure", "declared"])
def test_a_task_of_the_kind_runs(how: str, request: pytest.FixtureRequest, home: Path) -> None:
    request.getfixturevalue(how)
    Settings.load(home).instructions_path.write_text(ENTRY)
    with Toolbox() as toolbox:
        assert "how_long" in [tool.name for tool in toolbox.tools()]
        assert toolbox.run("how_long", {"text": "four"}) == {"characters": 4}
        with pytest.raises(InvalidArguments, match="limit is 20"):
            toolbox.run("how_long", {"text": "four " * 5})


def test_without_the_kind_its_entry_is_a_problem(home: Path) -> None:
    path = Settings.load(home).instructions_path
    path.write_text(ENTRY)
    assert "kind" in str(check(path)[0])


@pytest.mark.usefixtures("measure")
def test_its_fields_are_checked(home: Path) -> None:
    path = Settings.load(home).instructions_path
    path.write_text(ENTRY.replace("characters", "miles", 1).replace("unit: characters", "unit: miles"))
    assert "tasks.how_long.unit" in str(check(path)[0])


@pytest.mark.usefixtures("measure")
def test_tasks_add_knows_it(command: Callable[..., Any]) -> None:
    done = command("tasks", "add", "count_words", "--kind", "measure", "--description", "Count words.")
    assert done.status == 0, done.err
    with Toolbox() as toolbox:
        assert toolbox.run("count_words", {"text": "one two"}) == {"words": 2}
