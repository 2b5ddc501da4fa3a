"""Read mail into an `Email`, from a whole message or from the fields that an agent gives."""

from __future__ import annotations

from openclaw_instructor.documents.email import containers, kinds, mime
from openclaw_instructor.documents.email.body import BodyReader
from openclaw_instructor.documents.email.characters import one_line, visible
from openclaw_instructor.documents.email.headers import Headers, address_in
from openclaw_instructor.documents.email.html import begins_as_html, is_html
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.email.mime import Part
from openclaw_instructor.documents.email.quotes import is_forward
from openclaw_instructor.documents.email.trimming import trim

NO_HEADERS = "no headers found; the whole text was taken as the body"
SUBJECT_CUT = "the subject is longer than any mail program shows; its end was left out"
_LONGEST_SUBJECT, _LONGEST_PEOPLE = 1_000, 5_000
_PASTED_FENCE = ("```", "~~~")


def read(raw: str | bytes) -> Email:
    """Read a whole message: RFC 822, .emlx, .msg, the first of an mbox, or any of these pasted or in base64.

    Time and memory are linear in the message's size and bounded by what is read of it: attachments are passed over.
    Never raises for a malformed message: `notes` says what could not be read. Raises UnreadableDocument for a file that
    is plainly something else, such as a PDF.
    """
    message = Email()
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    data = containers.prepared(data, message.notes)
    if not containers.has_head(data):
        message.has_headers = False
        message.notes.add(NO_HEADERS)
        _read_body(message, Part(Headers(notes=message.notes), data, 0, len(data), message.notes))
        return message
    root = mime.parse(data, message.notes)
    _set_fallback_charset(root)
    _read_headers(message, root.headers)
    message.kind = kinds.kind_of(root, message.subject)
    message.notes.add(kinds.SENTENCES.get(message.kind, ""))
    _read_body(message, root)
    return message


def from_fields(subject: str = "", body: str = "", sender: str = "", to: str = "") -> Email:
    """Build a message from its parts; an HTML body is converted to text."""
    message = Email(
        one_line(subject, _LONGEST_SUBJECT),
        one_line(sender, _LONGEST_PEOPLE),
        one_line(to, _LONGEST_PEOPLE),
        sender_address=address_in(sender),
    )
    message.sender_name = one_line(sender.rpartition("<")[0], 200).strip("\"' ")
    reader = BodyReader(message)
    body = _without_fence(body)
    text = reader.page(body, keeps_lines=not begins_as_html(body)) if is_html(body) else reader.plain(body)
    reader.tell(text.text)
    _set_body(message, text.text)
    return message


def _read_headers(message: Email, headers: Headers) -> None:
    message.subject = headers.text("subject", _LONGEST_SUBJECT)
    if len(message.subject) == _LONGEST_SUBJECT:
        message.notes.add(SUBJECT_CUT)
    message.sender, message.to = headers.text("from", _LONGEST_PEOPLE), headers.text("to", _LONGEST_PEOPLE)
    message.cc = headers.text("cc", _LONGEST_PEOPLE)
    message.date, message.iso_date = headers.text("date", 100), headers.date()
    message.sender_name, message.sender_address = headers.display_name("from"), headers.address("from")
    message.reply_to = headers.address("reply-to")
    message.return_path = headers.address("return-path") or ("<>" if headers.raw("return-path").strip() == "<>" else "")
    message.message_id = headers.text("message-id", 300).strip("<> ")
    message.authentication_results = headers.texts("authentication-results")
    message.received_spf = headers.text("received-spf", 500)
    message.list_headers = {name: headers.text(name, 500) for name in kinds.LIST_FIELDS if name in headers}


def _read_body(message: Email, root: Part) -> None:
    _set_body(message, BodyReader(message).read(root))


def _set_body(message: Email, text: str) -> None:
    message.body, notes = trim(text, forwarded=is_forward(message.subject))
    for note in notes:
        message.notes.add(note)


def _set_fallback_charset(root: Part) -> None:
    """Use the charset of the text for headers without one, as old programs do."""
    parts = list(root.walk())
    charsets = (part.headers.parameter("charset") for part in parts if part.main_type == "text")
    charset = next((name for name in charsets if name and not name.lower().startswith(("utf", "us-ascii"))), "")
    for part in parts if charset else ():
        part.headers.fallback = charset


def _without_fence(body: str) -> str:
    """Remove the code fence around a pasted body."""
    lines = visible(body[:1_000_000]).strip().split("\n") if body.lstrip().startswith(_PASTED_FENCE) else []
    if len(lines) > 2 and lines[-1].strip() in _PASTED_FENCE:
        return "\n".join(lines[1:-1])
    return body
