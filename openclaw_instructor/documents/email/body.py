"""Extract the text of a message from its parts, without what its writer did not write."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from openclaw_instructor.documents.email import alternatives, charsets, mime, quotes
from openclaw_instructor.documents.email.calendar import read_calendar
from openclaw_instructor.documents.email.characters import one_line, visible
from openclaw_instructor.documents.email.html import begins_as_html
from openclaw_instructor.documents.email.links import MOST_LINKS, plain_links
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.email.mime import Part
from openclaw_instructor.documents.email.outlook import rtf_text, tnef_as_mime
from openclaw_instructor.documents.email.plain_text import unflowed, without_files
from openclaw_instructor.documents.email.protected import signed_content, without_armour
from openclaw_instructor.documents.email.visible import VisiblePage

# Limits on characters of the text and bytes of one part, far above what any checkpoint reads.
MAX_TEXT, MAX_PART = 1_000_000, 2_000_000
_LONGEST_TNEF, _LONGEST_SIGNED = 20_000_000, 20_000_000
_MOST_ATTACHMENTS = 100
# The description of an invitation is added to a body shorter than this.
_SHORT_BODY = 200

CUT = "the text is longer than is read; its end was left out"
HIDDEN = "the mail holds text that people do not see; it was left out"
DIFFER = "its plain and its HTML version say different things; the HTML was read, as mail programs show it"
MISMATCHED = "a link shows another domain than it leads to"
ENCRYPTED = "the mail is encrypted; its text could not be read"
TNEF_UNREAD = "its text lies in an attachment of Outlook's (winmail.dat, TNEF) that could not be read"
IN_ATTACHMENT = "its only text stands in an attachment, which was read"
ONLY_ATTACHMENTS = "it has no text of its own; its attachments were not read"
NO_EVENT = "it holds a calendar in which no event could be read"
EXTERNAL = "a part of its text lies elsewhere or in another message; it was not read"

_META_CHARSET = re.compile(rb"<meta\b[^>]{0,300}?\bcharset\s?=\s?[\"']?\s?([\w.:-]{2,40})", re.IGNORECASE)
_ENRICHED = re.compile(r"<(/?)([A-Za-z-]{1,40})>")
_SIGNATURES = frozenset(("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"))
_SMIME = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_FACTS = frozenset(("message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
                    "message/feedback-report", "text/rfc822-headers", "text/x-amp-html"))  # fmt: skip
_NO_TEXT = frozenset(("text/vcard", "text/x-vcard", "text/directory", "text/css", "text/javascript"))


@dataclass(frozen=True)
class _Text:
    text: str
    html: bool = False


class BodyReader:
    """Reads the parts of one message into its text, and records what else they contain."""

    def __init__(self, message: Email) -> None:
        self._message = message
        self._left = MAX_TEXT
        self._reserve: list[Callable[[], list[_Text]]] = []
        self._rich: list[_Text] = []  # of winmail.dat
        self._events: list[str] = []

    def read(self, part: Part) -> str:
        """Read the text of the message, including quotes."""
        texts = _filled(self._read(part)) or self._rich
        if not texts and not self._events and self._reserve:
            texts = _filled([text for read in self._reserve[:20] for text in read()])
            if texts:
                self._message.notes.add(IN_ATTACHMENT)
        text = "\n".join(piece.text for piece in texts)
        if self._events and len(text.strip()) < _SHORT_BODY:
            text = "\n\n".join([*([text] if text.strip() else []), *self._events])
        self.tell(text)
        return text

    def tell(self, text: str) -> None:
        """Add the notes on hidden text, mismatched links and encryption that apply to `text`."""
        message = self._message
        if message.hidden_characters:
            message.notes.add(HIDDEN)
        if message.mismatched_links:
            message.notes.add(MISMATCHED)
        if message.encrypted and not text.strip():
            message.could_not_read(ENCRYPTED)
        elif not text.strip() and message.attachments and not message.unread:
            message.notes.add(ONLY_ATTACHMENTS)

    def _read(self, part: Part) -> list[_Text]:
        if part.is_message:
            return self._attached_message(part)
        if part.main_type != "multipart":
            return self._leaf(part)
        kind = part.content_type.partition("/")[2]
        if not part.children:
            # The parser found no boundary and has noted that.
            return self._text(part, "plain")
        if kind == "encrypted":
            self._message.encrypted = True
            return []
        if kind == "signed":
            self._message.signed = True
            return self._read(part.children[0])
        if kind == "report":
            # The first part is the server's text for people; the returned message is not its own.
            return self._read(part.children[0])
        if kind == "digest":
            return [text for child in part.children for text in self._digested(child)]
        contents = [self._read(child) for child in part.children if not _is_embedded_image(child, kind)]
        return self._alternative(contents) if kind == "alternative" else [text for texts in contents for text in texts]

    def _alternative(self, contents: list[list[_Text]]) -> list[_Text]:
        texts = [text for content in contents for text in content]
        plain = [text for text in texts if not text.html]
        html = next((content for content in reversed(contents) if any(text.html for text in content)), [])
        choice = alternatives.choose("\n".join(text.text for text in plain), "\n".join(text.text for text in html))
        if choice.differ:
            self._message.alternatives_differ = True
            self._message.notes.add(DIFFER)
        return html if choice.html else plain

    def _digested(self, part: Part) -> list[_Text]:
        if part.is_message:
            return self._message_text(part.children[0]) if part.children else []
        inner = part if "content-type" in part.headers else mime.parse(part.body, self._message.notes)
        return self._message_text(inner)

    def _attached_message(self, part: Part) -> list[_Text]:
        inner = part.children[0] if part.children else None
        if inner is None:
            return []
        self._attach(part.headers.filename or f"{inner.headers.text('subject', 150) or 'message'}.eml")
        if part.headers.disposition == "inline" or quotes.is_forward(self._message.subject):
            return self._message_text(inner)
        self._reserve.append(lambda: self._message_text(inner))
        return []

    def _message_text(self, inner: Part) -> list[_Text]:
        subject = inner.headers.text("subject", 2_000)
        return [*([_Text(subject + "\n")] if subject else []), *self._read(inner)]

    def _leaf(self, part: Part) -> list[_Text]:
        kind, name = part.content_type, part.headers.filename
        if kind in _SIGNATURES:
            self._message.signed = True
        elif kind == "application/pgp-encrypted":
            self._message.encrypted = True
        elif kind in _SMIME or name.lower() == "smime.p7m":
            return self._smime(part)
        elif kind in _TNEF or name.lower() in ("winmail.dat", "win.dat"):
            self._tnef(part)
        elif kind in ("text/calendar", "application/ics"):
            self._calendar(part, name)
        elif kind in ("message/partial", "message/external-body"):
            self._message.could_not_read(EXTERNAL)
        elif kind in _FACTS:
            pass
        elif part.main_type == "text" and kind not in _NO_TEXT:
            return self._text_part(part, kind.partition("/")[2], name)
        else:
            self._attach(name or kind)
        return []

    def _text_part(self, part: Part, kind: str, name: str) -> list[_Text]:
        if name or part.headers.disposition == "attachment":
            self._attach(name or part.content_type)
            self._reserve.append(lambda: self._text(part, kind))
            return []
        return self._text(part, kind)

    def _text(self, part: Part, kind: str) -> list[_Text]:
        data = part.decoded(MAX_PART)
        charset = part.headers.parameter("charset")
        if not charset and kind == "html" and (meta := _META_CHARSET.search(data[:5_000])):
            charset = meta[1].decode("ascii", "replace")
        text, problem = charsets.decode(data, charset)
        self._message.notes.add(problem)
        if len(text) > self._left or part.end - part.begin > 4 * MAX_PART:
            self._message.could_not_read(CUT)
        text = text[: self._left]
        self._left -= len(text)
        if kind == "html" or (kind in ("plain", "enriched", "richtext") and begins_as_html(text)):
            return [self.page(text)]
        if kind in ("enriched", "richtext"):
            text = _ENRICHED.sub("", text)
        elif kind == "rtf":
            text = rtf_text(text.encode("cp1252", "replace"))
        elif part.headers.parameter("format").lower() == "flowed":
            text = unflowed(text, joined=part.headers.parameter("delsp").lower() == "yes")
        return [self.plain(text)]

    def page(self, source: str, *, keeps_lines: bool = False) -> _Text:
        """Return the visible text of a page; its links and hidden text are recorded in the message."""
        page = VisiblePage(source, quotes.is_intro, keeps_lines=keeps_lines)
        self._message.links += page.links[: MOST_LINKS - len(self._message.links)]
        self._message.hidden_characters += page.hidden_characters
        return _Text(self._without_armour(page.text), html=True)

    def plain(self, source: str) -> _Text:
        """Return plain text without PGP armour and without files encoded in it."""
        text, files = without_files(self._without_armour(visible(source)))
        for name in files:
            self._attach(name)
        self._message.links += plain_links(text[:200_000])[: MOST_LINKS - len(self._message.links)]
        return _Text(text)

    def _without_armour(self, text: str) -> str:
        armoured = without_armour(text)
        self._message.encrypted |= armoured.encrypted
        self._message.signed |= armoured.signed
        return armoured.text

    def _smime(self, part: Part) -> list[_Text]:
        content = signed_content(part.decoded(_LONGEST_SIGNED))
        if content is None:
            if part.headers.parameter("smime-type").lower() != "certs-only":
                self._message.encrypted = True
            return []
        self._message.signed = True
        return self._read(mime.parse(mime.unix_lines(content), self._message.notes))

    def _tnef(self, part: Part) -> None:
        content = tnef_as_mime(part.decoded(_LONGEST_TNEF))
        if content:
            inner = BodyReader(self._message)
            self._rich += _filled(inner._read(mime.parse(mime.unix_lines(content), self._message.notes)))
        else:
            self._attach(part.headers.filename or "winmail.dat")
            self._message.could_not_read(TNEF_UNREAD)

    def _calendar(self, part: Part, name: str) -> None:
        text, _ = charsets.decode(part.decoded(MAX_PART), part.headers.parameter("charset"))
        invitation = read_calendar(text)
        if name and part.headers.disposition == "attachment":
            self._attach(name)
        if invitation is None:
            self._message.could_not_read(NO_EVENT)
        elif not self._events:
            self._message.invitation = invitation.method or part.headers.parameter("method").upper()[:20]
            self._events.append(visible(invitation.text))

    def _attach(self, name: str) -> None:
        if len(self._message.attachments) < _MOST_ATTACHMENTS:
            self._message.attachments.append(one_line(name, 200))
        else:
            self._message.notes.add("it has more attachments than are listed")


def _filled(texts: list[_Text]) -> list[_Text]:
    return [text for text in texts if text.text.strip()]


def _is_embedded_image(part: Part, kind: str) -> bool:
    return kind == "related" and part.main_type == "image" and "content-id" in part.headers
