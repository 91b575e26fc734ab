"""Student's t family: location, scale and tail, from wild (ν → 0) through Cauchy (ν = 1) to normal (ν → ∞)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, TypeVar, final

import numpy as np
import scipy
import torch
from torch import Tensor

from likeliest.families.base import in_double, named
from likeliest.families.location_scale import LocationScale, divided, product, residual, standardised
from likeliest.families.maximise import best_with_tails
from likeliest.interfaces import Eta
from likeliest.numerics import (
    gap,
    is_within,
    log1p_below_tangent,
    log_gamma_half_step,
    log_gamma_half_step_curvature,
    log_gamma_half_step_slope,
    log_gamma_half_steps,
    plus,
)

_Number = TypeVar("_Number", float, Tensor)

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_FAR = 700.0
"""Where |d| is larger, ν = e^d is 0, or the family is the normal."""
_SERIES_FROM = 4e3
"""From this ν on, what the Fisher information of d is made of cancels, and its series serves."""
_NORMAL = 1e15
"""With more degrees of freedom the noise is normal to the last digit."""
_FAR_OUT = 40.0
"""From this log(1 + z²/ν) on, the first term of what lies beyond z is all of it."""
_TAME, _MOST = 300.0, 1e300
"""With logarithms and ratios up to here nothing over- or underflows."""
_STARTS = (0.0, 1.5, 4.0)
"""Where the search for the best ν begins, as log ν."""


@final
@dataclass(frozen=True)
class StudentT(LocationScale):
    """y ∈ ℝ with location μ, scale e^s in the unit of y, and ν = e^d degrees of freedom; η = (μ, s, d).

    The smaller ν, the less a wild y moves the rest: the score of μ falls off as 1/(y − μ). There is a mean where ν > 1
    and a variance where ν > 2. The scale is not the standard deviation, which `StandardisedStudentT` has in its place.
    A residual of 0 or ±inf is the same in every unit; at the ends:

    =======  =======  =======  ========  ======================
    μ        s        d        log p     score
    =======  =======  =======  ========  ======================
    ±inf     finite   finite   −inf      (0, ν, −inf)
    y        −inf     finite   +inf      (0, −1, > 0)
    not y    −inf     finite   −inf      ((ν + 1)/(y − μ), ν, −inf)
    finite   +inf     finite   −inf      (0, −1, > 0)
    any      any      +inf     normal's  (normal's, 0)
    not y    finite   −inf     −inf      (1/(y − μ), 0, 1)
    y        any      −inf     −inf      (0, −1, ½)
    =======  =======  =======  ========  ======================

    Source: Student (1908), The probable error of a mean; Lange, Little and Taylor (1989), Robust statistical modeling
    using the t distribution.

    Example:
        >>> family, eta, y = StudentT(), tuple(torch.zeros(3, 1)), torch.tensor([1.0, 3.0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y)[0].tolist()
        ([-1.8378770351409912, -3.447314977645874], [1.0, 0.6000000238418579])
    """

    name = "student_t"
    columns = ("mean", "log_scale", "log_df")
    formula = "p(y|μ, s, ν) = Γ((ν + 1)/2)/(Γ(ν/2) √(πν) e^s) (1 + z²/ν)^(−(ν+1)/2), z = (y − μ) e^(−s)"
    log_prob_formula = "log p(y|μ, s, ν) = log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log πν − s − (ν + 1)/2 · log(1 + z²/ν)"
    mean_formula = "E[y] = μ, where ν > 1"
    score_formula = (
        "((ν + 1) z e^(−s)/(ν + z²), ν (z² − 1)/(ν + z²), "
        "½ν (ψ((ν + 1)/2) − ψ(ν/2) − 1/ν − log(1 + z²/ν) + (ν + 1) z²/(ν (ν + z²))))"
    )
    source = "Student (1908); Lange, Little & Taylor (1989)"

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p: in the bulk, z² ≤ ν, by how far it lies from the normal's; in the tail by log |y − μ|.

        The bulk has ½(ν + 1) log(1 + w) = ½(z² + w) − ½(ν + 1)(w − log(1 + w)) with w = z²/ν, whose last term goes to 0
        as ν grows. In the tail log e^s √(ν + z²) = log |y − μ| + ½ log(1 + 1/w), which knows no s, takes the place of
        terms that cancel for small ν.
        """
        return _log_prob(_Parts.of(eta, y), eta)

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the score, every column (…, n)."""
        return _score(_Parts.of(eta, y), eta)

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share what the residuals are."""
        at = _Parts.of(eta, y)
        return _log_prob(at, eta), _score(at, eta)

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1): the mean where ν > 1, the centre of symmetry always."""
        return named(eta)[0]

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s √(ν/(ν − 2)), +inf where ν ≤ 2; (…, n) or (…, 1)."""
        _, log_scale, log_df = named(eta)
        excess = 1 / torch.clamp(1 - 2 * torch.exp(-log_df), min=0.0)
        return torch.where(excess.isinf(), excess, log_scale.exp() * excess.sqrt())

    @in_double
    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor, Tensor]:
        """Return F v.

        F is (ν + 1)/(ν + 3) e^(−2s) for μ, 2ν/(ν + 3) for s, −2ν/((ν + 1)(ν + 3)) between s and d, and
        ν²/4 (ψ′(ν/2) − ψ′((ν + 1)/2)) − ν(ν + 5)/(2(ν + 1)(ν + 3)) for d.
        """
        _, log_scale, log_df = named(eta)
        df = _df(log_df)
        of_scale, mixed = 2 / (1 + 3 / df), -2 / ((1 + 1 / df) * (df + 3))
        first = product((1 + 1 / df) / (1 + 3 / df) * torch.exp(-2 * log_scale), v[0])
        second = of_scale * v[1] + mixed * v[2]
        return first, second, mixed * v[1] + tail_information(df) * v[2]

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor, Tensor]:
        """Return O v; O is indefinite in the tail, where −log p is concave in μ."""
        at = _Parts.of(eta, y)
        log_scale = named(eta)[1]
        share, rest = at.shares
        location = _score(at, eta)[0]
        bulk = (1 + 1 / at.df) * torch.exp(-2 * log_scale) * (1 - at.w) * rest.square()
        mm = torch.where(at.bulk, bulk, -location / at.error * (1 - at.v) / (1 + at.v))
        ms, md = 2 * product(location, rest), -product(location, (at.df * share - rest) / (at.df + 1))
        ss = 2 * torch.where(at.bulk, (at.z_in * at.z_in + at.w) * rest * rest, (at.df + 1) * share * rest)
        sd = share * rest - at.df * share.square()
        beyond = torch.where(at.bulk, log1p_below_tangent(-at.w / (1 + at.w)), at.log1p_w - share)
        dd = 0.5 * at.df * beyond - 0.5 * at.df * share.square() + 0.5 * share * rest
        x = at.df / 2
        dd = dd - (log_gamma_half_step_slope(x) + log_gamma_half_step_curvature(x))
        rows = (mm, ms, md), (ms, ss, sd), (md, sd, dd)
        return tuple(reduce(plus, map(product, row, v)) for row in rows)  # type: ignore[return-value]

    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        """Return ½ I(ν/2, ½) at ν/(ν + z²) below 0, each from the side where nothing is lost."""
        z_fine, log_df = z.double(), shape[0].double()
        origin = torch.zeros_like(z_fine)
        at = _Parts.of((origin, origin, log_df), z_fine)
        x = at.df / 2
        far = 0.5 * torch.exp(-x * at.log1p_w + log_gamma_half_step(x) - 0.5 * torch.log(math.pi * x))
        beyond = torch.where(at.log1p_w > _FAR_OUT, far, _half_beta(x, *at.shares, near=z_fine.abs() < 1))
        beyond = torch.where(at.df > _NORMAL, torch.special.ndtr(-z_fine.abs()), beyond)
        return torch.where(z < 0, beyond, 1 - beyond).to(z)

    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return scipy's, and far out, where that gives up, the inverse of `_noise_cdf`'s leading term."""
        df, wanted = torch.broadcast_tensors(_df(shape[0].double()), level.double())
        x, beyond = df / 2, torch.minimum(wanted, 1 - wanted)
        growth = (log_gamma_half_step(x) - 0.5 * torch.log(math.pi * x) - torch.log(2 * beyond)) / x
        far = torch.sign(wanted - 0.5) * torch.exp(0.5 * growth) * df.sqrt()
        with np.errstate(all="ignore"):
            found = torch.from_numpy(np.asarray(scipy.special.stdtrit(df.numpy(force=True), wanted.numpy(force=True))))
        found = torch.where(growth > _FAR_OUT, far, found.to(df))
        centred = torch.where(wanted == 0.5, 0.0, torch.where(found.isnan(), (wanted - 0.5) * math.inf, found))
        return torch.where(df > _NORMAL, torch.special.ndtri(wanted), centred).to(level)

    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return −f(q) (ν + q²)/((ν − 1) level), f the density at the quantile q; −inf where ν ≤ 1.

        f(q) (ν + q²) is ν f(0) (1 + q²/ν)^(−(ν−1)/2), which is worked out by its logarithm: q² may be beyond all
        numbers.
        """
        wanted, df = level.double(), _df(shape[0].double()).clamp(max=_NORMAL)
        q = self._noise_quantile(wanted, shape[0].double()).abs()
        wide = q / df.sqrt()
        growth = torch.where(wide > 1e8, 2 * wide.log(), torch.log1p(wide.square()))
        log_share = log_gamma_half_step(df / 2) - 0.5 * (df - 1) * growth - wanted.log() - _HALF_LOG_2PI
        mean = -torch.exp(log_share) / (1 - 1 / df)
        return torch.where((df <= 1) | (wanted == 0), -math.inf, mean).to(level)

    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        df = _df(shape[0].double()).numpy(force=True)
        with np.errstate(all="ignore"):
            return np.asarray(generator.standard_normal(size) / np.sqrt(generator.chisquare(df, size) / df))

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the best (μ, s, d), found numerically, (…, 3); d = +inf where the normal is better than any ν.

        Where all y are equal, s is −inf.
        """
        return best_with_tails(self, y, weight, [(0.0, -0.1, start) for start in _STARTS])


class _Parts(NamedTuple):
    """What log p and its derivatives share; each part is harmless where the other of bulk and tail has the word."""

    bulk: Tensor
    """z² ≤ ν, or ν is beyond all numbers."""
    df: Tensor
    """ν, kept within the numbers."""
    z_in: Tensor
    w: Tensor
    """z²/ν in the bulk."""
    z_out: Tensor
    error: Tensor
    """y − μ in the tail."""
    v: Tensor
    """ν/z² in the tail."""
    below: Tensor
    """w − log(1 + w) in the bulk."""
    log1p_w: Tensor
    """log(1 + z²/ν) in the tail, which may be a number where z² and even z are none."""
    unknown: Tensor | None
    """Where NaN went in; None where all is far from over- and underflow."""

    @property
    def shares(self) -> tuple[Tensor, Tensor]:
        """z²/(ν + z²) and ν/(ν + z²)."""
        share = torch.where(self.bulk, self.w / (1 + self.w), 1 / (1 + self.v))
        return share, torch.where(self.bulk, 1 / (1 + self.w), self.v / (1 + self.v))

    @classmethod
    def of(cls, eta: Eta, y: Tensor) -> _Parts:
        """Take η's columns and y apart."""
        _, log_scale, log_df = named(eta)
        z, df, error = standardised(eta, y), _df(log_df), residual(eta, y)
        ratio = (z / df) * z
        if is_within(ratio, 0.0, _MOST) and is_within(log_df, -_TAME, _TAME) and is_within(log_scale, -_TAME, _TAME):
            bulk = ratio <= 1
            z_in, z_out, w = torch.where(bulk, z, 0.0), torch.where(bulk, 1.0, z), torch.where(bulk, ratio, 0.0)
            error = torch.where(bulk, 1.0, error)
            return cls(
                bulk, df, z_in, w, z_out, error, (df / z_out) / z_out, log1p_below_tangent(w), ratio.log1p(), None
            )
        normal = log_df > _FAR
        z, log_scale, log_df, df, normal = torch.broadcast_tensors(z, log_scale, log_df, df, normal)
        ratio = ratio.detach()
        bulk, far = (ratio <= 1) | (normal & ~z.isnan()), ratio.isinf()
        z_in = torch.where(bulk, z, 0.0)
        w = torch.where(bulk & ~normal, (z_in / df) * z_in, 0.0)
        z_out, error = torch.where(bulk, 1.0, z), torch.where(bulk, 1.0, error)
        v = (df / z_out) / z_out
        within = torch.where(bulk | far, 1.0, z)
        beyond = torch.where(z.isinf(), gap(error.abs().log(), log_scale), z_out.abs().log())
        log1p_w = torch.where(far, gap(2 * beyond, log_df), torch.log1p((within / df) * within))
        return cls(bulk, df, z_in, w, z_out, error, v, log1p_below_tangent(w), log1p_w, z.isnan() | log_df.isnan())


def _log_prob(at: _Parts, eta: Eta) -> Tensor:
    _, log_scale, log_df = named(eta)
    constant = _constant(log_df, at.df)
    spent = 0.5 * (at.z_in * at.z_in + at.w) - 0.5 * (at.df + 1) * at.below
    bulk = constant - log_scale - spent
    tail = (constant + 0.5 * log_df) - (at.error.abs().log() + 0.5 * at.v.log1p()) - 0.5 * at.df * at.log1p_w
    if at.unknown is None:
        return torch.where(at.bulk, bulk, tail)
    value = torch.where(at.bulk, torch.where(spent.isinf(), -spent, bulk), tail)
    return value.masked_fill((log_df == -math.inf) & ~at.unknown, -math.inf)


def _score(at: _Parts, eta: Eta) -> tuple[Tensor, Tensor, Tensor]:
    """With p = w/(1 + w), the last is the constant's slope + ½p − ½ν (−log(1 − p) − p) in the bulk."""
    rest, outer = 1 / (1 + at.w), 1 / (1 + at.v)
    near = divided(at.z_in * (1 + 1 / at.df) * rest, named(eta)[1])
    location = torch.where(at.bulk, near, (at.df + 1) / at.error * outer)
    by_z = 1 / at.z_out
    scale = torch.where(at.bulk, (at.z_in - 1) * (at.z_in + 1) * rest, at.df * (1 - by_z) * (1 + by_z) * outer)
    share = at.w * rest
    bulk = 0.5 * share - 0.5 * at.df * (at.w * share - at.below)
    tail = 0.5 * (at.df + 1) * outer - 0.5 * at.df * at.log1p_w
    return location, scale, log_gamma_half_step_slope(at.df / 2) + torch.where(at.bulk, bulk, tail)


def _half_beta(x: Tensor, share: Tensor, rest: Tensor, near: Tensor) -> Tensor:
    """Return ½ I(x, ½) at the rest 1 − share, the chance to lie beyond |z|."""
    half, share, rest, near = (part.numpy(force=True) for part in torch.broadcast_tensors(x, share, rest, near))
    with np.errstate(all="ignore"):
        upper = np.where(near, 1 - scipy.special.betainc(0.5, half, share), scipy.special.betaincc(0.5, half, share))
        return torch.from_numpy(0.5 * np.where(share < 0.5, upper, scipy.special.betainc(half, 0.5, rest)))


def _df(log_df: Tensor) -> Tensor:
    return log_df.clamp(-_FAR, _FAR).exp()


def _constant(log_df: Tensor, df: Tensor) -> Tensor:
    """Return log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log πν; for ν below the rounding of 1 it is ½d − log 2."""
    half = torch.where(log_df < -50, 1.0, df / 2)
    return torch.where(log_df < -50, 0.5 * log_df - math.log(2), log_gamma_half_step(half) - _HALF_LOG_2PI)


def tail_information(df: Tensor) -> Tensor:
    """Return the Fisher information of d, for large ν by its series, in which 1/ν has cancelled."""
    moderate = df.clamp(max=_SERIES_FROM)
    exact = _tail_information(moderate, log_gamma_half_step_curvature(moderate / 2))
    return torch.where(df < _SERIES_FROM, exact, _far_tail_information(1 / df))


def tail_information_of_one(df: float) -> float:
    """Return `tail_information` of one ν ≥ 2: floats take a tenth of a tensor's time."""
    if df < _SERIES_FROM:
        return _tail_information(df, log_gamma_half_steps(df / 2)[2])
    return _far_tail_information(1 / df)


def _tail_information(df: _Number, curvature: _Number) -> _Number:
    return 0.5 * (3 - df) / ((df + 1) * (df + 3)) - curvature


def _far_tail_information(u: _Number) -> _Number:
    """From u = 1/ν."""
    return u * u * (3.5 - u * (13 - u * (39.5 - 119 * u)))
