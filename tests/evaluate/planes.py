"""A model whose vectors lie in a plane: the first number of a text is its angle, that of an instruction turns it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from openclaw_instructor.evaluate.embedders import Embedded


class Planes:
    name = "planes"

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        turn = re.search(r"turn (-?\d+)", instruction)
        numbers = [re.search(r"\d+", text) for text in texts]
        angles = np.radians([int(found[0]) if found else 0 for found in numbers])
        angles += np.radians(int(turn[1]) if turn else 0)
        return Embedded(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), 0)
