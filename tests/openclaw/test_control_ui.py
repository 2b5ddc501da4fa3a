"""What of ours the Control UI of a real Gateway shows, in Chromium: results as MCP Apps, and the studio as a tab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.server import mcp_app
from tests.openclaw.conftest import Instructor
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import TOKEN, OpenClaw, Turn
from tests.server.studio.conftest import chromium as chromium

pytestmark = [pytest.mark.mini, pytest.mark.openclaw, pytest.mark.timeout(900)]

MAIL = {"subject": "Invoice 12", "body": "Please pay the amount of 80 euros by Friday."}
QUESTION = {"query": "restart the Gateway safely"}
ROUTE = "/openclaw-instructor/studio"
FILES = "/openclaw-instructor-studio"


@pytest.fixture(scope="module")
def openclaw(
    binaries: Path, language_model: LanguageModel, instructor: Instructor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenClaw]:
    with instructor.settings.config_path.open("a") as config:
        config.write("agents_may: write\n")
    command, *options = command_line(instructor.settings)
    # Beside the plugin's tools, so that the two ways can be compared.
    server = {"command": command, "args": [*options, "mcp"]}
    settings = {
        "mcp": {"apps": {"enabled": True}, "servers": {"instructor": server}},
        "tools": {"toolSearch": False},
    }
    host = OpenClaw(tmp_path_factory.mktemp("openclaw"), binaries, language_model, settings=settings)
    instructor.environment |= host.environment
    instructor.run("openclaw", "install", "--yes")
    instructor.run("index", "sync", "docs")
    try:
        host.start()
        yield host
    finally:
        host.stop()


@pytest.fixture(scope="module")
def turn(openclaw: OpenClaw) -> Turn:
    calls = [("instructor__search_docs", QUESTION), ("instructor__classify_email", MAIL), ("search_docs", QUESTION)]
    return openclaw.turn(*([call] for call in calls), session="views")


def opened(chromium: Any, openclaw: OpenClaw, place: str, height: int) -> Iterator[Any]:
    """A page of the Control UI."""
    context = chromium.new_context(viewport={"width": 1200, "height": height})
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{openclaw.url}/{place}#token={TOKEN}")
    yield page
    context.close()


@pytest.fixture(scope="module")
def page(chromium: Any, openclaw: OpenClaw, turn: Turn) -> Iterator[Any]:
    yield from opened(chromium, openclaw, "chat?session=agent:main:views", 1000)


@pytest.fixture(scope="module")
def studio(chromium: Any, openclaw: OpenClaw) -> Iterator[Any]:
    yield from opened(chromium, openclaw, "studio", 800)


def view(page: Any, text: str) -> Any:
    """The frame of a view, which lies in a frame of OpenClaw's."""
    for _ in range(240):
        for frame in page.frames:
            if frame.url == "about:srcdoc" and frame.get_by_text(text).count():
                return frame
        page.wait_for_timeout(250)
    raise AssertionError([frame.url for frame in page.frames])


def test_the_model_is_not_offered_the_tool_of_the_view(turn: Turn) -> None:
    assert "instructor__search_docs" in turn.offered
    assert not [name for name in turn.offered if mcp_app.CORRECT in name]


def test_a_hit_opens_its_passage(page: Any) -> None:
    frame = view(page, "restart the Gateway safely")
    frame.get_by_role("button", name="gateway.md").first.click()
    frame.get_by_text("send it SIGUSR1").nth(1).wait_for()


def test_a_label_is_corrected_by_a_click(page: Any, instructor: Instructor) -> None:
    frame = view(page, "Right is:")
    frame.get_by_role("button").nth(1).click()
    frame.get_by_text("learned: ").wait_for()
    label = frame.get_by_text("learned: ").inner_text().removeprefix("learned: ")
    (correction,) = instructor.run("tasks", "corrections", "list")["corrections"]
    assert (correction["label"], correction["task"]) == (label, "classify_email")


def test_tools_of_the_plugin_have_no_view(page: Any, turn: Turn) -> None:
    # OpenClaw renders views of MCP servers only: the third call is the plugin's own tool, and answered the same.
    assert "gateway.md" in turn.results[2]
    view(page, "Right is:")
    assert len([frame for frame in page.frames if frame.url == "about:srcdoc"]) == 2


def test_the_tab_answers_a_question_in_its_sandbox(studio: Any) -> None:
    frame = studio.frame_locator("iframe.plugin-tab-embed__frame")
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
    sandbox = studio.locator("iframe.plugin-tab-embed__frame").get_attribute("sandbox")
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
