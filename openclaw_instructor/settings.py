"""Load the settings into one frozen object: defaults, then `config.yaml` in home, environment and flags.

Home is `$OPENCLAW_INSTRUCTOR_HOME`, else the platform's user-data folder. Every key of `config.yaml` can be set in the
environment as `OPENCLAW_INSTRUCTOR_<KEY>` in capitals.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.flat_yaml import read_flat
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

APP = "openclaw-instructor"
ENV_PREFIX = "OPENCLAW_INSTRUCTOR_"
# Where `store` and `vector_engine` search by themselves.
LOCAL = "local"
_SHOWN = 60
# What a value must be, by the kind of mistake.
_WANTED = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} characters long",
    "dict_type": "a mapping, such as {{query: 'query: '}}",
}


class Settings(BaseModel):
    """Everything a person can configure, plus the places under home that follow from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    checkpoint: str = Field(
        "mini",
        description="`mini` (bundled), a checkpoint folder (a relative one lies in home), a hub id, `st:` and the name "
        "of a sentence-transformers model, or the address of an OpenAI-compatible endpoint",
    )
    revision: str | None = Field(None, description="hub revision to pin: a commit, tag or branch")
    offline: bool = Field(False, description="never contact the hub")
    device: str | None = Field(None, description="cpu, cuda, cuda:0 or mps; default: the best there is")
    dtype: str = Field(
        "auto",
        pattern="^(auto|float32|bfloat16|int8)$",
        description="auto, float32, bfloat16 or int8; auto: the fastest here that keeps the vectors",
    )
    instruction_form: str | None = Field(
        None,
        description="how the checkpoint takes instructions: masked, prefix, none, or a template with {instruction}; "
        "default: as `model info` shows",
    )
    prompts: dict[str, str] | None = Field(
        None, description="with prefix: what stands before a `query`, a `document` and any other `text`"
    )
    dimensions: int | None = Field(
        None, ge=8, description="first channels of each embedding that are kept; default: all of them"
    )
    remote_model: str | None = Field(None, description="model of an endpoint; default: the only one that it has")
    remote_key_file: str | None = Field(
        None, description="file with the endpoint's key; $OPENCLAW_INSTRUCTOR_REMOTE_KEY wins over it"
    )
    remote_ca_file: str | None = Field(
        None, description="certificates of an authority that the endpoint's is signed by"
    )
    remote_timeout: float = Field(60.0, gt=0, description="seconds that an endpoint may take for a request")
    remote_max_tokens: int = Field(512, ge=16, description="most tokens of a text that the endpoint's model reads")
    threads: int | None = Field(None, ge=1, description="CPU threads of the encoder; default: the physical cores")
    batch_tokens: int = Field(16_384, ge=512, description="token budget of one forward pass")
    unload_after: float = Field(900.0, ge=0, description="idle seconds after which the model is unloaded; 0: never")
    exit_after: float = Field(3_600.0, ge=0, description="idle seconds after which the daemon exits; 0: never")
    host: str = Field("127.0.0.1", description="address the daemon listens on")
    port: int = Field(0, ge=0, le=65_535, description="0: any free port")
    token: str | None = Field(
        None,
        min_length=8,
        pattern="^[!-~]+$",
        description="bearer token of the daemon, without blanks and accents; default: a random one",
    )
    agents_may: str = Field(
        "read",
        pattern="^(read|write)$",
        description="what agents may do: read, or write where a tool changes something",
    )
    agents_may_index: str = Field(
        "", description="folders below which agents may add folders to the index, with `:` between; default: none"
    )
    queue_texts: int = Field(20_000, ge=1, description="texts that may wait before requests get `busy`")
    load_wait: float = Field(45.0, gt=0, description="seconds a call waits for a loading model")
    cache_mb: int = Field(256, ge=0, description="size of the embedding cache on disk; 0: no cache")
    vector_engine: str = Field(
        LOCAL,
        description="engine of the nearest vectors: `local`, `exact` (never approximate), or one that a package adds",
    )
    store: str = Field(
        LOCAL,
        description="where vectors are searched: `local`, or a Milvus at milvus://HOST:19530/DATABASE, milvus+tls://… "
        "or milvus:///FOLDER.db (Milvus Lite); texts stay in home",
    )
    store_token_file: str | None = Field(
        None,
        description="file with the token of `store`, or NAME:PASSWORD; $OPENCLAW_INSTRUCTOR_STORE_TOKEN wins over it",
    )
    reranker: str | None = Field(
        None,
        description="cross-encoder of sentence-transformers that reranks: a hub id or a folder; default: the "
        "checkpoint's own embeddings",
    )
    watch: str = Field(
        "local",
        pattern="^(local|all|off)$",
        description="which collections the daemon keeps in step with their files: those on disks of this machine "
        "(local), also those on disks of others, by comparing now and then (all), or none (off)",
    )
    openclaw_sync: bool = Field(False, description="regenerate and reload the OpenClaw plugin after a registry edit")

    @classmethod
    def load(cls, home: str | Path | None = None, **flags: Any) -> Settings:
        """Read the four layers; `flags` that are None do not count.

        Raises InvalidSettings, and InvalidArguments for a home below that of an unknown user (`~nobody`).
        """
        folder = expanded(home).absolute() if home else default_home()
        path, environment = folder / "config.yaml", _environment()
        given = {name: value for name, value in flags.items() if value is not None}
        values = _config_file(path) | environment | given
        try:
            return cls(home=folder, **values)
        except ValidationError as error:
            raise InvalidSettings(_explain(error, path, given, environment)) from None

    def revision_of(self, checkpoint: str) -> str | None:
        """Return the pinned revision if `checkpoint` is the configured one, which is what it belongs to; else None."""
        return self.revision if checkpoint == self.checkpoint else None

    @property
    def config_path(self) -> Path:
        """The user's configuration."""
        return self.home / "config.yaml"

    @property
    def instructions_path(self) -> Path:
        """The user's overlay of the packaged `instructions.yaml`."""
        return self.home / "instructions.yaml"

    @property
    def index_path(self) -> Path:
        """The index, an SQLite database."""
        return self.home / "index.db"

    @property
    def vectors_dir(self) -> Path:
        """Snapshots of vectors, which are made from the index."""
        return self.home / "vectors"

    @property
    def daemon_path(self) -> Path:
        """Where the running daemon announces itself."""
        return self.home / "daemon.json"

    @property
    def log_path(self) -> Path:
        """The daemon's log."""
        return self.home / "logs" / "daemon.log"


def default_home() -> Path:
    """Return the home that a command without `--home` has."""
    return expanded(os.environ.get(ENV_PREFIX + "HOME") or platformdirs.user_data_path(APP)).absolute()


def _config_file(path: Path) -> dict[str, Any]:
    values = read_flat(path, mappings=["prompts"])
    if "home" in values:
        raise InvalidSettings(f"{path}: `home` is the folder that this file lies in; give --home or ${ENV_PREFIX}HOME")
    strange = next((key for key in values if not isinstance(key, str)), None)
    if strange is not None:
        raise InvalidSettings(f"{path}: the key {repr(strange)[:40]} is not a name; write it in quotes, or remove it")
    checkpoint = values.get("checkpoint")
    # A relative folder is relative to the file, not to the working directory of a command.
    if isinstance(checkpoint, str) and "/" in checkpoint and (beside := path.parent / checkpoint).is_dir():
        values["checkpoint"] = str(beside)
    return values


def _environment() -> dict[str, str]:
    names = {ENV_PREFIX + name.upper(): name for name in Settings.model_fields if name not in ("home", "prompts")}
    return {name: os.environ[variable] for variable, name in names.items() if os.environ.get(variable)}


def _explain(error: ValidationError, path: Path, flags: Collection[str], environment: Collection[str]) -> str:
    """Tell every mistake, each with its value and where that was given."""
    said = []
    for details in error.errors(include_url=False):
        name = str(details["loc"][0])
        where = f"in ${ENV_PREFIX}{name.upper()}" if name in environment else f"in {path}"
        said.append(_sentence(details, "on the command line" if name in flags else where))
    return "; ".join(said)


def _sentence(details: ErrorDetails, where: str) -> str:
    key, kind, context = ".".join(map(str, details["loc"])), details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(key, Settings.model_fields, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(Settings.model_fields)}"
        return f"unknown setting `{key}` {where}; {hint}"
    # A key that is refused may still be one.
    given = "" if key == "token" else f" is `{str(details['input'])[:_SHOWN]}`,"
    if kind == "string_type":
        return f"setting `{key}`{given} must be text; write it in quotes {where}, or leave it out"
    if kind == "string_pattern_mismatch" and "|" in context["pattern"]:
        choices = context["pattern"].strip("^$()").split("|")
        wanted = f"{', '.join(choices[:-1])} or {choices[-1]}"
    elif kind in _WANTED:
        wanted = _WANTED[kind].format(**context)
    else:
        # A pattern has its meaning in the description.
        wanted = f"as the documentation says: {Settings.model_fields[str(details['loc'][0])].description}"
    return f"setting `{key}`{given} must be {wanted}; correct it {where}"
