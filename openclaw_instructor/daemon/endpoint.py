"""Locate the daemon of a home and its tokens: `daemon.json`, the socket and `token`, private to the user."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from openclaw_instructor.errors import DaemonUnavailable, InvalidSettings
from openclaw_instructor.paths import replace_file
from openclaw_instructor.settings import Settings

# macOS allows 104 bytes with the final NUL, Linux 108.
_SOCKET_PATH_BYTES = 104
CHALLENGE_HEADER = "X-Openclaw-Instructor-Challenge"


@dataclass(frozen=True)
class Endpoint:
    """A daemon as it announced itself.

    `socket` is the Unix socket in home, where the system and the length of the path allow one. `supervised`: run in the
    foreground, by systemd or launchd for example. `crashed` is the process that served before, if it ended without
    taking its announcement away.
    """

    url: str
    token: str
    pid: int
    version: str
    supervised: bool = False
    crashed: int | None = None
    socket: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of the URL."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    @property
    def agent_token(self) -> str:
        """The token that agents get; see `agent_token`."""
        return agent_token(self.token)

    def write(self, path: Path) -> None:
        """Announce: atomically, readable by this user only."""
        write_private(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Endpoint | None:
        """Return the announcement, or None when there is none or it is damaged."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def agent_token(token: str) -> str:
    """Derive the token of agents from the owner's: it opens less, and nobody can get from it to the owner's."""
    return _keyed_digest(token, "openclaw-instructor agent")


def proof(agents_token: str, challenge: str, port: int) -> str:
    """Answer a challenge as only a holder of the token can, for this port only.

    A client sends CHALLENGE_HEADER with a random text to /health before anything secret. The port keeps a stranger on
    another port from passing the challenge on to the real daemon.
    """
    return _keyed_digest(agents_token, f"proof {port} {challenge}")


def _keyed_digest(key: str, text: str) -> str:
    # Imported late: loading OpenSSL takes a tenth of the start-up of `--help`.
    import hmac

    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def close_home_to_others(settings: Settings) -> None:
    """Keep other users out of the home and of what this process makes there.

    Raises InvalidSettings for a home that belongs to another user; root may use everybody's.
    """
    os.umask(0o077)
    try:
        status = settings.home.stat()
    except OSError:
        return
    if os.geteuid() not in (0, status.st_uid):
        raise InvalidSettings(
            f"the home folder {settings.home} belongs to another user, who could read and change what is in it; set "
            "OPENCLAW_INSTRUCTOR_HOME to a folder of your own"
        )
    if status.st_mode & 0o077:
        # A read-only file system needs no protection.
        with contextlib.suppress(OSError):
            settings.home.chmod(0o700)


def open_home(settings: Settings) -> None:
    """Make the home, closed to other users. Raises InvalidSettings when that cannot be."""
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        close_home_to_others(settings)
        # A unique name, because several callers may test at once, also in one process.
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise InvalidSettings(
            f"the home folder {home} cannot be written ({error.strerror}); free or unlock it, or set "
            "OPENCLAW_INSTRUCTOR_HOME to a folder you can write"
        ) from None


def bearer_token(settings: Settings) -> str:
    """Return the user's own token, else the one of this home, made at random the first time and kept."""
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


def socket_path(settings: Settings) -> Path | None:
    """Return the path of the daemon's Unix socket; None where there can be none or the path is too long."""
    path = settings.home / "daemon.sock"
    return path if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) < _SOCKET_PATH_BYTES else None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, mode 0600. Raises DaemonUnavailable."""
    try:
        replace_file(path, text, 0o600)
    except OSError as error:
        raise DaemonUnavailable(f"{path} cannot be written ({error.strerror}); make room there or unlock it") from None


def url_of(host: str, port: int) -> str:
    """Return the URL under which this machine reaches a server on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    reached = everywhere.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
