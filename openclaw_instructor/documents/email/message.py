"""Define a mail that was read: its text as a person sees it, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from openclaw_instructor.documents.email.kinds import Kind
from openclaw_instructor.documents.email.links import Link
from openclaw_instructor.documents.email.notes import Notes


@dataclass
class Email:
    """A message as a person would read it.

    All fields but `notes`, `unread` and `kind` are a stranger's words, cut to what a mail program shows, on one line
    (`body` on many), without control characters.

    Content
        `subject`, `sender` (the whole From field), `to`, `cc`, `date` (the Date field as it is) and `iso_date`, `body`
        (without what `notes` says was left out), `attachments` (names of files, else their types).

    Remarks
        `notes` are plain sentences of ours on what was left out, could not be read or should be known, none of which
        quotes the message; `unread` are those of them that tell of text which could not be read.

    Facts
        `sender_name` and `sender_address`, `reply_to` and `return_path` (addresses, lower case; "" where there is none,
        and `return_path` "<>" for the null sender); `message_id`; `authentication_results` (Authentication-Results
        fields, the topmost first: only those that the own server wrote are to be trusted) and `received_spf`;
        `list_headers` (List-*, Precedence and Feedback-ID fields by lower-case name).
        `kind` says what kind of automatic mail it is (see `kinds`). `invitation` is the method of a calendar in it
        ("REQUEST", "CANCEL" ...). `links` are those that can be seen, with text, target, host and `mismatched`.
        `hidden_characters` counts letters that the page holds and does not show. `alternatives_differ` says that the
        plain and the HTML version say different things (`body` is the one that mail programs show). `encrypted`,
        `signed`. `has_headers` is False for text that came without any.
    """

    subject: str = ""
    sender: str = ""
    to: str = ""
    date: str = ""
    body: str = ""
    attachments: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    unread: Notes = field(default_factory=Notes)
    cc: str = ""
    iso_date: str = ""
    sender_name: str = ""
    sender_address: str = ""
    reply_to: str = ""
    return_path: str = ""
    message_id: str = ""
    authentication_results: list[str] = field(default_factory=list)
    received_spf: str = ""
    list_headers: dict[str, str] = field(default_factory=dict)
    kind: Kind = ""
    invitation: str = ""
    links: list[Link] = field(default_factory=list)
    hidden_characters: int = 0
    alternatives_differ: bool = False
    encrypted: bool = False
    signed: bool = False
    has_headers: bool = True

    @property
    def text(self) -> str:
        """Subject and body, as they are embedded."""
        return "\n\n".join(part for part in (self.subject, self.body) if part)

    @property
    def subject_only(self) -> bool:
        """Whether the subject is the only text, so that a label rests on a few words."""
        return bool(self.subject) and not self.body

    @property
    def hidden_text(self) -> bool:
        """Whether the HTML contains text that it does not show."""
        return self.hidden_characters > 0

    @property
    def mismatched_links(self) -> list[Link]:
        """The links whose text shows another domain than the target's."""
        return [link for link in self.links if link.mismatched]

    def could_not_read(self, sentence: str) -> None:
        """Note that some text could not be read."""
        self.notes.add(sentence)
        self.unread.add(sentence)
