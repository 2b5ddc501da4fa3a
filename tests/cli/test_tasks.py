"""`tasks` and `model use`: a person's YAML is changed by addition, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from openclaw_instructor.settings import Settings
from tests.conftest import Command

SEARCH = ["tasks", "add", "find_recipe", "--kind", "search", "--description", "Find a recipe"]
COMMENTED = """\
# my tasks
version: 1
tasks:
    # the first one
    sort_notes:   # short
        kind: classify
        description: >
          Sort a note
          by topic.
        instruction: "Represent the note for classification:"
        labels: [{name: home}, {name: work, description: "it's for the job"}]

# instructions of the embeddings endpoint
embeddings:
    ticket: "Represent the support ticket for retrieval:"
"""


def test_list_shows_packaged_and_own_tasks(command: Command, home: Path) -> None:
    (home / "instructions.yaml").write_text(COMMENTED)
    result = command("tasks", "list", "--json").json
    assert [task["name"] for task in result["tasks"]][-1] == "sort_notes"
    assert {"search_docs", "classify_email", "semantic_match"} < {task["name"] for task in result["tasks"]}
    assert result["problem"] is None
    assert "sort_notes" in command("tasks", "list").out


def test_a_broken_own_file_is_told_and_takes_no_tool_away(command: Command, home: Path) -> None:
    (home / "instructions.yaml").write_text("tasks:\n\tsearch_docs: {}\n")
    listed = command("tasks", "list")
    assert listed.status == 0
    assert "search_docs" in listed.out
    assert f"{home / 'instructions.yaml'}:2: is indented with a tab" in listed.err
    checked = command("tasks", "check", "--json")
    assert checked.status == 2
    assert [problem["line"] for problem in checked.json["problems"]] == [2]
    added = command(*SEARCH)
    assert added.status == 2
    assert "nothing was added, because" in added.err
    assert (home / "instructions.yaml").read_text() == "tasks:\n\tsearch_docs: {}\n"


def test_a_search_task_without_its_collection_is_told(command: Command) -> None:
    said = "find_recipe searches the collection `cookbook`, which does not exist yet"
    assert said in command(*SEARCH, "--collection", "cookbook").err
    assert said in command("tasks", "check").err


def test_a_mistyped_kind_is_found(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\ntasks:\n  a:\n    knd: search\n    description: x\n")
    assert "tasks.a.knd: is not a known key; did you mean `kind`?" in command("tasks", "check", str(path)).out


def test_check_prints_every_problem_with_its_line(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\ntasks:\n  a:\n    kind: serch\n  b:\n    kind: match\n    descripton: x\n")
    result = command("tasks", "check", str(path))
    assert result.status == 2
    lines = [line.removeprefix(f"{path}:").split(":")[0] for line in result.out.splitlines()]
    assert "4" in lines
    assert "7" in lines


def test_check_without_a_file_of_ones_own(command: Command) -> None:
    result = command("tasks", "check")
    assert (result.status, result.out) == (0, "")
    assert "the packaged tasks are in force" in result.err


def test_show_prints_the_entry_and_its_arguments(command: Command) -> None:
    shown = command("tasks", "show", "semantic_match", "--json").json
    assert shown["entry"]["kind"] == "match"
    assert "candidates" in shown["parameters"]["properties"]
    assert yaml.safe_load(command("tasks", "show", "semantic_match").out)["tasks"]["semantic_match"] == shown["entry"]


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        (["--kind", "search", "--collection", "recipes"], {"kind": "search", "collection": "recipes"}),
        (["--kind", "match", "--threshold", "0.7"], {"kind": "match", "threshold": 0.7}),
        (
            ["--kind", "classify", "--label", "home=a: b # c", "--label", "work", "--instruction", "Represent it:"],
            {"labels": [{"name": "home", "description": "a: b # c"}, {"name": "work"}], "instruction": "Represent it:"},
        ),
    ],
    ids=["search", "match", "classify"],
)
def test_add_makes_a_tool_of_each_kind(
    command: Command, home: Path, options: list[str], entry: dict[str, object]
) -> None:
    result = command("tasks", "add", "new_one", "--description", "Use it: always", *options, "--json")
    assert result.status == 0, result.err
    written = yaml.safe_load((home / "instructions.yaml").read_text())["tasks"]["new_one"]
    assert written == result.json["entry"]
    assert entry.items() <= written.items()
    assert command("tasks", "check").status == 0
    assert command("tasks", "show", "new_one").status == 0


@pytest.mark.parametrize(
    "before",
    [
        "",
        "version: 1\n",
        "version: 1\ntasks:\n",
        "tasks:\n# none yet\nversion: 1",
        "tasks:\n  search_docs:\n    enabled: false",
        "tasks:\n  search_docs:\n    enabled: false\n\n\n# end\n",
        "tasks:\n- search_docs\n",
        "tasks: {search_docs: {enabled: false}}\n",
        "tasks: {}\n",
        "{version: 1}\n",
        "---\nversion: 1\ntasks:\n  search_docs:\n    enabled: false\n...\n",
        "tasks: &t\n  search_docs:\n    enabled: false\n",
        COMMENTED,
        COMMENTED.replace("\n", "\r\n"),
    ],
)
def test_add_keeps_every_line_or_changes_nothing(command: Command, home: Path, before: str) -> None:
    path = home / "instructions.yaml"
    path.write_bytes(before.encode())
    known = yaml.safe_load(before) or {}
    result = command(*SEARCH)
    after = path.read_bytes().decode()
    if result.status:
        assert result.status == 2
        assert after == before
        return
    content = yaml.safe_load(after)
    assert content["tasks"].pop("find_recipe")["kind"] == "search"
    assert content == known | {"tasks": known.get("tasks") or {}}
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines()), after


def test_add_finds_the_end_of_the_tasks_between_other_keys(command: Command, home: Path) -> None:
    (home / "instructions.yaml").write_text(COMMENTED)
    assert command(*SEARCH).status == 0
    after = (home / "instructions.yaml").read_text()
    assert after.startswith(COMMENTED.split("\n# instructions of")[0])
    assert after.endswith("\n# instructions of" + COMMENTED.split("\n# instructions of")[1])
    assert "\n    find_recipe:\n" in after


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search_docs", "--kind", "match", "--description", "x"], "there is a task `search_docs` already"),
        (["Bad-Name", "--kind", "match", "--description", "x"], "not a valid tool name"),
        (["two", "--kind", "classify", "--description", "x", "--label", "one"], "give at least 2"),
        (["two", "--kind", "match", "--description", "x", "--label", "one"], "a task of kind match has no --label"),
        (["two", "--kind", "match", "--description", "x" * 301], "300"),
        (["two", "--kind", "match", "--description", "x", "--threshold", "7"], "threshold"),
    ],
)
def test_add_refuses_what_would_not_load(command: Command, home: Path, arguments: list[str], said: str) -> None:
    result = command("tasks", "add", *arguments)
    assert result.status == 2
    assert said in result.err
    assert not (home / "instructions.yaml").exists()


def test_add_names_the_file_and_not_its_copy(command: Command, home: Path) -> None:
    path = home / "instructions.yaml"
    path.write_text("{version: 1, tasks: {}}\n")
    result = command("tasks", "add", "two", "--kind", "match", "--description", "x")
    assert result.status == 2
    assert f"{path}: cannot be edited automatically" in result.err
    assert path.read_text() == "{version: 1, tasks: {}}\n"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder in which even root makes none")
def test_add_says_that_home_cannot_be_written(command: Command) -> None:
    result = command("--home", "/proc/home", "tasks", "add", "two", "--kind", "match", "--description", "x")
    assert result.status == 2
    assert "instructions.yaml: cannot be written (" in result.err


def test_model_use_keeps_the_rest_of_the_configuration(command: Command, home: Path, tiny_checkpoint: Path) -> None:
    config = home / "config.yaml"
    config.write_text("# tuned\nthreads: 2  # small machine\ncheckpoint: mini\noffline: true")
    used = command("model", "use", str(tiny_checkpoint), "--json")
    assert used.status == 0, used.err
    assert (used.json["checkpoint"], used.json["previous"], used.json["dimension"]) == (
        str(tiny_checkpoint),
        "mini",
        24,
    )
    assert config.read_text() == f"# tuned\nthreads: 2  # small machine\ncheckpoint: {tiny_checkpoint}\noffline: true"
    assert command("model", "info", "--json").json["identity"] == used.json["identity"]


def test_model_use_keeps_the_whole_path_of_a_folder(
    command: Command, home: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_checkpoint.parent)
    assert command("model", "use", tiny_checkpoint.name, "--json").json["checkpoint"] == str(tiny_checkpoint)
    assert Settings.load(home).checkpoint == str(tiny_checkpoint)


def test_a_folder_in_the_configuration_is_looked_for_beside_it(
    home: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(tiny_checkpoint, home / "checkpoints" / "mine")
    (home / "config.yaml").write_text("checkpoint: checkpoints/mine\n")
    monkeypatch.chdir(tmp_path)
    assert Settings.load(home).checkpoint == str(home / "checkpoints" / "mine")
    (home / "config.yaml").write_text("checkpoint: hkunlp/instructor-base\n")
    assert Settings.load(home).checkpoint == "hkunlp/instructor-base"


def test_model_use_refuses_what_is_no_checkpoint(command: Command, home: Path, tmp_path: Path) -> None:
    result = command("model", "use", str(tmp_path))
    assert result.status == 2
    assert "is not an embedding checkpoint" in result.err
    assert not (home / "config.yaml").exists()


def test_model_use_warns_when_the_environment_wins(
    command: Command, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", "mini")
    result = command("model", "use", str(tiny_checkpoint))
    assert result.status == 0
    assert "$OPENCLAW_INSTRUCTOR_CHECKPOINT says mini and wins" in result.err


def test_model_list_tells_the_used_and_the_absent(
    command: Command, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    rows = {row["name"]: row for row in command("model", "list", "--json").json["checkpoints"]}
    assert [name for name, row in rows.items() if row["used"]] == [str(tiny_checkpoint)]
    assert rows[str(tiny_checkpoint)]["layers"] == 2
    assert not rows["hkunlp/instructor-xl"]["available"]
    assert "hkunlp/instructor-xl" in command("model", "list").out


def test_model_pull_refuses_to_contradict_offline(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_OFFLINE", "true")
    result = command("model", "pull", "hkunlp/instructor-base")
    assert result.status == 2
    assert "`offline` is set" in result.err


@pytest.mark.parametrize("name", ["search_docs", "semantic_match", "classify_email"])
def test_what_show_prints_can_be_saved_as_a_file(command: Command, home: Path, name: str) -> None:
    entry = command("tasks", "show", name, "--json").json["entry"]
    (home / "instructions.yaml").write_text(command("tasks", "show", name).out)
    assert command("tasks", "check").status == 0
    assert command("tasks", "show", name, "--json").json["entry"] == entry


def test_copy_writes_the_whole_entry(command: Command, home: Path) -> None:
    assert command("tasks", "copy", "semantic_match").status == 0
    assert command("tasks", "copy", "classify_email", "sort_post").status == 0
    written = yaml.safe_load((home / "instructions.yaml").read_text())["tasks"]
    assert written["semantic_match"]["threshold"] == 0.3
    assert command("tasks", "show", "sort_post", "--json").json["entry"] == written["sort_post"]
    again = command("tasks", "copy", "semantic_match")
    assert again.status == 2
    assert "already has `semantic_match`" in again.err
    assert "there is a task `sort_post` already" in command("tasks", "copy", "semantic_match", "sort_post").err


LABELS = "{kind: classify, description: d, instruction: i, labels: [{name: home}, {name: work, examples: [x]}]}"
OWN = [
    "",
    "tasks:\n  classify_email:\n    extends: packaged\n    abstain_below: 0.3 # low\n",
    "tasks:\n  classify_email:\n    extends: packaged\n    labels:\n    - name: home  # mine\n      examples:\n"
    "      - x\n      # the end\n    - name: work\n\n# more\nembeddings: {a: b}\n",
    f"tasks:\n  classify_email: {LABELS}\n",
    f"tasks: {{classify_email: {LABELS}}}\n",
    COMMENTED,
]


@pytest.mark.parametrize("before", OWN)
@pytest.mark.parametrize(("task", "label"), [("classify_email", "work"), ("classify_email", "personal")])
@pytest.mark.parametrize("text", ["Lunch: at 12? # yes", "  - 'two'\nlines\n"])
def test_example_adds_one_and_keeps_the_rest(
    command: Command, home: Path, before: str, task: str, label: str, text: str
) -> None:
    path = home / "instructions.yaml"
    path.write_text(before)
    shown = ["tasks", "show", task, "--json"]
    labels = {each["name"]: each for each in command(*shown).json["entry"]["labels"]}
    result = command("tasks", "example", task, label, text)
    after = path.read_text()
    if label not in labels:
        assert (result.status, after) == (2, before)
        assert f"has no label `{label}`" in result.err
        return
    assert result.status == 0, result.err
    labels[label]["examples"].append(text.strip())
    assert {each["name"]: each for each in command(*shown).json["entry"]["labels"]} == labels
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines() if "{kind" not in line), after
    again = command("tasks", "example", task, label, text)
    assert again.status == 2
    assert "has this example already" in again.err


def test_example_goes_to_classify_tasks_only(command: Command) -> None:
    assert "of kind match and has no labels" in command("tasks", "example", "semantic_match", "a", "b").err
