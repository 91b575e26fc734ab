"""What a calibrator is: a map from given class probabilities to truer ones, learnt from rows that no fit has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import ShapeError, SupportError

Floats = NDArray[np.float64]
TINY = float(np.finfo(np.float64).tiny)
"""The least probability that a calibrator takes or gives, 2⁻¹⁰²²: its logarithm is −708."""
PRIOR = 1.0
"""Rows that a fit adds to those it was given, with a label drawn evenly from all classes."""
_SUMS_TO_ONE = 1e-4


@dataclass(frozen=True)
class Calibrator(ABC):
    """A map of class probabilities.

    `fit` takes held-out rows, which decided nothing of the classifier. A class then has its name in `kind`, and its
    fields are all there is to it.
    """

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, p: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> Self:
        """Learn from held-out rows, in any order.

        Args:
            p: probabilities given (n, K), K ≥ 2, or of class 1 of two (n,).
            y: indices of the true classes (n,).
            weight: how many rows each row stands for, (n,) ≥ 0.

        Raises:
            ShapeError: they do not fit together, or there are no rows.
            SupportError: rows of p are no probabilities, y names no class of p, or a weight is negative.
        """

    @abstractmethod
    def apply(self, p: ArrayLike) -> Floats:
        """Return calibrated probabilities (n, K) of given ones (n, K), or of class 1 of two (n,).

        Raises:
            ShapeError: it was fitted on another number of classes.
            SupportError: rows of p are no probabilities.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""

    @classmethod
    @abstractmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the calibrator that `to_json` wrote."""


@final
@dataclass(frozen=True)
class Identity(Calibrator):
    """No calibration: q = p.

    Example:
        >>> Identity().apply([[0.9, 0.1]]).tolist()
        [[0.9, 0.1]]
    """

    kind = "none"

    @classmethod
    def fit(cls, p: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> Self:
        """See `Calibrator.fit`."""
        held_out(p, y, weight)
        return cls()

    def apply(self, p: ArrayLike) -> Floats:
        """See `Calibrator.apply`."""
        return probabilities(p)

    def to_json(self) -> dict[str, Any]:
        """See `Calibrator.to_json`."""
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """See `Calibrator.from_json`."""
        return cls()


def probabilities(p: ArrayLike) -> Floats:
    """Return p as (n, K), K ≥ 2, in double precision."""
    p = np.asarray(p, np.float64)
    if p.ndim == 1:
        p = np.stack((1 - p, p), -1)
    if p.ndim != 2 or p.shape[1] < 2:
        raise ShapeError(f"calibration needs probabilities (n, K) of K ≥ 2 classes, found shape {p.shape}")
    bad = ~((p >= 0).all(1) & (np.abs(p.sum(1) - 1) <= _SUMS_TO_ONE))
    if bad.any():
        row = int(bad.argmax())
        raise SupportError(
            f"calibration needs rows of probabilities ≥ 0 that sum to 1; row {row} is {p[row].tolist()}, "
            f"one of {bad.sum()}; pass softmax(eta), not eta"
        )
    return p


def held_out(p: ArrayLike, y: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return p (n, K), y (n,) and weights (n,), checked, without rows of weight 0, in an order of their own.

    The order is that of the probability given to the true class, then of the others: it is the same for rows in any
    order, so that sums over rows are too, to the bit, and it does not ask how the classes are numbered.
    """
    p, y = probabilities(p), np.asarray(y)
    w = np.ones(len(p)) if weight is None else np.asarray(weight, np.float64)
    if y.shape != p.shape[:1] or w.shape != y.shape or not w.any():
        raise ShapeError(
            f"calibration needs p (n, K), y (n,) and weights (n,) of which one is positive; found {p.shape}, "
            f"{y.shape} and {w.shape}"
        )
    if not (np.isfinite(w) & (w >= 0)).all():
        raise SupportError(f"calibration needs finite weights ≥ 0, found {w.min()} to {w.max()}")
    classes = y.astype(np.int64)
    if (classes != y).any() or classes.min() < 0 or classes.max() >= p.shape[1]:
        raise SupportError(
            f"calibration of {p.shape[1]} classes needs y among 0 … {p.shape[1] - 1}, found {y.min()} to {y.max()}; "
            "encode the labels as indices of p's columns"
        )
    own = p[np.arange(len(p)), classes]
    order = np.lexsort((w, classes, *np.sort(p, -1).T, own))
    order = order[w[order] > 0]
    return p[order], classes[order], w[order]


def log_of(p: Floats) -> Floats:
    """Return log p, of at least the least probability."""
    logs: Floats = np.log(np.maximum(p, TINY))
    return logs


def normalised(log_q: Floats) -> Floats:
    """Return q ∝ e^(log q) with rows that sum to 1, none of them 0."""
    powers = np.exp(log_q - log_q.max(-1, keepdims=True))
    q: Floats = np.maximum(powers / powers.sum(-1, keepdims=True), TINY)
    return q
