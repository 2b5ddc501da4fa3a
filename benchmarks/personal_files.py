"""Write the files of one invented person: mailbox, PDFs, notes, Office documents and two repositories.

The texts stand in `twenty_questions/*.yaml`; the files are made by the libraries that programs make such files with.
"""

from __future__ import annotations

import mailbox
import warnings
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import make_msgid, parsedate_to_datetime
from pathlib import Path
from typing import Any

import yaml

TEXTS = Path(__file__).with_name("twenty_questions")
OWNER = "Ellen Marchetti <ellen@marchetti-landscape.example>"
HEADING = "# "


def texts(name: str) -> Any:
    """The content of one of the YAML files."""
    return yaml.safe_load((TEXTS / f"{name}.yaml").read_text(encoding="utf-8"))


def write(home: Path) -> int:
    """Write everything below `home`, a new folder, and return how many files there are."""
    _write_mail(home / "Mail", texts("mail"))
    for document in texts("pdf"):
        _write_pdf(_place(home / "Documents", document["path"]), document)
    for document in texts("office"):
        path = _place(home / "Office", document["path"])
        OFFICE[path.suffix](path, document)
    for folder, name in (("Notes", "vault"), ("Code", "code")):
        for path, text in texts(name).items():
            _place(home / folder, path).write_text(text, encoding="utf-8")
    return sum(path.is_file() for path in home.rglob("*"))


def _place(folder: Path, relative: str) -> Path:
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_mail(folder: Path, messages: dict[str, list[dict[str, str]]]) -> None:
    maildir = folder / "Inbox"
    for part in ("cur", "new", "tmp"):
        (maildir / part).mkdir(parents=True)
    for message in messages["maildir"]:
        (maildir / "cur" / message["file"]).write_bytes(_message(message).as_bytes())
    archive = mailbox.mbox(folder / "archive.mbox")
    for message in messages["mbox"]:
        entry = mailbox.mboxMessage(_message(message))
        entry.set_from("MAILER-DAEMON", parsedate_to_datetime(message["date"]).utctimetuple())
        archive.add(entry)
    archive.close()


def _message(fields: dict[str, str]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = fields["from"]
    message["To"] = OWNER
    message["Date"] = fields["date"]
    message["Subject"] = fields["subject"]
    message["Message-ID"] = make_msgid(domain="post.example")
    message.set_content(fields["body"])
    return message


def _write_pdf(path: Path, document: dict[str, Any]) -> None:
    from fpdf import FPDF

    pdf = FPDF()
    pdf.set_title(document["title"])
    pdf.set_margin(20)
    for at, page in enumerate(document["pages"]):
        pdf.add_page()
        if at == 0:
            _pdf_text(pdf, document["title"], "B", 20)
        for paragraph in page:
            heading = paragraph.startswith(HEADING)
            _pdf_text(pdf, paragraph.removeprefix(HEADING), "B" if heading else "", 14 if heading else 11)
    pdf.output(str(path))


def _pdf_text(pdf: Any, text: str, style: str, size: int) -> None:
    pdf.set_font("Helvetica", style, size)
    pdf.multi_cell(0, size * 0.55, text, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)


def _write_docx(path: Path, document: dict[str, Any]) -> None:
    from docx import Document

    with warnings.catch_warnings():
        # python-docx reads its own template with a call that newer Pythons deprecate.
        warnings.simplefilter("ignore", DeprecationWarning)
        file = Document()
    file.core_properties.title = document["title"]
    file.core_properties.author = "Ellen Marchetti"
    file.add_heading(document["title"], 0)
    for block in document["body"]:
        if isinstance(block, list):
            rows = max(len(row) for row in block)
            table = file.add_table(rows=0, cols=rows)
            for row in block:
                for cell, text in zip(table.add_row().cells, row, strict=False):
                    cell.text = str(text)
        elif block.startswith(HEADING):
            file.add_heading(block.removeprefix(HEADING), 1)
        else:
            file.add_paragraph(block)
    file.save(str(path))


def _write_xlsx(path: Path, document: dict[str, Any]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title = document["title"]
    for name, rows in document["sheets"].items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def _write_pptx(path: Path, document: dict[str, Any]) -> None:
    from pptx import Presentation

    slides = Presentation()
    slides.core_properties.title = document["title"]
    cover = slides.slides.add_slide(slides.slide_layouts[0])
    cover.shapes.title.text = document["title"]
    for entry in document["slides"]:
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = entry["title"]
        slide.placeholders[1].text = "\n".join(str(bullet) for bullet in entry["bullets"])
        if entry["notes"]:
            slide.notes_slide.notes_text_frame.text = entry["notes"]
    slides.save(str(path))


def _write_odt(path: Path, document: dict[str, Any]) -> None:
    from odfdo import Document, Header, Paragraph

    file = Document("text")
    file.body.clear()
    file.meta.title = document["title"]
    file.body.append(Header(1, document["title"]))
    for block in document["body"]:
        heading = block.startswith(HEADING)
        file.body.append(Header(2, block.removeprefix(HEADING)) if heading else Paragraph(block))
    file.save(path)


OFFICE: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    ".docx": _write_docx,
    ".odt": _write_odt,
    ".pptx": _write_pptx,
    ".xlsx": _write_xlsx,
}
