"""How fast each reader is and how much memory it takes: `python benchmarks/readers.py [--megabytes 0.3]`

Writes one text, the pages of docs/ again and again with other numbers, in every format that is read (pandoc and
weasyprint are Debian's packages; the rest is made here), into build/readers. Each file is read in a process of its own,
as `index sync` reads it but without its limits. A page is 3,000 characters of text read; the seconds are processor time
and the memory is what the process held at most beyond what it held with its libraries loaded and the file's bytes read.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from html import escape
from pathlib import Path

from openclaw_instructor.documents.reading import format_for

PAGE = 3_000
ROOT = Path(__file__).parents[1]
BY_PANDOC = {
    "docx": "docx",
    "pptx": "pptx",
    "odt": "odt",
    "epub": "epub",
    "rtf": "rtf",
    "ipynb": "ipynb",
    "org": "org",
    "adoc": "asciidoc",
    "tex": "latex",
    "1": "man",
    "html": "html",
    "rst": "rst",
}
SOURCES = {"py": "**/*.py", "c": "**/*.c"}
PRINT = "import sys, weasyprint; weasyprint.HTML(filename=sys.argv[1], encoding='utf-8').write_pdf(sys.argv[2])"
ODF = (
    '<?xml version="1.0"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>{}</office:body></office:document-content>'
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=0.3, help="of text in each file")
    parser.add_argument("--one", type=Path, help="read this file and print one line")
    options = parser.parse_args()
    if options.one:
        print(measured(options.one))
        return
    print("| file | size | pages | pages/s | memory |\n| --- | --- | --- | --- | --- |")
    for path in written(ROOT / "build" / "readers", round(options.megabytes * 1e6)):
        subprocess.run([sys.executable, __file__, "--one", path], check=True)


def measured(path: Path) -> str:
    """One row of the table."""
    data = path.read_bytes()
    reader = format_for(data, path)
    # The libraries are loaded once for many files.
    reader.read(_small(path), path)
    before = _restarted_peak()
    started = time.process_time()
    document = reader.read(data, path)
    seconds = time.process_time() - started
    pages = len(document.text) / PAGE
    size = f"{len(data) / 1e6:.2f} MB"
    return f"| `{path.name}` | {size} | {pages:,.0f} | {pages / seconds:,.0f} | {_peak() - before} MB |"


def _small(path: Path) -> bytes:
    small = path.parent / "small" / path.name
    return (small if small.exists() else path).read_bytes()


def _restarted_peak() -> int:
    """Forget how much memory this process has held, and return how much it holds, in MB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The most memory that this process has held since, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) // 1024


def written(folder: Path, size: int) -> list[Path]:
    """Write the files, and small ones of the same kinds, unless they are there."""
    made = [name for part, length in ((folder, size), (folder / "small", 20_000)) for name in _write(part, length)]
    return sorted(path for path in made if path.parent == folder)


def _write(folder: Path, size: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "book.md"
    source.write_text(text(size), encoding="utf-8")
    for suffix, name in BY_PANDOC.items():
        target = folder / f"book.{suffix}"
        if not target.exists():
            command = ["pandoc", "-s", "-f", "gfm", "-t", name, "--metadata", "title=A book"]
            subprocess.run([*command, "-o", target, source], check=True, capture_output=True)
    if not (folder / "book.pdf").exists():
        files = (folder / "book.html", folder / "book.pdf")
        subprocess.run(["/usr/bin/python3", "-c", PRINT, *files], check=True, capture_output=True)
    paragraphs = [one for one in source.read_text(encoding="utf-8").split("\n\n") if one.strip()]
    for name, make in MADE.items():
        (folder / name).write_bytes(make(paragraphs))
    for suffix, pattern in SOURCES.items():
        code = "\n\n".join(
            path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern)) if ".venv" not in path.parts
        )
        (folder / f"code.{suffix}").write_text(code[: min(size, 900_000)], encoding="utf-8")
    return [path for path in folder.iterdir() if path.is_file()]


def text(size: int) -> str:
    """The pages of docs/ in Markdown, repeated, so many characters at least."""
    chosen = random.Random(1)
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        page = pages[len(parts) % len(pages)]
        parts.append(re.sub(r"\d+", lambda _: str(chosen.randrange(10_000)), page))
    return "\n\n".join(parts)[:size]


def _rows(paragraphs: list[str]) -> list[list[str]]:
    words = [" ".join(paragraph.split()) for paragraph in paragraphs]
    rows = [[str(number), one[:40], one[40:200], one[200:400]] for number, one in enumerate(words)]
    return [["number", "name", "remark", "more"], *rows]


def _csv(paragraphs: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(_rows(paragraphs))
    return out.getvalue().encode()


def _xlsx(paragraphs: list[str]) -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    for row in _rows(paragraphs):
        book.worksheets[0].append([re.sub(r"[\0-\x1f]", " ", cell) for cell in row])
    book.save(out)
    return out.getvalue()


def _odf(kind: str, body: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        file.writestr("content.xml", ODF.format(body))
    return out.getvalue()


def _ods(paragraphs: list[str]) -> bytes:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = ("".join(cell.format(escape(one)) for one in row) for row in _rows(paragraphs))
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    return _odf(
        "spreadsheet", f'<office:spreadsheet><table:table table:name="Book">{body}</table:table></office:spreadsheet>'
    )


def _odp(paragraphs: list[str]) -> bytes:
    page = "<draw:page><draw:frame><draw:text-box>{}</draw:text-box></draw:frame></draw:page>"
    texts = [f"<text:p>{escape(one)}</text:p>" for one in paragraphs]
    slides = "".join(page.format("".join(texts[start : start + 4])) for start in range(0, len(texts), 4))
    return _odf("presentation", f"<office:presentation>{slides}</office:presentation>")


def _message(body: str, number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = f"Ann <ann{number}@plum.example>", "Bo <bo@plum.example>"
    message["Subject"], message["Date"] = f"Part {number}", "Tue, 5 May 2020 10:00:00 +0200"
    message.set_content(body)
    return message


def _mbox(paragraphs: list[str]) -> bytes:
    bodies = ["\n\n".join(paragraphs[start : start + 6]) for start in range(0, len(paragraphs), 6)]
    start = b"From x Tue May  5 10:00:00 2020\n"
    return b"".join(start + _message(body, number).as_bytes() + b"\n" for number, body in enumerate(bodies))


def _subtitles(paragraphs: list[str]) -> bytes:
    def moment(second: int) -> str:
        return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02},000"

    lines = [" ".join(paragraph.split())[:160] for paragraph in paragraphs]
    cues = (f"{n + 1}\n{moment(3 * n)} --> {moment(3 * n + 2)}\n{line}\n" for n, line in enumerate(lines))
    return "\n".join(cues).encode()


def _chat(paragraphs: list[str]) -> bytes:
    messages = [
        {"id": n, "type": "message", "date": f"2024-0{1 + n % 9}-10T10:00:00", "from": "Ann", "text": paragraph}
        for n, paragraph in enumerate(paragraphs)
    ]
    return json.dumps({"name": "Bo", "type": "personal_chat", "id": 1, "messages": messages}).encode()


def _ini(paragraphs: list[str]) -> bytes:
    return "\n\n".join(f"[part{n}]\nvalue = {' '.join(one.split())}" for n, one in enumerate(paragraphs)).encode()


MADE: dict[str, Callable[[list[str]], bytes]] = {
    "book.txt": lambda paragraphs: "\n\n".join(paragraphs).encode(),
    "table.csv": _csv,
    "table.xlsx": _xlsx,
    "table.ods": _ods,
    "slides.odp": _odp,
    "mail.eml": lambda paragraphs: _message("\n\n".join(paragraphs), 1).as_bytes(),
    "mail.mbox": _mbox,
    "film.srt": _subtitles,
    "result.json": _chat,
    "settings.ini": _ini,
}


if __name__ == "__main__":
    main()
