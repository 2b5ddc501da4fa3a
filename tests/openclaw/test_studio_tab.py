"""The studio as a tab of the Control UI of a real Gateway, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.openclaw.conftest import Instructor
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import TOKEN, OpenClaw
from tests.server.studio.conftest import chromium as chromium

pytestmark = [pytest.mark.mini, pytest.mark.openclaw, pytest.mark.timeout(900)]

ROUTE = "/openclaw-instructor/studio"
FILES = "/openclaw-instructor-studio"


@pytest.fixture(scope="module")
def openclaw(
    binaries: Path, language_model: LanguageModel, instructor: Instructor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenClaw]:
    host = OpenClaw(tmp_path_factory.mktemp("openclaw"), binaries, language_model)
    instructor.environment |= host.environment
    instructor.run("openclaw", "install", "--yes")
    instructor.run("index", "sync", "docs")
    try:
        host.start()
        yield host
    finally:
        host.stop()


@pytest.fixture(scope="module")
def page(chromium: Any, openclaw: OpenClaw) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{openclaw.url}/studio#token={TOKEN}")
    yield page
    context.close()


def test_the_tab_answers_a_question_in_its_sandbox(page: Any) -> None:
    frame = page.frame_locator("iframe.plugin-tab-embed__frame")
    frame.get_by_label("Question or words").fill("restart the Gateway safely")
    frame.get_by_role("button", name="Search", exact=True).click()
    hit = frame.locator(".hit").first
    assert "gateway.md" in hit.inner_text(), frame.locator("main").inner_text()
    frame.get_by_role("link", name="Documents").click()
    frame.get_by_text("2 of 2 files").wait_for()
    assert frame.get_by_role("button", name="Sync").is_disabled()
    frame.get_by_role("link", name="Inbox").click()
    frame.get_by_text("OpenClaw lets a tab only read").wait_for()
    frame.get_by_role("link", name="Engine").click()
    frame.get_by_label("Passes").wait_for()
    sandbox = page.locator("iframe.plugin-tab-embed__frame").get_attribute("sandbox")
    assert "allow-same-origin" not in (sandbox or "")


def test_only_its_own_page_gets_data(openclaw: OpenClaw) -> None:
    with httpx.Client(base_url=openclaw.url, timeout=60) as client:
        assert client.get(f"{ROUTE}/").status_code == 401
        html = client.get(f"{ROUTE}/", headers={"authorization": f"Bearer {TOKEN}"})
        assert "access-control-allow-origin" not in html.headers
        assert "frame-ancestors 'self'" in html.headers["content-security-policy"]
        (key,) = re.findall(r'name="studio-key" content="([^"]+)"', html.text)

        def ask(method: str, path: str, key: str = key) -> httpx.Response:
            return client.get(f"{FILES}/api", params={"method": method, "path": path, "key": key, "body": "{}"})

        assert ask("GET", "/v1/index").json()["collections"]
        assert ask("GET", "/v1/index", "").status_code == 401
        assert ask("GET", "/v1/index", key[:-1]).status_code == 401
        for method, path in (
            ("POST", "/v1/index/sync"),
            ("POST", "/v1/tools/teach_email"),
            ("GET", "/v1/tasks/file"),
            ("GET", "/v1/corrections"),
            ("DELETE", "/v1/session"),
            ("POST", "/v1/tools/../index/sync"),
        ):
            assert ask(method, path).status_code == 403, path
        assert client.get(f"{FILES}/main.js").status_code == 200
        assert client.post(f"{FILES}/api").status_code == 405
        assert client.get(f"{FILES}/..%2f..%2fv1%2findex").status_code == 404
