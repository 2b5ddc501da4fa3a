"""HTML as a person sees it: what is hidden is not read, what is shown is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_instructor.documents.email import from_fields, read
from openclaw_instructor.documents.email.body import HIDDEN
from openclaw_instructor.documents.email.visible import VisiblePage, visible_text
from tests.documents.email.mails import mail

AGENDA = "The agenda of the planning meeting: budget, staff."


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
        ("<pre>a\n  b</pre>c", "a\nb\nc"),
        ("<p>a &#" + "9" * 6_000 + "; b", "a \ufffd b"),
        ("<input type=submit value='Confirm now'><input type=hidden value=no>", "Confirm now"),
        (
            "<h1>Hi &amp; welcome</h1><p>One<br>two</p><table><tr><td>a</td><td>b</td></tr></table>",
            "Hi & welcome\nOne\ntwo\na b",
        ),
    ],
)
def test_markup(html: str, text: str) -> None:
    assert visible_text(html) == text


HIDING = [
    '<div style="display:none">{}</div>',
    "<div style='DISPLAY : None !important'>{}</div>",
    '<span style="visibility:hidden">{}</span>',
    '<span style="font-size:0px">{}</span>',
    '<span style="font-size:1px">{}</span>',
    '<span style="font:0/0 a">{}</span>',
    '<p style="font-size:0"><span style="font-size:2em">{}</span></p>',
    '<span style="opacity:0">{}</span>',
    '<div style="opacity:.2"><div style="opacity:.2">{}</div></div>',
    '<div style="max-height:0;overflow:hidden">{}</div>',
    '<div style="height:0px">{}</div>',
    '<div style="width:1px;height:1px;overflow:hidden">{}</div>',
    '<div style="position:absolute;left:-9999px">{}</div>',
    '<div style="margin-left:-5000px">{}</div>',
    '<div style="text-indent:-999em">{}</div>',
    '<div style="position:absolute;clip:rect(0,0,0,0)">{}</div>',
    '<div style="clip-path:inset(100%)">{}</div>',
    '<div style="transform:scale(0)">{}</div>',
    '<span style="color:#fff">{}</span>',
    '<span style="color:white">{}</span>',
    '<span style="color:rgb(255, 255, 255)">{}</span>',
    '<span style="color:#fefefe">{}</span>',
    '<span style="color:transparent">{}</span>',
    '<span style="color:rgba(0,0,0,0)">{}</span>',
    '<font color="white">{}</font>',
    '<table bgcolor="#000000"><tr><td><font color=black>{}</font></td></tr></table>',
    '<body text="#ffffff"><p>{}</p></body>',
    "<div hidden>{}</div>",
    "<div style='d\\69 splay:none'>{}</div>",
    "<div style='displa\\y:n\\6fne'>{}</div>",
    "<div style='content-visibility:hidden'>{}</div>",
    "<dialog>{}</dialog>",
    "<template>{}</template>",
    "<noscript>{}</noscript>",
    "<style>.p{{display:none}}</style><div class='q p'>{}</div>",
    "<style>#x {{ font-size: 0 }}</style><div id=x>{}</div>",
    "<style>div.a span, p.b {{ visibility: hidden }}</style><div class=a><span>{}</span></div>",
    "<style>/* .p {{}} */ @media screen {{ .p {{ opacity: 0 }} }}</style><p class=p>{}</p>",
    "<p class=p>{}</p><style>.p{{display:none}}</style>",
    "<style>*{{color:#111}} .w{{color:#fff}}</style><p class=w>{}</p>",
]


@pytest.mark.parametrize("hiding", HIDING)
def test_hidden_text_is_not_read_and_that_is_said(hiding: str) -> None:
    message = read(mail("<p>Confirm your password now.</p>" + hiding.format(AGENDA), kind="text/html"))
    assert message.body == "Confirm your password now."
    assert HIDDEN in message.notes
    assert message.hidden_text
    assert message.hidden_characters == len(AGENDA.replace(" ", ""))


@pytest.mark.parametrize(
    "html",
    [
        # Templates set the size of a row to 0 and that of its text anew.
        '<td style="font-size:0px"><div style="font-size:13px">{}</div></td>',
        '<div style="visibility:hidden"><span style="visibility:visible">{}</span></div>',
        '<table bgcolor="#333"><tr><td style="color:#fff">{}</td></tr></table>',
        '<div style="background:#00f url(x.png)"><b style="color:white">{}</b></div>',
        '<td background="x.png"><font color=white>{}</font></td>',
        '<style>.b{{background-color:#123456}}</style><div class=b style="color:#fff">{}</div>',
        "<style>@media (max-width:600px){{.m{{display:none}}}}</style><p class=m>{}</p>",
        "<style>@media print{{p{{display:none}}}}</style><p>{}</p>",
        "<!--[if mso]><style>p{{display:none}}</style><![endif]--><p>{}</p>",
        "<style>.a .b{{display:none}}</style><p class=b>{}</p>",
        "<style>.p{{display:none}}</style><p class=p style='display:block'>{}</p>",
        '<div aria-hidden="true">{}</div>',
        "<dialog open>{}</dialog>",
        '<div style="height:auto;overflow:hidden">{}</div>',
        '<div style="width:0;min-width:100%">{}</div>',
        '<div style="color:#fff"><a href="https://x.example">{}</a></div>',
        "<style>p{{color:red</style><p>{}</p>",
        '<div style="line-height:0;letter-spacing:-1px">{}</div>',
        '<h2 style="display:inline">{}</h2>',
    ],
)
def test_what_is_shown_is_read(html: str) -> None:
    page = VisiblePage(html.format(AGENDA))
    assert (page.text, page.hidden_characters) == (AGENDA, 0)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        # Where a browser keeps an element open, what follows stays hidden, and so it must here: else a sender could
        # show one text to people and another to a program.
        ("<span style='display:none'><div>{0}</span>{0}</div></span>end", "end"),
        ("<div><font style='display:none'>{0}</div>{0}<div></font>end", "end"),
        ("<b><div style='display:none'>{0}</b>{0}</div>end", "end"),
        ("<div style='display:none'></p></td></tr></table>{0}</div>end", "end"),
        ("<body><div style='display:none'>{0}</body></html>{0}</div>end", "end"),
        ("<td><div style='display:none'>{0}</td><td>end", "end"),
        ("<p style='display:none'>{0}<p>end", "end"),
        ("<a href=x><div style='display:none'><a href=y>{0}</a></div>end", "end"),
        ("<ul><li style='display:none'>{0}<li>end</ul>", "end"),
    ],
)
def test_tags_end_where_browsers_end_them(html: str, text: str) -> None:
    assert visible_text(html.format(AGENDA)) == text


def test_hidden_letters_within_words_and_zero_width_ones_leave_no_gap() -> None:
    assert visible_text("Pass<span style='font-size:0'>xyz</span>word") == "Password"
    assert visible_text("P&#8203;a&shy;s&zwnj;s&#xfeff;w&#8288;ord") == "Password"


@pytest.mark.parametrize(
    "tag",
    [
        "p",
        "div",
        "li",
        "tr",
        "h1",
        "h6",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "nav",
        "address",
        "center",
        "dt",
        "dd",
        "blockquote",
        "form",
        "figure",
        "pre",
        "option",
    ],
)
def test_block_elements_part_words(tag: str) -> None:
    assert visible_text(f"one<{tag}>two</{tag}>three").split() == ["one", "two", "three"]


def test_cells_part_words_and_inline_elements_do_not() -> None:
    assert visible_text("<tr><td>one<td>two<th>three") == "one two three"
    assert visible_text("o<b>n</b><i>e</i><span>!</span><wbr>?") == "one!?"
    assert visible_text("<span style='display:block'>one</span><span>two</span>") == "one\ntwo"


class TestImages:
    def test_their_texts_are_read_where_there_is_little_else(self) -> None:
        html = "<a href=#><img src=1.jpg alt='Spring sale: up to 40% off'></a><td><img alt='Code TULIP'></td>"
        html += "<p>Unsubscribe</p>"
        assert visible_text(html) == "Spring sale: up to 40% off Code TULIP\nUnsubscribe"

    def test_not_beside_text_that_says_enough(self) -> None:
        html = "<p>" + "Your order has been shipped today. " * 10 + "</p><img alt='our logo'>"
        assert "logo" not in visible_text(html)

    @pytest.mark.parametrize(
        "image",
        [
            "<img width=1 height=1 alt=x>",
            "<img alt='image001.png'>",
            "<img style='display:none' alt=x>",
            "<img alt=' '>",
        ],
    )
    def test_what_is_no_image_to_people_has_no_text(self, image: str) -> None:
        assert visible_text(f"<p>Hello</p>{image}") == "Hello"


class TestQuotes:
    @pytest.mark.parametrize(
        "opening",
        [
            '<blockquote type="cite">',
            "<blockquote cite='mid:x'>",
            '<div class="gmail_quote">',
            "<div class='gmail_quote gmail_quote_container'>",
            '<div class="yahoo_quoted">',
            '<blockquote class="protonmail_quote">',
            '<div class="x_gmail_quote">',
            '<div name="messageReplySection">',
            '<blockquote class="tutanota_quote">',
        ],
    )
    def test_containers_of_mail_programs(self, opening: str) -> None:
        tag = opening[1:].split()[0]
        html = f"<div>New text</div>{opening}<p>Old text</p></{tag}><p>More</p>"
        assert visible_text(html) == "New text\n> Old text\nMore"
        assert from_fields("Re: x", html).body == "New text\nMore"

    @pytest.mark.parametrize(
        "mark",
        [
            '<hr><div id="divRplyFwdMsg" dir="ltr">',
            '<div id="x_divRplyFwdMsg">',
            '<i id="appendonsend"></i><div style="border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in">',
            "<div class='ms-outlook-mobile-reference-message skipProofing'>",
            '<hr id="zwchr" data-marker="__DIVIDER__"><div>',
        ],
    )
    def test_lines_above_earlier_messages_in_any_language(self, mark: str) -> None:
        old = "<b>Zzz:</b> Ann<br><b>Yyy:</b> maandag<br></div><p>Old text</p>"
        message = from_fields("Re: x", f"<p>New text</p>{mark}{old}")
        assert (message.body, message.notes) == ("New text", ["quoted reply left out"])
        assert "Old text" in from_fields("FW: x", f"<p>New text</p>{mark}{old}").body
        assert "Old text" in from_fields("x", f"{mark}{old}").body

    def test_an_indent_is_no_quote(self) -> None:
        indent = "<blockquote style='margin:0 0 0 40px;border:none'><p>our quotation</p></blockquote>"
        html = f"<p>Dear Ms Lee,</p>{indent}<p>Bye</p>"
        message = from_fields("Offer", html)
        assert (message.body, message.notes) == ("Dear Ms Lee,\nour quotation\nBye", [])

    def test_below_a_line_that_announces_it_an_indent_is_a_quote(self) -> None:
        html = "<p>Fine.</p><p>Am 05.03.26 um 13:30 schrieb Ann:</p><blockquote><p>Passt es?</p></blockquote>"
        assert from_fields("Re: x", html).body == "Fine."

    @pytest.mark.parametrize(
        "quote", ["<blockquote type=cite> Old text", "<blockquote type=cite>\n <span> </span><b>Old</b> text"]
    )
    def test_white_space_before_a_quote(self, quote: str) -> None:
        html = f"<div>New text</div><table><tr><td> {quote}</blockquote> </td></tr></table><p>More</p>"
        assert from_fields("Re: x", html).body == "New text\nMore"

    def test_a_forward_of_gmail_lies_in_its_quote(self) -> None:
        html = (
            '<div>FYI</div><div class="gmail_quote"><div>---------- Forwarded message ---------<br>From: Ann '
            "&lt;a@example.org&gt;<br>Date: Monday<br>Subject: pay<br></div><p>Please pay.</p></div>"
        )
        assert "Please pay." in from_fields("Fwd: pay", html).body


@pytest.mark.parametrize("mark", ["<![ endif]>", "<![if !mso]>", "<!doctype [>", "<![x", "</>", "<!>", "<?x>", "<a"])
def test_odd_declarations_do_not_raise(mark: str) -> None:
    assert visible_text(f"<p>Your invoice is overdue.</p>{mark}").startswith("Your invoice is overdue.")


@settings(deadline=None)
@given(st.text("<>!-/[]?&#9;=\"' abptd", max_size=200))
def test_no_markup_raises(html: str) -> None:
    visible_text(html)


@settings(deadline=None)
@given(st.lists(st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<div>", "</div>", "<td>", "</td>", "<tr>", "</tr>", "<table>", "</table>",
     "<a/href=x>", "</a>", "<span/hidden>", "</span>", "<li>", "<ul>", "</ul>", "<blockquote/type=cite>",
     "</blockquote>", "<body>", "</body>", "<style>.a{}", "</style>", "text", "<font/color=white>", "</font>"]
), max_size=60))  # fmt: skip
def test_no_order_of_tags_raises(tags: list[str]) -> None:
    page = VisiblePage("".join(tags))
    assert page.hidden_characters >= 0


@pytest.mark.parametrize(
    "body",
    [
        "if a < b and c > d, write to <ann@example.org>",
        "as agreed with <a.smith@example.com> and <p.meyer@example.com>:\n<div@example.org>",
        "The page lacks a <br> tag\nbetween two lines",
        "see <https://example.org/a/b> and <b.lee@example.org>",
    ],
)
def test_what_only_looks_like_html_is_plain_text(body: str) -> None:
    assert from_fields(body=body).body == body


@pytest.mark.parametrize(
    "body",
    [
        "<p>a &lt; b</p>",
        "Hello <b>you</b>",
        "a &lt; b<br>",
        "<!DOCTYPE html><p>x",
        "<table><tr><td>1</td></tr></table>",
    ],
)
def test_html_in_the_body_is_read_as_html(body: str) -> None:
    assert "&lt;" not in from_fields(body=body).body
    assert ">" not in from_fields(body=body).body


def test_html_that_calls_itself_plain_is_read_as_html() -> None:
    body = "<html><head><style>.a{color:red}</style></head><body><p>Up to 40% off boots.</p></body></html>"
    assert read(mail(body, kind="text/plain")).body == "Up to 40% off boots."


class TestLinks:
    @pytest.mark.parametrize(
        ("text", "target", "mismatched"),
        [
            ("https://bank.example/login", "https://evil.example/x", True),
            ("www.bank.co.uk", "http://bank.co.uk.evil.com/", True),
            ("bank.com", "https://login.bank.com/a", False),
            ("Visit bank.com today", "https://www.bank.com", False),
            ("help@bank.com", "mailto:help@evil.com", True),
            ("help@bank.com", "mailto:help@bank.com?subject=x", False),
            ("Click here", "https://evil.example", False),
            ("README.md", "https://github.com/a/b", False),
            ("shop.co.uk", "https://other.co.uk/", True),
            ("See v1.2.3", "https://example.org", False),
            ("https://bank.example", "#top", False),
            ("https://bank.example", "http://[", False),
        ],
    )
    def test_text_against_target(self, text: str, target: str, mismatched: bool) -> None:
        message = from_fields("s", f'<p>Dear customer,</p><a href="{target}">{text}</a>')
        assert bool(message.mismatched_links) is mismatched
        assert any("link shows another domain" in note for note in message.notes) is mismatched

    def test_links_are_facts(self) -> None:
        message = from_fields(
            "s", "<a href='https://a.example/x?q=1'>one <b>two</b></a><form action='http://f.example'></form>"
        )
        assert [(link.text, link.host) for link in message.links] == [("one two", "a.example"), ("", "f.example")]
        plain = from_fields("s", "see https://a.example/x. Or (http://b.example/y)")
        assert [link.target for link in plain.links] == ["https://a.example/x", "http://b.example/y"]

    def test_a_hidden_link_is_none(self) -> None:
        assert from_fields("s", "<p>x</p><div style='display:none'><a href='https://a.example'>y</a></div>").links == []
