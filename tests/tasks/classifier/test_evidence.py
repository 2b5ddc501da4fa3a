"""What speaks for labels beside the text: each sign is seen where it is, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_instructor.documents.email import read
from openclaw_instructor.language import is_short, other_language
from openclaw_instructor.registry.kinds.classify import Role
from openclaw_instructor.tasks.classifier.corrections import Correction
from openclaw_instructor.tasks.classifier.domains import has_foreign_letters, is_lookalike
from openclaw_instructor.tasks.classifier.evidence import SIGNS, SenderHistory, signs, weigh


def mail(*fields: str, sender: str = "Ann <ann@example.org>", body: str = "See you on Friday at the station.") -> Any:
    return read("\n".join([f"From: {sender}", "To: me@example.net", "Subject: Friday", *fields, "", body]))


def page(html: str, *fields: str) -> Any:
    return mail("Content-Type: text/html", *fields, body=f"<p>See you on Friday.</p>{html}")


def test_an_ordinary_mail_shows_nothing() -> None:
    assert signs(mail()) == []
    assert signs(mail("Reply-To: a.b@mail.example.org", "Return-Path: <bounce@example.org>")) == []
    assert signs(page('<a href="https://www.example.org/x">example.org</a>')) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["Reply-To: ann@elsewhere.example"], ["reply_elsewhere"]),
        (["Return-Path: <x@elsewhere.example>"], ["returns_elsewhere"]),
        (["List-Unsubscribe: <https://x.example>", "Reply-To: a@elsewhere.example"], ["list_mail"]),
        (["Authentication-Results: mx.example.net; spf=pass; dkim=pass; dmarc=pass"], ["sender_passed"]),
        (["Authentication-Results: mx.example.net; spf=pass; dmarc=fail"], ["sender_failed"]),
        (["Authentication-Results: mx.example.net; spf=softfail; dkim=none"], ["sender_failed"]),
        (["Authentication-Results: mx.example.net; spf=fail; dkim=pass"], ["sender_passed"]),
        (["Authentication-Results: mx.example.net; none"], []),
        (["Authentication-Results: mx.example.net; dmarc=pass", "Authentication-Results: evil; dmarc=fail"],
         ["sender_passed"]),
        (["Auto-Submitted: auto-replied"], ["automatic_reply"]),
        (["Auto-Submitted: auto-generated"], ["automatic"]),
    ],
)  # fmt: skip
def test_signs_of_headers(fields: list[str], expected: list[str]) -> None:
    assert signs(mail(*fields)) == expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ('"support@bank.example" <x@elsewhere.example>', ["name_shows_address"]),
        ('"ann@example.org" <ann@mail.example.org>', []),
        ('"www.bank.com" <x@elsewhere.example>', ["name_shows_address"]),
        ("Globex Billing <service@g1obex.com>", ["lookalike_domain"]),
        ("Globex Billing <service@globex.com>", []),
        ("Me <me@exarnple.net>", ["lookalike_domain"]),
        ("Ann <ann@example.net>", ["colleague"]),
        ("Ann <ann@sub.example.net>", ["colleague"]),
        ("Shop <no-reply@example.org>", ["no_reply"]),
        ("Shop <shop.donotreply@example.org>", ["no_reply"]),
        ("Bot Ashcroft <bott.updated@example.org>", []),
        ("Me <me@xn--exmple-4nf.net>", ["foreign_letters", "lookalike_domain"]),
    ],
)
def test_signs_of_the_sender(sender: str, expected: list[str]) -> None:
    assert signs(mail(sender=sender)) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://evil.example/x">www.bank.com</a>', ["link_shows_other", "links_elsewhere"]),
        ('<a href="http://192.0.2.7/x">your account</a>', ["link_to_number", "links_elsewhere"]),
        ('<a href="http://[2001:db8::1]/x">your account</a>', ["link_to_number", "links_elsewhere"]),
        ('<a href="mailto:bob@elsewhere.example">Bob</a>', []),
        ('<a href="https://example.org">us</a><a href="https://elsewhere.example">them</a>', []),
    ],
)
def test_signs_of_links(html: str, expected: list[str]) -> None:
    assert signs(page(html)) == expected


def test_domains_that_were_taught_may_be_imitated() -> None:
    assert signs(mail(sender="A <a@my-grocer.example>"), ["my-gracer.example"]) == ["lookalike_domain"]
    assert signs(mail(sender="A <a@my-grocer.example>"), ["my-grocer.example", "other.example"]) == []


@pytest.mark.parametrize(
    ("domain", "known", "expected"),
    [
        ("rnicrosoft.example", "microsoft.example", True),
        ("mail.micros0ft.example", "microsoft.example", True),
        ("microsotf.example", "microsoft.example", True),
        ("microsofts.example", "microsoft.example", True),
        ("microsoft.example", "microsoft.example", False),
        ("login.microsoft.example", "microsoft.example", False),
        ("micro.example", "macro.example", False),
        ("entirely.example", "different.example", False),
    ],
)
def test_lookalikes(domain: str, known: str, expected: bool) -> None:
    assert is_lookalike(domain, [known]) is expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("p\N{CYRILLIC SMALL LETTER A}ypal.com", True),
        ("xn--pypal-4ve.com", True),
        ("xn--80ak6aa92e.com", True),
        ("m\N{LATIN SMALL LETTER U WITH DIAERESIS}ller.de", False),
        ("xn--e1afmkfd.xn--p1ai", False),
        ("example.org", False),
    ],
)
def test_foreign_letters(domain: str, expected: bool) -> None:
    assert has_foreign_letters(domain) is expected


ROLES: dict[Role, tuple[str, ...]] = {"suspicious": ("phishing",), "bulk": ("News",), "automatic": ("notice",)}
LABELS = ("phishing", "news", "notice", "private")


def taught(number: int, label: str, sender: str) -> Correction:
    return Correction(number, "t", "text", label, f"text {number}", sender, None, None, "", "", "2026-01-01")


class TestWeights:
    def test_they_go_to_the_labels_of_a_role(self) -> None:
        totals, said = weigh(mail("Reply-To: a@elsewhere.example"), LABELS, ROLES, SenderHistory())
        assert totals == [SIGNS["reply_elsewhere"].weights["suspicious"], 0.0, 0.0, 0.0]
        assert [(each["sign"], each["for"], each["weight"]) for each in said] == [
            ("reply_elsewhere", ["phishing"], 0.8)
        ]
        assert weigh(mail("Reply-To: a@elsewhere.example"), LABELS, {}, SenderHistory()) == ([0.0] * 4, [])

    def test_many_small_signs_never_silence_the_text(self) -> None:
        many = page(
            '<a href="http://192.0.2.7">www.bank.com</a>',
            "Reply-To: a@elsewhere.example",
            "Authentication-Results: x; dmarc=fail",
        )
        totals, said = weigh(many, LABELS, ROLES, SenderHistory())
        assert totals[0] == 4.0 < sum(each["weight"] for each in said)

    def test_a_delivery_report_is_certain(self) -> None:
        report = mail("Content-Type: multipart/report; report-type=delivery-status; boundary=B")
        totals, _ = weigh(report, LABELS, ROLES, SenderHistory())
        assert totals == [-4.0, 0.0, 6.0, 0.0]

    def test_what_was_taught_of_a_sender_counts_and_of_a_domain_half(self) -> None:
        history = SenderHistory()
        history.add([taught(number, "news", "ann@example.org") for number in range(4)])
        known, said = weigh(mail(), LABELS, ROLES, history)
        assert known[1] > 0.5 > 0 > known[0]
        assert said[0]["says"] == "4 of 4 mails of this sender were taught as news"
        of_domain, said = weigh(mail(sender="bob@example.org"), LABELS, ROLES, history)
        assert of_domain[1] == pytest.approx(known[1] / 2)
        assert said[0]["says"] == "4 of 4 mails of this domain were taught as news"
        failed = mail("Authentication-Results: x; dmarc=fail")
        assert [each["sign"] for each in weigh(failed, LABELS, ROLES, history)[1]] == ["sender_failed"]

    def test_sentences_quote_nothing_of_a_mail(self) -> None:
        assert not [sign for sign in SIGNS.values() if "{" in sign.says]
        assert {weight for sign in SIGNS.values() for weight in sign.weights.values() if abs(weight) > 6} == set()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Meeting moved to Monday, please confirm.", ""),
        ("Die Besprechung ist auf Montag verschoben, bitte sagen Sie mir, ob das f\xfcr Sie passt.", "German"),
        ("Hola, \xbfnos vemos para comer el viernes en la plaza? Un saludo", "Spanish"),
        ("\u4eca\u65e5\u306e\u4f1a\u8b70\u306f\u5348\u5f8c\u4e09\u6642\u304b\u3089\u3067\u3059", "Japanese script"),
        ("\u8bf7\u5728\u661f\u671f\u4e94\u4e4b\u524d\u652f\u4ed8\u8d26\u5355", "Chinese script"),
        ("\N{CYRILLIC SMALL LETTER IO}" * 9 + " abc abc", "Cyrillic script"),
        ("C'est la vie, as they say: the meeting is on Monday and the report is due for the board.", ""),
        ("def add(a, b): return a + b", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_languages(text: str, language: str) -> None:
    assert other_language(text) == language


def test_short_texts() -> None:
    assert is_short("Re: hi")
    assert not is_short("See you on Friday")
    assert not is_short("\u4eca\u65e5\u306e\u4f1a\u8b70\u306f" * 4)


def test_people_of_one_public_mail_provider_are_no_colleagues() -> None:
    assert signs(read("From: Ann <ann@gmail.com>\nTo: me@gmail.com\nSubject: Hi\n\nSee you.")) == []


def test_who_failed_the_check_is_no_colleague() -> None:
    failed = mail("Authentication-Results: mx.example.net; dmarc=fail", sender="Boss <boss@example.net>")
    assert signs(failed) == ["sender_failed"]
