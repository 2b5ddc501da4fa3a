"""Change the owner's OpenClaw configuration: through OpenClaw, which validates it, and never without a copy."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw.host import Host


def file_of(host: Host) -> Path:
    """Return the path of the configuration file. Raises OpenClawFailed."""
    said = host.run("config", "file").strip()
    if not said:
        raise OpenClawFailed("`openclaw config file` printed nothing; run: openclaw doctor")
    return Path(said.splitlines()[-1]).expanduser()


def plain(path: Path) -> dict[str, Any] | None:
    """Return what a file of plain JSON holds; None where it takes OpenClaw to read it.

    That is a file of JSON5, or one that includes others or names variables of the environment.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and '"$include"' not in text and "${" not in text else None


def section(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one part of what a file holds, {} where it is unset or no object."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def sections(host: Host, path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return parts of the configuration, {} for each that is unset; OpenClaw is only asked where it has to be.

    Each of its answers takes more than a second.
    """
    if (content := plain(path)) is not None:
        return [section(content, name) for name in names]
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(host.section, names))


def patch(host: Host, changes: Mapping[str, Any]) -> None:
    """Merge `changes` into the configuration; a key whose value is None is removed. Raises OpenClawFailed."""
    # Passed in a private file, because arguments are visible to all users and the changes may hold a key.
    descriptor, name = tempfile.mkstemp(suffix=".json")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(changes, file)
        host.run("config", "patch", "--file", name)
    finally:
        Path(name).unlink(missing_ok=True)


def keep(path: Path) -> Path | None:
    """Copy the file to the first free name next to it; None if there is no file yet."""
    try:
        content = path.read_bytes()
        number = 1
        while True:
            copy = path.with_name(f"{path.name}.before-instructor-{number}")
            try:
                descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                number += 1
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            return copy
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OpenClawFailed(
            f"{path} cannot be copied before changing it ({error.strerror}); nothing was changed"
        ) from None
