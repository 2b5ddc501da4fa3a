"""Word the notes on a message; they never quote it."""

from __future__ import annotations


class Notes(list[str]):
    """Collects sentences, each once, in order.

    A mail is written by strangers and read by models, so nothing of it (a charset's name, an address, a file's name)
    ever stands in a note.
    """

    def add(self, sentence: str) -> None:
        """Append a sentence that is not there yet; "" is none."""
        if sentence and sentence not in self:
            self.append(sentence)
