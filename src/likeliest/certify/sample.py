"""Where a gradient is compared with differences: along which entries, and which directions, of each part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.problem import Problem
from likeliest.interfaces import Part
from likeliest.randomness import stream

_SAME = 1024.0
"""Where two gradients differ by more of the largest entry's last digits, the entry that differs most is looked at."""


class Budget(NamedTuple):
    """How much of each part is compared with differences.

    Attributes:
        whole: parts of so many entries are compared entry by entry.
        sampled: so many entries of larger parts, besides the most telling ones.
        directions: and so many random directions through them.
        sparse: whether ladders of few steps will do.
    """

    whole: int
    sampled: int
    directions: int
    sparse: bool = False


ALONE, CLOSELY = Budget(16, 8, 3), Budget(256, 1, 8)
"""Where differences have to speak for themselves, and for a closer look on a kink."""
CONFIRMING, CONFIRMING_LONG = Budget(3, 0, 2), Budget(1, 0, 1, sparse=True)
"""Where a witness knows the whole gradient, and differences only have to confirm that witness."""


def chosen(
    problem: Problem, part: Part, got: Tensor, full: Tensor | None, budget: Budget, seed: int
) -> np.ndarray:  # fmt: skip
    """The entries of a part that are compared with differences: all, or the most telling ones and a sample."""
    if part.size <= budget.whole:
        return np.arange(part.size)
    own = got[part.slice]
    told = [int(own.abs().nan_to_num(torch.inf).argmax())]
    if full is not None:
        apart = (own - full[part.slice]).abs().nan_to_num(torch.inf)
        same = _SAME * float(problem.epsilon[part.slice].max()) * float(own.abs().max())
        told = told if float(apart.max()) <= same else [*told, int(apart.argmax())]
    draws = stream(seed, "certify", part.start)
    return np.union1d(draws.choice(part.size, budget.sampled, replace=False), told).astype(int)


def signs(part: Part, budget: Budget, seed: int) -> np.ndarray:
    """Random signs (rows, size), for a part that is not compared entry by entry."""
    rows = budget.directions if part.size > max(budget.whole, 1) else 0
    draws = stream(seed, "certify directions", part.start)
    return draws.choice((-1.0, 1.0), (rows, part.size))


def directions(
    theta: Tensor, parts: Mapping[str, Part], chosen: Mapping[str, np.ndarray], signs: Mapping[str, np.ndarray]
) -> Iterator[Tensor]:
    """Unit vectors (P,): each part's entries, then its random directions; one at a time, for θ may be long."""
    for name, part in parts.items():
        for entry in chosen[name]:
            direction = torch.zeros_like(theta)
            direction[part.start + int(entry)] = 1.0
            yield direction
        for row in signs[name]:
            direction = torch.zeros_like(theta)
            direction[part.slice] = torch.from_numpy(row) / math.sqrt(part.size)
            yield direction
