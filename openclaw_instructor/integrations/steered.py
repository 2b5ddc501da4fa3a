"""Embed texts under a named instruction, with one model for the whole process, for the integrations."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    from openclaw_instructor.engine import Embeddings

_toolboxes: dict[tuple[str | None, str | None], Toolbox] = {}
_lock = threading.Lock()


def shared_toolbox(checkpoint: str | None, home: str | None) -> Toolbox:
    """Return the process's Toolbox of this checkpoint and home, by default the configured ones; it stays open."""
    with _lock:
        if (checkpoint, home) not in _toolboxes:
            _toolboxes[checkpoint, home] = Toolbox(settings=Settings.load(home, checkpoint=checkpoint))
        return _toolboxes[checkpoint, home]


class Steered:
    """Embeds under named instructions. Making one loads nothing; all of one checkpoint and home share a model.

    An instruction is named as in `Toolbox.embed`: `query` and `passage`, a role of a task such as `search_docs.query`,
    or an instruction written out; "" is none. One that is pickled finds or loads the other process's model.
    """

    def __init__(self, checkpoint: str | None, home: str | None) -> None:
        self._arguments = (checkpoint, home)
        self._toolbox = shared_toolbox(checkpoint, home)

    def __reduce__(self) -> tuple[type[Steered], tuple[str | None, str | None]]:
        return type(self), self._arguments

    @property
    def checkpoint_name(self) -> str:
        """The name of the checkpoint."""
        return self._toolbox.engine.checkpoint_name

    def load(self) -> None:
        """Load the model, which otherwise the first text does."""
        self.embed([""], "")

    def embed(self, texts: Sequence[str], instruction: str, *, bulk: bool = False) -> Embeddings:
        """Embeddings of the texts; `bulk` work lets queries of other threads pass. Waits for the model to be loaded.

        Raises UnknownInstruction and what loading and running the model raise.
        """
        # Nobody but a server has anything better to do than to wait for a model that is loading.
        return self._toolbox.embed(texts, instruction, bulk=bulk or not self._toolbox.engine.loaded)
