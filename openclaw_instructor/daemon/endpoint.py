"""Where the daemon of a home listens: `daemon.json` and the token, both private to the user."""

from __future__ import annotations

import http.client
import json
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openclaw_instructor.errors import DaemonUnavailable, InvalidSettings
from openclaw_instructor.paths import replace_file
from openclaw_instructor.settings import Settings

PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class Endpoint:
    """A daemon as it announced itself.

    `supervised`: run in the foreground, by systemd or launchd for example. `crashed` is the process that served before,
    if it ended without taking its announcement away.
    """

    url: str
    token: str
    pid: int
    version: str
    supervised: bool = False
    crashed: int | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def connect(self, timeout: float | None) -> http.client.HTTPConnection:
        host, port = self.address
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def health(self, timeout: float | None = None) -> dict[str, Any] | None:
        """What /health answers, or None when nobody answers or somebody else does."""
        connection = self.connect(timeout or PROBE_SECONDS)
        try:
            connection.request("GET", "/health", headers={"Authorization": f"Bearer {self.token}"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        return answer if isinstance(answer, dict) and answer.get("pid") == self.pid else None

    def write(self, path: Path) -> None:
        """Announce: atomically, readable by this user only."""
        write_private(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Endpoint | None:
        """The announcement, or None when there is none or it is damaged."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def open_home(settings: Settings) -> None:
    """Make the home, closed to other users. Raises InvalidSettings when that cannot be."""
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)
        # A name of its own for each look: many callers may come at once, in one process too.
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise InvalidSettings(
            f"the home folder {home} cannot be written ({error.strerror}); free or unlock it, or set "
            "OPENCLAW_INSTRUCTOR_HOME to a folder you can write"
        ) from None


def bearer_token(settings: Settings) -> str:
    """The user's own token, else the one of this home, made at random the first time and kept."""
    if settings.token:
        return settings.token
    path = settings.home / "token"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        token = ""
    except (OSError, UnicodeDecodeError) as error:
        raise DaemonUnavailable(f"{path} cannot be read ({error}); delete it to get a new token") from None
    if len(token) < 32:
        token = secrets.token_urlsafe(32)
        write_private(path, token + "\n")
    return token


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, mode 0600. Raises DaemonUnavailable."""
    try:
        replace_file(path, text, 0o600)
    except OSError as error:
        raise DaemonUnavailable(f"{path} cannot be written ({error.strerror}); make room there or unlock it") from None


def url_of(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    reached = everywhere.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
