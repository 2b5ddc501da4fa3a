"""Write a report to the file that was asked for, as HTML or as a picture by its suffix."""

from __future__ import annotations

from pathlib import Path

from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.paths import expanded
from openclaw_instructor.reports.page import Page

_WEB_PAGES, _PICTURES = (".html", ".htm"), (".png",)


def checked(name: str) -> Path:
    """Return the path of a report to be written, before anything is measured for it.

    Raises InvalidArguments for another suffix than .html and .png, UnreadableSource for a folder that is not there or
    a path that is one itself, and MissingExtra for a picture without matplotlib.
    """
    path = expanded(name)
    if path.suffix.lower() not in (*_WEB_PAGES, *_PICTURES):
        raise InvalidArguments(f"--report: {name}: a report is a page or a picture, so name a file .html or .png")
    if not path.parent.is_dir():
        raise UnreadableSource(f"--report: the folder {path.parent} does not exist; create it")
    if path.is_dir():
        raise UnreadableSource(f"--report: {path} is a folder; name a file in it")
    if path.suffix.lower() in _PICTURES:
        from openclaw_instructor.reports import picture

        picture.check()
    return path


def write(page: Page, path: Path) -> list[str]:
    """Write a report to a path that was checked; return what is to be said of it.

    Raises UnreadableSource where it cannot be written.
    """
    notes: list[str] = []
    if path.suffix.lower() in _PICTURES:
        from openclaw_instructor.reports import picture

        content, notes = picture.png(page)
    else:
        from openclaw_instructor.reports import web_page

        content = web_page.html(page).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UnreadableSource(f"--report: {path} cannot be written ({error.strerror})") from None
    return notes
