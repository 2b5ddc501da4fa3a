"""Train in several processes under `torchrun`: each takes a share of a step; vectors and gradients are summed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class World:
    """The place of this process among all. Rank 0 prepares data, writes files and reports; alone, all are no-ops."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def add(self, tensor: torch.Tensor) -> None:
        """Sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Sum the gradients over all processes in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let rank 0 run the block before the others do."""
        if self.size > 1 and not self.leads:
            dist.barrier()
        yield
        if self.size > 1 and self.leads:
            dist.barrier()

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


def reports() -> bool:
    """Tell whether this process reports to the user: it is rank 0, or alone."""
    return _rank() == 0


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


@contextmanager
def join(device: torch.device) -> Iterator[World]:
    """Join the process group of torchrun (NCCL on GPUs, gloo elsewhere), or run alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(0, 1, device)
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    # Its functions take the group of the time of import as their default. The first optimizer imports it; a group that
    # is there by then outlives its end, and its threads may abort the process while the interpreter goes.
    import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(_rank(), size, device)
    finally:
        dist.destroy_process_group()
