"""Open sessions in the owner's browser: a link that works once becomes a session, known by its cookie.

The link is made for a holder of the owner's token and lives a minute. The cookie goes to same-site requests alone, and
no script can read it. Cookies do not tell one port of a machine from another, so it alone opens only what reads; for
the rest a page sends the session's CSRF token, which only a page from this address can ask for. Everything is in
memory: a session ends with the daemon.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from openclaw_instructor.server.security import AccessScope, Principal

LINK_SECONDS = 60.0
IDLE_SECONDS = 4 * 3600.0
_LINKS = 32
_SESSIONS = 64
_COOKIE = "openclaw_instructor_session"


@dataclass(frozen=True)
class Link:
    """What a link opens: a session of this scope, and the page to redirect to."""

    scope: AccessScope
    page: str
    until: float


@dataclass
class Session:
    """One browser's session."""

    principal: Principal
    until: float


class Sessions:
    """Holds links and sessions, limited in number and time. Used from the event loop only; times are monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._links: dict[str, Link] = {}
        self._sessions: dict[str, Session] = {}

    def new_link(self, scope: AccessScope, page: str) -> str:
        """Return the code of a new link; the oldest one is dropped if there are too many."""
        code = secrets.token_urlsafe(32)
        self._links[code] = Link(scope, page, self._clock() + LINK_SECONDS)
        while len(self._links) > _LINKS:
            self._links.pop(next(iter(self._links)))
        return code

    def open(self, code: str) -> tuple[str, Link] | None:
        """Use a link; return its new session and the link, or None for one that is unknown, used or expired."""
        link = self._links.pop(code, None)
        if link is None or link.until < self._clock():
            return None
        name = secrets.token_urlsafe(32)
        principal = Principal("session", link.scope, csrf=secrets.token_urlsafe(32))
        self._sessions[name] = Session(principal, self._clock() + IDLE_SECONDS)
        while len(self._sessions) > _SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        return name, link

    def principal(self, headers: Mapping[bytes, str], port: int) -> Principal | None:
        """Return the principal of the session in a request's cookies, and extend the session."""
        name = _cookie(headers.get(b"cookie", ""), port)
        session = self._sessions.get(name)
        if session is None:
            return None
        if session.until < self._clock():
            del self._sessions[name]
            return None
        session.until = self._clock() + IDLE_SECONDS
        return session.principal

    def end(self, principal: Principal) -> None:
        """End the session of a principal."""
        self._sessions = {name: held for name, held in self._sessions.items() if held.principal != principal}


def set_cookie(session: str, port: int) -> str:
    """Write the Set-Cookie header of a session.

    The cookie's name contains the port, because browsers share cookies between ports.
    """
    return f"{_COOKIE}_{port}={session}; Path=/; HttpOnly; SameSite=Strict"


def _cookie(header: str, port: int) -> str:
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value for name, _, value in pairs if name == f"{_COOKIE}_{port}"), "")
