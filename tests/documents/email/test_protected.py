"""Signed mail is read, encrypted mail is named as such."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_instructor.documents.email import body, read
from openclaw_instructor.documents.email.protected import signed_content
from tests.documents.email.mails import LUNCH, encoded, mail, multipart, part

CIPHER = "+OJP+dmyBEnKOT9mXfEGwdBB2taqmp7qXWzCcXJlmRyw6\n" * 10


@pytest.fixture(scope="module")
def identity() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    start = datetime.datetime(2026, 1, 1)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=9))
    return key, certificate.sign(key, hashes.SHA256())


def test_pgp_within_the_text() -> None:
    signed = read(
        mail(
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{LUNCH}\n- -- \nAnn\n-----BEGIN PGP "
            f"SIGNATURE-----\n\n{CIPHER}"
            "-----END PGP SIGNATURE-----\n"
        )
    )
    assert (signed.body, signed.signed, signed.encrypted) == (LUNCH, True, False)
    key = read(mail(f"{LUNCH}\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{CIPHER}-----END PGP PUBLIC KEY BLOCK-----\n"))
    assert (key.body, key.encrypted) == (LUNCH, False)


def test_pgp_that_encrypts() -> None:
    armour = f"-----BEGIN PGP MESSAGE-----\n\n{CIPHER}-----END PGP MESSAGE-----\n"
    for raw in (
        mail(armour),
        mail(f"<html><body><pre>{armour}</pre></body></html>", kind="text/html"),
        multipart(
            part("Version: 1", "application/pgp-encrypted"), part(armour, "application/octet-stream"), kind="encrypted"
        ),
    ):
        message = read(raw)
        assert (message.body, message.encrypted, message.notes) == ("", True, [body.ENCRYPTED])
    beside = read(mail(f"Hello, the secret:\n{armour}"))
    assert (beside.body, beside.encrypted, beside.notes) == ("Hello, the secret:", True, [])


def test_a_signature_beside_the_text_is_no_attachment() -> None:
    for kind in ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"):
        message = read(multipart(part(LUNCH), part("xyz", f"{kind}; name=smime.p7s"), kind="signed"))
        assert (message.body, message.signed, message.attachments) == (LUNCH, True, [])


def test_smime_that_signs_is_read(identity: tuple[rsa.RSAPrivateKey, x509.Certificate]) -> None:
    key, certificate = identity
    builder = pkcs7.PKCS7SignatureBuilder().set_data(f"Content-Type: text/plain\n\n{LUNCH}\n".encode())
    builder = builder.add_signer(certificate, key, hashes.SHA256())
    data = builder.sign(serialization.Encoding.DER, [])
    kind = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    message = read(mail(encoded(data), kind=kind, extra="Content-Transfer-Encoding: base64\n"))
    assert (message.body, message.signed, message.notes) == (LUNCH, True, [])


def test_signed_content_of_unknown_length() -> None:
    def element(tag: int, content: bytes) -> bytes:
        return bytes((tag, len(content))) + content

    def open_ended(tag: int, content: bytes) -> bytes:
        return bytes((tag, 0x80)) + content + b"\0\0"

    signed_data, data = (bytes.fromhex(f"06092a864886f70d0107{last}") for last in ("02", "01"))
    pieces = open_ended(0x24, element(0x04, b"Please ") + element(0x04, b"pay"))
    inner = open_ended(
        0x30, element(0x02, b"\1") + element(0x31, b"") + open_ended(0x30, data + open_ended(0xA0, pieces))
    )
    assert signed_content(open_ended(0x30, signed_data + open_ended(0xA0, inner))) == b"Please pay"


def test_smime_that_encrypts_is_named(identity: tuple[rsa.RSAPrivateKey, x509.Certificate]) -> None:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(LUNCH.encode()).add_recipient(identity[1])
    data = builder.encrypt(serialization.Encoding.DER, [])
    message = read(
        mail(
            encoded(data),
            kind="application/pkcs7-mime; smime-type=enveloped-data",
            extra="Content-Transfer-Encoding: base64\n",
        )
    )
    assert (message.body, message.encrypted, message.unread) == ("", True, [body.ENCRYPTED])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    signed_content(data)
    signed_content(bytes.fromhex("308006092a864886f70d010702a080") + data)


@pytest.mark.parametrize("unit", [b"\x30\x80", b"\x30\x00", b"\x04\x00", b"\x24\x80\x04\x00"])
def test_nested_and_endless_elements_end(unit: bytes) -> None:
    assert not signed_content(bytes.fromhex("308006092a864886f70d010702a080") + unit * 300_000)
