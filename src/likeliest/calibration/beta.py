"""Beta calibration: a logistic regression on the two logarithms of a probability, rising in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, final

import numpy as np

from likeliest.calibration.base import PRIOR, Floats
from likeliest.calibration.one_against_rest import OneAgainstRest
from likeliest.errors import SpecificationError
from likeliest.families import Bernoulli
from likeliest.glm import fit_linear

_FACES = ((0, 1), (0,), (1,), ())
"""Which of a and b are free; the others are 0."""


@dataclass(frozen=True, slots=True)
class BetaCurve:
    """log q/(1 − q) = a log p − b log(1 − p) + c with a, b ≥ 0.

    Raises:
        SpecificationError: a or b is negative, or a number is not finite.
    """

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        if not (0 <= self.a < math.inf and 0 <= self.b < math.inf and math.isfinite(self.c)):
            raise SpecificationError(f"beta calibration needs finite a ≥ 0, b ≥ 0 and c, found {asdict(self)}")

    def log_odds(self, log_p: Floats, log_rest: Floats) -> Floats:
        """See `Curve.log_odds`."""
        return self.a * log_p - self.b * log_rest + self.c

    def to_json(self) -> dict[str, Any]:
        """Return the three numbers."""
        return asdict(self)


@final
class Beta(OneAgainstRest[BetaCurve]):
    """log q/(1 − q) = a log p − b log(1 − p) + c, with a, b ≥ 0: the log-odds of two beta densities of p.

    a = b = 1 and c = 0 leave p as it is; a = b is the logistic calibration of Platt. Maximum likelihood is a logistic
    regression on log p and −log(1 − p) whose coefficients must not be negative. It is concave, so the estimate is the
    best of those on the faces a, b > 0; b = 0; a = 0; a = b = 0 that lie on their face. Labels are smoothed by one row
    of `PRIOR`, as Platt (1999) does, which keeps the estimate finite where the classes are separable.

    Source: Kull, Silva Filho and Flach (2017), Beta calibration: a well-founded and easily implemented improvement on
    logistic calibration for binary classifiers; Platt (1999), Probabilistic outputs for support vector machines.

    Example:
        >>> Beta((BetaCurve(0.5, 0.5, 0.0),)).apply([[0.64, 0.36]]).round(4).tolist()
        [[0.5714, 0.4286]]
    """

    kind = "beta"

    @classmethod
    def fit_curve(
        cls, log_p: Floats, log_rest: Floats, hit: Floats, weight: Floats, *, prior: float = PRIOR
    ) -> BetaCurve:
        """See `OneAgainstRest.fit_curve`; ``prior`` is the weight of the row that smooths."""
        x, mass = np.stack((log_p, -log_rest), -1), weight.sum()
        y = (mass * hit + prior / 2) / (mass + prior)
        found: list[tuple[float, BetaCurve]] = []
        for face in _FACES:
            curve = _on_face(face, x, y, weight)
            if curve is not None:
                eta = curve.log_odds(log_p, log_rest)
                nll = y * np.logaddexp(0.0, -eta) + (1 - y) * np.logaddexp(0.0, eta)
                found.append((float(weight @ nll), curve))
                if len(face) == 2:
                    break
        return min(found, key=itemgetter(0))[1]

    @classmethod
    def curve_from_json(cls, values: Mapping[str, Any]) -> BetaCurve:
        """See `OneAgainstRest.curve_from_json`."""
        return BetaCurve(*(float(values[name]) for name in ("a", "b", "c")))


def _on_face(face: tuple[int, ...], x: Floats, y: Floats, weight: Floats) -> BetaCurve | None:
    """Return the best curve whose a and b are 0 but for those of the face; None if one of these is negative."""
    fitted = fit_linear(Bernoulli(), x[:, face], y, weight=weight)
    slopes = dict(zip(face, fitted.weight[:, 0].tolist(), strict=True))
    if any(slope < 0 for slope in slopes.values()):
        return None
    return BetaCurve(slopes.get(0, 0.0), slopes.get(1, 0.0), float(fitted.bias[0]))
