"""Turn what Milvus's client raises into errors that say what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openclaw_instructor.errors import VectorsUnavailable
from openclaw_instructor.index.vectors.milvus.address import TOKEN_VARIABLE

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.milvus.address import Address

# The codes of errors differ between releases and between client and server, so the sentences decide.
_UNREACHABLE = re.compile(r"fail\w* connect|unavailable|connection refused|deadline|timeout|timed out", re.IGNORECASE)
_REFUSED = re.compile(r"auth|permission|privilege|api key", re.IGNORECASE)
_GONE = re.compile(r"(collection|database).{0,200}(not found|not exist)|can't find collection", re.IGNORECASE)
_UNLOADED = re.compile(r"released|not (fully )?loaded", re.IGNORECASE)
_MOST_QUOTED = 150


class CollectionLost(VectorsUnavailable):
    """The collection is no longer there: someone dropped it, or the server lost it."""


def is_unloaded(error: Exception) -> bool:
    """Whether Milvus has the collection, but not ready to answer from."""
    return _UNLOADED.search(str(error)) is not None


def explained(error: Exception, address: Address) -> VectorsUnavailable:
    """Make the error of ours, with the token in none."""
    said = _sentence(error, address.token)
    where, causes = address.shown, f"{said} {_sentence(error.__cause__, address.token)}"
    if address.folder is not None and "local milvus" in said.lower():
        return VectorsUnavailable(
            f"Milvus Lite cannot open {address.folder}: one process at a time can, and the folder has to be writable; "
            "stop the other process, or run a Milvus server for several"
        )
    if _GONE.search(causes):
        return CollectionLost(f"{where} has no such collection or database any more ({said}); check `store`")
    if _REFUSED.search(causes):
        return VectorsUnavailable(
            f"{where} refuses the token ({said}); set ${TOKEN_VARIABLE} or `store_token_file` to a valid one"
        )
    if _UNREACHABLE.search(causes):
        return VectorsUnavailable(f"Milvus at {where} cannot be reached; check that it runs, and `store` ({said})")
    return VectorsUnavailable(f"Milvus at {where} failed ({type(error).__name__}: {said}); look into its log")


def _sentence(error: BaseException | None, token: str) -> str:
    """Return what an error says, in one short line and without the token."""
    if error is None:
        return ""
    said = re.sub(r"[^\x20-\x7e]+", " ", str(getattr(error, "message", "") or error))
    return (said.replace(token, "…") if token else said)[:_MOST_QUOTED]
