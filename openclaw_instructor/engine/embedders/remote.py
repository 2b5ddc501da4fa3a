"""A remote endpoint: any that speaks OpenAI's `/v1/embeddings` (also TEI, vLLM, Ollama), or another of our daemons."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openclaw_instructor.engine.embedders.probe import PROBE, RecordFile
from openclaw_instructor.engine.embedders.protocol import Role
from openclaw_instructor.errors import Busy, CheckpointUnavailable, InvalidSettings, ServiceError
from openclaw_instructor.model.instructions import InstructionForm, overridden
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.paths import expanded
from openclaw_instructor.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

TRIES = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds between tries; doubled each time
MOST_TEXTS = 64  # of a request
MOST_ANSWER_BYTES = 256_000_000
KEY_VARIABLE = f"{ENV_PREFIX}REMOTE_KEY"
OUR_DAEMON = "openclaw-instructor"
# Of our daemon's, by role.
INPUT_TYPES: dict[Role, str] = {"query": "query", "document": "passage", "text": ""}
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class RemoteText:
    """A text with what stands before it; with our daemon `before` is an `input_type`."""

    text: str
    before: str
    tokens: int
    truncated: bool


class RemoteEmbedder:
    """The endpoint that `settings.checkpoint` names.

    It is asked when its model is seen for the first time, and when it is loaded; opening it asks nothing.
    Tokens are estimated, because the endpoint's tokenizer is not known.
    """

    passes = 4

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.url = embeddings_url(settings.checkpoint)
        self._key = read_key(settings)
        check_key_is_safe(self.url, self._key)
        self._client: httpx.Client | None = None
        self._model: str | None = settings.remote_model
        self._joins_instructions: bool | None = None
        self._file: RecordFile | None = None

    @property
    def name(self) -> str:
        """The model's name, as asked for or as the endpoint says."""
        if self._model is None:
            self._model = self._first_model()
        return self._model

    @property
    def identity(self) -> str:
        """The recorded hash of what determines the endpoint's vectors."""
        return self._record_file.record.identity

    @property
    def dimension(self) -> int:
        """The number of channels of a vector: as configured, else as the endpoint gives."""
        return self._settings.dimensions or self._record_file.record.dimension

    @property
    def least_dimension(self) -> int:
        """The smallest dimension to which the vectors may be truncated: the full one."""
        return self.dimension

    @property
    def max_seq_length(self) -> int:
        """The length limit, in estimated tokens."""
        return self._settings.remote_max_tokens

    def before(self, instruction: str, role: Role) -> str:
        """Return the prefix or `input_type` of a text of this role under a task's instruction."""
        return INPUT_TYPES[role] if self._ours else self._form.before(instruction, role)

    def render(self, before: str, texts: Sequence[str]) -> list[RemoteText]:
        """Pair texts with the prefix `before` and their estimated tokens."""
        room = self.max_seq_length - (0 if self._ours else estimate(before))
        counts = self.count(texts)
        return [RemoteText(text.strip(), before, n, n > room) for text, n in zip(texts, counts, strict=True)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Estimate the tokens of each text, without an instruction."""
        return [estimate(text) for text in texts]

    def room(self, instruction: str) -> int:
        """Return how many estimated tokens of a document fit beside an instruction."""
        before = "" if self._ours else self.before(instruction, "document")
        return max(8, self.max_seq_length - estimate(before) - 2)

    def load(self) -> RemoteEmbedder:
        """Check that the endpoint answers, with the same model as before. Raises InvalidCheckpoint and what it says."""
        self._record_file.check()
        return self

    def close(self) -> None:
        """Close the HTTP client, if one is open."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __del__(self) -> None:
        if getattr(self, "_client", None) is not None:
            self.close()

    def embed(self, prompts: Sequence[RemoteText], batch_tokens: int) -> NDArray[np.float32]:
        """Embeddings (n, dimension) float32, L2-normalised. Raises Busy, CheckpointUnavailable, ServiceError."""
        import numpy as np

        width = self._record_file.record.dimension
        vectors = np.empty((len(prompts), width), dtype=np.float32)
        for indices in batches(prompts, batch_tokens):
            rows = np.array(self._embed([prompts[i] for i in indices]), dtype=np.float32)
            if rows.shape != (len(indices), width) or not np.isfinite(rows).all():
                raise ServiceError(
                    f"{self.url} answered vectors of another form: {width} numbers were expected for each of "
                    f"{len(indices)} texts; nothing was stored"
                )
            vectors[indices] = rows
        vectors = vectors[:, : self.dimension]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (lengths > 0).all():
            raise ServiceError(f"{self.url} answered a vector of zeros; nothing was stored")
        unit: NDArray[np.float32] = vectors / lengths
        return unit

    @property
    def _form(self) -> InstructionForm:
        known = KNOWN.get(self.name)
        # An endpoint cannot leave an instruction out of the mean.
        usable = known is not None and known.form != "masked"
        form = InstructionForm(known.form, dict(known.prompts), known.template) if known and usable else None
        return overridden(form or InstructionForm("none"), self._settings.instruction_form, self._settings.prompts)

    @property
    def _record_file(self) -> RecordFile:
        if self._file is None:
            name = f"{self.name} {self._form!r}"
            self._file = RecordFile(self._settings.home, name, self.max_seq_length, self._probe)
        return self._file

    def _probe(self) -> list[float]:
        return self._embed([RemoteText(PROBE, "", estimate(PROBE), truncated=False)])[0]

    def _embed(self, some: Sequence[RemoteText]) -> list[list[float]]:
        before = some[0].before
        texts = [text.text for text in some] if self._ours else [text.before + text.text for text in some]
        body: dict[str, Any] = {"model": self.name, "input": texts, "encoding_format": "float"}
        if self._ours and before:
            body["input_type"] = before
        answer = self._ask("POST", self.url, body)
        data = answer.get("data") if isinstance(answer, dict) else None
        try:
            rows = sorted((int(row["index"]), row["embedding"]) for row in data or [])
            if [index for index, _ in rows] != list(range(len(texts))):
                raise ValueError
            return [[float(number) for number in row] for _, row in rows]
        except (TypeError, KeyError, ValueError):
            raise ServiceError(
                f"{self.url} answered {len(data) if isinstance(data, list) else 'no'} embeddings for {len(texts)} "
                "texts, or of another form; nothing was stored"
            ) from None

    def _models(self) -> list[dict[str, Any]]:
        answer = self._ask("GET", self.url.removesuffix("/embeddings") + "/models", None)
        data = answer.get("data") if isinstance(answer, dict) else None
        return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []

    def _first_model(self) -> str:
        models = self._models()
        self._joins_instructions = any(each.get("owned_by") == OUR_DAEMON for each in models)
        if len(models) != 1 or not isinstance(models[0].get("id"), str):
            names = ", ".join(str(each.get("id"))[:60] for each in models[:8]) or "none"
            raise InvalidSettings(f"{self.url} has several models or none ({names}); set `remote_model` to one of them")
        return str(models[0]["id"])

    @property
    def _ours(self) -> bool:
        """Whether it is a daemon of ours, which joins instructions itself. Others need not list their models."""
        if self._joins_instructions is None:
            try:
                models = self._models()
            except (CheckpointUnavailable, ServiceError) as error:
                if isinstance(error, Busy):
                    raise
                models = []
            self._joins_instructions = any(each.get("owned_by") == OUR_DAEMON for each in models)
        return self._joins_instructions

    def _ask(self, method: str, url: str, body: Any) -> Any:
        """Send a request, again after a pause where that may help. Raises Busy, CheckpointUnavailable, ServiceError."""
        import httpx

        problem: Busy | ServiceError = ServiceError(f"{url} did not answer")
        for attempt in range(TRIES):
            try:
                status, retry_after, answer = self._send(method, url, body)
            except httpx.TimeoutException:
                problem, retry_after = Busy(f"{url} did not answer in {self._settings.remote_timeout:g} s"), 0.0
            except httpx.HTTPError as error:
                if "certificate" in str(error).lower():
                    raise CheckpointUnavailable(
                        f"{url}: its certificate is not trusted ({error!s:.150}); set `remote_ca_file` to the "
                        "authority's"
                    ) from None
                problem = Busy(f"{url} cannot be reached ({type(error).__name__}); check that it runs")
                retry_after = 0.0
            else:
                if status < 400:
                    return answer
                found = _problem(url, status, answer, retry_after)
                if not isinstance(found, Busy):
                    raise found
                problem = found
            if attempt + 1 < TRIES:
                time.sleep(min(LONGEST_PAUSE, max(retry_after, FIRST_PAUSE * 2**attempt)))
        raise problem

    def _send(self, method: str, url: str, body: Any) -> tuple[int, float, Any]:
        """Status, seconds of `Retry-After`, and the answer's JSON or text."""
        client = self._open_client()
        with client.stream(method, url, json=body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_ANSWER_BYTES:
                    raise ServiceError(f"{url} answered more than {MOST_ANSWER_BYTES // 10**6} MB; nothing was stored")
        content = b"".join(parts)
        try:
            answer = json.loads(content)
        except ValueError:
            if response.status_code < 400:
                raise ServiceError(f"{url} did not answer JSON but {content[:60]!r}; check the address") from None
            answer = content[:200].decode("utf-8", "replace")
        return response.status_code, _seconds(response.headers.get("retry-after")), answer

    def _open_client(self) -> httpx.Client:
        if self._client is None:
            # Late: importing it takes a third of a second.
            import ssl

            import httpx

            ca = self._settings.remote_ca_file
            trust = ssl.create_default_context(cafile=str(expanded(ca))) if ca else True
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            # Redirects are not followed: the key would go along.
            self._client = httpx.Client(
                verify=trust, headers=headers, timeout=self._settings.remote_timeout, follow_redirects=False
            )
        return self._client


def embeddings_url(checkpoint: str) -> str:
    """Return the address of the embeddings route. Raises InvalidSettings."""
    parts = urlsplit(checkpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise InvalidSettings(
            f"setting `checkpoint`: {checkpoint[:100]!r} is no address such as https://host/v1 (a key goes into "
            f"`remote_key_file` or ${KEY_VARIABLE})"
        )
    path = parts.path.rstrip("/")
    path = (
        path
        if path.endswith("/embeddings")
        else f"{path}/embeddings"
        if path.endswith("/v1")
        else f"{path}/v1/embeddings"
    )
    return f"{parts.scheme}://{parts.netloc}{path}"


def read_key(settings: Settings) -> str | None:
    """Read the key of the environment, else of the file. Raises InvalidSettings; the key is never in a message."""
    if key := os.environ.get(KEY_VARIABLE, "").strip():
        return key
    if settings.remote_key_file is None:
        return None
    path = Path(expanded(settings.remote_key_file))
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"setting `remote_key_file`: {path} cannot be read ({type(error).__name__})") from None
    if not key or not key.isascii() or any(character.isspace() for character in key):
        raise InvalidSettings(f"setting `remote_key_file`: {path} must hold the key and nothing else")
    return key


def check_key_is_safe(url: str, key: str | None) -> None:
    """Raise InvalidSettings where a key would travel readable for everybody."""
    parts = urlsplit(url)
    if key and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise InvalidSettings(f"{url}: a key is sent over https only, or to this machine; use https://")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def estimate(text: str) -> int:
    """Estimate the tokens of a text, rather too many than too few."""
    return max(math.ceil(1.4 * len(_WORD.findall(text))), math.ceil(len(text.encode("utf-8", "replace")) / 3.5))


def batches(prompts: Sequence[RemoteText], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the indices of each request: neighbours with one `before`, within a budget of tokens and of texts."""
    batch: list[int] = []
    tokens = 0
    for index, prompt in enumerate(prompts):
        full = tokens + prompt.tokens > batch_tokens or len(batch) == MOST_TEXTS
        if batch and (full or prompt.before != prompts[batch[0]].before):
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += prompt.tokens
    if batch:
        yield batch


def _problem(url: str, status: int, answer: Any, retry_after: float) -> ServiceError | CheckpointUnavailable | Busy:
    said = answer.get("error", answer) if isinstance(answer, dict) else answer
    said = said.get("message", said) if isinstance(said, dict) else said
    quoted = re.sub(r"[^\x20-\x7e]+", " ", str(said))[:150]
    if status in (401, 403):
        return CheckpointUnavailable(
            f"{url} refuses the key ({status}); set ${KEY_VARIABLE} or `remote_key_file` to a valid one"
        )
    if status == 404:
        return CheckpointUnavailable(f"{url} is not there (404: {quoted}); check `checkpoint` and `remote_model`")
    if status == 429 or status >= 500:
        what = "has too much to do" if status == 429 else "failed"
        return Busy(f"{url} {what} ({status}: {quoted}); try again later", max(1.0, retry_after))
    return ServiceError(f"{url} refuses the request ({status}: {quoted}); check `remote_model` and `remote_max_tokens`")


def _seconds(header: str | None) -> float:
    try:
        return min(LONGEST_PAUSE, max(0.0, float(header or 0)))
    except ValueError:  # a date
        return FIRST_PAUSE
