"""The setting `store`, which needs no Milvus."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.index.vectors import engines
from openclaw_instructor.index.vectors.milvus.address import Address
from openclaw_instructor.index.vectors.milvus.owner import owner
from openclaw_instructor.settings import Settings


def address(home: Path, store: str, **settings: str) -> Address:
    return Address.of(Settings.load(home, store=store, **settings))


def test_a_server(home: Path) -> None:
    read = address(home, "milvus://db.example.org")
    assert (read.uri, read.shown) == ("http://db.example.org:19530", "milvus://db.example.org:19530")
    read = address(home, "milvus+tls://[::1]:443/notes?index=diskann&shards=16")
    assert (read.uri, read.database, read.index, read.shards) == ("https://[::1]:443", "notes", "DISKANN", 16)
    assert read.shown == "milvus+tls://[::1]:443/notes"


def test_milvus_lite(home: Path) -> None:
    read = address(home, "milvus:///var/lib/vectors.db")
    assert (read.uri, read.folder) == ("/var/lib/vectors.db", Path("/var/lib/vectors.db"))


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("milvus", "is none of local, milvus://HOST"),
        ("https://host:19530", "is none of local"),
        ("milvus:///folder", r"ends in \.db"),
        ("milvus:///.db", r"ends in \.db"),
        ("milvus://host:port", "no such address"),
        ("milvus://host/a/b", "no such address"),
        ("milvus://host?index=annoy", "use one of AUTOINDEX"),
        ("milvus://host?shards=0", "number from 1 to 64"),
        ("milvus://host?replicas=2", "unknown option 'replicas'"),
    ],
)
def test_what_cannot_be_used_is_said(home: Path, store: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        address(home, store)


def test_no_secret_stands_in_the_address(home: Path) -> None:
    with pytest.raises(InvalidSettings, match="put NAME:PASSWORD, or the token, into `store_token_file`") as refused:
        address(home, "milvus://root:hunter22@host")
    assert "hunter22" not in refused.value.message
    with pytest.raises(InvalidSettings) as refused:
        address(home, "https://root:hunter22@host")
    assert "hunter22" not in refused.value.message


def test_a_token_goes_to_another_machine_only_encrypted(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("root:hunter22")
    with pytest.raises(InvalidSettings, match=r"milvus\+tls://db\.example\.org:19530"):
        address(home, "milvus://db.example.org", store_token_file=str(file))
    read = address(home, "milvus+tls://db.example.org", store_token_file=str(file))
    assert read.token == "root:hunter22"
    assert "hunter22" not in repr(read)
    assert address(home, "milvus://localhost", store_token_file=str(file)).token


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", None])
def test_a_token_file_that_holds_no_token_is_said(home: Path, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSettings, match="setting `store_token_file`"):
        address(home, "milvus+tls://host", store_token_file=str(file))


def test_one_place_searches(home: Path) -> None:
    with pytest.raises(InvalidSettings, match="keep one of them"):
        engines.of(Settings.load(home, store="milvus://host", vector_engine="exact"))


def test_a_home_keeps_its_name_when_it_moves_and_a_copy_has_another(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    name = owner(home)
    assert owner(home) == name
    copy.mkdir()
    (copy / "milvus.json").write_bytes((home / "milvus.json").read_bytes())
    assert owner(copy) != name
    home.rename(tmp_path / "moved")
    assert owner(tmp_path / "moved") == name
    (tmp_path / "moved" / "milvus.json").write_text("{")
    assert owner(tmp_path / "moved") not in (name, owner(copy))
