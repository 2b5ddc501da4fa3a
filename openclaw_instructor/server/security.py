"""Decide who may ask for what, by Host and Origin, bearer token, browser session and scope. Plain ASGI.

A web page in the user's browser can send requests to 127.0.0.1, directly or through a name that it rebinds there.
Such requests carry an Origin or a Host that is not ours, and never a token. A page of our own has a session: a cookie
that only same-site requests carry, and for all that changes something a second token that no other page can read.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from openclaw_instructor.credentials import is_loopback
from openclaw_instructor.errors import Forbidden
from openclaw_instructor.registry.tool_spec import Effect
from openclaw_instructor.server.http_protocol import KNOWN, PEER
from openclaw_instructor.server.refusal import App, Receive, Refusal, Send, refuse

PRINCIPAL = "principal"  # in the ASGI scope: a Principal, or None on an open route
CSRF_HEADER = "x-csrf-token"
# A name or an address, and a port. Nobody who means this service sends what else a URL may have there.
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessScope(IntEnum):
    """What a caller may do; each includes those before it.

    `admin` is for what names paths of the disk, removes collections or lets others in.
    """

    READ = 1
    WRITE = 2
    ADMIN = 3

    @classmethod
    def of(cls, name: str) -> AccessScope:
        """Return the scope of that name in lower case. Raises KeyError."""
        return cls[name.upper()]

    @classmethod
    def needed_for(cls, effect: Effect) -> AccessScope:
        """Return the scope that a tool of this effect asks for."""
        return cls.READ if effect == "read" else cls.WRITE

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Principal:
    """Who asks. `csrf` is the second token of a browser's session."""

    name: str
    scope: AccessScope
    csrf: str = ""

    def require(self, scope: AccessScope) -> None:
        """Raise Forbidden when this caller may not do what needs `scope`."""
        if self.scope < scope:
            raise Forbidden(
                f"this needs the scope `{scope}`, and yours is `{self.scope}`; the owner can do it with the command "
                "line, or let agents use tools that change something with `agents_may: write` in config.yaml"
            )


def caller_of(scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Tell callers apart: by token or session, by the process at the other end of the socket, by session of MCP."""
    principal: Principal | None = scope.get(PRINCIPAL)
    name, csrf = (principal.name, principal.csrf) if principal else ("", "")
    session = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"mcp-session-id"), "")
    return name, csrf, str(scope.get(PEER, "")), session


_HOST = Refusal(403, "forbidden_host", "the Host header names another machine; use the URL that `daemon ensure` gives")
_ORIGIN = Refusal(403, "forbidden_origin", "web pages of other sites may not use this service")
_CSRF = Refusal(403, "forbidden_csrf", "send the token that GET /v1/session gives this page as `X-CSRF-Token`")
_TOKEN = Refusal(
    401, "unauthorized", "send `Authorization: Bearer TOKEN`; `openclaw-instructor daemon ensure` prints it"
)


class Bearers:
    """The valid tokens: the owner's allows everything, the agents' what the owner allows."""

    def __init__(self, owner: str, agent: str = "", agent_scope: AccessScope = AccessScope.READ) -> None:
        self._known = [(owner.encode(), Principal("owner", AccessScope.ADMIN))]
        if agent:
            self._known.append((agent.encode(), Principal("agent", agent_scope)))

    def principal(self, authorization: str) -> Principal | None:
        """Return the caller whose token the header contains, if any."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = given.strip().encode("latin-1")
        found = [principal for known, principal in self._known if hmac.compare_digest(token, known)]
        return found[0] if found else None


class Guard:
    """Refuses with 403 (host, origin, CSRF) or 401 (token) before any route sees the request.

    `is_open` says which requests need no token; `session` finds the principal of a request's cookies.
    """

    def __init__(
        self,
        app: App,
        bearers: Bearers,
        *,
        is_open: Callable[[str, str], bool],
        session: Callable[[Mapping[bytes, str], int], Principal | None],
        loopback: bool,
    ) -> None:
        self._app = app
        self._bearers = bearers
        self._is_open = is_open
        self._session = session
        self._loopback = loopback

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through with its caller's principal, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = self._foreign(headers)
        if refusal is None:
            scope[PRINCIPAL] = principal = self._principal(scope, headers)
            refusal = self._unknown(scope, headers, principal)
            if principal is not None and (known := scope.get(KNOWN)) is not None:
                known()
        if refusal is not None:
            await refuse(send, refusal, receive)
            return
        await self._app(scope, receive, send)

    def _foreign(self, headers: Mapping[bytes, str]) -> Refusal | None:
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self._loopback and not is_loopback(_hostname(host)):
            return _HOST
        if origin is None:
            return None
        own = _authority(origin)
        return None if (is_loopback(_hostname(own)) if self._loopback else own == host) else _ORIGIN

    def _principal(self, scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> Principal | None:
        if (authorization := headers.get(b"authorization")) is not None:
            return self._bearers.principal(authorization)
        # A page of another port on this machine is same-site for a browser; navigations have no Origin.
        if (origin := headers.get(b"origin")) is not None and _authority(origin) != headers.get(b"host"):
            return None
        return self._session(headers, (scope.get("server") or ("", 0))[1] or 0)

    def _unknown(
        self, scope: Mapping[str, Any], headers: Mapping[bytes, str], principal: Principal | None
    ) -> Refusal | None:
        if principal is None:
            return None if self._is_open(scope["method"], scope["path"]) else _TOKEN
        if principal.csrf and scope["method"] not in _SAFE_METHODS:
            given = headers.get(CSRF_HEADER.encode(), "")
            if not hmac.compare_digest(given.encode("latin-1"), principal.csrf.encode()):
                return _CSRF
        return None


def _headers(scope: Mapping[str, Any]) -> dict[bytes, str]:
    """Return the headers by name; one that is sent twice is a list, which is no host, no origin and no token."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        told = value.decode("latin-1")
        found[name] = f"{found[name]}, {told}" if name in found else told
    return found


def _hostname(authority: str) -> str:
    """Return the name or address; "" for what is not that of a service, such as one with a user before it."""
    found = _AUTHORITY.fullmatch(authority)
    return found[1].strip("[]").lower() if found else ""


def _authority(origin: str) -> str:
    """Return what follows the scheme of an origin, which has nothing after that."""
    scheme, _, authority = origin.partition("://")
    return authority if scheme.isalnum() else ""
