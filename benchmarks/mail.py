"""Reading mail: how long it takes, what it holds, and how other libraries fare on the same.

python benchmarks/mail.py speed     ordinary mail, and a mail of 50 MB with its attachment passed over
python benchmarks/mail.py pages     hostile pages through HTML parsers (pip install lxml selectolax resiliparse)
python benchmarks/mail.py replies   replies in every language (pip install quotequail mail-parser-reply)

Seconds are of one core. A parser that takes more than 20 seconds or 4 GB is ended.
"""

from __future__ import annotations

import importlib
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from openclaw_instructor.documents.email import read
from openclaw_instructor.documents.email.mime import without_attachments
from openclaw_instructor.documents.email.visible import VisiblePage

_SECONDS, _BYTES = 20, 4 << 30
_PAGES: dict[str, Callable[[int], str]] = {
    "newsletter": lambda size: (
        "<table><tr><td style='padding:0;color:#333'><p class=x>Hello <b>you</b> &amp; <a href='https://e.org'>all</a></p>"
        "</td></tr></table>\n" * (size // 130)
    ),
    "nested blocks": lambda size: "<div>" * (size // 5),
    "formatting that stays open": lambda size: "".join(f"<b id={number}><p>x" for number in range(size // 14)),
    "attributes": lambda size: "<a " + " ".join(f"a{number}=b" for number in range(size // 8)) + ">x",
    "tags that never end": lambda size: "<a " * (size // 3),
}


def speed() -> None:
    """Time and memory of the reader."""
    from tests.documents.email.mails import INVOICE, multipart, part

    ordinary = multipart(
        part(f"{INVOICE}\n\nBest regards,\nAnn\n"), part(f"<p>{INVOICE}</p>", "text/html"), kind="alternative"
    )
    newsletter = multipart(part(_PAGES["newsletter"](100_000), "text/html"))
    scan = part("A" * 76 + "\n", 'application/pdf; name="scan.pdf"', "Content-Transfer-Encoding: base64\n")
    large = multipart(part(INVOICE), scan.replace("A" * 76 + "\n", ("A" * 76 + "\n") * 640_000))
    read(ordinary)
    for name, data, times in (
        ("ordinary mail", ordinary, 300),
        ("newsletter of 100 kB", newsletter, 5),
        ("mail of 50 MB", large, 1),
    ):
        before, begun = _most_memory(), time.process_time()
        for _ in range(times):
            read(data)
        took = (time.process_time() - begun) / times
        print(f"{name:22} {len(data) / 1e6:7.3f} MB  {took * 1_000:8.2f} ms  {_most_memory() - before:5d} MB more")
    begun = time.process_time()
    print(
        f"without attachments: {len(without_attachments(large))} bytes, {(time.process_time() - begun) * 1_000:.1f} ms"
    )


def pages() -> None:
    """Hostile pages through parsers."""
    for page in _PAGES:
        for parser in _PARSERS:
            row = [f"{_timed(parser, page, size):>22}" for size in (100_000, 1_000_000)]
            print(f"{page:28}{parser:12}", *row, flush=True)


def replies() -> None:
    """Replies to a message of another topic, in each language: is only what is new read?"""
    from tests.documents.email.test_quotes import BLOCKS, INTROS, block

    old, new = "Please pay invoice 77.\nIt is overdue.\nWe wait\nfor you.", "Grandma says Sunday is fine."
    marked = "\n".join(f"> {line}" for line in old.split("\n"))
    bodies = {
        f"a line over marked text ({len(INTROS)})": [f"{new}\n\n{intro}\n{marked}" for intro in INTROS.values()],
        f"a line over unmarked text ({len(INTROS)})": [f"{new}\n\n{intro}\n\n{old}" for intro in INTROS.values()],
        f"fields over unmarked text ({len(BLOCKS)})": [
            f"{new}\n\n{block(labels)}\n\n{old}" for labels in BLOCKS.values()
        ],
    }
    for name, reply in _REPLIES.items():
        for kind, texts in bodies.items():
            try:
                print(f"{name:20} {kind:36} {sum(reply(text).strip() == new for text in texts):3d}", flush=True)
            except ImportError as error:
                print(f"{name:20} {error}; pip install {name}")
                break


def _ours(page: str) -> None:
    VisiblePage(page)


def _lxml(page: str) -> None:
    importlib.import_module("lxml.html").document_fromstring(page).text_content()


def _selectolax(page: str) -> None:
    importlib.import_module("selectolax.lexbor").LexborHTMLParser(page).text()


def _resiliparse(page: str) -> None:
    tree = importlib.import_module("resiliparse.parse.html").HTMLTree.parse(page)
    importlib.import_module("resiliparse.extract.html2text").extract_plain_text(tree)


def _own_reply(text: str) -> str:
    from openclaw_instructor.documents.email.trimming import trim

    return trim(text)[0]


def _quotequail(text: str) -> str:
    found = importlib.import_module("quotequail").unwrap(text) or {}
    return str(found.get("text_top", text))


def _mail_parser_reply(text: str) -> str:
    module = importlib.import_module("mailparser_reply")
    languages = list(importlib.import_module("mailparser_reply.constants").MAIL_LANGUAGES)
    return module.EmailReplyParser(languages=languages).parse_reply(text=text) or ""


_PARSERS = {"this": _ours, "lxml": _lxml, "selectolax": _selectolax, "resiliparse": _resiliparse}
_REPLIES = {"this": _own_reply, "quotequail": _quotequail, "mail-parser-reply": _mail_parser_reply}


def _timed(parser: str, page: str, size: int) -> str:
    """Seconds and memory of a parser in a process of its own."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_measure, args=(sending, parser, page, size))
    process.start()
    sending.close()
    process.join(_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return f"over {_SECONDS} s"
    return receiving.recv() if receiving.poll() else "failed"


def _measure(sending: multiprocessing.connection.Connection, parser: str, page: str, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    source = _PAGES[page](size)
    try:
        _PARSERS[parser]("<p>warm</p>")
        before, begun = _most_memory(), time.process_time()
        _PARSERS[parser](source)
        sending.send(f"{time.process_time() - begun:.2f} s, {_most_memory() - before} MB")
    except ImportError:
        sending.send("not installed")
    except Exception as error:
        sending.send(type(error).__name__)


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    {"speed": speed, "pages": pages, "replies": replies}.get(command, lambda: sys.exit(__doc__))()
