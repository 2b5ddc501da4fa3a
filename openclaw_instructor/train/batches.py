"""Turn records into training batches: texts in a fixed order, masks, and this process's share of prompts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.prompt import Prompt, Prompter
from openclaw_instructor.train.loss import allowed
from openclaw_instructor.train.medi import MediData, Pair, Plan


@dataclass(frozen=True)
class Batch:
    """A batch of `count` texts (queries, positives, negatives); `rows` and `prompts` are this process's share."""

    count: int
    rows: list[int]
    prompts: list[Prompt]
    forward: Tensor
    backward: Tensor

    @property
    def tokens(self) -> int:
        """The number of tokens of this process's prompts."""
        return sum(len(prompt.ids) for prompt in self.prompts)


class Batches:
    """Builds the batch of each step; tokenizes the next one in a thread while the current one runs."""

    def __init__(
        self,
        data: MediData,
        plan: Plan,
        checkpoint: Checkpoint,
        max_tokens: int,
        in_batch: str = "all",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        limit = min(max_tokens, checkpoint.max_seq_length)
        self.data, self.plan, self.in_batch = data, plan, in_batch
        self.prompter = Prompter(replace(checkpoint, max_seq_length=limit))
        self.rank, self.world = rank, world

    def run(self, first: int, last: int) -> Iterator[Batch]:
        """Yield the batches of the steps first..last-1."""
        with ThreadPoolExecutor(1) as ahead:
            waiting = ahead.submit(self.make, first)
            for step in range(first, last):
                batch = waiting.result()
                if step + 1 < last:
                    waiting = ahead.submit(self.make, step + 1)
                yield batch

    def make(self, step: int) -> Batch:
        """Build the batch of a step."""
        records = [self.data[int(index)] for index in self.plan.batch(step)]
        # The choice among positives and negatives depends on seed and step only, so a resumed run draws the same.
        random = np.random.default_rng((self.plan.seed, step, 1))
        queries = [record.query for record in records]
        positives = [_one(record.positives, random) for record in records]
        hard = [(_one(record.negatives, random), record.negative_label) for record in records if record.negatives]
        negatives = [pair for pair, _ in hard]
        labels = [record.label for record in records]
        forward, backward = allowed(queries, positives, negatives, labels, [label for _, label in hard], self.in_batch)
        pairs = [*queries, *positives, *negatives]
        rows = list(range(self.rank, len(pairs), self.world))
        return Batch(len(pairs), rows, self._render([pairs[row] for row in rows]), forward, backward)

    def _render(self, pairs: list[Pair]) -> list[Prompt]:
        by_instruction: dict[str, list[int]] = {}
        for place, (instruction, _) in enumerate(pairs):
            by_instruction.setdefault(instruction, []).append(place)
        prompts: dict[int, Prompt] = {}
        for instruction, places in by_instruction.items():
            rendered = self.prompter.render(instruction, [pairs[place][1] for place in places])
            prompts.update(zip(places, rendered, strict=True))
        return [prompts[place] for place in range(len(pairs))]


def _one(pairs: tuple[Pair, ...], random: np.random.Generator) -> Pair:
    return pairs[int(random.integers(len(pairs)))] if len(pairs) > 1 else pairs[0]
