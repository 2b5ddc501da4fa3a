"""The studio in a real browser: Chromium, on the application with a model of hashed words."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.engine.held_embedder import HeldEmbedder
from tests.server.serving import Local, serving

sync_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# Nothing that calls home, and no sandbox, which root does not have.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<img src=x onerror=alert(1)>.md"


# Not of the session: while it is open, no other test of this process can run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium; install it (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "gateway.md").write_text(
        "# Gateway\n\nThe gateway runs agents.\n\n## Restarting\n\nTo restart the gateway, drain its sessions first.\n"
    )
    (folder / "garden.md").write_text("# Garden\n\nTomatoes want full sun and a deep drink twice a week.\n")
    (folder / HOSTILE).write_text("# <script>alert(2)</script>\n\nTomatoes <b onclick=alert(3)>bold</b> &amp; more.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Local]:
    model = HeldEmbedder()
    model.dimension = model.least_dimension = 64
    model.max_seq_length = 200
    settings = Settings(home=tmp_path_factory.mktemp("home"), checkpoint="words")
    engine = Engine(settings, open_embedder=lambda _: model)
    toolbox = Toolbox(settings=settings, engine=engine)
    toolbox.index_add("docs", [documents])
    toolbox.index_sync("docs")
    with serving(toolbox, model) as local:
        yield local


@dataclass
class Studio:
    """A page of the studio; `problems` are errors and violations of its policy that the browser reported."""

    page: Any
    url: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("console", self._console)

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def open(self, place: str) -> Any:
        """Go to a room, and wait until it is there."""
        self.page.evaluate(
            "place => { document.querySelector('main').dataset.place = ''; location.hash = ''; location.hash = place }",
            place,
        )
        self.wait_for("decodeURI(document.querySelector('main').dataset.place) === " + json.dumps(place))
        return self.page

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true; Playwright's own way needs `eval`, which the page's policy forbids."""
        deadline = time.monotonic() + 30
        while not self.page.evaluate(f"() => Boolean({expression})"):
            assert time.monotonic() < deadline, f"never true: {expression}"
            self.page.wait_for_timeout(20)

    def check_accessibility(self) -> None:
        """Fail on what axe calls serious or critical."""
        if not AXE.exists():
            pytest.skip(f"no axe in {AXE}; run `make browser`")
        # The page's policy forbids inline scripts; this world of its own is not bound by it.
        session = self.page.context.new_cdp_session(self.page)
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
        session.send("Runtime.evaluate", {"expression": AXE.read_text(), "contextId": world})
        found = session.send(
            "Runtime.evaluate",
            {
                "expression": "axe.run().then(r => JSON.stringify(r.violations.map(v => [v.impact, v.id, "
                "v.nodes.map(n => n.html)])))",
                "contextId": world,
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        assert "value" in found["result"], found
        violations = [each for each in json.loads(found["result"]["value"]) if each[0] in ("serious", "critical")]
        assert not violations

    def check_width(self, width: int = 360) -> None:
        """Fail when the page is wider than a small phone."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": 700})
        # A chart follows the width of its place a moment later.
        self.wait_for(f"document.documentElement.scrollWidth <= {width}")
        self.page.set_viewport_size(before)

    def check(self) -> None:
        """What every room has to pass, in both colour schemes."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.check_accessibility()
        self.check_width()
        assert self.problems == []


@pytest.fixture(scope="module")
def open_studio(chromium: Any, local: Local) -> Iterator[Callable[..., Studio]]:
    contexts = []

    def open_one(scope: str = "admin", room: str = "search") -> Studio:
        context = chromium.new_context(viewport={"width": 1200, "height": 800})
        context.set_default_timeout(30_000)
        contexts.append(context)
        studio = Studio(context.new_page(), local.url)
        link = local.ask("/v1/session/link", {"scope": scope, "page": f"/studio/?room={room}"}).body["url"]
        studio.page.goto(local.url + link)
        studio.page.wait_for_selector("main h1")
        return studio

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def studio(open_studio: Callable[..., Studio]) -> Studio:
    """The studio as the owner opens it; tests of one module share the page."""
    return open_studio()
