"""Make the picture of docs/evaluation.md: python -m tests.report_picture, with Chromium and the bundled checkpoint."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from openclaw_instructor.reports import file
from openclaw_instructor.service import Toolbox
from tests.screenshots import MAILS, ROOT, save

PICTURE = ROOT / "images" / "reports" / "evaluation.png"


def main() -> None:
    os.environ["OPENCLAW_INSTRUCTOR_DTYPE"] = "float32"
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = file.checked(f"{folder}/report.html")
        with Toolbox(Path(folder) / "home") as toolbox:
            file.write(toolbox.evaluate("classify_email", MAILS).page({"data": MAILS.name}), report)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 1150})
        page.goto(report.as_uri())
        save(page.screenshot(), PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
