"""A report in Chromium: it opens from a file, in both colour schemes, on a phone, and reads well without eyes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.reports import file
from tests.reports import hostile

studio = pytest.importorskip("tests.server.studio.conftest")
chromium = studio.chromium


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "report.html"
    file.write(hostile.page(), path)
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page = studio.Studio(context.new_page(), path.as_uri())
    page.page.goto(path.as_uri())
    yield page
    context.close()


def test_a_report_of_hostile_texts_opens_and_is_accessible(opened: Any) -> None:
    opened.check()
    page = opened.page
    assert page.locator("script, img").count() == 0
    assert hostile.SCRIPT in page.locator("main").inner_text()
    assert page.get_by_role("img", name=hostile.SCRIPT).count() == 3
    background = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert opened.problems == []
