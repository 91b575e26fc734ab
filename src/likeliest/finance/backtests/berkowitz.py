"""Are forecast distributions true, by likelihood ratios of normal scores?

With u = F(y) the transform of a return by its own forecast, z = Φ⁻¹(u) is standard normal and independent from day to
day if the forecasts are true. Berkowitz sets that against

    all of it   z_t = μ + ρ (z_{t−1} − μ) + ε_t, ε ~ N(0, σ²): a shift, a wrong scale, a memory;
    the tail    z ~ N(μ, σ²), of which only what lies below c = Φ⁻¹(a) is seen, and of the other days that they are not.

Both ratios have distributions that depend on n (and a) alone, so the p-values are Monte Carlo ones. In the tail test

    ℓ(h, b) = k log h − ½ Σ (h z − b)² + (n − k) log Φ(b − h c),    h = 1/σ, b = μ/σ, k days in the tail,

is concave (Olsen, 1978, for censored regression), and Newton's method finds its maximum for all draws at once.

Source: Berkowitz (2001), Testing density forecasts, with applications to risk management; Dufour (2006).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, log_ndtr, ndtri, xlogy

from likeliest.finance.backtests.base import Floats, TestResult, tail
from likeliest.finance.backtests.monte_carlo import DRAWS, drawn_p, lot, simulated
from likeliest.finance.backtests.uniforms import normal_scores, tail_draws, transforms
from likeliest.randomness import stream

_TINY = float(np.finfo(np.float64).tiny)
_STEPS, _HALVINGS = 60, 40
_CLOSE = 1e-12
"""Newton ends where no ratio can rise by more, relative to itself."""


class Memory(NamedTuple):
    """The ratio of all of it; mean of the scores, standard deviation and slope of today's on yesterday's. All (m,)."""

    ratio: Floats
    mean: Floats
    scale: Floats
    persistence: Floats


class TailSums(NamedTuple):
    """What the tail test sees of a history: days in the tail, Σ z and Σ z² over these, all (m,)."""

    k: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, z: Floats, seen: np.ndarray) -> TailSums:
        """Sum normal scores (m, …) over places that are seen."""
        z = np.where(seen, z, 0.0)
        return cls(seen.sum(-1).astype(np.float64), z.sum(-1), (z**2).sum(-1))


def berkowitz(u: ArrayLike, *, draws: int = DRAWS, seed: int = 0) -> TestResult:
    """Test whether normal scores have mean 0, variance 1 and no memory.

    The first day is taken as given, which leaves a regression in closed form.

    Args:
        u: probability integral transforms (n,), in [0, 1].
        draws: from the null.
        seed: names them, and the lots among equal statistics.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are fewer than five days, or a value lies outside [0, 1].
        SupportError: a number is not finite.
        SpecificationError: draws < 19.

    Source: Berkowitz (2001), equation 12; Dufour (2006) for the p-value.

    Example:
        >>> u = np.random.default_rng(0).random(500)
        >>> berkowitz(u).p_value > 0.05, berkowitz(0.25 + u / 2).p_value < 0.001
        (True, True)
    """
    u = transforms("Berkowitz' test", u, fewest=5, why="for three parameters beside a first day")
    found = _memory(normal_scores(u)[None])
    statistic, mean, scale, persistence = (float(values[0]) for values in found)
    p = drawn_p(statistic, _memory_null(len(u), draws, seed), lot(seed, "berkowitz", u))
    return TestResult(
        name="Normal scores (Berkowitz)",
        statistic=statistic,
        p_value=p.value,
        method=f"Monte Carlo, {draws} draws",
        n=len(u),
        null="the forecast distributions are true: normal scores have mean 0, variance 1 and no memory",
        evidence={"mean": mean, "sd": scale, "ar1": persistence, "p_asymptotic": float(chdtrc(3, statistic))},
        p_range=p.range,
    )


def berkowitz_tail(u: ArrayLike, *, level: float, draws: int = DRAWS, seed: int = 0) -> TestResult:
    """Test whether normal scores below the a-quantile come as often, and lie as deep, as those of N(0, 1).

    Args:
        u: probability integral transforms (n,), in [0, 1].
        level: the tail probability a; days with u ≤ a are seen in full, of the others only that u > a.
        draws: from the null.
        seed: names them, and the lots among equal statistics.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are fewer than five days, or a value lies outside [0, 1].
        SupportError: a number is not finite.
        SpecificationError: the level is no probability, or draws < 19.

    Source: Berkowitz (2001), equation 13; Dufour (2006) for the p-value.

    Example:
        >>> u = np.random.default_rng(0).random(500)
        >>> berkowitz_tail(u, level=0.05).p_value > 0.05, berkowitz_tail(u**2, level=0.05).p_value < 0.001
        (True, True)
    """
    tail("Berkowitz' tail test", level)
    u = transforms("Berkowitz' tail test", u, fewest=5, why="for two parameters")
    n, seen = len(u), u <= level
    ratio, h, b = _censored(TailSums.of(normal_scores(u)[None], seen[None]), n, float(ndtri(level)))
    statistic, hits = float(ratio[0]), int(seen.sum())
    p = drawn_p(statistic, _tail_null(n, level, draws, seed), lot(seed, "berkowitz tail", u))
    estimates: dict[str, float | str] = {"mean": float(b[0] / h[0]), "sd": float(1 / h[0])} if hits else {}
    return TestResult(
        name="Tail of normal scores (Berkowitz)",
        statistic=statistic,
        p_value=p.value,
        method=f"Monte Carlo, {draws} draws, lots among equal statistics",
        n=n,
        null=f"in the worst {level:.4g} of cases the forecast distributions are true, in frequency and in depth",
        counts={"exceedances": hits, "expected": n * level},
        evidence={"level": level, **estimates, "p_asymptotic": float(chdtrc(2, statistic))},
        p_range=p.range,
    )


def _memory(z: Floats) -> Memory:
    """Return the likelihood ratio of an AR(1) against N(0, 1) for normal scores (m, n), given their first day."""
    before, now = z[:, :-1], z[:, 1:]
    size = now.shape[1]
    means = before.mean(-1, keepdims=True), now.mean(-1, keepdims=True)
    x, y = before - means[0], now - means[1]
    squares = np.einsum("mt,mt->m", x, x)
    slope = np.einsum("mt,mt->m", x, y) / np.maximum(squares, _TINY)
    rest = y - slope[:, None] * x
    variance = np.maximum(np.einsum("mt,mt->m", rest, rest) / size, _TINY)  # a perfect fit is as finite as others
    ratio = np.einsum("mt,mt->m", now, now) - size * (1 + np.log(variance))
    return Memory(np.maximum(ratio, 0.0), z.mean(-1), np.sqrt(variance), slope)


def _censored(sums: TailSums, n: int, c: float) -> tuple[Floats, Floats, Floats]:
    """Return twice the gain of the censored log-likelihood over h = 1, b = 0, and where it is largest, all (m,).

    Without a day in the tail the likelihood rises to 1 as b does.
    """
    h, b = np.ones_like(sums.k), np.zeros_like(sums.k)
    start = value = _log_likelihood(sums, n, c, h, b)
    active = sums.k > 0
    for _ in range(_STEPS):
        step_h, step_b, gain = _newton(sums, n, c, h, b)
        active = active & (gain > _CLOSE * (1 + np.abs(value)))
        if not active.any():
            break
        length = np.where(active, 1.0, 0.0)
        for _ in range(_HALVINGS):
            tried = _log_likelihood(sums, n, c, h + length * step_h, b + length * step_b)
            worse = active & ~(tried >= value)
            if not worse.any():
                break
            length[worse] /= 2
        h, b, value = h + length * step_h, b + length * step_b, np.where(active, tried, value)
    ratio = np.where(sums.k > 0, 2 * (value - start), -2 * start)
    return np.maximum(ratio, 0.0), h, b


def _log_likelihood(sums: TailSums, n: int, c: float, h: Floats, b: Floats) -> Floats:
    """Return ℓ(h, b) without its constant, −∞ where h is not positive."""
    k, first, second = sums
    positive = np.where(h > 0, h, 1.0)
    inside = xlogy(k, positive) - (h**2 * second - 2 * h * b * first + k * b**2) / 2
    found: Floats = np.where(h > 0, inside + (n - k) * log_ndtr(b - h * c), -np.inf)
    return found


def _newton(sums: TailSums, n: int, c: float, h: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Return Newton's step in h and b, and how much ℓ rises along it to first order."""
    k, first, second = sums
    v, beyond = b - h * c, n - k
    mills = np.exp(-(v**2) / 2 - np.log(2 * np.pi) / 2 - log_ndtr(v))
    bend = beyond * mills * (v + mills)
    g_h, g_b = k / h - h * second + b * first - beyond * c * mills, h * first - k * b + beyond * mills
    a_hh, a_hb, a_bb = k / h**2 + second + c**2 * bend, -first - c * bend, k + bend
    determinant = np.maximum(a_hh * a_bb - a_hb**2, _CLOSE * a_hh * a_bb)  # days all alike leave it 0
    step_h, step_b = (a_bb * g_h - a_hb * g_b) / determinant, (a_hh * g_b - a_hb * g_h) / determinant
    return step_h, step_b, step_h * g_h + step_b * g_b


@lru_cache(maxsize=16)
def _memory_null(n: int, draws: int, seed: int) -> Floats:
    """Return the ratio (draws,) of independent standard normal scores, rising."""
    generator = stream(seed, "berkowitz", n)
    return simulated(draws, 4 * n, lambda m: _memory(generator.standard_normal((m, n))).ratio)


@lru_cache(maxsize=16)
def _tail_null(n: int, level: float, draws: int, seed: int) -> Floats:
    """Return the censored ratio (draws,) of true forecasts, rising."""
    generator = stream(seed, f"berkowitz tail {level!r}", n)

    def statistics(m: int) -> Floats:
        u, seen = tail_draws(generator, m, n, level)
        return _censored(TailSums.of(normal_scores(u), seen), n, float(ndtri(level)))[0]

    return simulated(draws, int(2 * n * level) + 20, statistics)
