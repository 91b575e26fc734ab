"""What a link of a probability states of its two tails, and what follows from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from likeliest.families.base import in_double
from likeliest.numerics import xmul

Pair = tuple[Tensor, Tensor]
"""What belongs to a success, and what to a failure."""


class Link(ABC):
    """One link of a probability."""

    name: str
    formula: str
    """p by η."""
    source: str
    domain: tuple[float, float] = (-math.inf, math.inf)
    """Where η must lie for p to be a probability."""
    centre: tuple[float, float] = (0.5, 0.0)
    """p at η = 0 as a sum of two doubles."""

    @abstractmethod
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log p and log q."""

    @abstractmethod
    def slopes(self, eta: Tensor) -> Pair:
        """Return p′/p and −p′/q."""

    @abstractmethod
    def curvatures(self, eta: Tensor) -> Pair:
        """Return −d² log p/dη² and −d² log q/dη²."""

    @abstractmethod
    def tails(self, eta: Tensor) -> Pair:
        """Return p and q."""

    @abstractmethod
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return the η of p and q = 1 − p, of which the smaller counts."""

    def rise(self, eta: Tensor) -> Tensor | None:
        """Return p − p(0), exact however small; None where p(0) is an end and says nothing more than p and q do."""
        return None

    @in_double
    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y log p + (1 − y) log q."""
        return shared(y, 1 - y, self.log_tails(eta))

    @in_double
    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return the slope of y log p + (1 − y) log q."""
        return shared(y, 1 - y, self.slopes(eta))

    @in_double
    def observed(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return the curvature of −y log p − (1 − y) log q."""
        return shared(y, 1 - y, self.curvatures(eta))

    @in_double
    def information(self, eta: Tensor) -> Tensor:
        """Return the Fisher information of one trial, p′²/(pq)."""
        success, failure = self.slopes(eta)
        return (success * -failure).masked_fill_((success == 0) | (failure == 0), 0.0)


def shared(y: Tensor, rest: Tensor, pair: Pair) -> Tensor:
    """Return y of what belongs to a success and the rest of what belongs to a failure; 0 of an infinite part is 0."""
    success, failure = pair
    return xmul(y, success) + xmul(rest, failure)


def recession_faces(domain: tuple[float, float], successes: Tensor, failures: Tensor) -> Tensor | None:
    """Return the faces (n, m, 1) of the cones of recession of rows that have successes, failures, both or neither.

    Δη may be above 0 where there is no failure and below 0 where there is no success, if η may go so far. A bounded
    domain leaves no direction at all, and None says so.
    """
    low, high = domain
    if math.isfinite(low) and math.isfinite(high):
        return None
    up = ~failures & ~successes if math.isfinite(high) else ~failures
    down = ~successes & ~failures if math.isfinite(low) else ~successes
    upper = torch.where(down, torch.where(up, 0.0, -1.0), 1.0)
    lower = torch.where(up, torch.where(down, 0.0, 1.0), -1.0)
    faces = (upper,) if bool((upper == lower).all()) else (upper, lower)
    return torch.stack(faces, -1).double().unsqueeze(-1)
