"""Embed in Haystack: `InstructorTextEmbedder` for queries and `InstructorDocumentEmbedder` for documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra
from openclaw_instructor.integrations.steered import Steered

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ModuleNotFoundError:
    raise MissingExtra(f"Haystack is not installed; run: {distribution.pip_line('haystack')}") from None


@component
class InstructorTextEmbedder:
    """Embeds one text, by default as a query.

    `checkpoint` is `mini`, a folder or a hub id, by default the configured one. `instruction` is `query` or another
    name of the registry, a role of a task such as `search_docs.query`, or an instruction written out; "" is none. All
    embedders of a process share one model of each checkpoint.
    """

    def __init__(self, checkpoint: str | None = None, *, instruction: str = "query", home: str | None = None) -> None:
        self.checkpoint, self.instruction, self.home = checkpoint, instruction, home
        self._steered = Steered(checkpoint, home)

    def warm_up(self) -> None:
        """Load the model, which otherwise the first `run` does."""
        self._steered.load()

    def to_dict(self) -> dict[str, Any]:
        """Serialize for a pipeline's file."""
        return default_to_dict(self, checkpoint=self.checkpoint, instruction=self.instruction, home=self.home)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> InstructorTextEmbedder:
        """Make one from what `to_dict` wrote."""
        return default_from_dict(cls, data)

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """Return `embedding`, a unit vector; `meta` holds `model`, and `truncated`: whether the text was cut."""
        if not isinstance(text, str):
            raise TypeError("InstructorTextEmbedder takes one text; give documents to InstructorDocumentEmbedder")
        embedded = self._steered.embed([text], self.instruction)
        meta = {"model": self._steered.checkpoint_name, "truncated": embedded.truncated[0]}
        return {"embedding": embedded.vectors[0].tolist(), "meta": meta}


@component
class InstructorDocumentEmbedder:
    """Gives documents their embeddings; `instruction` is `passage` by default, else as in InstructorTextEmbedder.

    The values of `meta_fields_to_embed` that a document has stand before its content, parted by `embedding_separator`.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        *,
        instruction: str = "passage",
        home: str | None = None,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
    ) -> None:
        self.checkpoint, self.instruction, self.home = checkpoint, instruction, home
        self.meta_fields_to_embed = meta_fields_to_embed or []
        self.embedding_separator = embedding_separator
        self._steered = Steered(checkpoint, home)

    def warm_up(self) -> None:
        """Load the model, which otherwise the first `run` does."""
        self._steered.load()

    def to_dict(self) -> dict[str, Any]:
        """Serialize for a pipeline's file."""
        return default_to_dict(
            self,
            checkpoint=self.checkpoint,
            instruction=self.instruction,
            home=self.home,
            meta_fields_to_embed=self.meta_fields_to_embed,
            embedding_separator=self.embedding_separator,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> InstructorDocumentEmbedder:
        """Make one from what `to_dict` wrote."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """Return copies of `documents` with unit vectors as embeddings, in order.

        `meta` holds `model`, and `truncated`: the ids of documents whose end was left out.
        """
        if not isinstance(documents, list) or not all(isinstance(document, Document) for document in documents):
            raise TypeError(
                "InstructorDocumentEmbedder takes a list of documents; give a text to InstructorTextEmbedder"
            )
        embedded = self._steered.embed([self._text(document) for document in documents], self.instruction, bulk=True)
        vectors = embedded.vectors.tolist()
        done = [replace(document, embedding=vector) for document, vector in zip(documents, vectors, strict=True)]
        cut = [document.id for document, short in zip(documents, embedded.truncated, strict=True) if short]
        return {"documents": done, "meta": {"model": self._steered.checkpoint_name, "truncated": cut}}

    def _text(self, document: Document) -> str:
        fields = [document.meta[name] for name in self.meta_fields_to_embed if document.meta.get(name) is not None]
        return self.embedding_separator.join([*map(str, fields), document.content or ""])
