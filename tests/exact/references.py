"""Every family as textbooks write it, in mpmath: log p with its score and Hessian in η, one example at a time.

Each takes η, a tuple of exact numbers, and y, and evaluates at mpmath's current precision. Gaps between magnitudes are
bridged by `guarded`; other cancellation is left to `settled`, which raises the precision until it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

from mpmath import mp, mpf

import likeliest as lk

from .arithmetic import Jet, exp, guarded

Reference = Callable[[tuple[mpf, ...], tuple[mpf, ...]], Jet]


def reference(family: lk.families.Family) -> Reference:
    """The reference of a family: there is one for every family and link, or the judge cannot sit.

    Raises:
        LookupError: nobody has written it yet.
    """
    if family.name in ("bernoulli", "binomial"):
        return partial(_trials, PROBABILITIES[family.link], family.name == "binomial")
    if family.name == "gamma":
        return partial(_gamma, MEANS[family.link])
    if family.name == "asymmetric_laplace":
        return partial(_asymmetric_laplace, mpf(family.level))
    try:
        return _REFERENCES[family.name]
    except KeyError:
        raise LookupError(f"tests/exact/references.py has no reference for {family}; write it first") from None


def is_strict(family: lk.families.Family, y: tuple[mpf, ...]) -> bool:
    """Whether the error is bounded by ulps of the result alone: single trials and classes."""
    return family.name == "categorical" or (family.name == "bernoulli" and y[0] in (0, 1))


# --- one column: probabilities and counts -----------------------------------------------------------------------------


class Probability(NamedTuple):
    """log p and log q = log(1 − p) with their derivatives, and f′/f of the density f = dp/dη."""

    log_p: mpf
    log_q: mpf
    rise: mpf
    fall: mpf
    bend: mpf


def _logit(eta: mpf) -> Probability:
    p, q = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
    return Probability(-mp.log1p(mp.exp(-eta)), -mp.log1p(mp.exp(eta)), q, -p, q - p)


def _probit(eta: mpf) -> Probability:
    p, q = mp.erfc(-eta / mp.sqrt(2)) / 2, mp.erfc(eta / mp.sqrt(2)) / 2
    density = mp.exp(-(eta**2) / 2) / mp.sqrt(2 * mp.pi)
    return Probability(_log(p, q), _log(q, p), density / p, -density / q, -eta)


def _cloglog(eta: mpf) -> Probability:
    h = mp.exp(eta)
    rise = h * exp(-h) / -mp.expm1(-h) if h < 10**5 else mpf(0)
    log_p = mp.log(-mp.expm1(-h)) if h < 1 else mp.log1p(-exp(-h))
    return Probability(log_p, -h, rise, -h, 1 - h)


def _loglog(eta: mpf) -> Probability:
    mirrored = _cloglog(-eta)
    return Probability(mirrored.log_q, mirrored.log_p, -mirrored.fall, -mirrored.rise, -mirrored.bend)


def _cauchit(eta: mpf) -> Probability:
    tail = mp.atan(1 / abs(eta)) / mp.pi if eta else mpf(1) / 2
    p, q = (tail, 1 - tail) if eta < 0 else (1 - tail, tail)
    density = 1 / (mp.pi * (1 + eta**2))
    return Probability(_log(p, q), _log(q, p), density / p, -density / q, -2 * eta / (1 + eta**2))


def _log_link(eta: mpf) -> Probability:
    log_q = mp.log(-mp.expm1(eta)) if eta > -1 else mp.log1p(-mp.exp(eta))
    return Probability(eta, log_q, mpf(1), -1 / mp.expm1(-eta), mpf(1))


def _identity(eta: mpf) -> Probability:
    return Probability(mp.log(eta), mp.log1p(-eta), 1 / eta, -1 / (1 - eta), mpf(0))


def _log(p: mpf, q: mpf) -> mpf:
    return mp.log(p) if p < 0.5 else mp.log1p(-q)


PROBABILITIES = {
    "logit": _logit,
    "probit": _probit,
    "cloglog": _cloglog,
    "loglog": _loglog,
    "cauchit": _cauchit,
    "log": _log_link,
    "identity": _identity,
}


def _trials(link: Callable[[mpf], Probability], counted: bool, eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    """Return k log p + (m − k) log q, and the log of the number of orders where trials are counted."""
    successes, failures = y if counted else (y[0], 1 - y[0])
    p = link(eta[0])
    value = (successes * p.log_p if successes else 0) + (failures * p.log_q if failures else 0)
    if counted:
        value += _log_factorial(successes + failures) - _log_factorial(successes) - _log_factorial(failures)
    score = successes * p.rise + failures * p.fall
    hessian = successes * p.rise * (p.bend - p.rise) + failures * p.fall * (p.bend - p.fall)
    return Jet(mpf(value), (score,), ((hessian,),))


def _categorical(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    label, top = int(y[0]), max(eta)
    powers = [mp.exp(e - top) for e in eta]
    total = mp.fsum(powers)
    others = mp.fsum(power for k, power in enumerate(powers) if k != label)
    value = -mp.log1p(others / powers[label])
    return Jet(value, tuple(others / total if k == label else -power / total for k, power in enumerate(powers)), ())


def _poisson(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    mean = mp.exp(eta[0])
    return Jet(y[0] * eta[0] - mean - _log_factorial(y[0]), (y[0] - mean,), ((-mean,),))


@lru_cache(None)
def _log_factorial(count: mpf) -> mpf:
    """Return ln y! at 512 bits, which all precisions share that are ever needed."""
    with mp.workprec(512):
        return mp.loggamma(count + 1)


# --- location and scale -----------------------------------------------------------------------------------------------


def _normal(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    per, z = _standardised(eta, y)
    value = -(z**2) / 2 - eta[1] - mp.log(2 * mp.pi) / 2
    mixed = -2 * z * per
    return Jet(value, (z * per, z**2 - 1), ((-(per**2), mixed), (mixed, -2 * z**2)))


def _laplace(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    return _pinball(-mp.log(2), (mpf(1), mpf(-1)), eta, y)


def _asymmetric_laplace(level: mpf, eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    return _pinball(mp.log(level) + mp.log1p(-level), (level, level - 1), eta, y)


def _pinball(constant: mpf, slopes: tuple[mpf, mpf], eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    """Return constant − s − z·slope, with one slope above the location, one below, and their mean on it."""
    per, z = _standardised(eta, y)
    above, below = slopes
    slope = above if z > 0 else below if z < 0 else (above + below) / 2
    loss, mixed = z * slope, -slope * per
    return Jet(constant - eta[1] - loss, (slope * per, loss - 1), ((mpf(0), mixed), (mixed, -loss)))


def _student_t(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    per, z = _standardised(eta, y)
    df = mp.exp(eta[2])
    constant, first, second = _student_constants(eta[2], mp.prec)
    with guarded(df):
        w = z**2 / df
        r = 1 / (1 + w)
        value = constant - eta[1] - (df + 1) / 2 * mp.log1p(w)
        location = (1 + 1 / df) * z * per * r
        scale = (df + 1) * w * r - 1
        tail = first - df / 2 * mp.log1p(w) + (df + 1) / 2 * w * r
        ss = -2 * (df + 1) * r**2 * w
        sd = df * w * r - (df + 1) * r**2 * w
        sm = -2 * (1 + 1 / df) * z * per * r**2
        mm = -(1 + 1 / df) * per**2 * (1 - w) * r**2
        md = -z * per * r / df + (1 + 1 / df) * z * per * r**2 * w
        dd = second - df / 2 * mp.log1p(w) + df * w * r - (df + 1) / 2 * r**2 * w
    return Jet(value, (location, scale, tail), ((mm, sm, md), (sm, ss, sd), (md, sd, dd)))


@lru_cache(None)
def _student_constants(log_df: mpf, precision: int) -> tuple[mpf, mpf, mpf]:
    """What of log p knows ν alone, and its two derivatives by log ν."""
    df = mp.exp(log_df)
    with mp.workprec(precision), guarded(df):
        df = mp.exp(log_df)
        upper, lower = (df + 1) / 2, df / 2
        constant = mp.loggamma(upper) - mp.loggamma(lower) - mp.log(mp.pi * df) / 2
        digammas = df / 2 * (mp.digamma(upper) - mp.digamma(lower))
        trigammas = df**2 / 4 * (mp.psi(1, upper) - mp.psi(1, lower))
    return constant, digammas - mpf(1) / 2, digammas + trigammas


def _standardised_student_t(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    per, z = _standardised(eta, y)
    excess = mp.exp(eta[2])
    constant, first, second = _standardised_student_constants(eta[2], mp.prec)
    with guarded(excess):
        df, w = excess + 2, z**2 / excess
        r = 1 / (1 + w)
        value = constant - eta[1] - (df + 1) / 2 * mp.log1p(w)
        location = (df + 1) / excess * z * per * r
        scale = (df + 1) * w * r - 1
        tail = first - excess / 2 * mp.log1p(w) + (df + 1) / 2 * w * r
        ss = -2 * (df + 1) * r**2 * w
        sd = excess * w * r - (df + 1) * r**2 * w
        sm = -2 * (df + 1) / excess * z * per * r**2
        mm = -(df + 1) / excess * per**2 * (1 - w) * r**2
        md = -3 / excess * z * per * r + (df + 1) / excess * z * per * r**2 * w
        dd = second - excess / 2 * mp.log1p(w) + excess * w * r - (df + 1) / 2 * r**2 * w
    return Jet(value, (location, scale, tail), ((mm, sm, md), (sm, ss, sd), (md, sd, dd)))


@lru_cache(None)
def _standardised_student_constants(log_excess: mpf, precision: int) -> tuple[mpf, mpf, mpf]:
    """What of log p knows ν alone, and its two derivatives by log(ν − 2)."""
    with mp.workprec(precision), guarded(mp.exp(log_excess)):
        excess = mp.exp(log_excess)
        upper, lower = (excess + 3) / 2, (excess + 2) / 2
        constant = mp.loggamma(upper) - mp.loggamma(lower) - mp.log(mp.pi * excess) / 2
        digammas = excess / 2 * (mp.digamma(upper) - mp.digamma(lower))
        trigammas = excess**2 / 4 * (mp.psi(1, upper) - mp.psi(1, lower))
    return constant, digammas - mpf(1) / 2, digammas + trigammas


def _skewed_student_t(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    """As Hansen writes it, with the derivatives of his a and b, of x and of h = log p of the noise in turn."""
    per, z = _standardised(eta, y)
    excess = mp.exp(eta[2])
    constant, first, second = _standardised_student_constants(eta[2], mp.prec)
    with guarded(excess, mp.exp(2 * abs(eta[3]))):
        df, lam = excess + 2, mp.tanh(eta[3])
        turn = 4 / (mp.exp(eta[3]) + mp.exp(-eta[3])) ** 2
        lams = {(2,): mpf(0), (3,): turn, (2, 2): mpf(0), (2, 3): mpf(0), (3, 3): -2 * lam * turn}
        m = 4 * mp.exp(constant) * excess / (df - 1)
        rise = first + 1 - excess / (df - 1)
        bend = second - excess / (df - 1) + (excess / (df - 1)) ** 2
        ms = {(2,): m * rise, (3,): mpf(0), (2, 2): m * (rise**2 + bend), (2, 3): mpf(0), (3, 3): mpf(0)}
        a = lam * m
        of_a = _of_product(lam, lams, m, ms)
        squares = _of_product(a, of_a, a, of_a)
        threes = _of_product(lam, lams, lam, lams)
        square = 1 + 3 * lam**2 - a**2
        of_square = {key: 3 * threes[key] - squares[key] for key in squares}
        b = mp.sqrt(square)
        of_b = {(i,): of_square[i,] / (2 * b) for i in (2, 3)}
        logs = {(i,): of_square[i,] / (2 * square) for i in (2, 3)}
        for i, j in ((2, 2), (2, 3), (3, 3)):
            both = of_square[i,] * of_square[j,]
            of_b[i, j] = of_square[i, j] / (2 * b) - both / (4 * b**3)
            logs[i, j] = of_square[i, j] / (2 * square) - both / (2 * square**2)
        t = b * z + a
        sign = 1 if t > 0 or (t == 0 and lam >= 0) else -1
        wide = 2 / (1 + mp.exp(-2 * sign * eta[3]))
        ts = {(0,): -b * per, (1,): -b * z, (0, 0): mpf(0), (0, 1): b * per, (1, 1): b * z}
        for i in (2, 3):
            ts[i,], ts[0, i], ts[1, i] = of_b[i,] * z + of_a[i,], -of_b[i,] * per, -of_b[i,] * z
        for key in ((2, 2), (2, 3), (3, 3)):
            ts[key] = of_b[key] * z + of_a[key]
        turned, turned_twice = sign * lams[3,] / wide, sign * lams[3, 3] / wide
        x = t / wide
        xs = {key: value / wide for key, value in ts.items()}
        for i in (0, 1, 2):
            xs[i, 3] -= xs[i,] * turned
        xs[3, 3] += -2 * xs[3,] * turned - x * turned_twice + 2 * x * turned**2
        xs[3,] -= x * turned
        w = x**2 / excess
        r = 1 / (1 + w)
        hx = -(df + 1) / excess * x * r
        hxx = -(df + 1) / excess * (1 - w) * r**2
        hxd = -x * r + (df + 1) / excess * x * r**2
        hd = first - excess / 2 * mp.log1p(w) + (df + 1) / 2 * w * r
        hdd = second - excess / 2 * mp.log1p(w) + excess * w * r - (df + 1) / 2 * r**2 * w
        value = mp.log(b) + constant - eta[1] - (df + 1) / 2 * mp.log1p(w)
        score = tuple(hx * xs[i,] + (hd if i == 2 else 0) + logs.get((i,), 0) - (i == 1) for i in range(4))
        hessian = [[mpf(0)] * 4 for _ in range(4)]
        for i in range(4):
            for j in range(i, 4):
                entry = hx * xs[i, j] + hxx * xs[i,] * xs[j,] + logs.get((i, j), 0)
                entry += hxd * ((j == 2) * xs[i,] + (i == 2) * xs[j,]) + (hdd if i == j == 2 else 0)
                hessian[i][j] = hessian[j][i] = entry
    return Jet(value, score, tuple(map(tuple, hessian)))


def _of_product(f: mpf, fs: dict[tuple[int, ...], mpf], g: mpf, gs: dict[tuple[int, ...], mpf]) -> dict:
    """Return the first and second derivatives of fg by the columns 2 and 3."""
    found = {(i,): fs[i,] * g + f * gs[i,] for i in (2, 3)}
    for i, j in ((2, 2), (2, 3), (3, 3)):
        found[i, j] = fs[i, j] * g + fs[i,] * gs[j,] + fs[j,] * gs[i,] + f * gs[i, j]
    return found


def _standardised(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> tuple[mpf, mpf]:
    """e^(−s), and z = (y − μ) e^(−s) from an exact difference."""
    per = mp.exp(-eta[1])
    return per, mp.fsub(y[0], eta[0], exact=True) * per


# --- mean and dispersion ----------------------------------------------------------------------------------------------


class Mean(NamedTuple):
    """The log of the mean with its first two derivatives, and y/μ − 1 without a difference of logarithms."""

    log_mean: mpf
    slope: mpf
    bend: mpf
    excess: mpf


MEANS: dict[str, Callable[[mpf, mpf], Mean]] = {
    "log": lambda eta, y: Mean(eta, mpf(1), mpf(0), mp.expm1(mp.log(y) - eta)),
    "inverse": lambda eta, y: Mean(-mp.log(eta), -1 / eta, 1 / eta**2, mp.fmul(y, eta, exact=True) - 1),
    "identity": lambda eta, y: Mean(mp.log(eta), 1 / eta, -1 / eta**2, mp.fsub(y, eta, exact=True) / eta),
}


def _gamma(link: Callable[[mpf, mpf], Mean], eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    constant, first, second = _gamma_constants(eta[1], mp.prec)
    with guarded(mp.exp(-eta[1])):
        shape, mean = mp.exp(-eta[1]), link(eta[0], y[0])
        log_ratio = mp.log1p(mean.excess) if abs(mean.excess) < 0.5 else mp.log(y[0]) - mean.log_mean
        value = constant - mp.log(y[0]) - shape * (mean.excess - log_ratio)
        by_mean, by_dispersion = shape * mean.excess, first + shape * (mean.excess - log_ratio)
        mm = -shape * (mean.excess + 1) * mean.slope**2 + by_mean * mean.bend
        md, dd = -by_mean * mean.slope, second - shape * (mean.excess - log_ratio)
    return Jet(value, (by_mean * mean.slope, by_dispersion), ((mm, md), (md, dd)))


@lru_cache(None)
def _gamma_constants(log_dispersion: mpf, precision: int) -> tuple[mpf, mpf, mpf]:
    """Return k ln k − k − ln Γ(k) at k = e^(−a), and its two derivatives by a."""
    with mp.workprec(precision), guarded(mp.exp(-log_dispersion)):
        k = mp.exp(-log_dispersion)
        gap = mp.log(k) - mp.digamma(k)
        return k * mp.log(k) - k - mp.loggamma(k), -k * gap, k * gap + k - k**2 * mp.psi(1, k)


def _negative_binomial(eta: tuple[mpf, ...], y: tuple[mpf, ...]) -> Jet:
    count, mean = y[0], mp.exp(eta[0])
    log_rising, digammas, trigammas = _rising(eta[1], count, mp.prec)
    with guarded(mp.exp(-eta[1])):
        k = mp.exp(-eta[1])
        total = k + mean
        value = log_rising - _log_factorial(count) - k * mp.log1p(mean / k) - count * mp.log1p(k / mean)
        by_mean = (count - mean) * k / total
        by_shape = digammas - mp.log1p(mean / k) + (mean - count) / total
        bend = trigammas + 1 / k - 1 / total - (mean - count) / total**2
        mm, md = -mean * k * (k + count) / total**2, -k * mean * (count - mean) / total**2
    return Jet(value, (by_mean, -k * by_shape), ((mm, md), (md, k * by_shape + k**2 * bend)))


@lru_cache(None)
def _rising(log_dispersion: mpf, count: mpf, precision: int) -> tuple[mpf, mpf, mpf]:
    """Return ln Γ(y + k) − ln Γ(k) at k = e^(−a), and its first two derivatives by k."""
    with mp.workprec(precision), guarded(mp.exp(-log_dispersion), count):
        k = mp.exp(-log_dispersion)
        if not count:
            return mpf(0), mpf(0), mpf(0)
        upper = k + count
        return (
            mp.loggamma(upper) - mp.loggamma(k),
            mp.digamma(upper) - mp.digamma(k),
            mp.psi(1, upper) - mp.psi(1, k),
        )


_REFERENCES: dict[str, Reference] = {
    "categorical": _categorical,
    "poisson": _poisson,
    "normal": _normal,
    "laplace": _laplace,
    "student_t": _student_t,
    "skewed_student_t": _skewed_student_t,
    "standardised_student_t": _standardised_student_t,
    "negative_binomial": _negative_binomial,
}
