"""The socket that the daemon listens on, and its address."""

from __future__ import annotations

import socket

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.server.security import is_loopback
from openclaw_instructor.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """Bound to the host and port of the settings. Raises InvalidSettings when that cannot be, or needs a token."""
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
