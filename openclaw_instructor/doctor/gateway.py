"""Tell how OpenClaw's Gateway is: down, without a token, refusing ours, of another version, or well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw.host import GatewayError, GatewayUnavailable, Host
from openclaw_instructor.openclaw.manifest import PLUGIN_ID


@dataclass(frozen=True)
class Gateway:
    """What the Gateway said: `plugin` is what it has loaded of ours, None when it has nothing or was not asked.

    `why` is the reason for which it could not be asked, "failed" when the call itself went wrong, and "" when it
    answers.
    """

    why: str = ""
    message: str = ""
    version: str = ""
    plugin: Mapping[str, Any] | None = None


def ask(host: Host) -> Gateway:
    """Ask the Gateway for its version and for the plugin."""
    try:
        version = str(host.call("status", {}, timeout=30).get("runtimeVersion", ""))
    except GatewayUnavailable as error:
        return Gateway(error.why, str(error))
    except (GatewayError, OpenClawFailed) as error:
        return Gateway("failed", error.message)
    try:
        return Gateway(version=version, plugin=host.call("plugins.inspect", {"pluginId": PLUGIN_ID}, timeout=30))
    except GatewayError:
        return Gateway(version=version)
    except (GatewayUnavailable, OpenClawFailed) as error:
        return Gateway("failed", str(error))


def finding(host: Host, state: Gateway) -> Finding:
    """Describe the Gateway, with a fix that ends what is wrong."""
    if state.why == "down":
        return Finding("gateway", "warn", f"not running ({state.message})", host.typed("gateway", "run"))
    if state.why == "no token":
        message = "OpenClaw has no gateway token yet, so no Gateway can be asked"
        return Finding("gateway", "warn", message, host.typed("doctor", "--generate-gateway-token"))
    if state.why == "refused":
        message = f"a Gateway runs, but with another token than the configuration has ({state.message})"
        return Finding("gateway", "fail", message, _restart(host))
    if state.why:
        return Finding("gateway", "fail", state.message, host.typed("doctor"))
    installed = ".".join(str(part) for part in host.release)
    if installed and state.version and not state.version.startswith(installed):
        message = f"version {state.version} is running, while {installed} is installed"
        return Finding("gateway", "warn", message, host.typed("gateway", "restart"))
    return Finding("gateway", "ok", f"answers{f' ({state.version})' if state.version else ''}")


def _restart(host: Host) -> str:
    """Return what replaces a Gateway that takes no calls: its service, or the process that has the port."""
    try:
        service = json.loads(host.run("gateway", "status", "--json", timeout=60)).get("service") or {}
    except (OpenClawFailed, ValueError):
        service = {}
    return host.typed("gateway", "restart") if service.get("loaded") else host.typed("gateway", "run", "--force")
