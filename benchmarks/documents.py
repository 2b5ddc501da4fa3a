"""What the readers of documents get out of files: `python benchmarks/documents.py pdf|html|speed|encodings [PLACE...]`

pdf [FOLDER]       word F1 of manuals in PDF against the text or pages of the same manual, and the share of passages
                   whose page is right. FOLDER holds unpacked packages of Debian's documentation; without one they
                   are fetched by `apt-get download` into build/manuals.
html [FOLDER]      word F1 of manuals as pages against their text; other extractors that are installed beside ours.
speed FILE...      pages or megabytes a second and memory of the reader of each file, each in a process of its own.
encodings FOLDER   how many texts of one, three and twenty sentences are read in their legacy encoding. FOLDER holds
                   LANGUAGE.jsonl.gz with the text under any name but "en".
"""

from __future__ import annotations

import argparse
import collections
import gzip
import importlib.util
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePath

from openclaw_instructor.documents import Document, UnreadableDocument
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import format_of

DOC = "usr/share/doc"
GUIDE = f"installation-guide-amd64/{DOC}/installation-guide-amd64"
HISTORY = f"debian-history/{DOC}/debian-history/docs"
DEBMAKE = f"debmake-doc/{DOC}/debmake-doc"
REFERENCE = "developers-reference/usr/share/developers-reference"
POLICY = f"debian-policy/{DOC}/debian-policy"
FAQ = f"debian-faq/{DOC}/debian/FAQ/debian-faq.en"
MAINT = f"maint-guide/{DOC}/maint-guide"
# PDF -> the text or pages of the same manual.
PDFS = {
    **{
        f"r-doc-pdf/{DOC}/r-doc-pdf/manual/R-{name}.pdf": f"r-doc-html/usr/share/R/doc/manual/R-{name}.html"
        for name in ("intro", "data", "lang", "exts", "admin", "ints", "FAQ")
    },
    **{f"{DEBMAKE}/debmake-doc.{code}.pdf": f"{DEBMAKE}/debmake-doc.{code}.txt.gz" for code in ("en", "de", "ru")},
    **{
        f"{HISTORY}/project-history.{code}.pdf": f"{HISTORY}/*.{code}.html"
        for code in ("en", "de", "es", "fr", "it", "pt", "ru")
    },
    **{f"{GUIDE}/{code}/install.{code}.pdf.gz": f"{GUIDE}/{code}/install.{code}.txt.gz" for code in ("en", "de")},
    f"{REFERENCE}/developers-reference.pdf": f"{REFERENCE}/developers-reference.txt.gz",
    f"{POLICY}/policy.pdf.gz": f"{POLICY}/policy.txt.gz",
    f"{MAINT}/maint-guide.en.pdf": f"{MAINT}/maint-guide.en.txt.gz",
    f"{FAQ}.pdf.gz": f"{FAQ}.txt.gz",
    f"bash-doc/{DOC}/bash/bashref.pdf": f"bash-doc/{DOC}/bash/bashref.html",
    f"sbcl-doc/{DOC}/sbcl/sbcl.pdf.gz": f"sbcl-doc/{DOC}/sbcl/sbcl.html",
    f"valgrind/{DOC}/valgrind/valgrind_manual.pdf.gz": f"valgrind/{DOC}/valgrind/html/*.html",
}
PAGES = {
    f"{DEBMAKE}/html/*.en.html": f"{DEBMAKE}/debmake-doc.en.txt.gz",
    f"{MAINT}/html/*.en.html": f"{MAINT}/maint-guide.en.txt.gz",
    f"{POLICY}/policy.html/*.html": f"{POLICY}/policy.txt.gz",
    f"{GUIDE}/en/*.html": f"{GUIDE}/en/install.en.txt.gz",
}
_WORD = re.compile(r"\w+")
# Links to the pages before and after, which no book has.
_NAVIGATION = (
    "header",
    "navheader",
    "navfooter",
    "related",
    "sphinxsidebar",
    "footer",
    "nav-panel",
    "mini_toc",
    "menu",
)
_NAVIGATION += ("section-toc",)
ENCODINGS = {
    **dict.fromkeys(("de", "es", "fr", "it", "nl", "pt", "sv"), ("cp1252",)),
    **dict.fromkeys(("cs", "pl"), ("cp1250", "iso8859-2")),
    "ru": ("cp1251", "koi8-r", "cp866"),
    "uk": ("cp1251", "koi8-u"),
    "ja": ("cp932", "euc_jp"),
    "ar": ("cp1256",),
    "tr": ("cp1254",),
    "ko": ("cp949",),
    "zh": ("gb18030",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pdf", "html", "speed", "encodings"))
    parser.add_argument("places", nargs="*", type=Path)
    parser.add_argument("--only", default="", help="manuals whose path holds this")
    asked = parser.parse_args()
    if asked.what == "speed":
        speed(asked.places)
    elif asked.what == "encodings":
        encodings(asked.places[0])
    else:
        (pdf if asked.what == "pdf" else pages)(asked.places[0] if asked.places else fetched(), asked.only)


def contents(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def read(path: Path, data: bytes) -> Document:
    name = PurePath(path.name.removesuffix(".gz"))
    known = format_of(name)
    assert known is not None
    return known.read(data, name)


def fetched() -> Path:
    """Debian's packages, unpacked."""
    top = Path("build/manuals")
    for package in sorted({place.split("/")[0] for pair in PDFS.items() for place in pair}):
        if not (top / package).exists():
            (top / package).mkdir(parents=True)
            subprocess.run(["apt-get", "download", "-q", package], cwd=top, check=True)
            subprocess.run(["dpkg", "-x", next(top.glob(f"{package}_*.deb")), top / package], check=True)
    return top


def words(text: str) -> collections.Counter[str]:
    """Words with a letter: numbers alone are mostly those of pages."""
    return collections.Counter(word for word in _WORD.findall(text.casefold()) if not word.isdigit())


def f1(found: collections.Counter[str], true: collections.Counter[str]) -> tuple[float, float, float]:
    """F1, precision and recall."""
    common = (found & true).total()
    precision, recall = common / max(1, found.total()), common / max(1, true.total())
    return 2 * precision * recall / max(1e-9, precision + recall), precision, recall


def source_text(top: Path, pattern: str) -> str:
    """The text of a manual; of pages all but scripts and navigation."""
    from lxml import html

    texts = []
    for path in sorted(top.glob(pattern)):
        if ".html" not in path.suffixes:
            texts.append(contents(path).decode("utf-8", "replace"))
            continue
        root = html.fromstring(contents(path))
        for element in [element for element in root.iter() if isinstance(element.tag, str)]:
            if element.tag in ("script", "style", "head", "nav") or not set(_NAVIGATION).isdisjoint(
                element.get("class", "").split()
            ):
                element.drop_tree()
        for element in root.iter("p", "li", "td", "th", "dt", "dd", "div", "br", "h1", "h2", "h3", "h4", "h5", "pre"):
            element.text, element.tail = f" {element.text or ''}", f" {element.tail or ''}"
        texts.append(root.text_content())
    return "\n".join(texts)


def pdf(top: Path, only: str) -> None:
    rows = []
    for manual, source in PDFS.items():
        if only not in manual:
            continue
        data = contents(top / manual)
        document = read(top / manual, data)
        score, precision, recall = f1(words(document.text), words(source_text(top, source)))
        right = right_pages(document, data)
        rows.append((score, right))
        count = max(block.location.last for block in document.blocks if block.location)
        print(
            f"{PurePath(manual).name:26} {count:4} pages  F1 {score:.3f}"
            f" (precision {precision:.3f}, recall {recall:.3f})  right pages {right:.3f}",
            flush=True,
        )
    scores, right_of = zip(*rows, strict=True)
    print(
        f"{len(rows)} files: mean F1 {sum(scores) / len(rows):.3f}, least {min(scores):.3f},"
        f" {sum(score >= 0.97 for score in scores)} at 0.97 or more; right pages {sum(right_of) / len(rows):.4f}"
    )


def right_pages(document: Document, data: bytes) -> float:
    """The share of passages of whose letters nine in ten stand on the page that poppler finds them on."""
    command = ["pdftotext", "-layout", "-", "-"]
    text = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    on_page = [_triples(page) for page in text.split("\f")]
    right = total = 0
    for block in document.blocks:
        own = _triples("\n".join(document.lines[block.first - 1 : block.last]))
        if own.total() >= 12 and block.location:
            total += 1
            right += (own & on_page[block.location.first - 1]).total() >= 0.9 * own.total()
    return right / max(1, total)


def _triples(text: str) -> collections.Counter[str]:
    """Letters by three: hyphens at line ends hardly change them."""
    letters = "".join(_WORD.findall(text.casefold()))
    return collections.Counter(letters[at : at + 3] for at in range(len(letters) - 2))


def pages(top: Path, only: str) -> None:
    for name, extract in extractors().items():
        for pattern, source in PAGES.items():
            paths = [path for path in sorted(top.glob(pattern)) if path.name not in ("search.html", "genindex.html")]
            if only not in pattern or not paths:
                continue
            read_pages = [path.read_text("utf-8", "replace") for path in paths]
            started = time.process_time()
            texts = "\n".join(map(extract, read_pages))
            took = time.process_time() - started
            score, precision, recall = f1(words(texts), words(source_text(top, source)))
            print(
                f"{name:12} {pattern.split('/')[0]:25} F1 {score:.3f} (precision {precision:.3f}, recall {recall:.3f})"
                f"  {sum(map(len, read_pages)) / 1e6 / took:.1f} MB/s",
                flush=True,
            )


def extractors() -> dict[str, Callable[[str], str]]:
    """Ours, and those that are installed."""

    def ours(page: str) -> str:
        try:
            return read(Path("page.html"), page.encode()).text
        except UnreadableDocument:
            return ""

    found: dict[str, Callable[[str], str]] = {"ours": ours}
    if importlib.util.find_spec("trafilatura"):
        import trafilatura

        found["trafilatura"] = lambda page: trafilatura.extract(page, favor_recall=True) or ""
    if importlib.util.find_spec("readability"):
        import readability
        from lxml import html

        found["readability"] = lambda page: html.fromstring(readability.Document(page).summary()).text_content()
    if importlib.util.find_spec("resiliparse"):
        from resiliparse.extract.html2text import extract_plain_text

        found["resiliparse"] = lambda page: extract_plain_text(page, main_content=True)
    return found


def speed(paths: list[Path]) -> None:
    if len(paths) > 1:
        for path in paths:
            subprocess.run([sys.executable, __file__, "speed", path], check=True)
        return
    data = contents(paths[0])
    before = peak()
    started = time.process_time()
    document = read(paths[0], data)
    took = time.process_time() - started
    counted = {block.location.last for block in document.blocks if block.location and block.location.unit == "page"}
    rate = f"{max(counted) / took:6.0f} pages/s" if counted else f"{len(data) / 1e6 / took:6.1f} MB/s"
    print(f"{paths[0].name:30} {len(data) / 1e6:6.2f} MB  {rate}  {peak() - before:4} MB of memory", flush=True)


def peak() -> int:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def encodings(folder: Path) -> None:
    import charset_normalizer

    chosen = random.Random(1)
    texts = {language: _texts(folder / f"{language}.jsonl.gz") for language in ENCODINGS}
    for count in (1, 3, 20):
        samples = [
            (_sample(chosen, texts[language], count, name), name)
            for language, names in ENCODINGS.items()
            for name in names * 15
        ]
        samples = [(data, name) for data, name in samples if not data.isascii()]
        ours = sum(decode(data)[0] == data.decode(name) for data, name in samples)
        theirs = sum(str(charset_normalizer.from_bytes(data).best()) == data.decode(name) for data, name in samples)
        print(f"{count:2} sentences: {ours} of {len(samples)} right; charset-normalizer {theirs}")


def _sample(chosen: random.Random, texts: list[str], count: int, encoding: str) -> bytes:
    return "\n".join(chosen.sample(texts, count)).encode(encoding, "ignore")


def _texts(path: Path) -> list[str]:
    rows = (json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()[:20_000])
    texts = (next((text for name, text in row.items() if name != "en"), "") for row in rows)
    return [text for text in texts if 0 < len(text) < 400]


if __name__ == "__main__":
    main()
