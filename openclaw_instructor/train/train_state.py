"""Save and restore a run: weights, optimizer and step in one file, so that a killed run goes on exactly."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from openclaw_instructor.errors import InvalidData

if TYPE_CHECKING:
    from openclaw_instructor.model.networks.t5 import T5Encoder

KEPT = 2
# Settings that change the logging of a run, not what it computes.
FREE = frozenset({"device", "log_every", "save_every", "evaluate_every", "chunk_tokens"})


@dataclass(frozen=True)
class Position:
    """How far a run is: steps done, tokens seen, seconds spent."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def save(folder: Path, encoder: T5Encoder, optimizer: torch.optim.Optimizer, position: Position) -> Path:
    """Write `state-<step>.pt`, whole or not at all, and drop all but the last two."""
    path = folder / f"state-{position.step:08d}.pt"
    new = path.with_suffix(".new")
    content = {
        "encoder": encoder.state_dict(),
        "optimizer": optimizer.state_dict(),
        "position": asdict(position),
        "random": torch.get_rng_state(),
    }
    with new.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    for old in states(folder)[:-KEPT]:
        old.unlink()
    return path


def states(folder: Path) -> list[Path]:
    """List the saved states, oldest first."""
    return sorted(folder.glob("state-*.pt"))


def forget(folder: Path) -> None:
    """Delete the saved states, so that a run starts over."""
    for path in states(folder):
        path.unlink()


def restore(path: Path, encoder: T5Encoder, optimizer: torch.optim.Optimizer) -> Position:
    """Load a state into encoder and optimizer. Raises InvalidData for a damaged file."""
    try:
        content: dict[str, Any] = torch.load(path, map_location=encoder.device, weights_only=True)
        encoder.load_state_dict(content["encoder"])
        optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["random"].cpu())
        return Position(**content["position"])
    except Exception as error:  # torch raises various exceptions for a damaged file
        first = str(error).splitlines()[0]
        raise InvalidData(
            f"{path}: not a state of this run ({first}); delete it to go on from the one before"
        ) from None


def check_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to continue a run under settings that would change its course. Raises InvalidData."""
    path = folder / "config.json"
    if path.is_file() and states(folder):
        before = json.loads(path.read_text(encoding="utf-8"))
        # A run of an earlier version lacks newer settings.
        changed = [key for key in settings if key not in FREE and before.get(key, settings[key]) != settings[key]]
        if changed:
            key = changed[0]
            raise InvalidData(
                f"{folder} holds a run with {key} = {before.get(key)!r}, not {settings[key]!r}; "
                "give another folder, the same files and settings, or --restart"
            )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
