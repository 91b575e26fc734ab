"""Temperature scaling: one number that makes a classifier less sure, or surer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from likeliest.calibration.base import PRIOR, Calibrator, Floats, held_out, log_of, normalised, probabilities
from likeliest.errors import SpecificationError

_COLDEST, _HOTTEST = 1e-3, 1e3


@final
@dataclass(frozen=True)
class Temperature(Calibrator):
    """q = softmax(log p / T), that is q_k ∝ p_k^(1/T): T > 1 makes less sure, T < 1 surer; the order of classes stays.

    With s = 1/T this is an exponential family in one parameter, whose statistic is log p_y. Its maximum-likelihood
    estimate matches the mean of the statistic, Σ_i w_i E_q[log p_i] = Σ_i w_i log p_i,y; the left side rises with s, by
    the variance of the statistic, so that bracketing finds the one root.

    Where every held-out row is predicted rightly the estimate is T = 0, and the first error would cost infinity. So
    the labels are smoothed by one row of `PRIOR`: each holds a share 1/(n + 1) of the even distribution, as one wrong
    row would bring it (Platt, 1999, smooths so).

    Args:
        temperature: T, from 0.001 to 1,000.

    Source: Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks; Platt (1999),
    Probabilistic outputs for support vector machines.

    Raises:
        SpecificationError: T is no positive number.

    Example:
        >>> Temperature(2.0).apply([[0.64, 0.36], [0.5, 0.5]]).round(4).tolist()
        [[0.5714, 0.4286], [0.5, 0.5]]
        >>> p, y = np.full((99, 2), (0.9, 0.1)), np.arange(99) % 4 == 0             # sure to 90 %, right in 75 %
        >>> round(Temperature.fit(p, y).temperature, 2)
        2.05
    """

    temperature: float

    kind = "temperature"

    def __post_init__(self) -> None:
        if not (0 < self.temperature < math.inf):
            raise SpecificationError(f"a temperature is a positive number, found {self.temperature}")

    @classmethod
    def fit(cls, p: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None, *, prior: float = PRIOR) -> Self:
        """See `Calibrator.fit`; ``prior`` is the weight of the row that smooths, 0 for maximum likelihood as it is."""
        p, y, w = held_out(p, y, weight)
        log_p, mass = log_of(p), w.sum()
        observed = (w @ log_p[np.arange(len(y)), y] + prior / mass * (w @ log_p.mean(1))) / (mass + prior)

        def excess(sharpness: float) -> float:
            expected = (normalised(sharpness * log_p) * log_p).sum(1)
            return float(w @ expected / mass - observed)

        low, high = 1 / _HOTTEST, 1 / _COLDEST
        if excess(low) >= 0:
            return cls(_HOTTEST)
        if excess(high) <= 0:
            return cls(_COLDEST)
        return cls(1 / float(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)))

    def apply(self, p: ArrayLike) -> Floats:
        """See `Calibrator.apply`."""
        return normalised(log_of(probabilities(p)) / self.temperature)

    def to_json(self) -> dict[str, Any]:
        """See `Calibrator.to_json`."""
        return {"kind": self.kind, "temperature": self.temperature}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """See `Calibrator.from_json`."""
        return cls(float(values["temperature"]))
