"""The order in which a mini-batch fit meets its rows: step k has a batch that depends on the seed and k alone.

Every epoch is a fresh permutation, named by (seed, epoch). So any step's batch can be found again, to resume a fit
that was cut short or to replay one that went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from likeliest.interfaces import Draw
from likeliest.randomness import stream


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches of a number of rows, epoch after epoch.

    Args:
        n: rows of the objective.
        size: rows to a batch; the last one of an epoch has what is left.
        seed: names the order.
        device: where the indices are needed.

    Example:
        >>> batches = Batches(5, 2, seed=0)
        >>> first_epoch = [draw.rows.tolist() for _, draw in zip(range(3), batches.after(0))]
        >>> sorted(sum(first_epoch, [])), next(batches.after(2)).rows.tolist() == first_epoch[2]
        ([0, 1, 2, 3, 4], True)
    """

    n: int
    size: int
    seed: int
    device: torch.device | None = None

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return math.ceil(self.n / self.size)

    def after(self, steps: int) -> Iterator[Draw]:
        """The draws of the steps that follow so many, without end."""
        epoch, done = divmod(steps, self.per_epoch)
        while True:
            order = torch.from_numpy(stream(self.seed, "shuffle", epoch).permutation(self.n)).to(self.device)
            for rows in order.split(self.size)[done:]:
                yield Draw(self.seed, epoch, rows)
            epoch, done = epoch + 1, 0
