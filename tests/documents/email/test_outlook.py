"""Outlook's own formats: .msg files and winmail.dat."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from cfbwrite import Entry, write_ole
from compressed_rtf import compress
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import body, read
from openclaw_instructor.documents.email.outlook import DAMAGED, NOT_A_MESSAGE, OLE, tnef_as_mime
from tests.documents.email.mails import INVOICE, LUNCH, encoded, mail, multipart, part

RTF = (
    rb"{\rtf1\ansi\ansicpg1252 Gr\'f6\'dfe {\field{\*\fldinst HYPERLINK x}{\fldrslt link}}\par "
    + INVOICE.encode()
    + b"}"
)


def stream(name: str, content: bytes) -> Entry:
    return Entry(name=name, is_storage=False, size=len(content), read=lambda: content)


def property_stream(own: int, value: str | bytes) -> Entry:
    kind, content = (0x1F, value.encode("utf-16-le")) if isinstance(value, str) else (0x102, value)
    return stream(f"__substg1.0_{own:04X}{kind:04X}", content)


def msg(
    path: Path, *properties: Entry, attachments: tuple[str, ...] = (), sent: int = 134_170_416_000_000_000
) -> bytes:
    fixed = b"\0" * 32 + struct.pack("<HHIQ", 0x40, 0x39, 6, sent) + struct.pack("<HHIII", 3, 0x3FDE, 6, 65001, 0)
    storages = [
        Entry(
            name=f"__attach_version1.0_#{number:08X}",
            is_storage=True,
            size=0,
            read=None,
            children=[property_stream(0x3707, name)],
        )
        for number, name in enumerate(attachments)
    ]
    write_ole(str(path), [stream("__properties_version1.0", fixed), *properties, *storages])
    return path.read_bytes()


def test_a_message_file_is_read(tmp_path: Path) -> None:
    data = msg(
        tmp_path / "a.msg",
        property_stream(0x37, "Rechnung Größe"), property_stream(0x0C1A, "Ann Lee"),
        property_stream(0x5D01, "ann@example.org"),
        property_stream(0x0E04, "Bob"),
        property_stream(0x1000, f"{LUNCH}\r\n\r\nVon: Ann\r\nGesendet: heute\r\nAn: Bob\r\n\r\n{INVOICE}"),
        attachments=("Größe.pdf", "b.txt"),
    )  # fmt: skip
    message = read(data)
    assert (message.subject, message.sender, message.to) == ("Rechnung Größe", "Ann Lee <ann@example.org>", "Bob")
    assert (message.body, message.attachments) == (LUNCH, ["Größe.pdf", "b.txt"])
    assert message.iso_date == "2026-03-03T20:00:00+00:00"
    assert message.notes == ["quoted reply left out"]


def test_its_html_and_its_transport_headers_count(tmp_path: Path) -> None:
    headers = "Received: x\r\nFrom: Eve <eve@evil.example>\r\nReply-To: other@evil.example\r\n"
    headers += "List-Unsubscribe: <https://u>\r\nContent-Type: text/plain\r\n"
    html = "<p>Größe</p><p style='display:none'>hidden</p>".encode()
    message = read(
        msg(
            tmp_path / "a.msg",
            property_stream(0x7D, headers),
            property_stream(0x37, "s"),
            property_stream(0x1013, html),
        )
    )
    assert (message.body, message.hidden_text, message.kind) == ("Größe", True, "bulk")
    assert (message.sender_address, message.reply_to, message.subject) == (
        "eve@evil.example",
        "other@evil.example",
        "s",
    )


def test_text_that_only_rtf_holds(tmp_path: Path) -> None:
    message = read(msg(tmp_path / "a.msg", property_stream(0x37, "s"), property_stream(0x1009, compress(RTF))))
    assert "Größe link" in message.body
    assert message.body.endswith(INVOICE)


def test_damaged_and_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    for data, reason in ((OLE + b"\0" * 1_700, DAMAGED), (msg(tmp_path / "x")[:600], DAMAGED)):
        with pytest.raises(UnreadableDocument) as raised:
            read(data)
        assert raised.value.reason == reason
    write_ole(str(tmp_path / "a.doc"), [stream("WordDocument", b"x" * 5_000)])
    with pytest.raises(UnreadableDocument) as raised:
        read((tmp_path / "a.doc").read_bytes())
    assert raised.value.reason == "a Word document of the format before 2007, not a mail"
    write_ole(str(tmp_path / "a.ole"), [stream("Other", b"x" * 5_000)])
    with pytest.raises(UnreadableDocument) as raised:
        read((tmp_path / "a.ole").read_bytes())
    assert raised.value.reason == NOT_A_MESSAGE


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_no_damage_hangs_or_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    good = bytearray(
        msg(tmp_path_factory.mktemp("msg") / "a.msg", property_stream(0x37, "s"), property_stream(0x1000, LUNCH * 100))
    )
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(8, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnreadableDocument):
        read(bytes(good))


def attribute(level: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def mapi(*properties: tuple[int, int, bytes]) -> bytes:
    packed = struct.pack("<I", len(properties))
    for kind, own, value in properties:
        packed += struct.pack("<HH", kind, own)
        if own >= 0x8000:
            packed += b"\0" * 16 + struct.pack("<II", 1, 6) + b"x\0y\0\0\0\0\0"
        if kind in (3, 0x40):
            packed += value
        else:
            packed += struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return packed


def tnef(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def winmail(data: bytes, *, text: str = "", kind: str = "application/ms-tnef; name=winmail.dat") -> bytes:
    return multipart(part(text), part(encoded(data), kind, "Content-Transfer-Encoding: base64\n"))


class TestWinmail:
    PROPERTIES = mapi(
        (3, 0x3FDE, struct.pack("<I", 65001)), (0x1F, 0x8001, b"a\0b\0"), (0x40, 0x39, b"\0" * 8),
        (0x102, 0x1013, f"<p>{LUNCH} Größe</p>".encode()),
    )  # fmt: skip
    ATTACHED = (
        attribute(2, 0x69002, b"\0" * 14), attribute(2, 0x18010, b"SHORT~1.PDF\0"),
        attribute(2, 0x69005, mapi((0x1F, 0x3707, "Größe.pdf".encode("utf-16-le")))),
        attribute(2, 0x69002, b"\0" * 14), attribute(2, 0x18010, b"b.txt\0"),
    )  # fmt: skip

    def test_its_text_and_attachments_are_read(self) -> None:
        data = tnef(attribute(1, 0x89006, b"\0\0\1\0"), attribute(1, 0x69003, self.PROPERTIES), *self.ATTACHED)
        for kind in ("application/ms-tnef", "application/octet-stream; name=winmail.dat"):
            message = read(winmail(data, kind=kind))
            assert (message.body, message.attachments) == (f"{LUNCH} Größe", ["Größe.pdf", "b.txt"])

    def test_text_beside_it_counts(self) -> None:
        message = read(winmail(tnef(attribute(1, 0x2800C, b"other\0"), *self.ATTACHED), text=INVOICE))
        assert (message.body, message.attachments) == (INVOICE, ["Größe.pdf", "b.txt"])

    def test_text_that_only_rtf_holds(self) -> None:
        assert INVOICE in read(winmail(tnef(attribute(1, 0x69003, mapi((0x102, 0x1009, compress(RTF))))))).body

    @pytest.mark.parametrize(
        "data", [b"", b"x" * 100, tnef(), tnef(b"\0" * 40), tnef(attribute(1, 0x69003, b"\xff" * 40))]
    )
    def test_one_that_cannot_be_read_is_named(self, data: bytes) -> None:
        message = read(winmail(data))
        assert (message.body, message.attachments, message.subject_only) == ("", ["winmail.dat"], True)
        assert message.unread == [body.TNEF_UNREAD]

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_no_bytes_raise(self, data: bytes) -> None:
        for content in (
            data,
            tnef(data),
            tnef(attribute(1, 0x69003, data)),
            tnef(attribute(1, 0x69003, mapi((0x102, 0x1009, data)))),
        ):
            tnef_as_mime(content)


def test_rtf_by_itself() -> None:
    message = read(mail(r"{\rtf1 Please {\field{\*\fldinst HYPERLINK x}{\fldrslt pay}} now}", kind="text/rtf"))
    assert message.body.replace("  ", " ") == "Please pay now"
