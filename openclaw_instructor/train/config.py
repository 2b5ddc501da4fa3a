"""Define the settings of a training run: defaults, bounds and help, without importing torch."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from openclaw_instructor.errors import InvalidArguments


def _setting(default: Any, text: str, **bounds: Any) -> Any:
    """Declare a field with its help and bounds: `minimum`, `maximum` or `choices`."""
    return field(default=default, metadata={"help": text, **bounds})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run, written to `config.json` with its results.

    A field with help is an option of `openclaw-instructor train`.
    """

    steps: int = _setting(0, "Steps in all; instead of --epochs.", minimum=1)
    epochs: float = _setting(1.0, "Times through the data.")
    batch_size: int = _setting(64, "Records of a step, over all processes.", minimum=2)
    chunk_tokens: int = _setting(16_384, "Tokens of one pass, the bound on memory.", minimum=64)
    max_tokens: int = _setting(512, "Tokens of a text with its instruction.", minimum=8)
    # The paper's value; a small model like mini needs 1e-4 or more.
    learning_rate: float = _setting(2e-5, "Highest rate.")
    warmup: float = _setting(0.1, "Share of the steps in which the rate rises.", minimum=0, maximum=1)
    # Does not apply to norms and tables.
    weight_decay: float = 0.01
    # The paper's value; 0.1 in the README of its code is a mistake.
    temperature: float = _setting(0.01, "Temperature of the loss.")
    # "negatives": only hard negatives of the batch count, as in the authors' code.
    in_batch: str = _setting("all", "Which of the batch count against a query.", choices=("all", "negatives"))
    # The greatest norm of the gradient.
    clip: float = 1.0
    # The format of matrix products; weights stay float32.
    dtype: str = "auto"
    seed: int = _setting(0, "Seed of the data's order and of --scratch.")
    device: str | None = None
    log_every: int = _setting(10, "Steps between rows of metrics.jsonl.", minimum=1)
    # A killed run loses at most this many steps.
    save_every: int = _setting(200, "Steps between saved states.", minimum=1)
    evaluate_every: int = _setting(0, "Steps between measurements.", minimum=1)

    def check(self) -> None:
        """Raise InvalidArguments for a value that no run can have."""
        positive = ("batch_size", "chunk_tokens", "max_tokens", "temperature", "learning_rate", "log_every")
        for name in (*positive, "save_every"):
            if getattr(self, name) <= 0:
                raise InvalidArguments(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.in_batch not in ("all", "negatives"):
            raise InvalidArguments(f"in_batch is {self.in_batch!r}; use all or negatives")
        if self.steps < 0 or (self.steps == 0 and self.epochs <= 0):
            raise InvalidArguments("give steps or epochs above 0")


def options() -> list[Field[Any]]:
    """List the fields that people set on the command line."""
    return [known for known in fields(TrainConfig) if "help" in known.metadata]
