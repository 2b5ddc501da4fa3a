"""Describe one finding of a check."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """One check. `level` is ok, warn or fail; `fix` says what to do and is empty when it is ok."""

    check: str
    level: str
    message: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON types."""
        return asdict(self)
