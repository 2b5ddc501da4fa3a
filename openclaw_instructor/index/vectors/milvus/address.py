"""Read the setting `store`: where Milvus is, how collections are made there, and the token, which is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from openclaw_instructor import credentials
from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.settings import ENV_PREFIX, Settings

TOKEN_VARIABLE = f"{ENV_PREFIX}STORE_TOKEN"
DEFAULT_PORT = 19_530
# What Milvus can build over float vectors and search by inner product.
INDEXES = ("AUTOINDEX", "FLAT", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "IVF_RABITQ", "DISKANN")
_FORMS = "milvus://HOST:19530/DATABASE, milvus+tls://HOST:19530/DATABASE, or milvus:///FOLDER.db for Milvus Lite"
_MOST_SHARDS = 64


@dataclass(frozen=True)
class Address:
    """Where Milvus is. `uri` is as its client takes it, `shown` is for people; `folder` is that of Milvus Lite."""

    uri: str
    shown: str
    database: str = ""
    folder: Path | None = None
    index: str = "AUTOINDEX"
    shards: int = 1
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Address:
        """Read `store` and `store_token_file`. Raises InvalidSettings, with the token in no message."""
        parts = urlsplit(settings.store)
        if parts.scheme not in ("milvus", "milvus+tls") or parts.fragment:
            raise _wrong(settings.store, f"is none of local, {_FORMS}")
        if parts.username is not None or parts.password is not None:
            raise InvalidSettings(
                f"setting `store`: a name and password stand in it; put NAME:PASSWORD, or the token, into "
                f"`store_token_file` or ${TOKEN_VARIABLE}"
            )
        index, shards = _options(settings.store, parts)
        holds = "the token, or NAME:PASSWORD, and no more"
        token = credentials.read(TOKEN_VARIABLE, "store_token_file", settings.store_token_file, holds) or ""
        if not parts.netloc:
            return cls(*_lite(settings.store, parts), index=index, shards=shards)
        host, port = _host(settings.store, parts)
        tls = parts.scheme == "milvus+tls"
        if token and not tls and not credentials.is_loopback(host):
            raise InvalidSettings(
                f"setting `store`: a token is sent encrypted only, or to this machine; use milvus+tls://{host}:{port}"
            )
        database = parts.path.strip("/")
        name = f"[{host}]" if ":" in host else host
        shown = f"{parts.scheme}://{name}:{port}" + (f"/{database}" if database else "")
        uri = f"{'https' if tls else 'http'}://{name}:{port}"
        return cls(uri, shown, database, index=index, shards=shards, token=token)


def _lite(store: str, parts: SplitResult) -> tuple[str, str, str, Path]:
    folder = Path(parts.path)
    if parts.scheme != "milvus" or folder.suffix != ".db" or not folder.name.removesuffix(".db"):
        raise _wrong(store, f"names no host and no folder that ends in .db; write {_FORMS}")
    return str(folder), f"milvus://{folder}", "", folder


def _host(store: str, parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.path.count("/") > 1:
        raise _wrong(store, f"is no such address; write {_FORMS}")
    return host, port


def _options(store: str, parts: SplitResult) -> tuple[str, int]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    index = given.pop("index", INDEXES[0]).upper()
    shards = given.pop("shards", "1")
    if index not in INDEXES:
        raise _wrong(store, f"has no index of Milvus as `index`; use one of {', '.join(INDEXES)}")
    if not shards.isdecimal() or not 1 <= int(shards) <= _MOST_SHARDS:
        raise _wrong(store, f"needs a number from 1 to {_MOST_SHARDS} as `shards`")
    if given:
        raise _wrong(store, f"has an unknown option {next(iter(given))[:40]!r}; known are index and shards")
    return index, int(shards)


def _wrong(store: str, what: str) -> InvalidSettings:
    # Only what stands before an `@`, if there is one, could be a secret.
    return InvalidSettings(f"setting `store`: {store.rpartition('@')[2][:100]!r} {what}")
