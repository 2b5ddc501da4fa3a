"""The programs of the hosts list our server, start it, and lose it again; `make hosts` installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.console import ROOT

_BIN = ROOT / "build/hosts/node_modules/.bin"
# Asks the program; what it says of a server that it could start, or of one that it only lists.
_ASKED = {
    "claude-code": (("claude", "mcp", "list"), "✔ Connected"),
    "codex": (("codex", "mcp", "list"), "enabled"),
    "gemini": (("gemini", "mcp", "list"), "Connected"),
}


@pytest.mark.parametrize("host", _ASKED)
def test_the_host_sees_the_server(
    host: str, tmp_path: Path, home: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, said = _ASKED[host]
    path = os.pathsep.join([str(_BIN), os.environ["PATH"]])
    if shutil.which(arguments[0], path=path) is None:
        pytest.skip(f"no {arguments[0]}; `make hosts` installs it")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Nothing of the caller's environment reaches the host, and it reports nothing.
    environment = {
        "PATH": path,
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }

    def ours() -> list[str]:
        done = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        return [line for line in (done.stdout + done.stderr).splitlines() if "instructor" in line]

    command("hosts", "install", host)
    assert any(said in line and str(home) in line for line in ours())
    command("hosts", "uninstall", host)
    assert ours() == []
