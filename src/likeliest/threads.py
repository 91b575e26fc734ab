"""How many threads a fit is worth: a small step is done sooner by one than by several that wait for each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from likeliest.predictors import Columns, Constant, Fixed, Layered, Linear, Predictor

SMALL = 5e6
"""Operations of a step below which one thread is faster. With two, a step of half a million took a tenth to a fifth
longer, and many times as long on busy cores, where threads wait for one that does not run; at seven million they drew
level, and at eighty million two took three quarters of the time."""


@contextmanager
def threads_for(predictor: Predictor, rows: int) -> Iterator[None]:
    """One thread for what is computed inside, if a step on so many rows is small; the number is restored afterwards."""
    before = torch.get_num_threads()
    if before == 1 or 3 * rows * operations(predictor) > SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def operations(predictor: Predictor) -> float:
    """Floating-point operations of one row's forward pass; ∞ where they are not known.

    Example:
        >>> import likeliest as lk
        >>> operations(lk.MLP((4, 8, 3))), operations(lk.Linear(4)) == 10
        (112, True)
    """
    if isinstance(predictor, Columns):
        return sum(operations(component) for component in predictor.components.values())
    if isinstance(predictor, Layered):
        return predictor.flops
    return 2 * predictor.size if isinstance(predictor, (Linear, Constant, Fixed)) else math.inf
