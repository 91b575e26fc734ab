"""The checks that every hyperparameter passes when a rule or a schedule is made."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from likeliest.errors import SpecificationError


def check_number(
    owner: str, name: str, value: object, *, low: float = 0.0, high: float = math.inf, open_low: bool = False
) -> None:
    """Refuse a value that is no real number in [low, high), or in (low, high) where ``open_low``.

    Raises:
        SpecificationError: naming the owner, the hyperparameter, the interval and the value found.
    """
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (low <= number < high) or (open_low and number == low):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g})"
        raise SpecificationError(f"{owner}: {name} must be a number in {interval}, found {value!r}; choose one there")


def check_count(owner: str, name: str, value: object) -> None:
    """Refuse a value that is no whole number of at least 1.

    Raises:
        SpecificationError: naming the owner, the hyperparameter and the value found.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SpecificationError(f"{owner}: {name} must be a whole number of at least 1, found {value!r}")


def check_rate(owner: str, lr: object) -> None:
    """Refuse a learning rate that is neither a positive number nor a tensor (R, 1) of positive numbers.

    Raises:
        SpecificationError: naming the owner and what was found.
    """
    if not isinstance(lr, Tensor):
        check_number(owner, "lr", lr, open_low=True)
    elif lr.ndim != 2 or lr.shape[1] != 1:
        raise SpecificationError(
            f"{owner}: a tensor lr holds one rate a run, shape (R, 1), found {tuple(lr.shape)}; use lr[:, None]"
        )
    elif not bool((torch.isfinite(lr) & (lr > 0)).all()):
        raise SpecificationError(f"{owner}: every lr must be positive and finite, found {lr.flatten().tolist()}")
