"""Look whether anything listens where OpenClaw has its Gateway, which spares a start of its program where nothing does.

Such a start takes seconds, most of what an install without a Gateway takes.
"""

from __future__ import annotations

import socket
from pathlib import Path

from openclaw_instructor.openclaw import configuration
from openclaw_instructor.openclaw.host import Host

PORT = 18789
_SECONDS = 1.0
# Whatever else it is bound to, it answers on 127.0.0.1.
_BOUND = (None, "loopback", "lan")


def nothing_listens(host: Host) -> bool:
    """Whether the Gateway of this machine surely does not run; False where it takes OpenClaw to tell."""
    port = _local_port(host)
    if port is None:
        return False
    try:
        socket.create_connection(("127.0.0.1", port), _SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _local_port(host: Host) -> int | None:
    """Return the port that plain configuration gives the Gateway on this machine, else None."""
    file = _file(host)
    content = None if file is None else configuration.plain(file)
    # Variables of that name choose another port or another machine.
    if content is None or any(map(host.environment.get, ("OPENCLAW_GATEWAY_PORT", "OPENCLAW_GATEWAY_URL"))):
        return None
    gateway = configuration.section(content, "gateway")
    if gateway.get("mode", "local") != "local" or "remote" in gateway or gateway.get("bind") not in _BOUND:
        return None
    port = gateway.get("port", PORT)
    return port if isinstance(port, int) and 0 < port < 65_536 else None


def _file(host: Host) -> Path | None:
    """Return the configuration file where its place is plain; `openclaw config file` is a start of the program too."""
    if named := host.environment.get("OPENCLAW_CONFIG_PATH"):
        return Path(named).expanduser()
    if host.environment.get("OPENCLAW_PROFILE") or host.environment.get("OPENCLAW_HOME"):
        return None
    state = host.environment.get("OPENCLAW_STATE_DIR") or "~/.openclaw"
    return Path(state).expanduser() / "openclaw.json"
