"""Serve the files of the studio. They hold no data and so are open; what they show comes from the API, to a session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server.routes.route import ApiRoute

PATH = "/studio/"
_FOLDER = Path(__file__).parent / "static"
_INDEX = "index.html"
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts and styles are files of our own, and nothing is loaded from or sent to anywhere else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the studio as it is sent."""

    content: bytes
    media: str
    tag: str


@cache
def files() -> dict[str, StaticFile]:
    """Read all files of the studio by their path below `/studio/`; nothing else can be asked for."""
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _MEDIA and path.is_file():
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
            found[path.relative_to(_FOLDER).as_posix()] = StaticFile(content, _MEDIA[path.suffix], tag)
    return found


def routes() -> list[ApiRoute]:
    """Return the routes of the page and its files."""
    return [
        ApiRoute("GET", PATH.rstrip("/"), _to_page, "studio", "", effect="read", scope=None),
        ApiRoute("GET", PATH + "{file:path}", _file, "studio_file", "", effect="read", scope=None),
    ]


async def _to_page(request: Request) -> Response:
    return RedirectResponse(PATH, 307)


async def _file(request: Request) -> Response:
    name = request.path_params["file"] or _INDEX
    found = files().get(name)
    if found is None:
        raise InvalidArguments(f"the studio has no file `{name[:80]}`; open {PATH}")
    headers = {**_HEADERS, "ETag": found.tag}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media, headers=headers)
