"""Files that hold secrets: keys, credentials, wallets, password stores, browser profiles.

They are never indexed unless somebody names one of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePath

from openclaw_instructor.index.gitignore import Pattern, Patterns

_LIMIT = 2_000

_FOLDERS = Patterns(
    filter(
        None,
        map(
            Pattern.parse,
            [
                *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".gcloud", ".oci", ".terraform.d"),
                *(".password-store", ".pki", ".keychain", ".vault", ".secrets", ".age", ".mozilla", ".thunderbird"),
                *("*.agilekeychain", "*.opvault", "*.keychain", "*.keychain-db", ".1password"),
                *(".bitcoin", ".ethereum", ".electrum", ".monero", ".bitmonero", ".litecoin", ".dogecoin", ".solana"),
            ],
        ),
    )
)
_FILES = Patterns(
    filter(
        None,
        map(
            Pattern.parse,
            [
                *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf"),
                *(".git-credentials", ".htpasswd", ".dockercfg", ".s3cfg", ".boto", ".vault-token", ".yarnrc"),
                *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "!*.pub", "*_rsa", "*_ed25519", "*.pem", "*.key"),
                *("*.p12", "*.pfx", "*.p8", "*.ppk", "*.jks", "*.keystore", "*.gpg", "*.pgp", "*.age", "secring.*"),
                *("*.kdb", "*.kdbx", "*.1pif", "*.1pux", "*.psafe3", "*.enpassdb", "*.keychain", "*.ovpn"),
                *("wallet.dat", "*.wallet", "wallet.json", "keystore.json", "UTC--*", "default_wallet", "mnemonic.txt"),
                *("credentials", "credentials.json", "credentials.y*ml", "credentials.csv", "credentials.xml"),
                *("client_secret*.json", "service?account*.json", "rootkey.csv", "accessKeys.csv", "*_accessKeys.csv"),
                *("secrets.json", "secrets.y*ml", "secrets.toml", "secrets.ini", "*.tfstate", "*.tfstate.backup"),
                *("bitwarden_export*", "lastpass*.csv", "*passwords*.csv", "*Passwords*.csv", "passwords.*"),
                *("logins.json", "key?.db", "cookies.sqlite*", "Login Data*", "Cookies", "Web Data", "recovery?codes*"),
            ],
        ),
    )
)
# Entries by which a folder of secrets is recognised, whatever its name.
_MARKS = {
    ".gpg-id": "a password store",
    "key4.db": "a browser profile",
    "key3.db": "a browser profile",
    "logins.json": "a browser profile",
    "cookies.sqlite": "a browser profile",
    "Login Data": "a browser profile",
    "secring.gpg": "a keyring",
    "private-keys-v1.d": "a keyring",
}
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1"
)


def named(path: str, is_folder: bool) -> str | None:
    """Say why what lies at a relative path is taken for a secret, by its name alone; else None."""
    if is_folder:
        return "a folder for secrets" if _FOLDERS.verdict(path, True) else None
    return "may hold secrets, by its name" if _FILES.verdict(path, False) else None


def folder(names: Collection[str]) -> str | None:
    """Say why a folder with entries of these names is taken for a secret; else None."""
    return next((why for mark, why in _MARKS.items() if mark in names), None)


def above(path: PurePath) -> str | None:
    """Find the part of an absolute path that is a folder for secrets; else None."""
    parts = path.parts[1:]
    return next((part for number, part in enumerate(parts, 1) if named("/".join(parts[:number]), True)), None)


def content(data: bytes) -> str | None:
    """Say why a file with this content is taken for a secret; else None. One that quotes a key further down is not."""
    # Without its zeros, a text in UTF-16 is the same one.
    head = data[:_LIMIT].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if _PRIVATE_KEY.match(head):
        return "a private key"
    # A certificate may stand before its key.
    is_bundle = head.startswith((b"-----BEGIN ", b"Bag Attributes"))
    return "a private key" if is_bundle and _PRIVATE_KEY.search(data.replace(b"\0", b"")) else None
