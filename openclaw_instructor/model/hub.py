"""Get checkpoints from the hub: the cached snapshot if it is complete, else a download of the files needed."""

from __future__ import annotations

import re
from pathlib import Path

from openclaw_instructor.errors import CheckpointUnavailable
from openclaw_instructor.model.layout import CONFIGURATION, is_whole, weight_patterns

_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
# Modules are in folders such as `1_Pooling`; other folders hold exports for other programs.
_FILES = ["*.json", "[0-9]_*/*", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "merges.txt"]
# Must be in the cache; the weights are checked apart, because only one of a repository's kinds of them is downloaded.
_ALWAYS = [*CONFIGURATION, "[0-9]_*/config.json", "tokenizer.json", "tokenizer_config.json"]


def is_id(name: str) -> bool:
    """Check whether a name has the form `owner/name` of a hub repository."""
    return bool(_ID.match(name)) and "/" in name


def snapshot(name: str, *, revision: str | None, offline: bool, pull: bool) -> tuple[Path, str]:
    """Return the folder and the commit of a snapshot of a hub repository, downloaded if need be.

    With `pull` the hub is asked for a newer commit. Raises CheckpointUnavailable.
    """
    # Imported late: the hub client is slow to import, and the bundled checkpoint does not need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    cached = None if pull and not offline else _cached(name, revision)
    if cached:
        return cached, cached.name
    at = f"{name}@{revision}" if revision else name
    if offline:
        raise CheckpointUnavailable(
            f"checkpoint {at} is not on this machine and `offline` is set; "
            f"run `openclaw-instructor model pull {name}` once with a connection, or use `mini`"
        )
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_wanted(name, revision)))
    except RevisionNotFoundError:
        raise CheckpointUnavailable(
            f"checkpoint {name} has no revision {revision!r} on the hub; check the commit or tag"
        ) from None
    except RepositoryNotFoundError:
        raise CheckpointUnavailable(
            f"checkpoint {name} is not on the hub (or is private); check the spelling, such as hkunlp/instructor-large"
        ) from None
    except Exception as error:  # the client also raises errors of its HTTP library, which differ between versions
        raise CheckpointUnavailable(
            f"checkpoint {at} is not on this machine and the hub cannot be reached ({type(error).__name__}); "
            f"connect once and run `openclaw-instructor model pull {name}`, or use `mini`"
        ) from None
    return folder, folder.name


def plan(name: str, revision: str | None) -> list[tuple[str, int]]:
    """List the files that a download would fetch, with their sizes in bytes. Raises CheckpointUnavailable."""
    from fnmatch import fnmatch

    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        listed = HfApi().list_repo_tree(name, revision=revision, recursive=True)
        files = {each.path: int(each.size) for each in listed if isinstance(each, RepoFile)}
    except Exception as error:  # the client also raises errors of its HTTP library
        raise CheckpointUnavailable(
            f"checkpoint {name}: the hub does not list its files ({type(error).__name__}); check the spelling and the "
            "connection, or use `mini`"
        ) from None
    wanted = [*_FILES, *weight_patterns(files)]
    return [(path, size) for path, size in sorted(files.items()) if any(fnmatch(path, each) for each in wanted)]


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True, allow_patterns=_ALWAYS))
    except LocalEntryNotFoundError:  # nothing is cached, or one of these files is missing
        return None
    return folder if is_whole(folder) else None


def _wanted(name: str, revision: str | None) -> list[str]:
    from huggingface_hub import HfApi

    return [*_FILES, *weight_patterns(HfApi().list_repo_files(name, revision=revision))]
