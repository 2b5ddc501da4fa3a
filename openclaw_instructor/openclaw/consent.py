"""Ask the owner before OpenClaw offers tools to its agents, and refuse what is not ours to agree to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openclaw_instructor.errors import ConsentNeeded
from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.registry import Registry

Confirm = Callable[[Sequence[str]], bool]
"""Asks the owner whether OpenClaw may offer these tools to its agents."""

CODE = "PLUGIN_CAPABILITY_CONSENT_REQUIRED"
"""How the Gateway names a refusal for want of consent."""


def agree(tools: Sequence[str], confirm: Confirm) -> None:
    """Have the owner agree to the tools. Raises ConsentNeeded."""
    if not confirm(tools):
        raise ConsentNeeded(
            f"OpenClaw needs your consent to offer {', '.join(tools) or 'the changed plugin'} to its agents; "
            "nothing was changed; run the command again and agree, or pass --yes"
        )


def widened(host: Host, details: Mapping[str, Any], registry: Registry) -> list[str]:
    """List the tools OpenClaw asks consent for. Raises when it is about more than what this registry declares."""
    more = dict(details.get("widened") or {})
    tools = [str(tool) for tool in more.pop("tools", [])]
    contracts = set(more.pop("contracts", [])) - {f"tools: {tool}" for tool in tools} - set(manifest.OTHER_CONTRACTS)
    strange = set(tools) - set(manifest.tool_names(registry.tasks))
    if strange or contracts or any(more.values()):
        named = sorted(strange | contracts | {name for name, value in more.items() if value})
        raise ConsentNeeded(
            f"OpenClaw asks for more than the tools of the registry ({', '.join(named)}); review it yourself: "
            f"{host.typed('plugins', 'reload', manifest.PLUGIN_ID)}"
        )
    return tools
