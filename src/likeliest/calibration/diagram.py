"""A reliability diagram as a value: bins with their intervals, an error, and what perfect calibration would show.

An error of calibration is never 0 on finitely many rows, even for the true distribution. So it stands beside its
distribution under data drawn from the model itself.

Source: Bröcker and Smith (2007), Increasing the reliability of reliability diagrams; Wilson (1927), Probable inference,
the law of succession, and statistical inference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

BINS = 15
FEWEST = 5
"""Rows to a bin, at least: with fewer rows there are fewer bins."""
DRAWS = 1_000
_AT_ONCE = 2**22


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a reliability diagram.

    Attributes:
        count: rows in the bin; for a number, all rows.
        confidence: mean probability of the predicted class; for a number, the level of the quantile.
        observed: share of rows predicted rightly; for a number, share of rows below the quantile.
        low: lower end of the 95 % Wilson interval of ``observed``.
        high: its upper end.
    """

    count: int
    confidence: float
    observed: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, confidence: float, hits: int) -> Bin:
        """Return the bin of that many rows, some of which are hits."""
        return cls(count, confidence, hits / count, *wilson_interval(hits, count))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How true a model's probabilities are, beside what perfect ones would show on as many rows.

    Attributes:
        bins: in rising confidence.
        ece: expected calibration error.
        ece_expected: its mean under perfect calibration.
        ece_interval: the central 95 % of it under perfect calibration.
        statement: all of this in a sentence.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_expected: float
    ece_interval: tuple[float, float]
    statement: str

    @classmethod
    def of(
        cls, bins: tuple[Bin, ...], ece: float, simulated: NDArray[np.float64], rows: int, detail: str
    ) -> Calibration:
        """Return bins and error beside the errors of simulated data, with the sentence that follows."""
        low, high = (float(q) for q in np.quantile(simulated, (0.025, 0.975)))
        beside = f"calibration error {ece:.3f}, where a perfectly calibrated model would show {low:.3f} to {high:.3f}"
        fine = f"As calibrated as {rows} rows can show: {beside}."
        said = f"Not calibrated, {detail}: {beside}." if ece > high else fine
        return cls(bins, ece, float(simulated.mean()), (low, high), said)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        return {**asdict(self), "bins": [asdict(b) for b in self.bins], "ece_interval": list(self.ece_interval)}


def wilson_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a probability after k successes in n trials; (0, 1) where there were none.

    Example:
        >>> tuple(round(end, 3) for end in wilson_interval(9, 10))
        (0.596, 0.982)
    """
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + level / 2))
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def portions(draws: int, rows: int) -> Iterator[int]:
    """Cut a number of draws so that no array of draws × rows gets large."""
    at_once = max(1, _AT_ONCE // rows)
    for start in range(0, draws, at_once):
        yield min(at_once, draws - start)
