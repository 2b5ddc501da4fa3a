"""Bind the sockets that the daemon listens on."""

from __future__ import annotations

import logging
import socket

from openclaw_instructor.credentials import is_loopback
from openclaw_instructor.daemon.endpoint import socket_path
from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.settings import Settings

logger = logging.getLogger(__name__)


def listen_privately(settings: Settings) -> socket.socket | None:
    """Listen on the Unix socket in home, which only its owner can open; None where there can be none."""
    path = socket_path(settings)
    if path is None:
        return None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # This process holds the lock of the home, so the socket is left from a daemon that has ended.
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        logger.warning("no socket at %s (%s); clients come over TCP", path, error.strerror)
        return None
    return listener


def listen(settings: Settings) -> socket.socket:
    """Listen on the host and port of the settings. Raises InvalidSettings if they are unusable or need a token."""
    if not is_loopback(settings.host) and not settings.token:
        raise InvalidSettings(
            f"host {settings.host!r} opens the service to other machines, which needs a token of your own: set `token` "
            f"in {settings.config_path}, or use host 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise InvalidSettings(
            f"port {settings.port} on {settings.host} cannot be used ({error.strerror}): another program or another "
            f"user's daemon has it; set `port` in {settings.config_path}, or 0 for any free one"
        ) from None
    return listener
