"""Bytes to text: marks, guesses, declared charsets, and what is no text."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import pytest

from openclaw_instructor.documents.encoding import binary, decode, lines_of

# Three sentences each: what a detector can be asked to tell apart.
TEXTS = {
    "cp1251": "Привет, как дела? Завтра мы едем в Москву на поезде. Встреча состоится в три часа дня.",
    "koi8-r": "Договор подписан вчера вечером. Пришлите, пожалуйста, счёт за услуги связи до пятницы.",
    "cp866": "Отчёт за март готов. Остатки на складе проверены, недостачи нет. Прошу подтвердить приём.",
    "cp1250": "Zażółć gęślą jaźń. Proszę o przesłanie faktury za usługi księgowe. Spotkanie jest o piątej.",
    "iso8859-2": "Proszę o przesłanie faktury za usługi księgowe. Spotkanie będzie jutro o piątej. Dziękuję bardzo.",
    "cp1253": "Καλημέρα, η συνάντηση θα γίνει αύριο το απόγευμα στις τρεις. Παρακαλώ να είστε εκεί.",
    "cp1254": "Toplantı yarın öğleden sonra üçte başlayacak, lütfen geç kalmayın. Işıkları açık bırakmayın.",
    "cp1255": "שלום, הפגישה תתקיים מחר בשלוש אחר הצהריים. נא לאשר את ההגעה.",
    "cp1256": "مرحبا، الاجتماع غدا في الساعة الثالثة بعد الظهر. يرجى تأكيد الحضور.",
    "cp1257": "Rytoj popiet trečią valandą vyks susirinkimas, prašome nevėluoti. Ąžuolas žydi prie namų.",
    "cp874": "สวัสดีครับ ประชุมพรุ่งนี้บ่ายสามโมง กรุณามาให้ตรงเวลาด้วยนะครับ",
    "cp932": "こんにちは。明日の会議は午後三時からです。資料を忘れずに持ってきてください。",
    "euc_jp": "こんにちは。明日の会議は午後三時からです。資料を忘れずに持ってきてください。",
    "iso2022_jp": "こんにちは。明日の会議は午後三時からです。",
    "gb18030": "你好，明天下午三点开会，请准时参加。会议资料已经发到你的邮箱。",
    "big5": "你好，明天下午三點開會，請準時參加。會議資料已經寄到你的信箱。",
    "cp949": "안녕하세요. 내일 오후 세 시에 회의가 있습니다. 시간에 맞춰 오세요.",
    "cp850": "Die Prüfung der Geräte erfolgt jährlich; Größe und Länge müssen übereinstimmen.",
    "mac-roman": "Le café est situé à côté de la mairie, près de l’hôtel. Ça coûte cher par élève.",
    "cp1252": "Mañana por la tarde habrá una reunión en el salón. ¿Podrá usted venir? Cuesta 5 €.",
}


@pytest.mark.parametrize(
    ("data", "text", "noted"),
    [
        ("naïve ✓".encode(), "naïve ✓", False),
        (b"\xef\xbb\xbfhi", "hi", False),
        ("hé".encode("utf-16"), "hé", False),
        ("hé".encode("utf-32"), "hé", False),
        ("café au lait à Paris".encode("cp1252"), "café au lait à Paris", True),
        (b"na\xefve", "naïve", True),
        ("déjà vu ".encode() + b"\xc3", "déjà vu \ufffd", True),
        (b"bad \x81 byte", "bad \ufffd byte", True),
        (b"\xff\xfeh\x00\xe9", "h\ufffd", True),
        ("5 € – “quoted”".encode("cp1252"), "5 € – “quoted”", True),
        ("It’s fine".encode("cp1252"), "It’s fine", True),
        ("Gruß aus Köln".encode("cp850"), "Gruß aus Köln", True),
    ],
)
def test_any_encoding_is_read_and_doubt_is_noted(data: bytes, text: str, noted: bool) -> None:
    decoded, notes = decode(data)
    assert decoded == text
    assert bool(notes) is noted


@pytest.mark.parametrize("encoding", TEXTS)
def test_legacy_encodings_are_told_apart(encoding: str) -> None:
    text = TEXTS[encoding]
    assert decode(text.encode(encoding))[0] == text
    assert not binary(text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["Größe\r\nof it", "Привет мир\n", "今天天气很好，一起去公园吧。\n第二行\n", "x\n"])
def test_encodings_of_two_and_four_bytes_need_no_mark(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert decode(data) == (text, [])
    assert not binary(data)


def test_a_declared_charset_is_obeyed_unless_the_bytes_say_otherwise() -> None:
    polish = "zażółć"
    assert decode(polish.encode("iso8859-2"), "ISO-8859-2") == (polish, [])
    assert decode(b"5 \x80", "latin1") == ("5 €", [])
    assert decode("日本".encode("cp932"), "Shift_JIS") == ("日本", [])
    assert decode(polish.encode(), "iso-8859-2") == (polish, [])
    assert (
        decode(b"plain", "utf-7") == decode(b"plain", "unicode_escape") == decode(b"plain", "nonsense") == ("plain", [])
    )
    assert decode(b"+ADw-script+AD4-", "utf-7") == ("+ADw-script+AD4-", [])


def test_a_damaged_declared_charset_is_noted() -> None:
    text, notes = decode("日本".encode("cp932") + b"\x85", "shift_jis")
    assert (text, notes) == ("日本\ufffd", ["some bytes are not valid CP932"])


def test_lines_end_as_any_system_ends_them() -> None:
    assert lines_of(b"a\r\nb\rc\n") == (["a", "b", "c", ""], [])


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n1 0 obj << >> endobj\n",
        zipped(),
        gzip.compress(b"text"),
        b"\x7fELF\x02\x01",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old office",
        b"text " * 10_000 + b"\0" + b"text " * 10_000,
        b"\0" * 100,
        random.Random(1).randbytes(5_000),
        bytes(byte for byte in random.Random(2).randbytes(5_000) if byte),
        b"\x01\x02\x03\x04" * 100,
    ],
    ids=["pdf", "zip", "gzip", "elf", "ole", "late NUL", "zeros", "random", "random without NUL", "control"],
)
def test_what_is_no_text_is_told(data: bytes) -> None:
    assert binary(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\x01b",
        b"N\x08NA\x08AM\x08ME\x08E of a page of man\n",
        b"\x1b[31mred\x1b[0m and \x1b[1mbold\x1b[0m\n",
        b"old text\x1a",
        "text".encode("utf-16"),
        "ümlaut".encode("cp1252"),
        b"The header %PDF-1.7 opens every file.",
    ],
)
def test_odd_texts_are_texts(data: bytes) -> None:
    assert not binary(data)


@pytest.mark.parametrize(
    "data",
    [
        b"a" * 9_000_000 + b"\xe9",
        b"\xe9" * 10_000_000,
        b"\x1b$" * 5_000_000,
        "é".encode() * 4_000_000 + b"\xff",
        ("Größe und Länge\n" * 600_000).encode("latin1"),
        ("今天天气很好\n" * 500_000).encode("utf-16-be"),
    ],
    ids=["one at the end", "all beyond ASCII", "escapes", "damaged", "legacy", "two bytes"],
)
def test_ten_megabytes_of_anything_are_read_at_once(data: bytes) -> None:
    # A quadratic pass over any of these would take hours: the limit of the suite is the assertion.
    text, _ = decode(data)
    assert text
    assert not binary(data)
