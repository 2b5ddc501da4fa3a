"""The daemon's tests use the homes and the application of the server's."""

from __future__ import annotations

from tests.server.conftest import serve, settings

__all__ = ["serve", "settings"]
