"""Paired differences over seeds: Student's t, and Holm's step-down over rules.

With d_s the difference of two rules on seed s, which share its split, initial θ and order of batches,

    t = d̄ / (σ_d / √S)        has S − 1 degrees of freedom where the true mean is 0
    d̄ ± t_{1−α/2} σ_d / √S    is the interval at level 1 − α

Holm tests the m p-values in rising order, the i-th (from 0) at α / (m − i), and stops at the first that fails: the
chance of one wrong rejection or more is then at most α. Each interval here stands at the level at which Holm judged its
difference, so that it holds 0 exactly where Holm finds no difference.

Source: Student (1908), The probable error of a mean; Holm (1979), A simple sequentially rejective multiple test
procedure.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


class Paired(NamedTuple):
    """Mean paired difference d̄ over S seeds, its standard error, and S."""

    mean: float
    error: float
    pairs: int

    @classmethod
    def of(cls, differences: Floats) -> Paired:
        """Summarise d (S,), S ≥ 2. Differences that are equal to the last bits of their size have no spread."""
        mean, spread = float(differences.mean()), float(differences.std(ddof=1))
        rounding = 8 * np.finfo(np.float64).eps * float(np.abs(differences).max())
        return cls(mean, spread / math.sqrt(len(differences)) if spread > rounding else 0.0, len(differences))

    @property
    def p(self) -> float:
        """Two-sided p-value of d̄ = 0; without any spread it is 0 or 1."""
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.pairs - 1))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The interval of the mean at level 1 − α."""
        half = float(stats.t.isf(alpha / 2, self.pairs - 1)) * self.error
        return self.mean - half, self.mean + half
