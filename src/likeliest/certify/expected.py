"""What a wrong part should have been, entry by entry, and which of its entries is off most."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.compare import Check
from likeliest.certify.differences import noise_of, slopes
from likeliest.certify.problem import Problem

MOST = 1024
"""Of larger parts, which no witness knows as a whole, only so many entries are differentiated."""


def derivatives(problem: Problem, theta: Tensor, check: Check) -> np.ndarray:
    """The derivatives of a part (size,); NaN where no witness looked."""
    if check.expected is not None:
        return check.expected
    size = check.part.size
    expected = np.full(size, np.nan)
    if size <= MOST:
        sought = np.arange(size)
    else:
        sought = np.union1d(check.entries, _around(bisected(problem, theta, check), check.part.shape))[:MOST]
    expected[sought] = _differenced(problem, theta, check, sought)
    return expected


def worst_entry(problem: Problem, theta: Tensor, check: Check, expected: np.ndarray) -> int:
    """The entry of a part that is off most."""
    error = np.abs(check.got - expected)
    return int(np.argmax(np.where(np.isnan(expected), -1.0, np.nan_to_num(error, nan=np.inf))))


def bisected(problem: Problem, theta: Tensor, check: Check) -> int:
    """Where the error sits in a large part, by halves: differences along each half against the gradient's own slope.

    Random signs keep the errors of a half from cancelling. ⌈log₂ size⌉ times two slopes lead to one entry.
    """
    signs = check.signs[int(np.argmax(np.where(check.wrong[len(check.entries) :], 1.0, 0.0)))]
    low, high = 0, check.part.size
    while high - low > 1:
        middle = (low + high) // 2
        halves = [np.arange(low, middle), np.arange(middle, high)]
        directions = [_spread(theta, check, half, signs) for half in halves]
        found = slopes(problem.values, theta, directions, noise_of(problem, theta))
        own = [float(check.got[half] @ signs[half]) / math.sqrt(len(half)) for half in halves]
        errors = np.abs(np.array(own) - found.slope) * np.sqrt([len(half) for half in halves])
        low, high = (low, middle) if errors[0] >= errors[1] else (middle, high)
    return low


def _spread(theta: Tensor, check: Check, entries: np.ndarray, signs: np.ndarray) -> Tensor:
    direction = torch.zeros_like(theta)
    direction[torch.from_numpy(check.part.start + entries)] = torch.from_numpy(signs[entries]) / math.sqrt(len(entries))
    return direction


def _differenced(problem: Problem, theta: Tensor, check: Check, entries: np.ndarray) -> np.ndarray:
    def axes() -> Iterator[Tensor]:
        for entry in entries:
            direction = torch.zeros_like(theta)
            direction[check.part.start + int(entry)] = 1.0
            yield direction

    return slopes(problem.values, theta, axes(), noise_of(problem, theta)).slope


def _around(entry: int, shape: tuple[int, ...]) -> np.ndarray:
    """An entry, with those that differ from it in one index."""
    index = np.unravel_index(entry, shape)
    lines = [
        np.ravel_multi_index(
            tuple(np.arange(n) if i == axis else np.full(n, index[i]) for i in range(len(shape))), shape
        )
        for axis, n in enumerate(shape)
        if n <= MOST // 2
    ]
    return np.unique(np.concatenate([[entry], *lines])).astype(int)
