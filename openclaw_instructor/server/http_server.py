"""Run uvicorn on one TCP and one Unix socket, with limits, and leave the signals to the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn

from openclaw_instructor.server.app import App
from openclaw_instructor.server.http_protocol import LimitedProtocol

GRACE_SECONDS = 5  # for requests in flight at a shutdown
MAX_CONNECTIONS = 512


class HttpServer(uvicorn.Server):
    """Serves an app; `private` is a Unix socket that is already bound, or None."""

    def __init__(self, app: App, private: socket.socket | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol,
                ws="none",
                lifespan="off",
                loop="none",
                proxy_headers=False,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=GRACE_SECONDS,
                limit_concurrency=MAX_CONNECTIONS,
            )
        )
        self._private = private

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the given sockets, and on the private one, which uvicorn would treat as TCP."""
        await super().startup(sockets)
        if self._private is not None:
            protocol = partial(
                LimitedProtocol, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            loop = asyncio.get_running_loop()
            # As many may wait to be accepted as on TCP; asyncio would let 100.
            self.servers.append(
                await loop.create_unix_server(protocol, sock=self._private, backlog=self.config.backlog)
            )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        # uvicorn would raise a captured signal again at the end and so skip the clean-up after it.
        yield
