"""What is generated from the registry for OpenClaw and other hosts."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from openclaw_instructor import __version__
from openclaw_instructor.openclaw import manifest, package
from openclaw_instructor.openclaw.skills import skill_files, skill_names
from openclaw_instructor.registry import Registry, Task
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.settings import Settings

ROOT = Path(package.__file__).parents[2]


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, Task]:
    return dict(Registry.load(Settings(home=tmp_path)).tasks)


def ticket() -> ClassifyTask:
    return ClassifyTask(
        name="classify_ticket",
        description="Sort a support ticket. Use it for tickets only.",
        instruction="Represent the support ticket for classifying its topic:",
        labels=({"name": "bug"}, {"name": "question"}),
        abstain_below=0.25,
    )


def test_the_committed_files_follow_from_the_packaged_registry() -> None:
    assert package.stale_files(ROOT) == []


def test_a_stale_or_missing_file_is_named_and_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, text in package.generated_files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "mcp.json").unlink()
    (tmp_path / package.TOOLS).write_text("{}", encoding="utf-8")
    assert package.main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "mcp.json is stale" in said
    assert f"{package.TOOLS} is stale" in said
    assert "openclaw.plugin.json" not in said
    assert package.main(["--root", str(tmp_path)]) == 0
    assert package.main(["--check", "--root", str(tmp_path)]) == 0


def test_every_task_is_declared_and_described(tasks: dict[str, Task]) -> None:
    files = package.plugin_files(tasks | {"classify_ticket": ticket()})
    names = [*tasks, "classify_ticket"]
    assert {"search_docs", "classify_email", "semantic_match"} <= set(names)
    assert json.loads(files[manifest.MANIFEST])["contracts"]["tools"] == [*names, manifest.GENERIC_TOOL]
    tools = json.loads(files[package.TOOLS])["tools"]
    assert list(tools) == names
    for name, task in tasks.items():
        assert tools[name]["description"] == task.description
        assert tools[name]["parameters"] == task.tool_spec().for_agents()
    assert list(files)[-1] == manifest.MANIFEST, "names are declared only after their specs are written"


def test_a_task_is_listed_for_the_generic_tool_in_a_line(tasks: dict[str, Task]) -> None:
    files = package.plugin_files(tasks | {"classify_ticket": ticket()})
    line = json.loads(files[package.TOOLS])["tools"]["classify_ticket"]["line"]
    assert line.startswith("classify_ticket {text, labels?}: Sort a support ticket")
    assert "tickets only" not in line


def test_the_same_tasks_give_the_same_bytes(tasks: dict[str, Task]) -> None:
    first = package.plugin_files(tasks, ["/opt/bin/openclaw-instructor"])
    program = (
        "import json, sys, tempfile; from pathlib import Path; from openclaw_instructor.openclaw import package;"
        "from openclaw_instructor.registry import Registry; from openclaw_instructor.settings import Settings;"
        "tasks = Registry.load(Settings(home=Path(tempfile.gettempdir()) / 'no-such-home')).tasks;"
        "json.dump(package.plugin_files(tasks, ['/opt/bin/openclaw-instructor']), sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == first


def test_a_skill_lists_its_tools_and_goes_with_its_last_task(tasks: dict[str, Task]) -> None:
    skills = skill_files(tasks | {"classify_ticket": ticket()})
    triage = skills["skills/instructor-triage/SKILL.md"]
    assert "- `classify_ticket`: Sort a support ticket. Use it for tickets only. Labels: bug, question." in triage
    assert "Abstains below 0.25." in triage
    assert "classify_ticket" not in skills["skills/instructor-search/SKILL.md"]
    without_search = {name: task for name, task in tasks.items() if task.kind not in ("search", "read", "list")}
    assert "skills/instructor-search/SKILL.md" not in skill_files(without_search)


def test_skills_have_front_matter_a_workflow_and_an_install_hint(tasks: dict[str, Task]) -> None:
    teaches = {
        "instructor-search": ("file.md:12-30", "Read the source", "`notes`"),
        "instructor-triage": ("abstained", "`runners_up`", "`margin`"),
        "instructor-match": ("threshold", "`notes`", "negation"),
    }
    for path, text in skill_files(tasks).items():
        name = Path(path).parent.name
        front = yaml.safe_load(text.split("---\n")[1])
        assert front["name"] == name
        assert len(front["description"]) <= 160
        needs = front["metadata"]["openclaw"]
        assert needs["requires"]["bins"] == ["openclaw-instructor"]
        assert "install" not in needs, "OpenClaw installs by name only, and the name is not published"
        assert all(word in text for word in teaches.pop(name))
        assert len(text.splitlines()) < 60, "a skill is read into the conversation: keep it short"
    assert not teaches


def test_a_plugin_that_knows_the_program_does_not_look_for_it_on_path(tasks: dict[str, Task]) -> None:
    files = package.plugin_files(tasks, ["/opt/bin/openclaw-instructor", "--home", "/data"])
    assert json.loads(files[package.TOOLS])["command"] == ["/opt/bin/openclaw-instructor", "--home", "/data"]
    front = yaml.safe_load(files["skills/instructor-search/SKILL.md"].split("---\n")[1])
    assert "requires" not in front["metadata"]["openclaw"]
    assert "command" not in json.loads(package.plugin_files(tasks)[package.TOOLS])


def test_every_version_agrees() -> None:
    def version(name: str) -> str:
        return str(json.loads((ROOT / name).read_text(encoding="utf-8"))["version"])

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = ("openclaw.plugin.json", "package.json", "plugin.json", package.TOOLS)
    assert {name: version(name) for name in files} == dict.fromkeys(files, __version__)
    assert project["version"] == __version__


def test_the_tarball_holds_the_plugin_and_nothing_else(tmp_path: Path) -> None:
    first, again = package.pack(ROOT, tmp_path / "a"), package.pack(ROOT, tmp_path / "b")
    assert first.read_bytes() == again.read_bytes()
    with tarfile.open(first) as archive:
        names = {member.name.removeprefix("package/") for member in archive if member.isfile()}
    scripts = {f"{manifest.CODE_FOLDER}/{name}" for name in manifest.SCRIPTS}
    skills = {f"skills/{name}/SKILL.md" for name in skill_names()}
    assert names == {
        "package.json",
        "LICENSE",
        "README.md",
        manifest.MANIFEST,
        manifest.ICON,
        package.TOOLS,
        *scripts,
        *skills,
    }


def test_the_plugin_starts_no_process_and_reads_no_environment() -> None:
    """The rules of `openclaw security audit --deep`, so that a slip shows without OpenClaw too."""
    for name in manifest.SCRIPTS:
        text = (Path(package.__file__).parent / name).read_text(encoding="utf-8")
        assert "child_process" not in text
        assert "process.env" not in text
        assert not ("node:fs" in text and "fetch(" in text), f"{name} reads files and talks to the network"


def test_the_bundle_starts_the_mcp_server_by_its_name() -> None:
    files = package.bundle_files()
    [(name, server)] = json.loads(files["mcp.json"])["mcpServers"].items()
    assert name == "instructor"
    # Hosts refuse absolute commands and drop a server with a key they do not know.
    assert server == {"type": "stdio", "command": "openclaw-instructor", "args": ["mcp"]}
    assert json.loads(files["plugin.json"])["name"] == manifest.PLUGIN_ID
