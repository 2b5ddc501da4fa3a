"""Add and remove one table of a TOML file that people edit too; comments and order stay."""

from __future__ import annotations

import tomllib
from typing import Any

from openclaw_instructor.hosts.json_edit import NotEditable


def load(text: str) -> dict[str, Any]:
    """Read TOML. Raises NotEditable."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotEditable(f"it is not valid TOML ({error})") from None


def with_entry(text: str, section: str, name: str, entry: Any) -> str:
    """Return the text with the table `[section.name]` at its end. Raises NotEditable."""
    import tomlkit

    wanted = load(text)
    wanted[section] = {**_table(wanted.get(section, {}), section), name: entry}
    line_end = "\r\n" if "\r\n" in text else "\n"
    block = tomlkit.dumps({section: {name: entry}}).replace("\n", line_end)
    ended = text if not text or text.endswith("\n") else text + line_end
    return _checked(f"{ended}{line_end if ended.strip() else ''}{block}", wanted)


def without_entry(text: str, section: str, name: str, *, prune: bool) -> str:
    """Return the text without the table and those below it; with `prune` also without an empty section.

    Raises NotEditable.
    """
    import tomlkit

    wanted = load(text)
    del _table(wanted[section], section)[name]
    document = tomlkit.parse(text)
    servers: Any = document[section]
    del servers[name]
    if not wanted[section] and prune:
        del wanted[section], document[section]
    elif not wanted[section] and section not in load(tomlkit.dumps(document)):
        # A section without its own header ends with its last table.
        del wanted[section]
    edited = tomlkit.dumps(document)
    # The empty line that `with_entry` put before a table at the end.
    for line_end in ("\r\n", "\n"):
        if edited.endswith(line_end * 2) and text.startswith(edited):
            edited = edited.removesuffix(line_end)
    return _checked(edited, wanted)


def _table(value: Any, section: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotEditable(f"`{section}` is not a table")
    return value


def _checked(text: str, wanted: dict[str, Any]) -> str:
    try:
        if tomllib.loads(text) == wanted:
            return text
    except tomllib.TOMLDecodeError:
        pass
    raise NotEditable("its tables are written in a form to which none can be added safely, such as on one line")
