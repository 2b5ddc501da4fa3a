"""The one place where this package sets up httpx: timeouts, limits, retries and how it names itself.

Importing httpx takes 0.3 s, so this is for what lives longer than a first call, and is imported late.
"""

from __future__ import annotations

import httpx

from openclaw_instructor import __version__

CONNECT_SECONDS = 10.0
KEEP_SECONDS = 60.0  # less than the daemon keeps an idle connection
CONNECT_RETRIES = 2  # of a connection that could not be made; nothing was sent by then


def new_client(timeout: float | None, *, socket: str | None = None, connections: int = 8) -> httpx.Client:
    """Make a client that holds `connections` at most.

    `timeout` is the seconds to wait for each piece of an answer, None for as long as it takes; `socket` is a Unix
    socket that every request goes to.
    """
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_SECONDS
    )
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=socket, limits=limits, retries=0 if socket else CONNECT_RETRIES),
        timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS),
        headers={"User-Agent": f"openclaw-instructor/{__version__}"},
        follow_redirects=False,
        trust_env=False,
    )
