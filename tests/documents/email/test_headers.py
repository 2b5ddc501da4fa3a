"""Header fields: every charset, cut before they are decoded."""

from __future__ import annotations

import base64

import pytest

from openclaw_instructor.documents.email import from_fields, read
from openclaw_instructor.documents.email.headers import CUT, address_in, decode_words


def encoded(text: str, codec: str, name: str = "") -> str:
    return f"=?{name or codec}?b?{base64.b64encode(text.encode(codec)).decode()}?="


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“5 €”"),
        ("gb2312", "gb18030", "镕喆"),
        ("ks_c_5601-1987", "cp949", "똠방"),
        ("shift_jis", "cp932", "①株"),
        ("iso-8859-8-i", "iso-8859-8", "שלום"),
        ("windows-874", "cp874", "ไทย"),
        ("koi8-r", "koi8-r", "Счёт"),
        ("big5", "big5hkscs", "請付款"),
        ("utf-8", "utf-8", "Größe 🎉"),
        ("utf-7", "utf-7", "Größe"),
    ],
)
def test_encoded_words_mean_what_bodies_take_charsets_for(name: str, codec: str, text: str) -> None:
    raw = f"Subject: {encoded(text, codec, name)}\nFrom: {encoded(text, codec, name)} <a@example.org>\n\nhi"
    message = read(raw)
    assert (message.subject, message.sender_name, message.sender_address) == (text, text, "a@example.org")
    assert message.notes == []


def test_signs_that_windows_added_to_iso_2022_jp() -> None:
    raw = b"Subject: =?ISO-2022-JP?B?GyRCLSFAQTVhPXEkTiQqQ04kaSQ7GyhC?=\n\n\x1b$B-!@A5a=q\x1b(B"
    assert read(raw).subject == "①請求書のお知らせ"


def test_a_letter_parted_among_two_words() -> None:
    data = "过年啦，看中国烟花".encode("gb2312")
    words = [f"=?gb2312?B?{base64.b64encode(piece).decode()}?=" for piece in (data[:7], data[7:])]
    assert read(f"Subject: {words[0]}\n {words[1]}\n\nhi").subject == "过年啦，看中国烟花"
    quoted = "Subject: =?utf-8?q?Gr=C3?=\n =?utf-8?q?=B6=C3=9Fe_da?= and more\n\nhi"
    assert read(quoted).subject == "Größe da and more"
    # Base64 that was cut in the middle of a group of four.
    whole = base64.b64encode("Größe der Tür".encode()).decode()
    assert decode_words(f"=?utf-8?b?{whole[:6]}?= =?utf-8?b?{whole[6:]}?=") == "Größe der Tür"


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("a =?utf-8?q?b?=c", "a bc"),
        ("=?utf-8*en?q?a_b?=", "a b"),
        ("=?utf-8?q?two words?=", "two words"),
        ("=?iso-8859-1?q?=FC?= =?utf-8?q?=C3=BC?=", "üü"),
        ("=?utf-8?x?a?= =?=?= =??q?a?=", "=?utf-8?x?a?= =?=?= =??q?a?="),
    ],
)
def test_what_stands_between_encoded_words(text: str, read_as: str) -> None:
    assert decode_words(text) == read_as


def test_headers_that_old_programs_write_in_the_charset_of_the_text() -> None:
    raw = "Subject: Вопрос\nFrom: Иван <i@example.org>\nContent-Type: text/plain; charset=koi8-r\n\nСколько?"
    message = read(raw.encode("koi8-r"))
    assert (message.subject, message.sender_name, message.body) == ("Вопрос", "Иван", "Сколько?")


@pytest.mark.parametrize(
    ("field", "address", "name"),
    [
        ("Ann Lee <Ann@Example.org>", "ann@example.org", "Ann Lee"),
        ('"Lee, Ann" <ann@example.org>', "ann@example.org", "Lee, Ann"),
        ("ann@example.org (Ann Lee)", "ann@example.org", "Ann Lee"),
        ("ann@example.org", "ann@example.org", ""),
        ('"security@bank.example" <x@evil.example>', "x@evil.example", "security@bank.example"),
        ("undisclosed-recipients:;", "", "undisclosed-recipients:;"),
    ],
)
def test_name_and_address_of_the_sender(field: str, address: str, name: str) -> None:
    message = read(f"From: {field}\nSubject: s\n\nhi")
    assert (message.sender_address, message.sender_name) == (address, name)
    given = from_fields("s", "hi", field)
    assert given.sender_address == address


def test_facts_that_speak_for_or_against_a_message() -> None:
    message = read(
        "Return-Path: <bounces@news.example>\nReply-To: Eve <eve@elsewhere.example>\nMessage-ID: <1@example.org>\n"
        "Authentication-Results: mx.own.example; spf=pass; dkim=fail\nAuthentication-Results: forged; dmarc=pass\n"
        "Received-SPF: pass\nList-Id: <l.example.org>\nPrecedence: list\nFrom: a@example.org\nCc: c@example.org\n"
        "Date: Tue, 3 Mar 2026 10:00:00 +0100\nSubject: s\n\nhi"
    )
    assert (message.return_path, message.reply_to, message.message_id) == (
        "bounces@news.example", "eve@elsewhere.example", "1@example.org",
    )  # fmt: skip
    assert message.authentication_results == ["mx.own.example; spf=pass; dkim=fail", "forged; dmarc=pass"]
    assert (message.received_spf, message.list_headers["list-id"]) == ("pass", "<l.example.org>")
    assert (message.iso_date, message.cc) == ("2026-03-03T10:00:00+01:00", "c@example.org")
    assert read("Return-Path: <>\nSubject: s\n\nhi").return_path == "<>"


@pytest.mark.parametrize("name", ["Subject", "From", "To", "Reply-To", "Content-Type", "Date", "X-Any"])
@pytest.mark.parametrize("unit", ["=?utf-8?q?ab?= ", ",", "(a)", "a@b.c, ", "a.", "<", '"a" ', "=?", "1 ", "a=b; "])
def test_a_header_is_cut_before_it_is_read(name: str, unit: str) -> None:
    line = unit * (60 // len(unit))
    message = read(f"{name}: " + "\n ".join([line] * (400_000 // 62)) + "\nSubject: s\n\nhello")
    assert CUT in message.notes
    assert message.body == "hello"
    assert len(message.subject) <= 1_000
    assert max(len(message.sender), len(message.to), len(message.cc)) <= 5_000


def test_a_thousand_recipients_are_no_reason_to_complain() -> None:
    people = ",\n ".join(f"person{number}@example.org" for number in range(1_000))
    assert read(f"To: {people}\nSubject: s\n\nhi").notes == []


def test_more_headers_than_any_mail_has_do_not_hide_the_body() -> None:
    message = read("Subject: s\n" + "X: y\n" * 100_000 + "\nhello")
    assert (message.subject, message.body) == ("s", "hello")
    assert "the mail has more headers than are read; the rest was left out" in message.notes


def test_a_line_that_is_no_header_begins_the_body() -> None:
    assert read("Subject: s\nFrom: a@example.org\nHello there,\nall is well").body == "Hello there,\nall is well"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r\r\n", "\r"])
def test_line_ends_of_every_kind(ends: str) -> None:
    message = read("Subject: invoice 77\nFrom: a@example.org\n\nPlease pay.\n".replace("\n", ends))
    assert (message.subject, message.body, message.notes) == ("invoice 77", "Please pay.", [])


def test_nothing_that_steers_a_terminal_or_hides_gets_through() -> None:
    head = "Subject: Inv\x00oice\x1b[31m \u202e77\u200b\nFrom: \x07Ann\x9b <a@example.org>\n\n"
    raw = f"{head}Please p\x00ay\x1b]0;x\x07 now"
    message = read(raw)
    assert (message.subject, message.sender) == ("Invoice[31m 77", "Ann <a@example.org>")
    assert message.body == "Please pay]0;x now"


def test_an_address_is_found_in_time_that_grows_with_the_text_only() -> None:
    assert address_in("a." * 30_000) == ""
    assert address_in("<" * 30_000 + "a@b.c>") == "a@b.c"
