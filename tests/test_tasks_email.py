"""MIME to text: what a person would read, and never an exception."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.tasks import email


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


class TestParse:
    def test_encoded_headers_and_body(self) -> None:
        message = email.parse(build(plain="Wie groß ist die Tür?\n").as_bytes())
        assert message.subject == "Größe der Tür"
        assert message.sender == "Jürgen Roß <j@example.org>"
        assert message.to == "a@example.org, b@example.org"
        assert message.date.startswith("Mon, 02 Mar 2026")
        assert message.text == "Größe der Tür\n\nWie groß ist die Tür?"
        assert message.notes == []

    def test_the_plain_part_of_alternatives_counts(self) -> None:
        assert email.parse(build(plain="plain words", html="<p>markup</p>").as_bytes()).body == "plain words"

    def test_a_stub_of_a_plain_part_does_not(self) -> None:
        html = "<p>" + "The real message. " * 10 + "</p>"
        parsed = email.parse(build(plain="Your reader cannot show HTML.", html=html).as_bytes())
        assert parsed.body.startswith("The real message.")

    def test_html_only(self) -> None:
        html = (
            "<html><head><title>T</title><style>p {color: red}</style></head><body><h1>Hi &amp; welcome</h1>"
            "<p>One<br>two</p><script>alert(1)</script><table><tr><td>a</td><td>b</td></tr></table></body></html>"
        )
        assert email.parse(build(html=html).as_bytes()).body == "Hi & welcome\nOne\ntwo\na b"

    def test_attachments_are_named_and_not_read(self) -> None:
        message = build(plain="see attached")
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
        message.add_attachment("text of a file", filename="notes.txt")
        inner = EmailMessage()
        inner["Subject"] = "forwarded"
        inner.set_content("inner text")
        message.add_attachment(inner)
        parsed = email.parse(message.as_bytes())
        assert parsed.attachments == ["Rechnung März.pdf", "notes.txt", "forwarded.eml"]
        assert parsed.body == "see attached"

    def test_text_that_was_decoded_already_keeps_its_letters(self) -> None:
        raw = "Subject: x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\ncafé 漢字"
        assert email.parse(raw).body == "café 漢字"

    @pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "iso-2022-jp", "no-such-charset"])
    def test_charsets_of_the_wire(self, charset: str) -> None:
        text = "日本" if charset == "iso-2022-jp" else "café"
        codec = "latin-1" if charset == "no-such-charset" else charset
        head = f"Subject: x\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
        if charset == "utf-16":
            import base64

            head = head.replace("8bit", "base64")
            assert email.parse(head.encode() + base64.b64encode(text.encode(codec))).body == text
        else:
            assert email.parse(head.encode() + text.encode(codec)).body == text


class TestMalformed:
    def test_no_headers(self) -> None:
        message = email.parse("just some words")
        assert message.body == "just some words"
        assert message.notes == ["no headers found; the whole text was taken as the body"]

    def test_leading_blank_lines_do_not_end_the_headers(self) -> None:
        assert email.parse("\n\nSubject: hello\n\nbody").subject == "hello"

    def test_a_multipart_without_boundary(self) -> None:
        message = email.parse("Subject: s\nContent-Type: multipart/mixed\n\nbody text")
        assert message.subject == "s"
        assert "malformed (NoBoundaryInMultipartDefect)" in message.notes[0]

    def test_bad_base64_and_bad_addresses(self) -> None:
        raw = "From: <<>>@@,,;\nSubject: =?utf-8?b?!!!?=\nContent-Transfer-Encoding: base64\n\n@@not base64@@"
        email.parse(raw)

    def test_thousands_of_nested_parts_end_at_once(self) -> None:
        part = "--a\nContent-Type: multipart/mixed; boundary=a\n\n"
        message = email.parse("Subject: s\nContent-Type: multipart/mixed; boundary=a\n\n" + part * 5_000)
        assert "too many parts" in message.notes[0] or "broken" in message.notes[0]

    def test_deep_nesting_is_left_out_and_said(self) -> None:
        message = build(plain="deep")
        for _ in range(30):
            outer = EmailMessage()
            outer["Subject"] = "s"
            outer.make_mixed()
            outer.attach(message)
            message = outer
        parsed = email.parse(message.as_bytes())
        assert "parts nested too deeply were left out" in parsed.notes

    @given(st.binary(max_size=400))
    def test_no_bytes_raise(self, raw: bytes) -> None:
        email.parse(raw)

    @given(st.text(max_size=300), st.sampled_from(["multipart/mixed; boundary=b", "text/html", "message/rfc822", "x"]))
    def test_no_text_raises(self, text: str, kind: str) -> None:
        for raw in (text, f"Subject: {text}\nFrom: {text}\nContent-Type: {kind}\n\n--b\n{text}\n--b--"):
            message = email.parse(raw)
            assert all(isinstance(note, str) for note in message.notes)


class TestTrim:
    def test_quoted_lines_and_their_introduction(self) -> None:
        body = "Yes, Tuesday suits me.\n\nOn Mon, 2 Mar 2026 at 10:00, Ann <a@example.org> wrote:\n> Tuesday?\n> Ann\n"
        assert email.trim(body) == ("Yes, Tuesday suits me.", ["quoted reply left out"])

    def test_an_introduction_over_two_lines_and_an_answer_below(self) -> None:
        body = "On Mon, 2 Mar 2026, Ann Somebody\n<ann@example.org> wrote:\n> Tuesday?\n\nYes, fine."
        assert email.trim(body)[0] == "Yes, fine."

    @pytest.mark.parametrize(
        "mark",
        [
            "-----Original Message-----",
            "From: Ann\nSent: Monday\nTo: Bob\nSubject: Tuesday",
            "________________________________\nVon: Ann\nGesendet: Montag\nAn: Bob\nBetreff: Dienstag",
        ],
    )
    def test_what_follows_a_header_block_is_quoted(self, mark: str) -> None:
        assert email.trim(f"Fine with me.\n\n{mark}\n\nIs Tuesday fine?")[0] == "Fine with me."

    def test_signatures(self) -> None:
        body = "See you there.\n\nSent from my phone\n-- \nAnn Somebody\nHead of Everything"
        assert email.trim(body) == ("See you there.", ["signature left out"])

    def test_a_bare_forward_is_kept_whole(self) -> None:
        body = "> please pay the invoice"
        assert email.trim(body) == (body, [])
        block = "From: Ann\nSent: Monday\nTo: Bob\nSubject: pay\n\nPlease pay."
        assert "Please pay." in email.trim(block)[0]

    def test_quotes_in_html(self) -> None:
        message = email.from_fields("Re: x", "<div>New text</div><blockquote><p>Old text</p></blockquote>")
        assert message.body == "New text"
        assert message.notes == ["quoted reply left out"]

    @pytest.mark.parametrize("body", ["On the table stands a vase:", "From: here to there is far", "a -- b", "5 > 3"])
    def test_ordinary_sentences_stay(self, body: str) -> None:
        assert email.trim(f"Hello,\n{body}\nbye") == (f"Hello,\n{body}\nbye", [])


def test_fields_are_cleaned() -> None:
    message = email.from_fields("  Re:\n hello ", "<p>a &lt; b</p>", " Ann ", "Bob")
    assert (message.subject, message.body, message.sender, message.to) == ("Re: hello", "a < b", "Ann", "Bob")


def test_a_body_with_angle_brackets_is_not_html() -> None:
    assert email.from_fields(body="if a < b and c > d, write to <ann@example.org>").body.startswith("if a < b")


def test_the_demo_mail_is_read_without_notes() -> None:
    import openclaw_instructor

    folder = Path(openclaw_instructor.__file__).parent / "cli" / "demo_data" / "mail"
    messages = [email.parse(path.read_bytes()) for path in folder.glob("*.eml")]
    assert messages
    assert all(message.subject and message.body for message in messages)
