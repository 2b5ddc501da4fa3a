"""MIME to text: what a person would read, and never an exception."""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.tasks import email
from openclaw_instructor.tasks.body import html_to_text, trim


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

    @pytest.mark.parametrize(
        ("charset", "codec", "text"),
        [
            ("gb2312", "gb18030", "镕喆"),
            ("shift_jis", "cp932", "①株"),
            ("iso-8859-1", "cp1252", "“5 €”"),
            ("us-ascii", "cp1252", "“don't”"),
            ("iso-8859-8-i", "iso-8859-8", "שלום"),
            ("windows-874", "cp874", "ไทย"),
            ("ks_c_5601-1987", "cp949", "똠방"),
        ],
    )
    def test_charsets_mean_what_browsers_take_them_for(self, charset: str, codec: str, text: str) -> None:
        head = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\n"
        parsed = email.parse(head.encode() + text.encode(codec))
        assert (parsed.body, parsed.notes) == (text, [])

    def test_circled_numbers_and_narrow_letters_in_iso_2022_jp(self) -> None:
        raw = b"Subject: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B-!F|K\\\x1b(B ok \x1b(I1\x1b(B"
        parsed = email.parse(raw)
        assert (parsed.body, parsed.notes) == ("①日本 ok ｱ", [])

    @pytest.mark.parametrize("charset", ["utf-8", "no-such-charset"])
    def test_one_bad_byte_spoils_one_letter(self, charset: str) -> None:
        head = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\n"
        parsed = email.parse(head.encode() + "Größe ".encode() + b"\xff" + " Tür".encode())
        assert parsed.body == "Größe \ufffd Tür"
        assert charset in parsed.notes[0]

    def test_a_charset_that_takes_quadratic_time_is_unknown(self) -> None:
        raw = b"Subject: x\nContent-Type: text/plain; charset=punycode\n\n-" + b"a9" * 500_000
        assert email.parse(raw).body.startswith("-a9")


def part(text: str, subtype: str = "plain") -> MIMEText:
    return MIMEText(text, subtype, "utf-8")


class TestParts:
    def test_the_footer_of_a_mailing_list_does_not_replace_the_body(self) -> None:
        message = MIMEMultipart("mixed", _subparts=[part("<p>The real words.</p>", "html"), part("list footer " * 40)])
        body = email.parse(message.as_bytes()).body
        assert body.startswith("The real words.\nlist footer")

    def test_each_alternative_is_chosen_by_itself(self) -> None:
        one = MIMEMultipart("alternative", _subparts=[part("one, plain"), part("<p>one, rich</p>", "html")])
        related = MIMEMultipart("related", _subparts=[part("<p>two, rich</p>", "html")])
        two = MIMEMultipart("alternative", _subparts=[part(" "), related])
        message = MIMEMultipart("mixed", _subparts=[one, two, part("three")])
        assert email.parse(message.as_bytes()).body == "one, plain\ntwo, rich\nthree"


class TestBytesAsText:
    def test_every_part_keeps_its_charset(self) -> None:
        head = "Subject: Größe\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        text = "Content-Type: text/plain; charset={}\nContent-Transfer-Encoding: 8bit\n\n{}\n"
        raw = (head + text.format("iso-8859-2", "Zażółć")).encode("iso-8859-2")
        raw += b"--b\n" + text.format("windows-1251", "письмо").encode("windows-1251")
        raw += "--b\nContent-Disposition: attachment; filename=Größe.pdf\n\n--b--\n".encode("iso-8859-2")
        parsed = email.parse(email.as_text(raw))
        assert parsed.body.split() == ["Zażółć", "письмо"]
        assert (parsed.subject, parsed.attachments) == ("Größe", ["Größe.pdf"])
        assert parsed.notes == []

    def test_without_a_charset_or_headers_the_letters_are_western(self) -> None:
        assert email.parse(email.as_text("Subject: x\n\n“café”".encode("cp1252"))).body == "“café”"
        assert email.as_text("no mail: “café”".encode("cp1252")) == "no mail: “café”"

    def test_utf_8_stays_as_it_is(self) -> None:
        assert email.as_text("\ufeffSubject: Größe\n\n漢字".encode()) == "Subject: Größe\n\n漢字"

    @given(st.binary(max_size=300), st.sampled_from(["multipart/mixed; boundary=b", "text/plain; charset=utf-16", "x"]))
    def test_no_bytes_raise(self, raw: bytes, kind: str) -> None:
        email.as_text(raw)
        email.as_text(f"Content-Type: {kind}\n\n--b\n".encode() + raw)

    def test_the_command_line_reads_the_declared_charset(self, command, tmp_path: Path) -> None:
        head = "Subject: Вопрос\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
        file = tmp_path / "old.eml"
        file.write_bytes((head + "Сколько это стоит?").encode("koi8-r"))
        result = command("classify", "--raw", str(file), "--json").json
        assert (result["subject"], result["notes"]) == ("Вопрос", [])


class TestHtml:
    # The parser of the standard library took minutes over a tenth of this.
    @pytest.mark.parametrize(
        "unit", ["<a ", '<a x="', "<a x='' ", "<!--", "<!", "</a ", "<script>", "<", "x<b>", "<p>", "<a x='>\"", "&#9"]
    )
    @pytest.mark.parametrize("end", ["", ">"])
    def test_hostile_markup_takes_linear_time(self, unit: str, end: str) -> None:
        html = (unit * 1_000_000)[:999_999] + end
        begun = time.monotonic()
        html_to_text(html)
        email.from_fields(body=html[:200_000])
        assert time.monotonic() - begun < 30

    @pytest.mark.parametrize(
        "mark", ["<![ endif]>", "<![if !mso]>", "<!doctype [>", "<![x", "</>", "<!>", "<?x>", "<a"]
    )
    def test_odd_declarations_do_not_raise(self, mark: str) -> None:
        html = f"<p>Your invoice is overdue.</p>{mark}"
        assert email.from_fields(body=html).body.startswith("Your invoice is overdue.")
        assert email.parse(build(html=html).as_bytes()).body.startswith("Your invoice is overdue.")

    @given(st.text("<>!-/[]?&#9;=\"' abp", max_size=200))
    def test_no_markup_raises(self, html: str) -> None:
        html_to_text(html)

    def test_a_number_too_long_for_a_character(self) -> None:
        assert html_to_text("<p>a &#" + "9" * 6_000 + "; b") == "a \ufffd b"

    @pytest.mark.parametrize(
        ("html", "text"),
        [
            ('<a title="a > b" href=x>link</a>', "link"),
            ("3 < 4 &lt;b&gt; &amp;amp;", "3 < 4 <b> &amp;"),
            ("a<!-- > <p>hidden</p> -->b<!-->c", "abc"),
            ("a<!-- never closed<br>b", "ab"),
            ('a<b title="never closed>b</b>c', "abc"),
            ("<SCRIPT>if (a < b) '<p>'</Script >x", "x"),
            ("<title/>x<br/>y", "x\ny"),
            ("<head><body>x", "x"),
        ],
    )
    def test_markup(self, html: str, text: str) -> None:
        assert html_to_text(html) == text


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

    def test_what_is_read_as_plain_text_has_no_headers(self) -> None:
        part = "--a\nContent-Type: multipart/mixed; boundary=a\n\n"
        message = email.parse("\n\nSubject: s\nContent-Type: multipart/mixed; boundary=a\n\nbody\n" + part * 5_000)
        assert message.body.startswith("body")

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
        assert trim(body) == ("Yes, Tuesday suits me.", ["quoted reply left out"])

    def test_an_introduction_over_two_lines_and_an_answer_below(self) -> None:
        body = "On Mon, 2 Mar 2026, Ann Somebody\n<ann@example.org> wrote:\n> Tuesday?\n\nYes, fine."
        assert trim(body)[0] == "Yes, fine."

    @pytest.mark.parametrize(
        "mark",
        [
            "-----Original Message-----",
            "From: Ann\nSent: Monday\nTo: Bob\nSubject: Tuesday",
            "________________________________\nVon: Ann\nGesendet: Montag\nAn: Bob\nBetreff: Dienstag",
            "De : Ann\nEnvoyé : lundi\nÀ : Bob\nObjet : mardi",
            "De: Ann\nEnviado el: lunes\nPara: Bob\nAsunto: martes",
            "Da: Ann\nInviato: lunedì\nA: Bob\nOggetto: martedì",
            "Van: Ann\nVerzonden: maandag\nAan: Bob\nOnderwerp: dinsdag",
            "De: Ann\nEnviada em: segunda-feira\nPara: Bob\nAssunto: terça-feira",
            "From: Ann <ann@example.org>\nDate: Monday\nTo: Bob",
            "-----Mensaje original-----",
        ],
    )
    def test_what_follows_a_header_block_is_quoted(self, mark: str) -> None:
        assert trim(f"Fine with me.\n\n{mark}\n\nIs Tuesday fine?")[0] == "Fine with me."

    def test_signatures(self) -> None:
        body = "See you there.\n\nSent from my phone\n-- \nAnn Somebody\nHead of Everything"
        assert trim(body) == ("See you there.", ["signature left out"])

    def test_a_bare_forward_is_kept_whole(self) -> None:
        body = "> please pay the invoice"
        assert trim(body) == (body, [])
        block = "From: Ann\nSent: Monday\nTo: Bob\nSubject: pay\n\nPlease pay."
        assert trim(block) == (block, [])
        original = f"-----Original Message-----\n{block}"
        assert trim(original) == (original, [])

    @pytest.mark.parametrize(
        "forward",
        [
            "---------- Forwarded message ---------\nFrom: Ann <a@example.org>\nDate: Monday\nSubject: pay\n"
            "To: <b@example.org>\n\nPlease pay.\n\n-- \nAnn",
            "-------- Forwarded Message --------\nSubject: pay\nDate: Monday\nFrom: Ann <a@example.org>\n"
            "To: b@example.org\n\nPlease pay.\n> the last one",
            "-------- Weitergeleitete Nachricht --------\nVon: a@example.org\nDatum: x\nAn: b@x.org\n\nPlease pay.",
            "Begin forwarded message:\n\n> From: a@example.org\n> Date: Monday\n> To: b@example.org\n>\n> Please pay.",
            "> Begin forwarded message:\n>\n> From: a@example.org\n>\n> Please pay.",
        ],
    )
    def test_what_is_forwarded_is_kept(self, forward: str) -> None:
        wanted = forward.replace("-- \n", "--\n")
        assert trim(forward) == (wanted, [])
        assert trim(f"FYI\n\nSent from my phone\n\n{forward}") == (f"FYI\n\n{wanted}", [])
        assert trim(f"FYI\n-- \nBob\n\n{forward}") == (f"FYI\n{wanted}", ["signature left out"])

    @pytest.mark.parametrize("subject", ["FW: pay", "Fwd: pay", "WG: pay", "TR : pay"])
    def test_the_subject_says_that_a_header_block_is_forwarded(self, subject: str) -> None:
        body = "FYI\n\nFrom: Ann\nSent: Monday\nTo: Bob\nSubject: pay\n\nPlease pay."
        assert email.from_fields(subject, body).body == body
        assert email.from_fields(f"Re: {subject}", body).body == "FYI"

    def test_a_forward_within_quotes_is_quoted(self) -> None:
        body = "Done.\n\nOn Monday, 2 March, Ann wrote:\n> FYI\n>\n> Begin forwarded message:\n> Please pay."
        assert trim(body)[0] == "Done."

    def test_a_booking_is_not_a_quoted_message(self) -> None:
        body = "Your trip is booked.\n\nFrom: Berlin Hbf\nTo: Paris Est\nDate: 3 May\n\nSeats 41 and 42."
        assert trim(body) == (body, [])

    def test_quotes_in_html(self) -> None:
        message = email.from_fields("Re: x", "<div>New text</div><blockquote><p>Old text</p></blockquote>")
        assert message.body == "New text"
        assert message.notes == ["quoted reply left out"]

    @pytest.mark.parametrize("quote", ["<blockquote> Old text", "<blockquote>\n <span> </span><b>Old</b> text"])
    def test_white_space_before_a_quote_in_html(self, quote: str) -> None:
        html = f"<div>New text</div><table><tr><td> {quote}</blockquote> </td></tr></table><p>More</p>"
        assert email.from_fields("Re: x", html).body == "New text\nMore"

    @pytest.mark.parametrize("body", ["On the table stands a vase:", "From: here to there is far", "a -- b", "5 > 3"])
    def test_ordinary_sentences_stay(self, body: str) -> None:
        assert trim(f"Hello,\n{body}\nbye") == (f"Hello,\n{body}\nbye", [])


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
