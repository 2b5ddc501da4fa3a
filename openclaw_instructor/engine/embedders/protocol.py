"""Define the protocol of an embedder, which the engine runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Role = Literal["query", "document", "text"]
Provider = Literal["local", "sentence-transformers", "remote"]
# Before the name of one of its models.
SENTENCE_TRANSFORMERS = "st:"


def role_of(input_type: str) -> Role:
    """Return the role of texts with this `input_type`.

    Some models have other prompts for queries than for documents.
    """
    last = input_type.rpartition(".")[2]
    return "query" if last == "query" else "document" if last in ("passage", "document") else "text"


def provider_of(checkpoint: str) -> Provider:
    """Tell what computes the vectors of a checkpoint by its name: our own encoder, or one of the others."""
    if checkpoint.startswith(SENTENCE_TRANSFORMERS):
        return "sentence-transformers"
    return "remote" if checkpoint.startswith(("http://", "https://")) else "local"


class Rendered(Protocol):
    """A text ready for a model: how many `tokens` it has, and whether it was `truncated`."""

    @property
    def tokens(self) -> int:
        """The number of tokens, instruction included."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether the text exceeded the length limit."""
        ...


class Model(Protocol):
    """A model in memory, or a connection to one."""

    def embed(self, prompts: Sequence[Any], batch_tokens: int) -> NDArray[np.float32]:
        """Embed (n, dimension) float32, L2-normalised, in the order of `prompts`; at most `batch_tokens` a pass."""
        ...


class Embedder(Protocol):
    """A source of embeddings; its properties are known before it is loaded.

    `identity` changes whenever its vectors would; `max_seq_length` is in tokens; `passes` says how many calls of
    `Model.embed` may run at a time once it is loaded; `least_dimension` is the smallest to which its embeddings may be
    truncated.
    """

    @property
    def name(self) -> str:
        """The name of the model, for people."""
        ...

    @property
    def identity(self) -> str:
        """A hash that changes whenever the vectors would."""
        ...

    @property
    def dimension(self) -> int:
        """The number of channels of a vector."""
        ...

    @property
    def least_dimension(self) -> int:
        """The smallest dimension to which the vectors may be truncated."""
        ...

    @property
    def max_seq_length(self) -> int:
        """The length limit, in tokens."""
        ...

    @property
    def passes(self) -> int:
        """How many calls of `Model.embed` may run at a time."""
        ...

    def before(self, instruction: str, role: Role) -> str:
        """Return the prefix of a text of this role under a task's instruction."""
        ...

    def render(self, before: str, texts: Sequence[str]) -> Sequence[Rendered]:
        """Render one prompt for each text, with the prefix `before`."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without an instruction."""
        ...

    def room(self, instruction: str) -> int:
        """Return how many tokens of a document fit beside this instruction."""
        ...

    def load(self) -> Model:
        """Load the model. Raises InstructorError; a later call tries again."""
        ...

    def close(self) -> None:
        """Close connections; a later call opens them again."""
        ...
