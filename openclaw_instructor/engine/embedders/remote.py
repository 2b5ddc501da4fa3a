"""Embed with a remote endpoint: OpenAI's `/v1/embeddings` (also TEI, vLLM, Ollama), or another daemon of ours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor.engine.embedders.probe import PROBE, RecordFile
from openclaw_instructor.engine.embedders.protocol import Role
from openclaw_instructor.engine.embedders.remote_endpoint import RemoteEndpoint
from openclaw_instructor.errors import Busy, CheckpointUnavailable, InvalidSettings, ServiceError
from openclaw_instructor.model.instructions import InstructionForm, overridden
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_TEXTS = 64  # in a request
OUR_DAEMON = "openclaw-instructor"
# The `input_type` of our daemon for each role.
INPUT_TYPES: dict[Role, str] = {"query": "query", "document": "passage", "text": ""}
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class RemoteText:
    """A text with its prefix; for our own daemon `before` is an `input_type`."""

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
        self._endpoint = RemoteEndpoint(settings)
        self.url = self._endpoint.url
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
        self._endpoint.close()

    def embed(self, prompts: Sequence[RemoteText], batch_tokens: int) -> NDArray[np.float32]:
        """Embed as (n, dimension) float32, L2-normalised. Raises Busy, CheckpointUnavailable, ServiceError."""
        import numpy as np

        width = self._record_file.record.dimension
        vectors = np.empty((len(prompts), width), dtype=np.float32)
        for indices in batches(prompts, batch_tokens):
            answered = self._embed([prompts[i] for i in indices])
            even = all(len(row) == width for row in answered)
            with np.errstate(over="ignore"):
                rows = np.array(answered if even else [], dtype=np.float32)
            if not even or not np.isfinite(rows).all():
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
        # An endpoint cannot exclude an instruction from the mean.
        usable = known is not None and known.form != "masked"
        form = InstructionForm(known.form, dict(known.prompts), known.template) if known and usable else None
        return overridden(form or InstructionForm("none"), self._settings.instruction_form, self._settings.prompts)

    @property
    def _record_file(self) -> RecordFile:
        if self._file is None:
            name = f"{self.name} {self._form!r}"
            self._file = RecordFile(
                self._settings.home, name, self.max_seq_length, self._probe, f"{self.name} at {self.url}"
            )
        return self._file

    def _probe(self) -> list[float]:
        return self._embed([RemoteText(PROBE, "", estimate(PROBE), truncated=False)])[0]

    def _embed(self, some: Sequence[RemoteText]) -> list[list[float]]:
        before = some[0].before
        texts = [text.text for text in some] if self._ours else [text.before + text.text for text in some]
        body: dict[str, Any] = {"model": self.name, "input": texts, "encoding_format": "float"}
        if self._ours and before:
            body["input_type"] = before
        answer = self._endpoint.ask("POST", self.url, body)
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
        answer = self._endpoint.ask("GET", self._endpoint.models_url, None)
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
        """Whether the endpoint is our daemon, which adds instructions itself. Others may not list their models."""
        if self._joins_instructions is None:
            try:
                models = self._models()
            except (CheckpointUnavailable, ServiceError) as error:
                if isinstance(error, Busy):
                    raise
                models = []
            self._joins_instructions = any(each.get("owned_by") == OUR_DAEMON for each in models)
        return self._joins_instructions


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
