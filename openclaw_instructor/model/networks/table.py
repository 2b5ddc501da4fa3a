"""An embedding table."""

from __future__ import annotations

from torch import nn


class Table(nn.Embedding):
    """Initialises its weights only on a real device: on "meta" torch would import its compiler for that, a second and
    70 MB."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()
