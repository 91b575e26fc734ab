"""Are transforms u = F(y) uniform, whatever their order? Two tests of all of the distribution, and a histogram.

    Kolmogorov-Smirnov   the largest distance of the empirical distribution function from the diagonal
    Anderson-Darling     A² = −n − Σ (2i − 1)/n · [log u₍ᵢ₎ + log(1 − u₍ₙ₊₁₋ᵢ₎)]: distances weighed, so that tails count

They stand beside `berkowitz` for comparison: they hear nothing of a memory, and little of a wrong scale.

Source: Kolmogorov (1933); Anderson and Darling (1954), A test of goodness of fit; Diebold, Gunther and Tay (1998),
Evaluating density forecasts, for the histogram.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, kstest

from likeliest.errors import SpecificationError
from likeliest.finance.backtests.base import Floats, TestResult
from likeliest.finance.backtests.monte_carlo import DRAWS, drawn_p, enough_draws, lot, simulated
from likeliest.finance.backtests.uniforms import inside, transforms
from likeliest.randomness import stream

_WHY = "as there is no distribution of fewer"
_NULL = "the forecast distributions are true: transforms of the returns are uniform and independent"


@dataclass(frozen=True, slots=True)
class PitHistogram:
    """Counts of transforms in bins of equal width, and the band that holds all of them at once under true forecasts.

    Attributes:
        counts: of each bin.
        expected: n / bins.
        low: the fewest days in a bin, if all bins are to lie inside.
        high: the most.
        level: how often all bins together lie inside [low, high] under true forecasts, at least.
        n: days.
    """

    counts: tuple[int, ...]
    expected: float
    low: int
    high: int
    level: float
    n: int

    @property
    def outside(self) -> tuple[int, ...]:
        """Which bins lie outside, from 0."""
        return tuple(i for i, count in enumerate(self.counts) if not self.low <= count <= self.high)

    def __str__(self) -> str:
        many = f"{len(self.outside)} of {len(self.counts)} bins are outside"
        found = many if self.outside else f"all {len(self.counts)} bins are inside"
        return f"{self.n} days: {found} {self.low} to {self.high}, where {self.level:.0%} of true forecasts have all"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        return {**asdict(self), "counts": list(self.counts), "outside": list(self.outside)}


def kolmogorov_smirnov(u: ArrayLike) -> TestResult:
    """Test uniformity by the largest distance of the empirical distribution function from the diagonal.

    Args:
        u: probability integral transforms (n,), in [0, 1].

    Raises:
        ShapeError: u is not (n,).
        InputError: there are no days, or a value lies outside [0, 1].
        SupportError: a number is not finite.

    Source: Kolmogorov (1933); Simard and L'Ecuyer (2011), Computing the two-sided Kolmogorov-Smirnov distribution, for
    scipy's exact p-value.

    Example:
        >>> kolmogorov_smirnov([0.1, 0.5, 0.9]).p_value > 0.9
        True
    """
    u = transforms("the Kolmogorov-Smirnov test", u, fewest=1, why=_WHY)
    found = kstest(u, "uniform")
    method = "exact distribution" if len(u) <= 10_000 else "asymptotic distribution"  # scipy's own choice
    return TestResult(
        "Uniformity (Kolmogorov, Smirnov)", float(found.statistic), float(found.pvalue), method, len(u), _NULL
    )


def anderson_darling(u: ArrayLike, *, draws: int = DRAWS, seed: int = 0) -> TestResult:
    """Test uniformity by A², to which both tails contribute as much as the middle.

    Args:
        u: probability integral transforms (n,), in [0, 1].
        draws: from the null.
        seed: names them.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are no days, or a value lies outside [0, 1].
        SupportError: a number is not finite.
        SpecificationError: draws < 19.

    Source: Anderson and Darling (1954), A test of goodness of fit; Dufour (2006) for the p-value.

    Example:
        >>> u = (np.arange(100) + 0.5) / 100
        >>> anderson_darling(u).p_value > 0.99, anderson_darling(u**2).p_value < 0.001
        (True, True)
    """
    u = transforms("the Anderson-Darling test", u, fewest=1, why=_WHY)
    statistic = float(_anderson_darling(np.sort(u)[None])[0])
    p = drawn_p(statistic, _anderson_darling_null(len(u), draws, seed), lot(seed, "anderson-darling", u))
    method = f"Monte Carlo, {draws} draws"
    return TestResult("Uniformity (Anderson, Darling)", statistic, p.value, method, len(u), _NULL, p_range=p.range)


def pit_histogram(
    u: ArrayLike, *, bins: int = 10, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> PitHistogram:
    """Count transforms in bins, beside a band that holds all counts at once as often as the level says.

    A band for each bin alone would be left by some bin of ten in four of ten true forecasts. This one has equal
    binomial tails, as narrow as simulated counts allow.

    Args:
        u: probability integral transforms (n,), in [0, 1].
        bins: of equal width.
        level: of the band, for all bins together.
        draws: of counts under true forecasts.
        seed: names them.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are fewer days than bins, or a value lies outside [0, 1].
        SupportError: a number is not finite.
        SpecificationError: there are fewer than two bins, draws < 19, or the level is no probability.

    Source: Diebold, Gunther and Tay (1998), Evaluating density forecasts; Säilynoja, Bürkner and Vehtari (2022),
    Graphical test for discrete uniformity, for simultaneous bands.

    Example:
        >>> print(pit_histogram((np.arange(250) + 0.5) / 250))
        250 days: all 10 bins are inside 13 to 39, where 95% of true forecasts have all
    """
    if bins < 2 or not 0 < level < 1:
        raise SpecificationError(f"a histogram needs two bins and a level between 0 and 1, found {bins} and {level}")
    u = transforms("a PIT histogram", u, fewest=bins, why="one for each bin")
    counts = np.histogram(u, bins, (0.0, 1.0))[0]
    low, high = _band(len(u), bins, level, draws, seed)
    return PitHistogram(tuple(counts.tolist()), len(u) / bins, low, high, level, len(u))


def _anderson_darling(u: Floats) -> Floats:
    """Return A² (m,) of transforms (m, n) in rising order."""
    n, u = u.shape[-1], inside(u)
    weight = (2 * np.arange(n) + 1) / n
    statistics: Floats = -n - (np.log(u) + np.log1p(-u[:, ::-1])) @ weight
    return statistics


@lru_cache(maxsize=16)
def _anderson_darling_null(n: int, draws: int, seed: int) -> Floats:
    """Return A² (draws,) of uniform transforms, rising."""
    generator = stream(seed, "anderson-darling", n)
    return simulated(draws, 3 * n, lambda m: _anderson_darling(np.sort(generator.random((m, n)))))


def _band(n: int, bins: int, level: float, draws: int, seed: int) -> tuple[int, int]:
    """Return the least and the largest count whose binomial tails are no rarer than the rarest of most histories."""
    cells = stream(seed, "pit histogram", n, bins).multinomial(n, np.full(bins, 1 / bins), enough_draws(draws))
    count = np.arange(n + 1)
    rarity = np.minimum(binom.cdf(count, n, 1 / bins), binom.sf(count - 1, n, 1 / bins))
    rarest = np.sort(rarity[cells].min(-1))
    bound = rarest[int((1 - level) * draws)]  # in no more than 1 − level of the histories a bin is rarer than this
    kept = np.flatnonzero(rarity >= bound)
    return int(kept[0]), int(kept[-1])
