"""Read the secrets of the settings, and tell where they may be sent."""

from __future__ import annotations

import os
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.paths import expanded


def read(variable: str, setting: str, file: str | Path | None, holds: str) -> str | None:
    """Read a secret from an environment variable, else from the file that a setting names; None without either.

    `holds` says what is to stand in that file. Raises InvalidSettings; the secret is never in a message.
    """
    if secret := os.environ.get(variable, "").strip():
        return secret
    if file is None:
        return None
    path = Path(expanded(file))
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"setting `{setting}`: {path} cannot be read ({type(error).__name__})") from None
    if not secret or not secret.isascii() or any(character.isspace() for character in secret):
        raise InvalidSettings(f"setting `{setting}`: {path} must hold {holds}")
    return secret


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is only this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
