"""Isotonic calibration: any rising curve, shrunk at its ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import logit

from likeliest.calibration.base import PRIOR, Floats
from likeliest.calibration.one_against_rest import OneAgainstRest
from likeliest.errors import SpecificationError


@dataclass(frozen=True, slots=True)
class RisingCurve:
    """q by linear interpolation between knots, constant beyond them.

    Args:
        log_odds_at: log p/(1 − p) of the knots, rising.
        values: q there, in (0, 1), not falling.

    Raises:
        SpecificationError: knots or values are none of such a curve.
    """

    log_odds_at: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        at, values = np.asarray(self.log_odds_at), np.asarray(self.values)
        rising = len(at) > 0 and np.isfinite(at).all() and bool((np.diff(at) > 0).all())
        if not (rising and at.shape == values.shape and values[0] > 0 and values[-1] < 1):
            raise SpecificationError("an isotonic curve needs rising finite knots, and a value in (0, 1) for each")
        if not (np.diff(values) >= 0).all():
            raise SpecificationError("the values of an isotonic curve do not fall")

    def log_odds(self, log_p: Floats, log_rest: Floats) -> Floats:
        """See `Curve.log_odds`."""
        q: Floats = logit(np.interp(log_p - log_rest, self.log_odds_at, self.values))
        return q

    def to_json(self) -> dict[str, Any]:
        """Return knots and values."""
        return {"log_odds_at": list(self.log_odds_at), "values": list(self.values)}


@final
class Isotonic(OneAgainstRest[RisingCurve]):
    """The rising curve of largest likelihood: q = PAVA(y sorted by p), then interpolated in log p/(1 − p).

    Adjacent rows whose shares fall are pooled until shares rise. At its ends the curve would be 0 and 1, and one test
    row cost infinity. So a row of `PRIOR` that is a hit by half is put at −∞ and another at +∞: an end of m rows alike
    then is ½/(m + 1) away from certainty, the estimate of Krichevsky and Trofimov.

    Source: Ayer and others (1955), An empirical distribution function for sampling with incomplete information;
    Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates; Krichevsky
    and Trofimov (1981), The performance of universal encoding.

    Example:
        >>> p, y = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9]), np.array([0, 0, 1, 0, 1, 1])
        >>> Isotonic.fit(p, y).apply(p)[:, 1].round(3).tolist()
        [0.167, 0.167, 0.5, 0.5, 0.833, 0.833]
    """

    kind = "isotonic"

    @classmethod
    def fit_curve(
        cls, log_p: Floats, log_rest: Floats, hit: Floats, weight: Floats, *, prior: float = PRIOR
    ) -> RisingCurve:
        """See `OneAgainstRest.fit_curve`; ``prior`` is the weight of the row at either end."""
        at, mass, hits = grouped(log_p - log_rest, hit, weight)
        shares = np.concatenate(([0.5], hits / mass, [0.5]))
        values = isotonic_regression(shares, weights=np.concatenate(([prior], mass, [prior]))).x[1:-1]
        step = np.diff(values) != 0
        ends = np.append(step, True) | np.append(True, step)
        return RisingCurve(tuple(at[ends].tolist()), tuple(values[ends].tolist()))

    @classmethod
    def curve_from_json(cls, values: Mapping[str, Any]) -> RisingCurve:
        """See `OneAgainstRest.curve_from_json`."""
        return RisingCurve(*(tuple(map(float, values[name])) for name in ("log_odds_at", "values")))


def grouped(score: Floats, hit: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the distinct scores (m,) in rising order, the weight at each, and the weight of its hits."""
    at, where = np.unique(score, return_inverse=True)
    mass, hits = (np.bincount(where, v).astype(np.float64) for v in (weight, weight * hit))
    return at, mass, hits
