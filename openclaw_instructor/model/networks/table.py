"""Define an embedding table."""

from __future__ import annotations

from torch import nn


class Table(nn.Embedding):
    """An embedding table that initialises its weights only on a real device.

    On "meta" torch would import its compiler for that, which takes a second and 70 MB.
    """

    def reset_parameters(self) -> None:
        """Initialise the weights, except on "meta"."""
        if not self.weight.is_meta:
            super().reset_parameters()
