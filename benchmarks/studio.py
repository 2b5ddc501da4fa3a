"""Time and weigh the studio: loading beside a warm daemon, the bytes of its files, and maps of many points.

    python benchmarks/studio.py [--umap] [--index]

It needs Chromium; --umap also the extra `map`. --index makes an index of 50,000 passages and draws its map.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from playwright.sync_api import sync_playwright

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.server.studio import pages
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks import projection, text_map
from openclaw_instructor.testing import WordEngine

ROUNDS = 7
POINTS = 50_000
DIMENSION = 384
# Draws a map again and again, as when it is moved, and says how many milliseconds a frame takes.
FRAMES = """async ([count, frames]) => {
  const { scatter } = await import("/studio/scatter.js");
  const colour = Uint8Array.from({ length: count }, (_, i) => i % 12);
  const map = scatter("points", { colour, chosen: null }, {});
  document.querySelector("main").replaceChildren(map.element);
  const random = () => Array.from({ length: count }, () => Math.round(Math.random() * 65535));
  map.set(random(), random());
  const next = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  await next();
  const started = performance.now();
  for (let i = 0; i < frames; i++) {
    map.draw();
    await next();
  }
  return (performance.now() - started) / frames;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--umap", action="store_true")
    parser.add_argument("--index", action="store_true")
    options = parser.parse_args()
    files = pages.files()
    plain, packed = (sum(each) for each in zip(*map(both, files.values()), strict=True))
    print(f"all files: {plain / 1e3:.0f} kB, {packed / 1e3:.0f} kB compressed")
    time_the_page()
    vectors = groups(POINTS)
    projection.pca(vectors[:1_000])
    with timed(f"PCA of {POINTS:,} vectors"):
        projection.pca(vectors)
    if options.index:
        time_an_index()
    for count in (1_000, 5_000, POINTS) if options.umap else ():
        with timed(f"UMAP of {count:,} vectors"):
            projection.umap(vectors[:count])


def time_the_page() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        try:
            with Client(settings) as client:
                client.run("semantic_match", {"query": "warm", "candidates": ["cold", "hot"]})
                print(f"loads in {load(client, page):.0f} ms (median of {ROUNDS}, link to first room)")
                print(f"{POINTS:,} points: {page.evaluate(FRAMES, [POINTS, 40]):.0f} ms a frame")
        finally:
            lifecycle.stop(settings)
            browser.close()


def time_an_index() -> None:
    """From the question for a map to the last byte of its answer, over passages of random words."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        random = np.random.default_rng(0)
        words = np.array([f"word{number}" for number in range(2_000)])
        for file in range(POINTS // 100):
            notes = (f"# Note {file} {n}\n\n{' '.join(words[random.integers(0, 2_000, 120)])}\n\n" for n in range(100))
            (documents / f"{file}.md").write_text("".join(notes))
        settings = Settings(home=Path(folder) / "home", cache_mb=0)
        with Toolbox(settings=settings, engine=WordEngine(dimension=DIMENSION, settings=settings)) as toolbox:
            toolbox.index_add("notes", [documents])
            toolbox.index_sync("notes")
            with timed("map of an index, by PCA"):
                texts = text_map.of_collection(toolbox, "notes", POINTS, with_texts=False)
                lines = [orjson.dumps(line) for line in text_map.maps(texts, None, "pca", toolbox)]
            print(f"  of {len(texts.groups):,} passages, {sum(map(len, lines)) / 1e6:.1f} MB")


def groups(count: int) -> Any:
    """Unit vectors (count, DIMENSION) around 40 directions, as embeddings of texts about 40 things lie."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, DIMENSION)) * random.uniform(0.5, 2, size=(40, 1))
    vectors = centres[random.integers(0, 40, count)] + random.normal(size=(count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@contextmanager
def timed(what: str) -> Iterator[None]:
    def spent() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    started, before = time.monotonic(), spent()
    yield
    print(f"{what}: {time.monotonic() - started:.1f} s, {spent() - before:.1f} s of processor time", flush=True)


def both(file: pages.StaticFile) -> tuple[int, int]:
    return len(file.content), len(gzip.compress(file.content))


def load(client: Client, page: Any) -> float:
    times = []
    for _ in range(ROUNDS):
        url = client.session_link("read", "/studio/")["url"]
        started = time.monotonic()
        page.goto(url)
        page.wait_for_selector("main form")
        times.append((time.monotonic() - started) * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    main()
