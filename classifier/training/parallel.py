"""Several processes, one training: `torchrun --nproc-per-node 4 --no-python fingerpost train ...`.

Each process takes its share of every batch and gradients are averaged, so that the steps are those of one
process. Only the first one validates, reports and writes files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

_TIMEOUT = timedelta(minutes=30)
"""Longer than any validation: the others wait for the first process meanwhile."""


@dataclass(frozen=True, slots=True)
class Parallel:
    """This process's place among those of one training.

    Attributes:
        rank: number of this process, 0 for the one that reports.
        world: number of processes.
        device: that this process trains on.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process validates, reports and writes."""
        return self.rank == 0

    def share(self, batch: Sequence[int]) -> list[int]:
        """Return this process's part of a batch; without a part of its own, the first message."""
        return list(batch[self.rank :: self.world]) or [batch[0]]

    def scale(self, batch: Sequence[int]) -> float:
        """What to multiply the sum of losses with, so that the mean gradient is that of the whole batch."""
        if len(batch) <= self.rank:
            return 0.0
        return self.world / len(batch)

    def wrap(self, network: nn.Module) -> nn.Module:
        """Average gradients after each backward pass, where there is more than one process."""
        if self.world == 1:
            return network
        # two passes with other dropout, or none over the head, leave some parameters without a gradient
        return DistributedDataParallel(network, find_unused_parameters=True)

    def share_weights(self, network: nn.Module) -> None:
        """Give every process the first one's weights: it alone knows which epoch was best."""
        if self.world > 1:
            for value in network.state_dict().values():
                distributed.broadcast(value, src=0)

    def agree(self, value: bool) -> bool:
        """Let every process take the first one's decision."""
        if self.world == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return bool(box[0])


@contextlib.contextmanager
def parallel(device: torch.device) -> Iterator[Parallel]:
    """Join the other processes where torchrun started this one; alone otherwise."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or "MASTER_ADDR" not in os.environ:
        yield Parallel(0, 1, device)
        return
    rank = int(os.environ["RANK"])
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    joined = not distributed.is_initialized()
    if joined:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield Parallel(rank, world, device)
    finally:
        if joined:
            distributed.destroy_process_group()
