"""Watch `config.yaml` for edits that a running daemon can take over."""

from __future__ import annotations

import hashlib

from openclaw_instructor.server.bind import listen
from openclaw_instructor.settings import Settings


class ConfigurationFile:
    """The configuration that a daemon runs with, which listens on `port`."""

    def __init__(self, settings: Settings, port: int) -> None:
        self._settings = settings
        self._port = port
        self._digest = _digest(settings)

    def changed(self) -> bool:
        """Whether the file was edited since the last call. Raises InvalidSettings where a daemon could not run so."""
        digest = _digest(self._settings)
        if digest == self._digest:
            return False
        self._digest = digest
        self._check_address(Settings.load(self._settings.home))
        return True

    def _check_address(self, fresh: Settings) -> None:
        if fresh.host != self._settings.host or fresh.port not in (0, self._port):
            # Our own port is taken as long as we listen on it.
            free = {"port": 0} if fresh.port == self._port else {}
            listen(fresh.model_copy(update=free)).close()


def _digest(settings: Settings) -> str:
    try:
        return hashlib.sha256(settings.config_path.read_bytes()).hexdigest()
    except OSError:
        return ""
