"""The agent hosts that can be configured: one entry says where a host's file is and what it expects there.

A new host is a new entry. The formats are those of each host's documentation (`documentation`); for Claude Code, Codex
and Gemini CLI the tests also compare with what the program itself writes and lists.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openclaw_instructor.errors import InvalidArguments


@dataclass(frozen=True)
class AgentHost:
    """One host.

    `user` is its file below the user's home: one for all systems (""), or one for a `sys.platform`. `moved_by` is a
    variable of the environment that names the folder the file is in instead. `project` is the file below a project.
    `servers` is the key under which servers stand by name, and `extra` what an entry has beside `command` and `args`.
    """

    name: str
    title: str
    documentation: str
    user: Mapping[str, str]
    project: str
    servers: str
    syntax: Literal["json", "toml"] = "json"
    moved_by: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    next_step: str = ""

    def user_file(self) -> Path:
        """Return the file that holds for all projects of this user."""
        relative = Path(self.user.get(sys.platform) or self.user[""])
        folder = os.environ.get(self.moved_by) if self.moved_by else None
        return Path(folder).expanduser() / relative.name if folder else Path.home() / relative

    def project_file(self, folder: Path) -> Path:
        """Return the file that holds for one project. Raises InvalidArguments when there is no such folder."""
        if not folder.is_dir():
            raise InvalidArguments(f"--project: {folder} is no folder; give the root of the project")
        return folder.absolute() / self.project

    def entry(self, command: Sequence[str]) -> dict[str, Any]:
        """Return the entry of a server that is started by this command line."""
        return {**self.extra, "command": command[0], "args": list(command[1:])}


HOSTS: Mapping[str, AgentHost] = {
    host.name: host
    for host in (
        AgentHost(
            "claude-code",
            "Claude Code",
            "https://code.claude.com/docs/en/mcp",
            user={"": ".claude.json"},
            moved_by="CLAUDE_CONFIG_DIR",
            project=".mcp.json",
            servers="mcpServers",
            extra={"type": "stdio"},
            next_step="start a new session; `/mcp` shows the server",
        ),
        AgentHost(
            "codex",
            "Codex",
            "https://developers.openai.com/codex/mcp",
            user={"": ".codex/config.toml"},
            moved_by="CODEX_HOME",
            project=".codex/config.toml",
            servers="mcp_servers",
            syntax="toml",
            next_step="start a new session; `/mcp` shows the server",
        ),
        AgentHost(
            "cursor",
            "Cursor",
            "https://cursor.com/docs/mcp",
            user={"": ".cursor/mcp.json"},
            project=".cursor/mcp.json",
            servers="mcpServers",
            next_step="restart Cursor, and switch the server on in its MCP settings if it is off",
        ),
        AgentHost(
            "vscode",
            "VS Code",
            "https://code.visualstudio.com/docs/agents/reference/mcp-configuration",
            user={"": ".config/Code/User/mcp.json", "darwin": "Library/Application Support/Code/User/mcp.json"},
            project=".vscode/mcp.json",
            servers="servers",
            extra={"type": "stdio"},
            next_step="run `MCP: List Servers`, start the server and agree to it",
        ),
        AgentHost(
            "gemini",
            "Gemini CLI",
            "https://geminicli.com/docs/tools/mcp-server",
            user={"": ".gemini/settings.json"},
            project=".gemini/settings.json",
            servers="mcpServers",
            next_step="start a new session; `/mcp` shows the server",
        ),
    )
}
