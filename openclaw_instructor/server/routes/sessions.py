"""Routes of browser sessions: make a link, open it, ask for the CSRF token, end the session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openclaw_instructor.errors import Forbidden
from openclaw_instructor.server import schemas
from openclaw_instructor.server.routes.context import Context
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import PRINCIPAL, AccessScope, Principal
from openclaw_instructor.server.sessions import LINK_SECONDS, set_cookie

LINK_PATH = "/v1/session/open/"
# What a person sees who opens a link from the browser's history.
_SPENT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>This link was used</title>'
    "<h1>This link was used or is too old</h1>"
    "<p>A link opens the studio once, within a minute. Type <code>openclaw-instructor studio</code> for a new one.</p>"
    "</html>"
)
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/session/link", handlers.make_link, "session_link"),
            f"Make a link that opens a session in a browser, once and within {LINK_SECONDS:g} s.",
            effect="write",
            scope=AccessScope.ADMIN,
            body=schemas.SessionLink,
        ),
        ApiRoute("GET", LINK_PATH + "{code}", handlers.open_link, "session_open", "", effect="write", scope=None),
        ApiRoute(
            *("GET", "/v1/session", handlers.session, "session", "The caller's scope, and a session's CSRF token."),
            effect="read",
            scope=AccessScope.READ,
        ),
        ApiRoute(
            *("DELETE", "/v1/session", handlers.end, "session_end", "End the browser's session."),
            effect="destroy",
            scope=AccessScope.READ,
        ),
    ]


class _Handlers:
    def __init__(self, context: Context) -> None:
        self._sessions = context.sessions
        self._base_url = context.base_url

    async def make_link(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.SessionLink)
        code = self._sessions.new_link(AccessScope.of(body.scope), body.page or "/v1/session")
        answer = {"url": f"{self._base_url()}{LINK_PATH}{code}", "expires_in": LINK_SECONDS}
        return Json(answer, headers=_PRIVATE)

    async def open_link(self, request: Request) -> Response:
        opened = self._sessions.open(request.path_params["code"])
        if opened is None:
            if "text/html" in request.headers.get("accept", ""):
                return HTMLResponse(_SPENT, 403, _PRIVATE | {"Content-Security-Policy": "default-src 'none'"})
            raise Forbidden("this link was used or is too old; ask for a new one with the command that printed it")
        name, link = opened
        port = (request.scope.get("server") or ("", 0))[1] or 0
        return RedirectResponse(link.page, 303, {**_PRIVATE, "Set-Cookie": set_cookie(name, port)})

    async def session(self, request: Request) -> Response:
        principal: Principal = request.scope[PRINCIPAL]
        csrf = {"csrf": principal.csrf} if principal.csrf else {}
        return Json({"name": principal.name, "scope": str(principal.scope), **csrf}, headers=_PRIVATE)

    async def end(self, request: Request) -> Response:
        self._sessions.end(request.scope[PRINCIPAL])
        return Json({"ended": True}, headers=_PRIVATE)
