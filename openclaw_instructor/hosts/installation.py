"""Enter the MCP server in a host's file with a backup, and take it out so that the file is as it was before.

What was done to each file is kept in `hosts.json` in home. A file that nobody changed since is replaced by its backup,
byte for byte; from one that was changed only the entry is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from openclaw_instructor.errors import InvalidArguments, InvalidSettings, UnreadableSource
from openclaw_instructor.hosts import json_edit, toml_edit
from openclaw_instructor.hosts.json_edit import NotEditable
from openclaw_instructor.hosts.table import AgentHost
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.paths import copy_beside, write_whole
from openclaw_instructor.settings import Settings

DEFAULT_NAME = "instructor"
_BOM = "\ufeff"
State = Literal["installed", "absent", "other", "unreadable"]


@dataclass(frozen=True)
class Change:
    """What was done to a file: `backup` is the file from before, None if there was none or it is needed no more."""

    host: str
    config: str
    name: str
    state: Literal["installed", "current", "removed", "restored", "absent"]
    backup: str | None = None
    next_step: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class _Receipt:
    """What an installation changed: digests of the file before (None: there was none) and after, and the backup."""

    before: str | None
    after: str
    backup: str | None
    had_section: bool


class HostFile:
    """The file of one host, and the entry of one name in it."""

    def __init__(self, settings: Settings, host: AgentHost, path: Path, name: str = DEFAULT_NAME) -> None:
        # A link to a file that is kept elsewhere stays a link.
        self.path = path.resolve()
        self.host, self.name = host, name
        self._editor: ModuleType = toml_edit if host.syntax == "toml" else json_edit
        self._receipts = settings.home / "hosts.json"
        self._key = f"{self.path} {name}"
        self.wanted = host.entry([*command_line(settings), "mcp"])

    @property
    def snippet(self) -> str:
        """The entry as it stands in an otherwise empty file."""
        text: str = self._editor.with_entry("", self.host.servers, self.name, self.wanted)
        return text

    def state(self) -> tuple[State, str]:
        """Return whether the server is entered, and for a file that cannot be read, why."""
        try:
            entry = self._entry(self._read() or "")
        except (InvalidSettings, UnreadableSource) as error:
            return "unreadable", error.message
        if entry is None:
            return "absent", ""
        return ("installed" if self._is_ours(entry) else "other"), ""

    def install(self) -> Change:
        """Enter the server. Raises InvalidSettings with the lines to add where the file cannot be edited safely."""
        before = self._read()
        entry = self._entry(before or "")
        if entry == self.wanted:
            return self._change("current", next_step=self.host.next_step)
        if entry is not None:
            raise InvalidArguments(
                f"{self.path} has another `{self.name}`; remove it with "
                f"`openclaw-instructor hosts uninstall {self.host.name}`, or give this one another --name"
            )
        text, mark = _without_mark(before or "")
        after = mark + self._edited("with_entry", text, self.wanted)
        had_section = self.host.servers in self._load(text)
        backup = str(copy_beside(self.path)) if before is not None else None
        write_whole(self.path, after)
        self._remember(_Receipt(None if before is None else _digest(before), _digest(after), backup, had_section))
        return self._change("installed", backup, self.host.next_step)

    def uninstall(self) -> Change:
        """Remove the server. Raises InvalidArguments for an entry that is another's, InvalidSettings as `install`."""
        receipt = self._receipt()
        current = self._read()
        if current is None or (entry := self._entry(current)) is None:
            self._remember(None)
            return self._change("absent")
        if receipt is not None and _digest(current) == receipt.after and self._restore(receipt):
            self._remember(None)
            return self._change("restored")
        if receipt is None and not self._is_ours(entry):
            raise InvalidArguments(
                f"{self.path}: `{self.name}` starts another program than this one; remove it there if you want"
            )
        text, mark = _without_mark(current)
        prune = receipt is not None and not receipt.had_section
        write_whole(self.path, mark + self._edited("without_entry", text, prune=prune))
        self._remember(None)
        return self._change("removed", receipt.backup if receipt else None)

    def _restore(self, receipt: _Receipt) -> bool:
        """Bring back the file from before, if its copy is what it was."""
        if receipt.before is None:
            self.path.unlink()
            return True
        copy = Path(receipt.backup or "")
        if not copy.is_file() or _digest(copy.read_bytes().decode()) != receipt.before:
            return False
        copy.replace(self.path)
        return True

    def _is_ours(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry starts this program, of whatever installation and home."""
        words = [str(entry.get("command", "")), *map(str, entry.get("args") or [])]
        return Path(words[0]).name == "openclaw-instructor" or "openclaw_instructor" in words

    def _entry(self, text: str) -> Mapping[str, Any] | None:
        servers = self._load(_without_mark(text)[0]).get(self.host.servers)
        found = servers.get(self.name) if isinstance(servers, dict) else None
        return found if found is None or isinstance(found, dict) else {}

    def _load(self, text: str) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = self._editor.load(text)
        except NotEditable as error:
            raise self._refused(error) from None
        return loaded

    def _edited(self, function: str, text: str, *more: Any, **options: Any) -> str:
        try:
            made: str = getattr(self._editor, function)(text, self.host.servers, self.name, *more, **options)
        except NotEditable as error:
            raise self._refused(error) from None
        return made

    def _refused(self, error: NotEditable) -> InvalidSettings:
        return InvalidSettings(
            f"{self.path}: {error}; it was left as it is. To add the server yourself:\n{self.snippet}"
        )

    def _read(self) -> str | None:
        try:
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise UnreadableSource(f"{self.path}: is not UTF-8; save it as UTF-8") from None
        except OSError as error:
            raise UnreadableSource(f"{self.path}: cannot be read ({error.strerror}); check its permissions") from None

    def _change(self, state: Any, backup: str | None = None, next_step: str = "") -> Change:
        return Change(self.host.name, str(self.path), self.name, state, backup, next_step)

    def _receipt(self) -> _Receipt | None:
        kept = self._kept().get(self._key)
        return _Receipt(**kept) if kept else None

    def _kept(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._receipts.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise UnreadableSource(f"{self._receipts}: is damaged; remove it, and check each host's file") from None
        return kept

    def _remember(self, receipt: _Receipt | None) -> None:
        kept = self._kept()
        if receipt is None and self._key not in kept:
            return
        kept.pop(self._key, None)
        if receipt is not None:
            kept[self._key] = asdict(receipt)
        write_whole(self._receipts, json.dumps(kept, indent=2) + "\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _without_mark(text: str) -> tuple[str, str]:
    """Split a byte order mark off, which neither format allows."""
    return (text[1:], _BOM) if text.startswith(_BOM) else (text, "")
