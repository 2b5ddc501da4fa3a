"""Time and weigh the studio: loading beside a warm daemon, the bytes of its files, and maps of many points.

    python benchmarks/studio.py [--umap]

It needs Chromium and, with --umap, the extra `map`.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.server.studio import pages
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks import projection

ROUNDS = 7
POINTS = 50_000
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
    options = parser.parse_args()
    files = pages.files()
    plain, packed = (sum(each) for each in zip(*map(both, files.values()), strict=True))
    print(f"all files: {plain / 1e3:.0f} kB, {packed / 1e3:.0f} kB compressed")
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
    vectors = np.random.default_rng(0).normal(size=(POINTS, 384)).astype(np.float32)
    started = time.monotonic()
    projection.pca(vectors)
    print(f"PCA of {POINTS:,} vectors: {time.monotonic() - started:.1f} s")
    if options.umap:
        for count in (1_000, 1_000, 5_000):
            started = time.monotonic()
            projection.umap(vectors[:count])
            print(f"UMAP of {count:,} vectors: {time.monotonic() - started:.0f} s")


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
