"""The frame and the room Search, in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.index import other_model
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
    assert page.locator("section[aria-label='Hits of A'] .tag.strong", has_text="not in B").count() > 0
    page.get_by_label("Instruction of the question A").fill("Represent the poem:")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("section[aria-label='Hits of A'] .hit").first.wait_for()
    studio.check()


def test_another_checkpoint_answers_beside_the_one_in_use(studio: Studio, local: Local) -> None:
    page = studio.open("search")
    page.get_by_text("How it is asked").click()
    page.get_by_label("Compare with a second way").check()
    page.get_by_role("combobox", name="Checkpoint B", exact=True).select_option("mini")
    page.get_by_label("Question or words").fill("tomatoes drink")
    page.get_by_role("button", name="Search", exact=True).click()
    second = page.get_by_label("Hits of B")
    second.get_by_text("mini read all").wait_for(timeout=180_000)  # a real model is loaded
    assert "garden.md" in second.locator(".hit").first.inner_text()
    shown = [page.get_by_label(f"Hits of {name}").locator(".number").first.inner_text() for name in "AB"]
    assert shown[0] != shown[1]
    assert local.toolbox.engine.checkpoint_name != "mini"
    second.get_by_text("Why not this file?").click()
    second.get_by_label("A file that should be here").fill("gateway.md")
    second.get_by_role("button", name="Look").click()
    second.get_by_text("number").last.wait_for(timeout=60_000)
    studio.check()


def test_a_larger_collection_is_compared_by_its_candidates(
    local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in range(40):
        (tmp_path / f"{number}.md").write_text(f"# Note {number}\n\nThe garden has {number} roses.\n")
    (tmp_path / "train.md").write_text("# Travel\n\nThe night train leaves for Vienna at nine.\n")
    local.toolbox.index_add("many", [tmp_path])
    local.toolbox.index_sync("many")
    for name, value in {"WHOLE": 10, "NEAREST": 5, "SPREAD": 8}.items():
        monkeypatch.setattr(other_model, name, value)
    asked = {"query": "when does the train go", "collection": "many", "mode": "vector"}
    answer = local.ask("/v1/checkpoints/search", {"checkpoint": "mini", "arguments": asked})
    result = json.loads(answer.body.splitlines()[-1]) if isinstance(answer.body, str) else answer.body
    assert result["hits"][0]["file"].endswith("train.md")
    assert 8 < result["compared"]["embedded"] < 20
    assert result["compared"]["passages"] == 41
    assert not result["compared"]["whole"]
    local.toolbox.index_remove("many")


def test_only_what_is_here_is_loaded_and_only_its_owner_names_folders(local: Local, tmp_path: Path) -> None:
    asked = {"checkpoint": "hkunlp/instructor-xl", "arguments": {"query": "x"}}
    refused = local.ask("/v1/checkpoints/search", asked)
    assert refused.status == 400
    assert "model pull" in refused.body["error"]["message"]
    asked["checkpoint"] = str(tmp_path)
    assert ask(f"{local.url}/v1/checkpoints/search", asked, token=local.agent_token).status == 403


@pytest.mark.parametrize(
    ("file", "filters", "said"),
    [
        ("broken.pdf", {}, "It was skipped: it cannot be read"),
        ("nowhere.md", {}, "It is not indexed"),
        ("gateway.md", {"Only files": "garden.md"}, "A filter leaves it out"),
        ("garden.md", {}, "It is among the hits, number"),
    ],
)
def test_a_file_that_is_missed_is_explained(studio: Studio, file: str, filters: dict[str, str], said: str) -> None:
    page = studio.open("search")
    page.get_by_text("How it is asked").click()
    for name, value in filters.items():
        page.get_by_label(name).fill(value)
    page.get_by_label("Question or words").fill("tomatoes")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text("Why not this file?").first.click()
    page.get_by_label("A file that should be here").first.fill(file)
    page.get_by_role("button", name="Look").first.click()
    page.get_by_text(said).first.wait_for()
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
