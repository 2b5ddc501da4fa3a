"""The frame and the room Search, in Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openclaw_instructor.server.studio import pages
from tests.server.serving import Local, ask
from tests.server.studio.conftest import HOSTILE, Studio


def test_a_question_is_answered_with_what_ranked_each_hit(studio: Studio) -> None:
    page = studio.open("search")
    page.get_by_label("Question or words").fill("restart the gateway")
    page.keyboard.press("Enter")
    first = page.locator(".hit").first
    assert "gateway.md" in first.locator("h3").inner_text()
    assert "drain its sessions" in first.inner_text()
    assert first.locator(".bar").count() == 3
    studio.check()


def test_two_ways_to_ask_stand_side_by_side(studio: Studio) -> None:
    page = studio.open("search")
    page.get_by_text("How it is asked").click()
    page.get_by_label("Compare with a second way").check()
    page.get_by_label("By B").select_option("keyword")
    page.get_by_label("Question or words").fill("tomatoes drink")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("section[aria-label='Hits of B'] .hit").first.wait_for()
    assert page.locator("section[aria-label='Hits of A'] .tag.strong", has_text="only here").count() > 0
    page.get_by_label("Instruction of the question A").fill("Represent the poem:")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("section[aria-label='Hits of A'] .hit").first.wait_for()
    studio.check()


def test_a_file_that_is_missed_is_explained(studio: Studio) -> None:
    page = studio.open("search?q=tomatoes")
    page.get_by_text("Why not this file?").first.click()
    page.get_by_label("A file that should be here").first.fill("broken.pdf")
    page.get_by_role("button", name="Look").first.click()
    page.get_by_text("unreadable").first.wait_for()
    assert studio.problems == []


def test_hostile_names_and_texts_are_shown_as_text(studio: Studio) -> None:
    page = studio.open("search?q=tomatoes bold")
    page.locator(".hit").first.wait_for()
    assert page.locator("main").inner_text().count(HOSTILE) >= 1
    assert page.locator("main img, main script, main b").count() == 0
    assert studio.problems == []


def test_the_keyboard_opens_rooms_and_finds_the_question(studio: Studio) -> None:
    page = studio.open("search")
    page.locator("main").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.locator("main").focus()
    page.keyboard.press("2")
    page.wait_for_selector('nav a[aria-current][href="#documents"]')
    page.get_by_label("Switch between dark and light").click()
    assert page.evaluate("document.documentElement.dataset.theme") in ("dark", "light")
    assert studio.problems == []


def test_without_a_session_it_says_how_to_get_one(open_studio: Callable[..., Studio], local: Local) -> None:
    page = open_studio().page
    page.context.clear_cookies()
    page.goto(f"{local.url}/studio")
    page.get_by_text("There is no session").wait_for()


def test_its_files_hold_no_data_and_allow_nothing_foreign(local: Local) -> None:
    answer = ask(f"{local.url}/studio/")
    assert answer.status == 200
    headers = {name.lower(): value for name, value in answer.headers.items()}
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert ask(f"{local.url}/studio/", If_None_Match=headers["etag"]).status == 304
    assert "style=" not in answer.body
    assert "<script>" not in answer.body
    for path in ("%2e%2e/pages.py", "../pages.py", "nothing.js"):
        assert ask(f"{local.url}/studio/{path}").status in (400, 404)


@pytest.mark.parametrize("name", sorted(pages.files()))
def test_its_files_load_nothing_from_elsewhere(name: str) -> None:
    if name.startswith("vendor/"):
        return
    text = pages.files()[name].content.decode()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"):
        assert forbidden not in text
    assert "https:" not in text
    assert len(text.splitlines()) <= 300
