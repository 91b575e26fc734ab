"""Resampling days that remember one another: the stationary bootstrap, its block length, and intervals from it.

A resample is made of blocks of days that follow one another (round the end to the start), of geometric length with mean
b: at every day a new block starts with probability 1/b. The best b for the variance of a mean is

    b = (2 G² / D)^⅓ n^⅓,    G = Σ λ(k/M) |k| γ_k,    D = 2 (Σ λ(k/M) γ_k)²,

sums over |k| ≤ M with the flat-top window λ(x) = min(1, 2 (1 − |x|)), M twice the lag from which on autocorrelations
are negligible.

Source: Politis and Romano (1994), The stationary bootstrap; Politis and White (2004), Automatic block-length selection
for the dependent bootstrap; Patton, Politis and White (2009), its correction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import ShapeError, SpecificationError
from likeliest.finance.backtests.base import Floats, days
from likeliest.finance.backtests.long_run import autocovariances, is_constant, long_run_variance
from likeliest.finance.backtests.monte_carlo import DRAWS, portions
from likeliest.randomness import stream

Statistic = Callable[[Floats], ArrayLike]
"""Of series (…, n) along the last axis, giving (…,)."""
FEWEST = 20
_WHY = "for blocks of them to differ"


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """A statistic of a series, and an interval of what it estimates.

    Attributes:
        estimate: the statistic of the series.
        low: lower end.
        high: upper end.
        level: how often such intervals are to hold the true value.
        block: mean length of a block, in days.
        method: in words.
    """

    estimate: float
    low: float
    high: float
    level: float
    block: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def block_length(values: ArrayLike) -> float:
    """Return the mean block length ≥ 1 that serves the stationary bootstrap of a mean best, in days.

    Args:
        values: a series (n,).

    Raises:
        ShapeError: the series is not (n,).
        InputError: there are fewer than 20 days.
        SupportError: a number is not finite.

    Source: Politis and White (2004); Patton, Politis and White (2009).

    Example:
        >>> steps = np.random.default_rng(0).standard_normal(1_000)
        >>> block_length(steps) < 5 < block_length(np.convolve(steps, np.ones(10)))
        True
    """
    (x,) = days("a block length", {"values": values}, fewest=FEWEST, why=_WHY)
    if is_constant(x):
        return 1.0
    n = len(x)
    run = max(5, int(math.log10(n)))
    most = math.ceil(math.sqrt(n)) + run
    gamma = autocovariances(x - x.mean(), min(most, n - 1))
    window = min(2 * _negligible_from(gamma, n, run), most)
    k = np.arange(1, window + 1)
    weighed = 2 * np.minimum(1.0, 2 * (1 - k / window)) * gamma[1 : window + 1]
    bend, spread = float(weighed @ k), float(gamma[0] + weighed.sum())
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    best = (n * (bend / spread) ** 2) ** (1 / 3) if spread else longest
    return float(min(max(best, 1.0), longest))


def block_interval(
    values: ArrayLike,
    *,
    statistic: Statistic | None = None,
    level: float = 0.95,
    block: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> BootstrapInterval:
    """Return an interval of what a statistic of a series estimates, by the stationary bootstrap.

    That of the mean is the percentile-t interval, whose resamples are each divided by their own standard error: where
    days are skewed it errs by far less than Student's. Any other statistic has the basic interval, which reflects the
    resamples' quantiles in the estimate.

    Args:
        values: a series (n,).
        statistic: a function of series (…, n) along the last axis; None is the mean.
        level: how often such intervals are to hold the true value.
        block: mean length of a block in days, ≥ 1; None chooses it by `block_length`.
        draws: resamples.
        seed: names them.

    Raises:
        ShapeError: the series is not (n,), or the statistic does not give one number for each series.
        InputError: there are fewer than 20 days.
        SupportError: a number is not finite.
        SpecificationError: level or block are none, or there are too few draws for the level.

    Source: Politis and Romano (1994); Hall (1992), The bootstrap and Edgeworth expansion, 3.10; Götze and Künsch
    (1996), Second-order correctness of the blockwise bootstrap, for the standard error of a resample.

    Example:
        >>> values = np.random.default_rng(0).standard_normal(500) + 1
        >>> found = block_interval(values, draws=999)
        >>> 0.85 < found.low < found.estimate < found.high < 1.15
        True
    """
    (x,) = days("a bootstrap interval", {"values": values}, fewest=FEWEST, why=_WHY)
    if not 0 < level < 1 or draws * (1 - level) < 2:
        raise SpecificationError(f"an interval of level {level} needs 0 < level < 1, and more draws than {draws}")
    length = block_length(x) if block is None else float(block)
    if not length >= 1:
        raise SpecificationError(f"a bootstrap interval needs blocks of at least 1 day, found {block}")
    if statistic is not None:
        return _basic(x, statistic, level, length, draws, seed)
    mean, error = float(x.mean()), standard_error(x, length)
    t = student_draws(x[None], length, draws, seed)[0]
    low, high = mean - error * upper_draw(t, (1 - level) / 2), mean + error * upper_draw(-t[::-1], (1 - level) / 2)
    return BootstrapInterval(mean, low, high, level, length, f"percentile-t, {draws} resamples of blocks")


def resamples(n: int, block: float, draws: int, seed: int, each: int = 1) -> Iterator[NDArray[np.int64]]:
    """Yield days (m, n) of resamples, portion by portion; ``each`` numbers are kept of each day."""
    generator = stream(seed, "stationary bootstrap", n)
    day = np.arange(n)
    for m in portions(draws, 4 * n * each):
        starts = generator.random((m, n)) < 1 / block
        starts[:, 0] = True
        since = np.maximum.accumulate(np.where(starts, day, 0), axis=1)  # the day in the resample where its block began
        first = np.take_along_axis(generator.integers(n, size=(m, n)), since, 1)
        yield (first + day - since) % n


def student_draws(x: Floats, block: float, draws: int, seed: int) -> Floats:
    """Return t = (mean − mean of the series) / standard error of resamples, (k, draws) for series (k, n), each rising.

    All series share the resampled days. A resample whose days are all alike has no standard error, and an infinite t.
    """
    found = []
    centre = x.mean(-1, keepdims=True)
    for index in resamples(x.shape[-1], block, draws, seed, len(x)):
        drawn = x[:, index]
        distance, variance = drawn.mean(-1) - centre, np.maximum(long_run_variance(drawn, _lag(block), "bartlett"), 0.0)
        error = np.sqrt(variance / x.shape[-1])
        with np.errstate(divide="ignore"):
            found.append(np.divide(distance, error, out=np.zeros_like(distance), where=distance != 0))
    return np.sort(np.concatenate(found, -1))


def standard_error(x: Floats, block: float) -> float:
    """Return the standard error of the mean of a series (n,) that remembers about as long as a block."""
    return math.sqrt(float(long_run_variance(x, _lag(block), "bartlett")) / len(x))


def upper_draw(rising: Floats, share: float) -> float:
    """Return the draw that a further one exceeds with this probability: the ⌊(N + 1) share⌋-th from above."""
    return float(rising[len(rising) - max(1, math.floor((len(rising) + 1) * share + 1e-9))])


def _lag(block: float) -> int:
    return math.ceil(block) - 1


def _negligible_from(gamma: Floats, n: int, run: int) -> int:
    """Return the first lag ≥ 1 of a run of autocorrelations inside the noise; half the largest lag where there is none.

    Noise is 2 √(log₁₀ n / n), as in the source.
    """
    noise = np.abs(gamma[1:] / gamma[0]) < 2 * math.sqrt(math.log10(n) / n)
    quiet = np.convolve(noise, np.ones(run), mode="valid") > run - 0.5
    return int(quiet.argmax()) + 1 if quiet.any() else len(gamma)


def _basic(x: Floats, statistic: Statistic, level: float, block: float, draws: int, seed: int) -> BootstrapInterval:
    estimate = float(np.asarray(statistic(x)))
    found = []
    for index in resamples(len(x), block, draws, seed):
        values = np.asarray(statistic(x[index]), np.float64)
        if values.shape != index.shape[:1]:
            raise ShapeError(
                f"a bootstrap interval needs a statistic along the last axis, {index.shape} to {index.shape[:1]}; "
                f"found {values.shape}: give lambda x: np.median(x, axis=-1) for np.median"
            )
        found.append(values)
    rising = np.sort(np.concatenate(found))
    tail = (1 - level) / 2
    low, high = 2 * estimate - upper_draw(rising, tail), 2 * estimate + upper_draw(-rising[::-1], tail)
    return BootstrapInterval(estimate, low, high, level, block, f"basic, {draws} resamples of blocks")
