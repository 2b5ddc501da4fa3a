"""Make the pictures of docs/studio.md, of all rooms or of some, with Chromium and the bundled checkpoint.

python -m tests.screenshots [ROOM ...]
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "images" / "studio"
MAILS = ROOT / "tests" / "data" / "mails" / "english.jsonl"
COLOURS = 48


def search(page: Any) -> None:
    page.get_by_text("How it is asked").click()
    page.get_by_label("Compare with a second way").check()
    page.get_by_label("By B").select_option("keyword")
    page.get_by_label("Question or words").fill("why is a label null?")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("section[aria-label='Hits of B'] .hit").first.wait_for()
    page.get_by_text("How it is asked").click()


def documents(page: Any) -> None:
    page.get_by_role("button", name="Files").click()
    page.get_by_role("row", name="studio.md").wait_for()


def inbox(page: Any) -> None:
    rows = [json.loads(line) for line in MAILS.read_text(encoding="utf-8").splitlines()[:60]]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "mail.jsonl"
        table.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        page.get_by_label("Files of mail").set_input_files(str(table))
        page.get_by_text("60 messages").wait_for()
    page.locator(".pick").nth(4).click()


def tasks(page: Any) -> None:
    page.get_by_label("Change a packaged task").select_option("classify_email")
    page.get_by_text("1 task of your own").wait_for()
    page.get_by_role("combobox", name="Task", exact=True).select_option("classify_email")
    page.get_by_text("What an agent sees").click()


def text_map(page: Any) -> None:
    page.get_by_label("Colour by").select_option("file")
    page.get_by_label("A second instruction").fill("Represent the text for clustering by topic:")
    page.get_by_role("button", name="Draw").click()
    page.get_by_text("of the variance").nth(1).wait_for()
    page.wait_for_timeout(500)


def engine(page: Any) -> None:
    page.wait_for_timeout(7_000)


ROOMS: dict[str, Callable[[Any], None]] = {
    "search": search,
    "documents": documents,
    "inbox": inbox,
    "tasks": tasks,
    "map": text_map,
    "engine": engine,
}


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home, docs = Path(folder) / "home", Path(folder) / "project" / "docs"
        shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("*.png", "notebooks"))
        settings = Settings(home=home)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 720})
        page.set_default_timeout(120_000)
        try:
            with Client(settings) as client:
                client.index_add("docs", [docs])
                client.index_sync("docs")
                page.goto(client.session_link("admin", "/studio/")["url"])
                for name, prepare in ROOMS.items():
                    if sys.argv[1:] and name not in sys.argv[1:]:
                        continue
                    page.evaluate("place => { location.hash = place }", name)
                    page.wait_for_selector(f'main[data-place="{name}"]')
                    prepare(page)
                    save(page.screenshot(), PICTURES / f"{name}.png")
        finally:
            lifecycle.stop(settings)
            browser.close()


def save(screenshot: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(screenshot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
