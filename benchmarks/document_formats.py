"""One retrieval set in several formats: `python benchmarks/document_formats.py FOLDER [--documents N]`

FOLDER holds corpus.jsonl.gz, queries.jsonl.gz and qrels.tsv.gz. Each document is written as Markdown and rendered by
pandoc and weasyprint (Debian's packages) as HTML with navigation and banners around it, as DOCX, EPUB and PDF, into
build/formats. Each format is indexed by itself and searched as `search_docs` does; nDCG@10 is of files.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

SUFFIXES = ("md", "html", "docx", "epub", "pdf")
RENDER = """
function Pandoc(doc)
  for name in io.lines(os.getenv("LIST")) do
    local source = io.open(name .. ".md", "rb")
    local read = pandoc.read(source:read("a"), "gfm")
    source:close()
    for format, suffix in pairs({html = "part", docx = "docx", epub = "epub"}) do
      local out = io.open(name .. "." .. suffix, "wb")
      out:write(pandoc.write(read, format))
      out:close()
    end
  end
  return doc
end
"""
PRINT = """
import logging, sys, weasyprint
logging.disable(logging.CRITICAL)
style = "@page { @bottom-center { content: counter(page) } } body { hyphens: auto; text-align: justify }"
for name in map(str.strip, open(sys.argv[1])):
    page = open(name + ".part", encoding="utf-8").read()
    page = "<html lang=en><head><style>" + style + "</style></head><body>" + page
    weasyprint.HTML(string=page).write_pdf(name + ".pdf")
"""
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<script>let x = "<p>no</p>"</script></head><body><header><a href="/">Home of all manuals</a></header>
<nav><ul><li><a href="/install">Install curl or borg</a><li><a href="/faq">About Celery and Black</a></ul></nav>
<div class="cookie-banner">We use cookies to remember your configuration. <button>Accept</button></div>
<main>{body}</main><footer>Documentation licensed freely; report a bug</footer></body></html>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=0, help="this many, those that are asked for first")
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    judged = {query: found for query, found, _ in map(str.split, lines(asked.folder / "qrels.tsv.gz"))}
    queries = {row["id"]: row["text"] for row in map(json.loads, lines(asked.folder / "queries.jsonl.gz"))}
    corpus = [json.loads(line) for line in lines(asked.folder / "corpus.jsonl.gz")]
    corpus.sort(key=lambda row: row["id"] not in set(judged.values()))
    top = Path("build/formats").absolute()
    names = rendered(top, corpus[: asked.documents or None])
    if asked.render:
        return
    print(f"{len(names)} documents, {len(queries)} queries")
    for suffix in SUFFIXES:
        if format_of(Path(f"x.{suffix}")):
            score, passages, seconds = measured(top, suffix, names, queries, judged)
            print(f"{suffix:5} nDCG@10 {score:.2f}  {passages} passages, indexed in {seconds:.0f} s", flush=True)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def rendered(top: Path, corpus: list[dict[str, str]]) -> list[str]:
    """Render what is not there yet; returns the names without suffix."""
    names, new = [], []
    for suffix in SUFFIXES:
        (top / suffix).mkdir(parents=True, exist_ok=True)
    (top / "work").mkdir(exist_ok=True)
    for row in corpus:
        names.append(row["id"])
        if all((top / suffix / f"{row['id']}.{suffix}").exists() for suffix in SUFFIXES):
            continue
        new.append(row)
        (top / "work" / f"{row['id']}.md").write_text(f"# {row['title']}\n\n{row['text']}\n")
    for start in range(0, len(new), 50):
        part = new[start : start + 50]
        listed = top / "work" / "list"
        listed.write_text("".join(f"{top / 'work' / row['id']}\n" for row in part))
        (top / "work" / "render.lua").write_text(RENDER)
        command = ["pandoc", "-f", "markdown", "-t", "plain", "--lua-filter", top / "work" / "render.lua", "/dev/null"]
        subprocess.run(command, check=True, env=os.environ | {"LIST": str(listed)}, capture_output=True)
        subprocess.run(["/usr/bin/python3", "-c", PRINT, listed], check=True, capture_output=True)
        for row in part:
            name = top / "work" / row["id"]
            page = PAGE.format(title=html.escape(row["title"]), body=name.with_name(f"{row['id']}.part").read_text())
            (top / "html" / f"{row['id']}.html").write_text(page)
            for suffix in ("md", "docx", "epub", "pdf"):
                name.with_name(f"{row['id']}.{suffix}").rename(top / suffix / f"{row['id']}.{suffix}")
    return names


def measured(
    top: Path, suffix: str, names: list[str], queries: dict[str, str], judged: dict[str, str]
) -> tuple[float, int, float]:
    """nDCG@10 in percent, the passages and the seconds that a sync took."""
    with tempfile.TemporaryDirectory() as home:
        files = Path(home) / "files"
        files.mkdir()
        for name in names:
            shutil.copy(top / suffix / f"{name}.{suffix}", files)
        tools = Toolbox(settings=Settings.load(home))
        tools.index_add("docs", [files], [], [])
        started = time.monotonic()
        report = tools.index_sync("docs").as_dict()["collections"][0]
        seconds = time.monotonic() - started
        gains = []
        for query, text in queries.items():
            hits = tools.run("search_docs", {"query": text, "top_k": 20})["hits"]
            found = list(dict.fromkeys(Path(hit["file"]).stem for hit in hits))[:10]
            gains.append(1 / math.log2(found.index(judged[query]) + 2) if judged[query] in found else 0.0)
        return 100 * sum(gains) / len(gains), report["chunks"], seconds


if __name__ == "__main__":
    main()
