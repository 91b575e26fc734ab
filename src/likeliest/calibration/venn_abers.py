"""Venn–Abers calibration: isotonic regression that asks what the row to be predicted would change in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from likeliest.calibration.base import Floats
from likeliest.calibration.isotonic import grouped
from likeliest.calibration.one_against_rest import OneAgainstRest
from likeliest.errors import SpecificationError

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """A rising step function of a score: ``values[i]`` beyond i of the thresholds.

    Args:
        thresholds: (m,), rising.
        values: (m + 1,), rising, in [0, 1].

    Raises:
        SpecificationError: they are none of such a function.
    """

    thresholds: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        at, values = np.asarray(self.thresholds), np.asarray(self.values)
        if len(values) != len(at) + 1 or not (np.isfinite(at).all() and (np.diff(at) > 0).all()):
            raise SpecificationError("steps need rising finite thresholds, and a value more than there are of them")
        if not ((np.diff(values) >= 0).all() and values[0] >= 0 and values[-1] <= 1):
            raise SpecificationError("the values of steps rise from 0 or more to 1 or less")

    @classmethod
    def of(cls, at: Floats, values: Floats) -> Self:
        """Return the step function, without the thresholds where it does not rise."""
        rises = np.diff(values) > 0
        return cls(tuple(at[rises].tolist()), tuple(values[np.append(True, rises)].tolist()))

    def after(self, score: Floats) -> Floats:
        """Return its values where a threshold itself is passed."""
        return np.asarray(self.values)[np.searchsorted(self.thresholds, score, side="right")]

    def before(self, score: Floats) -> Floats:
        """Return its values where a threshold itself is not passed."""
        return np.asarray(self.values)[np.searchsorted(self.thresholds, score, side="left")]


@dataclass(frozen=True, slots=True)
class VennAbersCurve:
    """q = p₁/(1 − p₀ + p₁), where p₀ and p₁ are steps in log p/(1 − p).

    Args:
        p0: the isotonic fit at a row that is taken for no hit.
        p1: the isotonic fit at a row that is taken for a hit.
    """

    p0: Steps
    p1: Steps

    def __post_init__(self) -> None:
        if self.p0.values[-1] >= 1 or self.p1.values[0] <= 0:
            raise SpecificationError("Venn–Abers calibration needs p0 < 1 and p1 > 0")

    def log_odds(self, log_p: Floats, log_rest: Floats) -> Floats:
        """See `Curve.log_odds`."""
        score = log_p - log_rest
        return np.log(self.p1.before(score)) - np.log1p(-self.p0.after(score))

    def to_json(self) -> dict[str, Any]:
        """Return both step functions."""
        both = {"p0": self.p0, "p1": self.p1}
        return {name: {"thresholds": list(p.thresholds), "values": list(p.values)} for name, p in both.items()}


@final
class VennAbers(OneAgainstRest[VennAbersCurve]):
    """q = p₁/(1 − p₀ + p₁), the inductive Venn–Abers predictor, merged so as to lose the least log-likelihood.

    p₁ is the isotonic fit at the row to be predicted when that row is added to the held-out ones as a hit, and p₀ when
    it is added as none. One of the two is calibrated, whatever the classifier and however few the rows; where rows are
    few, the two lie far apart and q near ½. So q is never 0 nor 1, and needs no prior.

    The row added counts 1, and weights count rows.

    Source: Vovk, Petej and Fedorova (2015), Large-scale probabilistic predictors with and without guarantees of
    validity.

    Example:
        >>> p, y = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9]), np.array([0, 0, 1, 0, 1, 1])
        >>> VennAbers.fit(p, y).apply(p)[:, 1].round(3).tolist()
        [0.25, 0.333, 0.5, 0.5, 0.667, 0.75]
    """

    kind = "venn_abers"

    @classmethod
    def fit_curve(cls, log_p: Floats, log_rest: Floats, hit: Floats, weight: Floats) -> VennAbersCurve:
        """See `OneAgainstRest.fit_curve`."""
        at, mass, hits = grouped(log_p - log_rest, hit, weight)
        p0, p1 = fits_with_one_more(mass, hits)
        return VennAbersCurve(Steps.of(at, p0), Steps.of(at, p1))

    @classmethod
    def curve_from_json(cls, values: Mapping[str, Any]) -> VennAbersCurve:
        """See `OneAgainstRest.curve_from_json`."""
        return VennAbersCurve(
            *(Steps(*(_floats(values[p][n]) for n in ("thresholds", "values"))) for p in ("p0", "p1"))
        )


def fits_with_one_more(mass: Floats, hits: Floats) -> tuple[Floats, Floats]:
    """Return the isotonic fit at a row put into each of the m + 1 places among m scores: as no hit, and as a hit.

    The fit is the slope of the convex minorant of the points P_i = (Σ mass, Σ hits) over the first i scores. A row at
    place j moves the points from P_j on by (1, label); the minorants of the points before and after it stay as they
    are. So its block begins as the row alone and grows over the edges of either minorant, to the right while the next
    edge is flatter than the block, to the left while it is steeper, in all places at once.

    A place is one between two scores. A row level with a score is pooled with it when it is a hit and comes before it,
    or is none and comes after it.
    """
    x, y = (np.append(0.0, v.cumsum()) for v in (mass, hits))
    left, right = _minorant(x, y), len(x) - 1 - _minorant(x[-1] - x[::-1], y[::-1] - y[-1])[::-1]
    p0, p1 = (_grown(x, y, left, right, label) for label in (0.0, 1.0))
    return p0, p1


def _minorant(x: Floats, y: Floats) -> Places:
    """Return for each point the one before it on the convex minorant of the points up to it; 0 for the first."""
    before = [0]
    for i in range(1, len(x)):
        j = i - 1
        while j and (y[j] - y[before[j]]) * (x[i] - x[j]) >= (y[i] - y[j]) * (x[j] - x[before[j]]):
            j = before[j]
        before.append(j)
    return np.array(before)


def _grown(x: Floats, y: Floats, left: Places, right: Places, label: float) -> Floats:
    """Return the slope of the block of a row with that label in each place."""
    growing, last = np.arange(len(x)), len(x) - 1
    start, end = growing.copy(), growing.copy()
    while len(growing):
        i, j = start[growing], end[growing]
        run, rise = x[j] - x[i] + 1, y[j] - y[i] + label
        flatter = (j < last) & ((y[right[j]] - y[j]) * run <= rise * (x[right[j]] - x[j]))
        steeper = ~flatter & (i > 0) & ((y[i] - y[left[i]]) * run >= rise * (x[i] - x[left[i]]))
        end[growing] = np.where(flatter, right[j], j)
        start[growing] = np.where(steeper, left[i], i)
        growing = growing[flatter | steeper]
    slopes: Floats = (y[end] - y[start] + label) / (x[end] - x[start] + 1)
    return np.maximum.accumulate(slopes.clip(0, 1))  # sums of weights are rounded


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(map(float, values))
