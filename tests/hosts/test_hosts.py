"""`hosts install` and `uninstall`, in files as people have them."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.hosts.table import HOSTS
from tests.conftest import Command


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has no host yet."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for host in HOSTS.values():
        if host.moved_by:
            monkeypatch.delenv(host.moved_by, raising=False)
    return folder


def read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    read: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    return read


@pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))
def test_a_host_gets_the_running_program_and_gives_it_back(host: Any, user: Path, home: Path, command: Command) -> None:
    done = command("hosts", "install", host.name, "--json").json
    path = Path(done["config"])
    assert path == host.user_file()
    assert (done["state"], done["backup"]) == ("installed", None)
    entry = read(path)[host.servers]["instructor"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-3:] == ["--home", str(home), "mcp"]
    assert command("hosts", "install", host.name, "--json").json["state"] == "current"
    states = {row["host"]: row["state"] for row in command("hosts", "list", "--json").json["hosts"]}
    assert states == dict.fromkeys(HOSTS, "absent") | {host.name: "installed"}
    assert command("hosts", "uninstall", host.name, "--json").json["state"] == "restored"
    assert not path.exists()


def test_each_system_has_its_folder(monkeypatch: pytest.MonkeyPatch, user: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert HOSTS["vscode"].user_file() == user / "Library/Application Support/Code/User/mcp.json"
    monkeypatch.setenv("CODEX_HOME", str(user / "elsewhere"))
    assert HOSTS["codex"].user_file() == user / "elsewhere/config.toml"


def test_an_untouched_file_comes_back_byte_for_byte(user: Path, command: Command) -> None:
    before = b'\xef\xbb\xbf{ // mine\r\n  "servers": { "x" : {"command": "y"} , },\r\n}'
    path = user / "dotfiles/mcp.json"
    path.parent.mkdir()
    path.write_bytes(before)
    path.chmod(0o600)
    link = HOSTS["vscode"].user_file()
    link.parent.mkdir(parents=True)
    link.symlink_to(path)
    done = command("hosts", "install", "vscode", "--json").json
    assert Path(done["backup"]).read_bytes() == before
    assert path.read_bytes() != before
    assert command("hosts", "uninstall", "vscode").out == f"restored: {path} is as it was before\n"
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert [entry.name for entry in path.parent.iterdir()] == ["mcp.json"]


def test_what_a_host_wrote_since_stays(user: Path, command: Command) -> None:
    path = user / ".claude.json"
    path.write_text('{"numStartups": 1}\n', encoding="utf-8")
    backup = command("hosts", "install", "claude-code", "--json").json["backup"]
    path.write_text(json.dumps(read(path) | {"numStartups": 2}, indent=2), encoding="utf-8")
    done = command("hosts", "uninstall", "claude-code", "--json").json
    assert (done["state"], done["backup"]) == ("removed", backup)
    assert read(path) == {"numStartups": 2}


def test_another_s_entry_is_neither_replaced_nor_removed(user: Path, command: Command) -> None:
    path = user / ".cursor/mcp.json"
    path.parent.mkdir()
    text = '{"mcpServers": {"instructor": {"command": "another"}}}'
    path.write_text(text, encoding="utf-8")
    for verb, words in (("install", "--name"), ("uninstall", "starts another program")):
        refused = command("hosts", verb, "cursor")
        assert refused.status == 2
        assert words in refused.err
    assert path.read_text(encoding="utf-8") == text
    assert command("hosts", "install", "cursor", "--name", "texts").status == 0
    assert set(read(path)["mcpServers"]) == {"instructor", "texts"}
    assert command("hosts", "uninstall", "cursor", "--name", "texts").status == 0
    assert path.read_text(encoding="utf-8") == text


def test_an_entry_made_by_hand_can_be_removed(user: Path, command: Command) -> None:
    path = user / ".gemini/settings.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {"instructor": {"command": "openclaw-instructor", "args": ["mcp"]}}}')
    assert command("hosts", "uninstall", "gemini", "--json").json["state"] == "removed"
    assert read(path) == {"mcpServers": {}}
    assert command("hosts", "uninstall", "gemini", "--json").json["state"] == "absent"


def test_a_file_that_cannot_be_edited_is_left_and_the_lines_are_said(user: Path, command: Command) -> None:
    path = user / ".codex/config.toml"
    path.parent.mkdir()
    path.write_text("mcp_servers = {x = {command = 'y'}}", encoding="utf-8")
    refused = command("hosts", "install", "codex")
    assert refused.status == 2
    assert "left as it is" in refused.err
    assert "[mcp_servers.instructor]" in refused.err
    assert path.read_text(encoding="utf-8") == "mcp_servers = {x = {command = 'y'}}"
    path.write_bytes(b"\xff")
    assert "not UTF-8" in command("hosts", "install", "codex").err
    states = {row["host"]: row for row in command("hosts", "list", "--json").json["hosts"]}
    assert states["codex"]["state"] == "unreadable"
    assert "not UTF-8" in states["codex"]["problem"]


def test_a_project_has_its_own_file(user: Path, tmp_path: Path, command: Command) -> None:
    for host in HOSTS.values():
        done = command("hosts", "install", host.name, "--project", str(tmp_path), "--json").json
        assert done["config"] == str(tmp_path / host.project)
    assert list(user.iterdir()) == []
    assert command("hosts", "install", "codex", "--project", str(tmp_path / "none")).status == 2


def test_print_changes_nothing(user: Path, command: Command) -> None:
    printed = command("hosts", "install", "codex", "--print").out
    assert printed.startswith(f"in {user}/.codex/config.toml:\n[mcp_servers.instructor]\n")
    assert list(user.iterdir()) == []
