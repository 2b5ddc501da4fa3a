"""The command line as people and scripts meet it: help, exit statuses, errors, output on the right stream."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from openclaw_instructor import __version__
from openclaw_instructor.cli import COMMANDS, cli
from tests.conftest import Command


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def test_help_lists_every_command(command: Command) -> None:
    result = command("--help")
    assert result.status == 0
    assert all(f"\n  {name} " in result.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_entry_of_the_table_is_a_command_with_help(name: str, command: Command) -> None:
    result = command(name, "--help")
    assert result.status == 0
    assert result.out.startswith(f"Usage: openclaw-instructor {name}")


def test_every_command_speaks_json() -> None:
    # `mcp` and `daemon run` speak a protocol of their own until they end.
    without = {("mcp",), ("daemon", "run")}
    for path, leaf in leaves(cli):
        options = {option for parameter in leaf.params for option in parameter.opts}
        assert path in without or "--json" in options, " ".join(path)


def test_every_option_and_command_is_explained() -> None:
    for path, leaf in leaves(cli):
        assert leaf.help, " ".join(path)
        for parameter in leaf.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{path}: {parameter.opts}"


def test_numpy_has_one_thread_unless_the_environment_says_otherwise(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    command("--version")
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    command("--version")
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_a_command_that_makes_many_objects_seldom_looks_for_garbage(command: Command) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, *before[1:])
        command("--version")
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)


def test_version(command: Command) -> None:
    assert command("--version").out == f"openclaw-instructor, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch", "x"], "no such command: `serch`; did you mean `search`?"),
        (["xyzzy"], "no such command: `xyzzy`; see `openclaw-instructor --help`"),
        (["search"], "Missing argument 'QUERY'; see `openclaw-instructor search --help`"),
        (["search", "x", "--top-k", "0"], "0 is not in the range x>=1"),
        (["run", "search_doc"], "did you mean `search_docs`?"),
        (["run", "search_docs", "{oops"], "not valid JSON (line 1, column 2"),
        (["run", "search_docs", "[1]"], "must be a JSON object"),
        (["run", "search_docs", "@nowhere.json"], "nowhere.json: cannot be read (No such file or directory)"),
        (["search", "  "], "`query` is empty"),
        (["match", "x"], "`candidates` has 0 entries; give at least 1"),
        (["classify", "--raw", "nowhere.eml"], "nowhere.eml: cannot be read"),
        (["classify", "--text", "x"], "unknown argument `text`"),
        (["classify", "--subject", "x", "--label", "a", "--label", "a"], "`labels` lists 'a' twice"),
        (["embed"], "nothing to embed"),
        (["tasks", "show", "semantic_matc"], "did you mean `semantic_match`?"),
        (["tasks", "check", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["model", "info", "no/such/folder"], "no such folder"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_status_2(arguments: list[str], said: str, command: Command) -> None:
    result = command(*arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert said in result.err
    assert "Traceback" not in result.err

    as_json = command(*arguments, "--json")
    assert as_json.status == 2
    assert said in as_json.json["error"]["message"]
    assert as_json.json["error"]["code"]


def test_our_mistake_is_status_1_with_a_way_to_see_more(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr("openclaw_instructor.registry.Registry.load", broken)
    result = command("tasks", "list", "--json")
    assert result.status == 1
    assert result.json["error"]["code"] == "internal"
    assert "ZeroDivisionError: seven" in result.err
    assert "OPENCLAW_INSTRUCTOR_DEBUG=1" in result.err

    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["tasks", "list"], standalone_mode=False)


def test_home_on_the_command_line_wins(command: Command, tmp_path: Path) -> None:
    result = command("--home", str(tmp_path / "other"), "tasks", "list", "--json")
    assert result.json["sources"][1] == str(tmp_path / "other" / "instructions.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("checkpont: mini\n", "did you mean `checkpoint`?"),
        ("a: [\n", "not valid YAML"),
        ("home: /tmp\n", "`home` is the folder that this file lies in"),
        ("true: 3\n", "the key True is not a name"),
    ],
)
def test_a_broken_configuration_names_the_file(home: Path, command: Command, content: str, said: str) -> None:
    (home / "config.yaml").write_text(content)
    result = command("tasks", "list")
    assert result.status == 2
    assert said in result.err
    assert str(home / "config.yaml") in result.err


def test_a_closed_pipe_is_not_an_error_message() -> None:
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-m", "openclaw_instructor", "tasks", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_arguments_from_a_file_and_from_standard_input(
    command: Command, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    arguments = {"query": "a", "candidates": ["a", "b"], "threshold": -1}
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    expected = command("run", "semantic_match", json.dumps(arguments), "--json")
    assert expected.status == 0, expected.err
    assert expected.json["best"]["text"] == "a"
    assert command("run", "semantic_match", f"@{tmp_path / 'arguments.json'}", "--json").json == expected.json
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(arguments).encode())))
    assert command("run", "semantic_match", "-", "--json").json == expected.json


def test_a_query_of_ten_megabytes_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "arguments.json").write_text(json.dumps({"query": "x" * 10_000_000}))
    result = command("run", "search_docs", f"@{tmp_path / 'arguments.json'}")
    assert result.status == 2
    assert "`query` is 10,000,000 characters long and the limit is" in result.err
    assert len(result.err) < 500


def test_a_truncated_checkpoint_is_named(
    command: Command, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(broken))
    result = command("embed", "x")
    assert result.status == 2
    assert str(weights) in result.err
    assert "Traceback" not in result.err


@pytest.fixture
def tiny(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    return tiny_checkpoint
