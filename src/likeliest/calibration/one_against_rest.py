"""Several classes through calibrators of two: each class against the rest by a curve of its own, then renormalised."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from likeliest.calibration.base import TINY, Calibrator, Floats, held_out, log_of, normalised, probabilities
from likeliest.errors import ShapeError, SpecificationError


class Curve(Protocol):
    """A rising map of the probability of one class against the rest."""

    def log_odds(self, log_p: Floats, log_rest: Floats) -> Floats:
        """Return calibrated log-odds (n,), given the logarithms of a probability and of its complement."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""


C = TypeVar("C", bound=Curve)


@dataclass(frozen=True)
class OneAgainstRest(Calibrator, Generic[C]):
    """A curve a class; of two classes the curve of class 1 alone, whose mirror image is that of class 0.

    With more classes the calibrated probabilities of each against the rest sum to 1 only by division (Zadrozny and
    Elkan, 2002), so that the class of the largest may change.

    Args:
        curves: K of them, or one for K = 2.
    """

    curves: tuple[C, ...]

    def __post_init__(self) -> None:
        if not self.curves or len(self.curves) == 2:
            raise SpecificationError(
                f"{self.kind} calibration has a curve a class, and one for two classes; found {len(self.curves)}"
            )

    @classmethod
    @abstractmethod
    def fit_curve(cls, log_p: Floats, log_rest: Floats, hit: Floats, weight: Floats) -> C:
        """Fit a curve to logarithms of a probability and its complement, hits in {0, 1} and weights > 0, all (n,)."""

    @classmethod
    @abstractmethod
    def curve_from_json(cls, values: Mapping[str, Any]) -> C:
        """Return the curve that its `to_json` wrote."""

    @classmethod
    def fit(cls, p: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> Self:
        """See `Calibrator.fit`."""
        p, y, w = held_out(p, y, weight)
        log_p, log_rest = log_of(p), log_of(others(p))
        classes = range(p.shape[1]) if p.shape[1] > 2 else (1,)
        return cls(tuple(cls._curve(log_p[:, k], log_rest[:, k], (y == k).astype(float), w) for k in classes))

    @classmethod
    def _curve(cls, log_p: Floats, log_rest: Floats, hit: Floats, weight: Floats) -> C:
        """Fit a curve to rows in the order of what it sees of them: rows that differ in other classes alone are one."""
        order = np.lexsort((weight, hit, log_rest, log_p))
        return cls.fit_curve(log_p[order], log_rest[order], hit[order], weight[order])

    def apply(self, p: ArrayLike) -> Floats:
        """See `Calibrator.apply`."""
        p = probabilities(p)
        if (fitted := max(2, len(self.curves))) != p.shape[1]:
            raise ShapeError(f"this {self.kind} calibration is one of {fitted} classes, found {p.shape[1]}")
        log_p, log_rest = log_of(p), log_of(others(p))
        if fitted == 2:
            log_odds = self.curves[0].log_odds(log_p[:, 1], log_rest[:, 1])
            return normalised(np.stack((np.zeros_like(log_odds), log_odds), -1))
        each = [curve.log_odds(log_p[:, k], log_rest[:, k]) for k, curve in enumerate(self.curves)]
        return normalised(-np.logaddexp(0.0, -np.stack(each, -1)))

    def to_json(self) -> dict[str, Any]:
        """See `Calibrator.to_json`."""
        return {"kind": self.kind, "curves": [curve.to_json() for curve in self.curves]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """See `Calibrator.from_json`."""
        return cls(tuple(cls.curve_from_json(curve) for curve in values["curves"]))


def others(p: Floats) -> Floats:
    """Return for each class the sum of all others (n, K): added up, for 1 − p loses what is left of a sure one."""
    before, after = np.zeros_like(p), np.zeros_like(p)
    before[:, 1:] = p[:, :-1].cumsum(1)
    after[:, :-1] = p[:, :0:-1].cumsum(1)[:, ::-1]
    return np.maximum(before + after, TINY)
