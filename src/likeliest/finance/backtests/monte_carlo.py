"""P-values from the statistic's own distribution under the null: its draws, or all its values with their probabilities.

Asymptotic p-values are off where tail risk is tested: 250 days hold 2.5 exceedances at 1 %, and Kupiec's test rejects a
true forecast in 9.5 % of all samples where it should in 5 %. With N statistics drawn under the null,

    p = (1 + #{Sᵢ > S} + #{Sᵢ = S that win the lots}) / (N + 1)

is uniform on its N + 1 values whatever N is, if the null has no unknown parameter (Dufour, 2006). Few counts make few
values of a statistic: without lots among the equal ones such a test rejects seldom or never. Lots are drawn from the
seed and from the data, so the same data give the same p-value and new data new lots.

Source: Dufour (2006), Monte Carlo tests with nuisance parameters; Barnard (1963) and Dwass (1957) before him.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from likeliest.errors import SpecificationError
from likeliest.finance.backtests.base import Floats
from likeliest.randomness import stream

DRAWS = 9_999
"""Draws from the null: with them p ≤ 0.05 has probability 0.05 exactly, and p itself an error of 0.002 there."""
TIE = 1e-9
"""Statistics closer than this, relative to what is above 1, are equal but for rounding."""
Against = Literal["worse", "any"]
_AT_ONCE = 2**21


class PValue(NamedTuple):
    """A p-value, and the least and the largest that lots could have drawn."""

    value: float
    low: float
    high: float

    @property
    def range(self) -> tuple[float, float]:
        """From the least to the largest."""
        return self.low, self.high


def lot(seed: int, role: str, *data: Floats) -> float:
    """Return a uniform number in (0, 1] that is this data's own.

    Example:
        >>> lot(0, "ties", np.arange(3.0)) == lot(0, "ties", np.arange(3.0)) != lot(0, "ties", np.arange(4.0))
        True
    """
    digest = hashlib.blake2b(digest_size=8)
    for values in data:
        digest.update(np.ascontiguousarray(values, np.float64).tobytes())
    return 1.0 - float(stream(seed, role, int.from_bytes(digest.digest(), "little")).random())


def drawn_p(statistic: float, simulated: Floats, lots: float) -> PValue:
    """Return the p-value of a statistic of which large values speak against the null.

    Args:
        statistic: of the data.
        simulated: (N,) under the null, rising.
        lots: uniform in (0, 1]: the share of its equals that beat the statistic.

    Example:
        >>> drawn_p(2.0, np.array([0.0, 1.0, 1.0, 3.0]), 0.5).value
        0.4
    """
    n, slack = len(simulated), TIE * max(1.0, abs(statistic))
    above = n - int(np.searchsorted(simulated, statistic + slack, side="right"))
    equal = n - int(np.searchsorted(simulated, statistic - slack, side="left")) - above
    beaten_by = min(int(lots * (equal + 1)), equal)
    return PValue(*((above + ties + 1) / (n + 1) for ties in (beaten_by, 0, equal)))


def lower_p(statistic: float, null: Floats, lots: float, against: Against) -> PValue:
    """Return the p-value of a statistic of which small values are the worse; against any, the smaller side's doubled.

    Example:
        >>> lower_p(0.0, np.arange(1.0, 20.0), 1.0, "worse").value, lower_p(0.0, np.arange(1.0, 20.0), 1.0, "any").value
        (0.05, 0.1)
    """
    low = drawn_p(-statistic, -null[::-1], lots)
    if against == "worse":
        return low
    high = drawn_p(statistic, null, 1.0 - lots)
    return PValue(*(min(1.0, 2 * min(pair)) for pair in zip(low, high, strict=True)))


def exact_p(statistic: float, support: Floats, probability: Floats, lots: float) -> PValue:
    """Return the p-value of a statistic whose values (m,) under the null have these probabilities (m,).

    Example:
        >>> exact_p(1.0, np.array([0.0, 1.0, 2.0]), np.array([0.25, 0.5, 0.25]), 0.5)
        PValue(value=0.5, low=0.25, high=0.75)
    """
    slack = TIE * max(1.0, abs(statistic))
    low = float(probability[support > statistic + slack].sum())
    equal = float(probability[np.abs(support - statistic) <= slack].sum())
    return PValue(min(low + lots * equal, 1.0), low, min(low + equal, 1.0))


def enough_draws(draws: int) -> int:
    """Return the number of draws, or raise SpecificationError where a p-value could not reach 5 %."""
    if draws < 19:
        raise SpecificationError(f"a Monte Carlo p-value needs at least 19 draws to reach 5 %, found {draws}")
    return draws


def portions(draws: int, each: int) -> Iterator[int]:
    """Cut a number of draws of so many numbers each, so that no array gets large."""
    at_once = max(1, _AT_ONCE // max(each, 1))
    for start in range(0, draws, at_once):
        yield min(at_once, draws - start)


def simulated(draws: int, each: int, statistics: Callable[[int], Floats]) -> Floats:
    """Return so many statistics under the null, rising; each draw takes ``each`` numbers."""
    found = np.concatenate([statistics(m) for m in portions(enough_draws(draws), each)])
    found.sort()
    found.setflags(write=False)  # it may be kept and shared
    return found
