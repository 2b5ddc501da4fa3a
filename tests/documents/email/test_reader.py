"""A whole message: which parts are its text, and what is said of the rest."""

from __future__ import annotations

from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_instructor.documents.email import body, from_fields, mime, reader
from openclaw_instructor.documents.email.kinds import SENTENCES
from openclaw_instructor.documents.email.reader import read
from tests.documents.email.mails import HEAD, INVOICE, LUNCH, encoded, mail, multipart, part

AGENDA = (
    "Dear colleague, the agenda of Tuesday's planning meeting: 1. Budget 2. Staff 3. Next steps. Please propose a time."
)
PHISHING = (
    "Your mailbox will be closed! Confirm your e-mail password within 24 hours on this page or lose all messages."
)


def build(**parts: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Größe der Tür"
    message["From"] = "Jürgen Roß <j@example.org>"
    message["To"] = "a@example.org, b@example.org"
    message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
    if "plain" in parts:
        message.set_content(parts["plain"])
        if "html" in parts:
            message.add_alternative(parts["html"], subtype="html")
    else:
        message.set_content(parts["html"], subtype="html")
    return message


def text(content: str, subtype: str = "plain") -> MIMEText:
    return MIMEText(content, subtype, "utf-8")


def test_headers_and_body() -> None:
    message = read(build(plain="Wie groß ist die Tür?\n").as_bytes())
    assert (message.subject, message.sender) == ("Größe der Tür", "Jürgen Roß <j@example.org>")
    assert message.to == "a@example.org, b@example.org"
    assert message.date.startswith("Mon, 02 Mar 2026")
    assert message.text == "Größe der Tür\n\nWie groß ist die Tür?"
    assert message.notes == []


class TestAlternatives:
    def test_the_plain_version_counts_where_both_say_the_same(self) -> None:
        message = read(build(plain="The plain words.", html="<h1>The</h1><p>plain words.</p>").as_bytes())
        assert (message.body, message.alternatives_differ) == ("The plain words.", False)

    def test_what_mail_programs_show_counts_where_they_differ(self) -> None:
        message = read(multipart(part(AGENDA), part(f"<p>{PHISHING}</p>" * 3, "text/html"), kind="alternative"))
        assert message.body.startswith(PHISHING)
        assert message.alternatives_differ
        assert body.DIFFER in message.notes

    def test_text_that_the_html_adds_is_read(self) -> None:
        html = f"<p>{AGENDA}</p>" + "".join(f"<p>{PHISHING} {number}</p>" for number in range(3))
        message = read(multipart(part(AGENDA), part(html, "text/html"), kind="alternative"))
        assert PHISHING in message.body

    def test_differences_in_a_language_without_spaces(self) -> None:
        same = read(
            multipart(
                part("请在星期五之前支付这张发票。"),
                part("<p>请在星期五之前支付<b>这张发票</b>。</p>", "text/html; charset=utf-8"),
                kind="alternative",
            )
        )
        other = read(
            multipart(
                part("请在星期五之前支付这张发票。"),
                part("<p>我们星期天去看奶奶吧，孩子们想吃煎饼。</p>", "text/html; charset=utf-8"),
                kind="alternative",
            )
        )
        assert (same.alternatives_differ, other.alternatives_differ) == (False, True)

    @pytest.mark.parametrize(
        "stub",
        [
            "Your reader cannot show HTML.",
            "This message was sent as HTML. Open it in your browser: https://news.example/" + "eyJpZCI6" * 40,
            "https://news.example/view?id=" + "a" * 300,
            " ",
        ],
    )
    def test_a_stub_of_any_length_is_no_version(self, stub: str) -> None:
        html = "<h1>Spring sale</h1><p>" + "Boots are half price until Sunday. " * 10 + "</p>"
        message = read(multipart(part(stub), part(html, "text/html"), kind="alternative"))
        assert message.body.startswith("Spring sale\nBoots are half price")
        assert not message.alternatives_differ

    def test_each_is_chosen_by_itself(self) -> None:
        one = MIMEMultipart(
            "alternative", _subparts=[text("the first, plain"), text("<p>the first, plain</p>", "html")]
        )
        related = MIMEMultipart("related", _subparts=[text("<p>two, rich</p>", "html")])
        two = MIMEMultipart("alternative", _subparts=[text(" "), related])
        message = MIMEMultipart("mixed", _subparts=[one, two, text("three")])
        assert read(message.as_bytes()).body == "the first, plain\ntwo, rich\nthree"

    def test_the_footer_of_a_mailing_list_does_not_replace_the_body(self) -> None:
        message = MIMEMultipart("mixed", _subparts=[text("<p>The real words.</p>", "html"), text("list footer " * 40)])
        assert read(message.as_bytes()).body.startswith("The real words.\nlist footer")

    def test_a_version_for_other_programs_is_passed_over(self) -> None:
        amp = part("<html amp4email><p>Interactive</p></html>", "text/x-amp-html")
        message = read(multipart(part("Plain words"), amp, part("<p>Plain words</p>", "text/html"), kind="alternative"))
        assert message.body == "Plain words"


class TestAttachments:
    def test_they_are_named_and_not_read(self) -> None:
        message = build(plain="see attached")
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
        message.add_attachment("text of a file", filename="notes.txt")
        inner = EmailMessage()
        inner["Subject"] = "forwarded"
        inner.set_content("inner text")
        message.add_attachment(inner)
        parsed = read(message.as_bytes())
        assert parsed.attachments == ["Rechnung März.pdf", "notes.txt", "forwarded.eml"]
        assert parsed.body == "see attached"

    @pytest.mark.parametrize("disposition", ["inline", "attachment"])
    def test_the_only_text_is_read_although_it_has_a_name(self, disposition: str) -> None:
        named = part(
            INVOICE, 'text/plain; name="message.txt"', f'Content-Disposition: {disposition}; filename="message.txt"\n'
        )
        message = read(multipart(named))
        assert message.body == INVOICE
        assert body.IN_ATTACHMENT in message.notes

    def test_without_any_text_that_is_said(self) -> None:
        message = read(
            multipart(part("JVBERi0=", 'application/pdf; name="scan.pdf"', "Content-Transfer-Encoding: base64\n"))
        )
        assert (message.attachments, message.subject_only) == (["scan.pdf"], True)
        assert message.notes == [body.ONLY_ATTACHMENTS]

    @pytest.mark.parametrize("kind", ["text/markdown", "text/x-markdown", "text/enriched", "text/x-anything"])
    def test_any_text_is_text(self, kind: str) -> None:
        assert read(mail(INVOICE, kind=kind)).body == INVOICE

    def test_images_of_a_page_are_no_attachments(self) -> None:
        image = part("R0lG", 'image/gif; name="logo.gif"', "Content-ID: <1>\nContent-Transfer-Encoding: base64\n")
        assert read(multipart(part("<p>Hello</p>", "text/html"), image, kind="related")).attachments == []

    def test_files_that_old_programs_encode_within_the_text(self) -> None:
        message = read(mail(f"{LUNCH}\nbegin 644 photo.jpg\nM8WAB\n`\nend\nBye"))
        assert (message.body, message.attachments) == (f"{LUNCH}\nBye", ["photo.jpg"])

    @pytest.mark.parametrize(
        ("extra", "name"),
        [
            ("Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf\n", "Größe.pdf"),
            ("Content-Disposition: attachment; filename*0=Rech; filename*1=nung.pdf\n", "Rechnung.pdf"),
            ("Content-Disposition: attachment; filename*=gb2312''%E9F.pdf\n", "镕.pdf"),
            ('Content-Disposition: attachment; filename="=?utf-8?q?Gr=C3=B6=C3=9Fe?=.pdf"\n', "Größe.pdf"),
            ('Content-Disposition: attachment; filename="Größe.pdf"\n', "Größe.pdf"),
            ('Content-Disposition: attachment; filename="a\x1b[31m\u202efdp.exe"\n', "a[31mfdp.exe"),
            ("Content-Disposition: attachment\n", "application/pdf"),
        ],
    )
    def test_names_in_every_form(self, extra: str, name: str) -> None:
        data = multipart(part("see attached"), part("x", "application/pdf", extra).replace("镕", "镕"))
        assert read(data).attachments == [name]


class TestMessagesWithin:
    INNER = "From: shop@example.com\nSubject: Your order has shipped\n\nYour parcel arrives on Thursday."

    def test_one_is_read_where_there_is_no_other_text(self) -> None:
        message = read(multipart(part(""), part(self.INNER, "message/rfc822", "Content-Disposition: attachment\n")))
        assert message.body == "Your order has shipped\n\nYour parcel arrives on Thursday."

    def test_one_that_is_forwarded_is_read_beside_other_text(self) -> None:
        inner = part(self.INNER, "message/rfc822")
        assert "parcel" in read(multipart(part("FYI"), inner, subject="Fwd: parcel")).body
        assert "parcel" not in read(multipart(part("see attached"), inner, subject="Question")).body

    def test_one_that_is_encoded_against_the_rules(self) -> None:
        inner = part(encoded(self.INNER.encode()), "message/rfc822", "Content-Transfer-Encoding: base64\n")
        assert "parcel" in read(multipart(inner, subject="Fwd: parcel")).body

    def test_a_digest(self) -> None:
        messages = [f"\nSubject: Topic {number}\nFrom: a@example.org\n\nText {number}." for number in (1, 2)]
        digest = (
            "Content-Type: multipart/digest; boundary=D\n\n" + "".join(f"--D\n{one}\n" for one in messages) + "--D--\n"
        )
        message = read(multipart(part("Today's topics"), digest))
        assert message.body.split("\n") == ["Today's topics", "Topic 1", "", "Text 1.", "Topic 2", "", "Text 2."]


class TestInvitations:
    CALENDAR = (
        "BEGIN:VCALENDAR\r\nMETHOD:{}\r\nBEGIN:VEVENT\r\nDTSTART:20260409T080000Z\r\nSUMMARY;LANGUAGE=en:Budget\\, "
        "round\r\n  two\r\nLOCATION:Room Curie\r\nDESCRIPTION:Please accept\\nor propose.\r\n"
        'ATTENDEE;CN="A: B";PARTSTAT=ACCEPTED:mailto:a@example.org\r\n'
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )

    @pytest.mark.parametrize(
        ("method", "means"),
        [
            ("REQUEST", "Meeting invitation"),
            ("CANCEL", "Meeting cancelled"),
            ("REPLY", "Reply to a meeting invitation: accepted"),
            ("COUNTER", "Proposal of another time for a meeting"),
            ("X-OTHER", "Calendar event"),
        ],
    )
    def test_a_calendar_is_read(self, method: str, means: str) -> None:
        message = read(mail(self.CALENDAR.format(method), kind=f"text/calendar; method={method}; charset=utf-8"))
        assert message.body == f"{means}\nBudget, round two\nRoom Curie\n2026-04-09 08:00\nPlease accept\nor propose."
        assert message.invitation == method

    def test_beside_a_few_words_but_not_beside_many(self) -> None:
        calendar = part(self.CALENDAR.format("REQUEST"), "text/calendar; method=REQUEST")
        assert "Room Curie" in read(multipart(part("See you there"), calendar, kind="alternative")).body
        assert (
            "Room Curie"
            not in read(multipart(part("We meet about the budget. " * 20), calendar, kind="alternative")).body
        )

    def test_one_without_an_event_is_named(self) -> None:
        assert body.NO_EVENT in read(mail("BEGIN:VCALENDAR\nEND:VCALENDAR", kind="text/calendar")).unread


class TestFlowedText:
    def test_lines_are_joined(self) -> None:
        flowed = "Your invoice is \noverdue. Please \npay.\n> old \n> text\n-- \nAnn"
        assert read(mail(flowed, kind="text/plain; format=flowed")).body == "Your invoice is overdue. Please pay."

    def test_without_the_space_where_the_sender_says_so(self) -> None:
        flowed = "Your invoi \nce num \nber 77 is over \ndue.\n  indented"
        read_as = read(mail(flowed, kind="text/plain; format=flowed; delsp=yes; charset=utf-8")).body
        assert read_as == "Your invoice number 77 is overdue.\n indented"


class TestMalformed:
    @pytest.mark.parametrize(
        "kind", ["multipart/alternative", "multipart/mixed; boundary=other", 'multipart/mixed; boundary=""']
    )
    def test_a_boundary_that_is_missing_or_wrong(self, kind: str) -> None:
        parts = f"--XX\n{part('Our quotation.')}\n--XX\n{part('<p>Our quotation.</p>', 'text/html')}\n--XX--\n"
        message = read(mail(parts, kind=kind))
        assert message.body.startswith("Our quotation.")
        assert "--XX" not in message.body
        assert message.notes == [mime.NO_BOUNDARY]

    def test_a_multipart_without_any_parts_is_text(self) -> None:
        message = read(f"{HEAD}Subject: s\nContent-Type: multipart/mixed\n\nbody text")
        assert (message.subject, message.body, message.notes) == ("s", "body text", [mime.NO_BOUNDARY])

    def test_a_last_part_without_an_end(self) -> None:
        assert read(multipart(part(INVOICE)).removesuffix(b"--B--\n")).body == INVOICE

    def test_a_boundary_that_begins_as_another(self) -> None:
        inner = "Content-Type: multipart/alternative; boundary=B1\n\n--B1\n" + part("inner") + "\n--B1--\n"
        assert read(multipart(inner, part("outer"))).body.split() == ["inner", "outer"]

    def test_no_headers(self) -> None:
        for raw in ("just some words", "Note: this is no header\n\nand this no body", "Hello Ann,\n\nFrom: here"):
            message = read(raw)
            assert (message.body, message.notes, message.has_headers) == (raw, [reader.NO_HEADERS], False)

    def test_leading_blank_lines_do_not_end_the_headers(self) -> None:
        assert read("\n \n\nSubject: hello\n\nbody").subject == "hello"

    def test_damaged_encodings(self) -> None:
        read("From: <<>>@@,,;\nSubject: =?utf-8?b?!!!!?=\nContent-Transfer-Encoding: base64\n\n@@not base64@@")
        assert (
            read(mail("UGxlYXNlIHBheS4=\n\n_____\nlist footer", extra="Content-Transfer-Encoding: base64\n")).body
            == "Please pay."
        )
        assert (
            read(mail("Pl=65ase p=\nay=ZZ", extra="Content-Transfer-Encoding: quoted-printable\n")).body
            == "Please pay=ZZ"
        )

    @settings(deadline=None)
    @given(st.binary(max_size=400))
    def test_no_bytes_raise(self, raw: bytes) -> None:
        read(b"Subject: s\n" + raw)
        read(b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + raw)

    @settings(deadline=None)
    @given(
        st.text(max_size=300),
        st.sampled_from(
            ["multipart/mixed; boundary=b", "text/html", "message/rfc822", "text/calendar", "application/ms-tnef"]
        ),
    )
    def test_no_text_raises(self, raw: str, kind: str) -> None:
        message = read(f"Subject: {raw}\nFrom: {raw}\nContent-Type: {kind}\n\n--b\n{raw}\n--b--")
        for value in (message.subject, message.sender, message.body, message.to, *message.attachments, *message.notes):
            value.encode()


@pytest.mark.parametrize(
    "raw",
    [
        "From: :;😀\n\nhi",
        "Subject: é =?unicode_escape?q?=5Cud800?=\n\nhi",
        "From: undisclosed-recipients:;é\nSubject: s\n\nhi",
        "Subject: x\nContent-Disposition: attachment; filename*=utf-8''%ff%fe\n\nhi",
        "Subject: x\nFrom: =?utf-7?q?+2AA-?= <a@b.c>\n\nhi",
        "Subject: x\nContent-Type: text/plain; charset=utf-7\n\n+2AA-",
        "Subject: x\nContent-Type: text/html\n\n&#xd800; &#55296;",
        "Subject: x\ud800\nTo: \udcff\n\nhi\udfff",
    ],
)
def test_what_is_read_can_be_stored_and_sent(raw: str) -> None:
    message = read(raw)
    given = from_fields(raw, raw, raw, raw)
    for value in (
        message.subject,
        message.sender,
        message.to,
        message.body,
        *message.attachments,
        given.body,
        given.subject,
        given.sender,
    ):
        value.encode()


class TestFields:
    def test_they_are_cleaned(self) -> None:
        message = from_fields("  Re:\n hello ", "<p>a &lt; b</p>", " Ann ", "Bob")
        assert (message.subject, message.body, message.sender, message.to) == ("Re: hello", "a < b", "Ann", "Bob")

    def test_a_body_in_a_fence(self) -> None:
        assert from_fields("s", f"```text\n{LUNCH}\n```").body == LUNCH
        assert from_fields("s", f"{LUNCH}\n```\ncode\n```").body == f"{LUNCH}\n```\ncode\n```"

    def test_quotes_and_armour_are_left_out_too(self) -> None:
        assert from_fields("Re: s", f"{LUNCH}\n\nAnn wrote:\n> {INVOICE}").body == LUNCH
        armoured = "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----"
        message = from_fields("s", armoured)
        assert (message.body, message.encrypted) == ("", True)


class TestKinds:
    DSN = "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; jo@example.net\nAction: {}\nStatus: 5.1.1\n"

    @pytest.mark.parametrize(
        ("action", "kind"),
        [("failed", "bounce"), ("delayed", "delay"), ("delivered", "delivery_receipt"), ("?", "bounce")],
    )
    def test_delivery_reports(self, action: str, kind: str) -> None:
        raw = multipart(
            part("I'm sorry to have to inform you ..."), part(self.DSN.format(action), "message/delivery-status"),
            part("From: me@example.org\nSubject: Holiday photos\n\nHi Jo, photos attached.", "message/rfc822"),
            kind="report", subject="Undelivered Mail",
        )  # fmt: skip
        message = read(raw)
        assert message.kind == kind
        assert SENTENCES[message.kind] in message.notes
        assert message.body == "I'm sorry to have to inform you ..."

    @pytest.mark.parametrize(
        ("fields", "subject", "kind"),
        [
            ("From: MAILER-DAEMON@mx.example.org", "failure notice", "bounce"),
            ("Return-Path: <>", "Unzustellbar: Fotos", "bounce"),
            ("X-Failed-Recipients: jo@example.net", "Mail", "bounce"),
            ("Auto-Submitted: auto-replied", "Re: Fotos", "auto_reply"),
            ("X-Autoreply: yes", "Holiday", "auto_reply"),
            ("Precedence: auto_reply", "Holiday", "auto_reply"),
            ("X-Auto-Response-Suppress: All", "Automatic reply: photos", "auto_reply"),
            ("X-Auto-Response-Suppress: All", "Automatische Antwort: Fotos", "auto_reply"),
            ("Auto-Submitted: auto-generated", "自動応答: 写真", "auto_reply"),
            ("Auto-Submitted: auto-generated", "Backup finished", "automatic"),
            ("Auto-Submitted: no", "Hello", ""),
            ("X-Auto-Response-Suppress: OOF", "Hello", ""),
            ("List-Post: <mailto:list@example.org>\nList-Id: <l.example.org>", "[list] Hello", "list"),
            ("Precedence: list", "Hello", "list"),
            ("List-Unsubscribe: <https://example.org/u>", "News", "bulk"),
            ("Precedence: bulk", "News", "bulk"),
            ("List-Id: <x.example.org>\nFeedback-ID: 1:2:3", "News", "bulk"),
            ("X: y", "Undelivered Mail Returned to Sender", ""),
            ("X: y", "Out of office tomorrow", ""),
        ],
    )
    def test_by_their_headers(self, fields: str, subject: str, kind: str) -> None:
        head = "" if fields.startswith("From") else "From: a@example.org\n"
        assert read(f"{head}{fields}\nSubject: {subject}\n\nhello").kind == kind

    def test_receipts(self) -> None:
        note = part(
            "Final-Recipient: rfc822; a@example.org\nDisposition: manual-action; displayed\n",
            "message/disposition-notification",
        )
        assert (
            read(
                multipart(part("Your message was read."), note, kind="report; report-type=disposition-notification")
            ).kind
            == "read_receipt"
        )
        assert (
            read(
                multipart(
                    part("Abuse"), part("x", "message/feedback-report"), kind="report; report-type=feedback-report"
                )
            ).kind
            == "abuse_report"
        )


def test_the_demo_mail_is_read_without_notes() -> None:
    import openclaw_instructor

    folder = Path(openclaw_instructor.__file__).parent / "cli" / "demo_data" / "mail"
    messages = [read(path.read_bytes()) for path in folder.glob("*.eml")]
    assert messages
    assert all(message.subject and message.body for message in messages)
