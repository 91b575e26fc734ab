"""Where families are judged: ordinary points, tails, links' constant points, y at the mean, extreme scales, and chance.

A point is (η, y), two tuples of floats. All of them lie inside the link's domain and the family's support; what happens
at the ends is judged elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

import likeliest as lk

Point = tuple[tuple[float, ...], tuple[float, ...]]

MAGNITUDES = (
    *(1e-300, 1e-100, 1e-20, 1e-16, 1e-12, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.3, 0.5, math.log(2), 0.7, 0.8),
    *(0.9, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.6, 4.0, 5.0, 6.0, 7.0, 8.0, 8.3, 9.0, 10.0, 12.0, 15.0, 16.6, 17.0, 20.0),
    *(
        26.0,
        30.0,
        36.0,
        36.8,
        37.5,
        38.0,
        38.6,
        40.0,
        50.0,
        88.0,
        90.0,
        100.0,
        103.0,
        104.0,
        170.0,
        300.0,
        700.0,
        708.5,
    ),
    *(709.7, 710.0, 740.0, 745.0, 745.2, 746.0, 1e3, 2e3, 5e3, 1e4),
)
"""|η| around the places where links and their usual implementations change their manners."""
LOG_SCALES = (
    0.0,
    0.5,
    -0.9189385332046727,
    1.0,
    -1.0,
    3.0,
    -7.0,
    20.0,
    -36.0,
    80.0,
    -85.0,
    120.0,
    -300.0,
    345.0,
    690.0,
    -690.0,
)
_CHANCE = np.random.default_rng(1)
DISPERSIONS = np.float32(
    [*LOG_SCALES, *_CHANCE.normal(0, 2, 20), *_CHANCE.uniform(-40, 40, 10), *_CHANCE.uniform(-690, 690, 6)]
)
"""A few for all families and both precisions, because exact gamma functions of them are dear."""
SKEWS = (0.0, 1e-160, 1e-8, -1e-3, 0.1, -0.5, 0.7, 1.0, -1.5, 3.0, -6.0, 20.0, -100.0, 300.0)
COUNTS = (0, 1, 2, 3, 5, 9, 10, 31, 100, 170, 171, 1000, 12_345, 10**6, 10**8, 10**9 + 7, 10**12, 2**49 + 1, 10**15)
RESIDUALS = (
    0.0,
    1e-160,
    1e-16,
    1e-8,
    0.1,
    0.5,
    1.0,
    1.0 + 2**-52,
    1.0 - 2**-53,
    1.3,
    2.0,
    5.0,
    39.0,
    1e5,
    1e80,
    1e160,
    1e200,
)
RATIOS = (
    1.0,
    1 + 2**-52,
    1 - 2**-53,
    1 + 1e-12,
    1 - 1e-8,
    1 + 1e-5,
    1.01,
    0.9,
    0.5,
    2.0,
    0.1,
    30.0,
    1e-3,
    1e5,
    1e-20,
    1e30,
)


def points(family: lk.families.Family, dtype: type, chance: int, seed: int = 0) -> list[Point]:
    """The table of a family with so many points by chance, rounded to a dtype; what it cannot hold drops out."""
    rng = np.random.default_rng(seed)
    rounded = (_rounded(point, dtype) for point in _POINTS[family.name](family.link, rng, chance))
    return list(dict.fromkeys(point for point in rounded if point is not None and _is_inside(family, point)))


def _is_inside(family: lk.families.Family, point: Point) -> bool:
    """Whether a point still lies inside the domain and the support after rounding."""
    (first, *_), (y, *_) = point
    if family.name in ("bernoulli", "binomial"):
        return {"log": first < 0, "identity": 0 < first < 1}.get(family.link, True)
    if family.name == "gamma":
        return y > 0 and (family.link == "log" or first > 0)
    return True


def _rounded(point: Point, dtype: type) -> Point | None:
    with np.errstate(over="ignore"):
        eta, y = (tuple(float(dtype(number)) for number in part) for part in point)
    return (eta, y) if all(map(math.isfinite, (*eta, *y))) else None


def _signed(magnitudes: Iterable[float]) -> list[float]:
    return [0.0] + [sign * m for m in magnitudes for sign in (1, -1)]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(10 ** rng.uniform(low, high))


# --- probabilities ----------------------------------------------------------------------------------------------------


def _etas(link: str, rng: np.random.Generator, chance: int) -> list[float]:
    """Arguments of a probability's link."""
    if link == "identity":
        ends = [m for m in MAGNITUDES if m < 1] + [1 - m for m in MAGNITUDES if 1e-17 < m < 1]
        return ends + [_log_uniform(rng, -300, 0) for _ in range(chance // 4)] + rng.uniform(0, 1, chance).tolist()
    spread = [float(rng.choice((-1, 1))) * _log_uniform(rng, -4, 4) for _ in range(chance // 2)]
    etas = _signed(MAGNITUDES) + spread + (5 * rng.standard_normal(chance)).tolist()
    return [-abs(eta) for eta in etas if eta] if link == "log" else etas


def _bernoulli(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for eta in _etas(link, rng, chance):
        for y in (0.0, 1.0):
            yield (eta,), (y,)
    overflowing = [sign * magnitude for magnitude in (89.0, 89.8, 710.0, 711.0) for sign in (1.0, -1.0)]
    for eta in (*overflowing, *rng.choice(_etas(link, rng, chance), chance // 4)):
        for share in (1e-9, 1 - 2**-20, float(rng.uniform())):
            yield (float(eta),), (share,)


def _binomial(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for eta in _etas(link, rng, chance // 2):
        for _ in range(2):
            yield (eta,), (float(rng.choice(COUNTS)), float(rng.choice(COUNTS)))
    for _ in range(chance):
        successes, failures = (float(round(_log_uniform(rng, 0, rng.choice((1, 3, 15))))) for _ in range(2))
        p = min(max(successes / (successes + failures) * (1 + rng.choice((0, 1e-9, 1e-3, 0.1))), 1e-300), 1 - 2**-53)
        yield (_PROBABILITY_TO_ETA[link](p),), (successes, failures)


def _probit(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


_PROBABILITY_TO_ETA: dict[str, Callable[[float], float]] = {
    "logit": lambda p: math.log(p / (1 - p)),
    "probit": _probit,
    "cloglog": lambda p: math.log(-math.log1p(-p)),
    "loglog": lambda p: -math.log(-math.log(p)),
    "cauchit": lambda p: math.tan(math.pi * (p - 0.5)),
    "log": math.log,
    "identity": lambda p: p,
}


def _categorical(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for size in (0.1, 1.0, 5.0, 40.0, 700.0, 1e4):
        for classes in (2, 3, 10):
            for _ in range(max(1, chance // 15)):
                eta = np.clip(size * rng.standard_normal(classes), -1e4, 1e4)
                if rng.uniform() < 0.2:
                    eta[0] = eta[-1] * (1 + rng.choice((0, 2**-52, 1e-9)))
                for label in {int(eta.argmax()), int(rng.integers(classes))}:
                    yield tuple(eta.tolist()), (float(label),)


# --- counts -----------------------------------------------------------------------------------------------------------


def _near_counts(rng: np.random.Generator, chance: int) -> Iterator[tuple[float, float]]:
    """η and a count: at the mean, within a few standard deviations of it, far from it, and anywhere."""
    for count in COUNTS:
        for shift in (0.0, 1e-12, -1e-8, 1e-3, -0.1, 1.0, -5.0, 30.0):
            yield math.log(count or 1) + shift, count
    for eta in _signed(MAGNITUDES):
        yield eta, int(rng.choice(COUNTS))
    for _ in range(chance):
        eta = rng.uniform(-10, 34.5)
        mean = math.exp(eta)
        yield eta, float(max(0, round(mean + rng.normal() * math.sqrt(mean) * rng.choice((1, 10)))))
        yield rng.choice((-1, 1)) * _log_uniform(rng, -3, 4), float(round(_log_uniform(rng, 0, 15)))


def _poisson(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for eta, count in _near_counts(rng, chance):
        yield (eta,), (count,)
    for eta, rate in zip(rng.normal(size=chance // 4), rng.exponential(3, chance // 4), strict=True):
        yield (float(eta),), (float(rate),)


def _negative_binomial(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for eta, count in _near_counts(rng, chance):
        for _ in range(2):
            yield (eta, _dispersion(rng)), (count,)
    for count in (0, 1, 2, 100, 10**15):
        for dispersion in LOG_SCALES:
            yield (0.3, dispersion), (count,)


def _dispersion(rng: np.random.Generator) -> float:
    """One of the logs of a dispersion or a tail: mostly moderate, often extreme."""
    return float(rng.choice(DISPERSIONS))


# --- real numbers -----------------------------------------------------------------------------------------------------


def _locations(rng: np.random.Generator, chance: int) -> Iterator[Point]:
    """(μ, s) and y: for chosen residuals in units of the scale, and for extreme y."""

    def point(mean: float, log_scale: float, residual: float) -> Point:
        return (mean, log_scale), (float(np.clip(mean + residual * math.exp(log_scale), -1e300, 1e300)),)

    means = (0.0, 1.0, -3.7, 1e4, -1e-8, 1e-300, 123.456)
    for log_scale in LOG_SCALES:
        for residual in RESIDUALS:
            yield point(0.0, log_scale, residual)
            yield point(float(rng.choice(means)), log_scale, -residual)
        for y in (0.0, 1e-300, -1e300, 1.0, -1e15):
            yield (float(rng.choice(means)), log_scale), (y,)
    for _ in range(chance):
        yield point(float(rng.normal()), float(rng.normal()), float(rng.normal() * rng.choice((1, 1, 10))))
        yield point(0.0, float(rng.uniform(-690, 690)), float(rng.choice((-1, 1)) * _log_uniform(rng, -20, 20)))


def _two_columns(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    return _locations(rng, chance)


def _student_t(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    for (mean, log_scale), y in _locations(rng, chance // 2):
        yield (mean, log_scale, _dispersion(rng)), y
    for log_df in (*LOG_SCALES, math.log(3), 5.0, 10.0, 30.0, 36.7, 40.0, -36.0, -3.0):
        for residual in (0.0, 1e-8, 0.7, 1.0, 4.0, 1e6, 1e150):
            yield (0.0, 0.0, log_df), (residual,)


def _skewed_student_t(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    """Without y near μ for the smallest ν − 2: there the score of κ has a limit, and a logarithm loses its digits."""
    for eta, y in _student_t(link, rng, chance):
        if eta[2] > -10 or abs(y[0] - eta[0]) > 0.01 * math.exp(eta[1]):
            yield (*eta, float(rng.choice(SKEWS))), y


def _gamma(link: str, rng: np.random.Generator, chance: int) -> Iterator[Point]:
    if link == "log":
        etas = [eta for eta in _signed(MAGNITUDES) if abs(eta) > 1e-17]
        to_mean = math.exp
    else:
        etas = [*MAGNITUDES, *(_log_uniform(rng, -300, 4) for _ in range(40))]
        to_mean = (lambda eta: 1 / eta) if link == "inverse" else (lambda eta: eta)
    for eta in [0.0 if link == "log" else 1.0] * 20 + etas + [_log_uniform(rng, -3, 2) for _ in range(chance)]:
        mean = to_mean(min(eta, 690.0)) if link == "log" else to_mean(eta)
        for ratio in (*rng.choice(RATIOS, 2), 1.0):
            yield (eta, _dispersion(rng)), (float(np.clip(mean * ratio, 1e-300, 1e300)),)
        yield (eta, _dispersion(rng)), (_log_uniform(rng, -300, 300),)
    for dispersion in LOG_SCALES:
        for ratio in RATIOS:
            yield (0.0 if link == "log" else 1.0, dispersion), (ratio,)
    if link != "log":  # y/μ² overflows, and k y/μ² does not
        yield (1e-262, 576.0), (1e262 if link == "inverse" else 5e-16,)
        yield (1e-200, 690.0), (1e300 if link == "inverse" else 1e80,)


_POINTS: dict[str, Callable[[str, np.random.Generator, int], Iterator[Point]]] = {
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "categorical": _categorical,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "normal": _two_columns,
    "laplace": _two_columns,
    "asymmetric_laplace": _two_columns,
    "student_t": _student_t,
    "standardised_student_t": _student_t,
    "skewed_student_t": _skewed_student_t,
    "gamma": _gamma,
}
