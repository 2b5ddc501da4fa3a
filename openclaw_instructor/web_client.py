"""Set up httpx in one place: timeouts, limits, retries, redirects and the user agent.

Importing httpx takes 0.3 s, so modules that a first call needs import this one late.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

from openclaw_instructor import __version__

CONNECT_SECONDS = 10.0
KEEP_SECONDS = 60.0
CONNECT_RETRIES = 2  # of a connection that could not be made; nothing was sent by then


def new_client(
    timeout: float | None,
    *,
    connections: int = 8,
    headers: Mapping[str, str] | None = None,
    ca_file: Path | None = None,
    use_proxy: bool = False,
) -> httpx.Client:
    """Make a client that holds `connections` at most and follows no redirect, so that no key goes to another host.

    `timeout` is the seconds to wait for each piece of an answer, None for as long as it takes. `ca_file` holds
    the certificates to trust instead of the usual ones. `use_proxy` obeys the proxies of the environment.
    """
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_SECONDS
    )
    verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
    # httpx looks for proxies only where it makes the transport itself.
    transport = None
    if not use_proxy:
        transport = httpx.HTTPTransport(verify=verify, limits=limits, retries=CONNECT_RETRIES)
    return httpx.Client(
        transport=transport,
        verify=verify,
        limits=limits,
        timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS if timeout is None else min(timeout, CONNECT_SECONDS)),
        headers={"User-Agent": f"openclaw-instructor/{__version__}", **(headers or {})},
        follow_redirects=False,
        trust_env=use_proxy,
    )
