"""Write `docs/cli.md` from the commands: `python -m openclaw_instructor.cli.reference [--check]`.

Also the table of settings in `docs/configuration.md`. Only the text between the markers is generated.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from openclaw_instructor.cli import cli
from openclaw_instructor.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
_SECTION = re.compile(r"(<!-- generated -->\n).*?(\n<!-- /generated -->)", re.DOTALL)


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Return every page with generated text as it should be."""
    sections: Mapping[str, str] = {"cli.md": commands(), "configuration.md": settings()}
    pages = {}
    for name, section in sections.items():
        path = root / "docs" / name
        text = path.read_text(encoding="utf-8")
        pages[path] = _SECTION.sub(lambda found, new=section: f"{found[1]}{new}{found[2]}", text)  # type: ignore[misc]
    return pages


def commands() -> str:
    """Return a section for each command: usage, help, options."""
    return "\n".join(_command(path, command) for path, command in walk(cli, ()))


def walk(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below `group` that is not a group, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))
        elif command is not None:
            yield (*path, name), command


def settings() -> str:
    """Return a Markdown table of every setting, its default and its meaning."""
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        if name != "home":
            default = "" if field.default is None else f"`{str(field.default).lower()}`"
            rows.append(f"| `{name}` | {default} | {field.description or ''} |")
    return "\n".join([*rows, "", f"In the environment: `{ENV_PREFIX}` and the key in capitals."])


def _command(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command, info_name=f"openclaw-instructor {' '.join(path)}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"### `{' '.join(path)}`", "", "```text", usage, "```", "", _paragraphs(command.help or ""), ""]
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    for option in options:
        name, text = option.get_help_record(context) or ("", "")
        lines.append(f"- `{name}`: {' '.join(text.split())}")
    return "\n".join([*lines, ""])


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def main() -> int:
    """Write the pages, or with `--check` name the stale ones and return 1."""
    stale = {path: text for path, text in generated().items() if path.read_text(encoding="utf-8") != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path} is stale; run: make generated\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
