"""Student's t family in units of its own standard deviation: the noise of returns, whose scale is their volatility."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from likeliest.families.base import Entries, in_double, named
from likeliest.families.location_scale import LocationScale, product
from likeliest.families.maximise import best_with_tails
from likeliest.families.student_t import StudentT, tail_information, tail_information_of_one
from likeliest.families.tame import MOST, Numbers, Tail, one_number, tame_numbers
from likeliest.interfaces import Eta
from likeliest.numerics import plus

_Number = TypeVar("_Number", float, Tensor)

_STUDENT = StudentT()
_LOG_2 = math.log(2)
_STARTS = (-1.0, 0.5, 1.5, 4.0)
"""Where the search for the best ν begins, as log(ν − 2)."""


@final
@dataclass(frozen=True)
class StandardisedStudentT(LocationScale):
    """y ∈ ℝ with mean μ, standard deviation e^s and ν = 2 + e^d degrees of freedom; η = (μ, s, d).

    Its noise has variance 1 whatever ν is, so that e^s is a volatility. `StudentT` is the same law by another scale,
    which is e^s √((ν − 2)/ν) here, and with any ν > 0. As d → +∞ it is the normal. As d → −∞ all but the tails draws
    together at μ. A residual of 0 or ±inf is the same in every unit; at the ends:

    ==========  =======  =======  ========  ================================
    μ           s        d        log p     score
    ==========  =======  =======  ========  ================================
    ±inf        finite   finite   −inf      (0, ν, −inf)
    y           −inf     finite   +inf      (0, −1, < 0)
    not y       −inf     finite   −inf      ((ν + 1)/(y − μ), ν, −inf)
    finite      +inf     any      −inf      (0, −1, ≤ 0)
    any         any      +inf     normal's  (normal's, 0)
    not y       finite   −inf     −inf      (3/(y − μ), 2, 1)
    y           finite   −inf     +inf      (0, −1, −½)
    ==========  =======  =======  ========  ================================

    Source: Bollerslev (1987), A conditionally heteroskedastic time series model for speculative prices and rates of
    return.

    Example:
        >>> family, eta, y = StandardisedStudentT(), tuple(torch.zeros(3, 1)), torch.tensor([0.0, 3.0])
        >>> [f"{p:.4f}" for p in family.log_prob(eta, y)], family.deviation(eta).tolist()
        (['-0.4516', '-5.0568'], [1.0])
    """

    name = "standardised_student_t"
    columns = ("mean", "log_scale", "log_df_above_two")
    formula = (
        "p(y|μ, s, ν) = Γ((ν + 1)/2)/(Γ(ν/2) √(π(ν − 2)) e^s) (1 + z²/(ν − 2))^(−(ν+1)/2), z = (y − μ) e^(−s), "
        "ν = 2 + e^d"
    )
    log_prob_formula = (
        "log p(y|μ, s, ν) = log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log π(ν − 2) − s − (ν + 1)/2 · log(1 + z²/(ν − 2)), "
        "ν = 2 + e^d"
    )
    mean_formula = "E[y] = μ"
    score_formula = (
        "((ν + 1) z e^(−s)/(ν − 2 + z²), (ν z² − ν + 2)/(ν − 2 + z²), ½(ν − 2) (ψ((ν + 1)/2) − ψ(ν/2) − 1/(ν − 2) "
        "− log(1 + z²/(ν − 2)) + (ν + 1) z²/((ν − 2) (ν − 2 + z²))))"
    )
    source = "Bollerslev (1987)"

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p: at once where all is far from over- and underflow, elsewhere by `StudentT`'s."""
        tame = _Tame.of(eta, y)
        return _STUDENT.log_prob(_students(eta), y) if tame is None else tame.log_prob()

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the score, every column (…, n)."""
        tame = _Tame.of(eta, y)
        return _pulled(eta, _STUDENT.score(_students(eta), y)) if tame is None else tame.score()

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share almost all."""
        tame = _Tame.of(eta, y)
        if tame is not None:
            return tame.log_prob(), tame.score()
        log_prob, score = _STUDENT.log_prob_and_score(_students(eta), y)
        return log_prob, _pulled(eta, named(score))

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1)."""
        return named(eta)[0]

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s, (…, n) or (…, 1)."""
        return named(eta)[1].exp()

    @in_double
    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, Tensor, Tensor]:
        """Return F v = Jᵀ G J v, with G that of `StudentT` and J the Jacobian of its η by this one."""
        return _pulled(eta, _STUDENT.fisher_times(_students(eta), _pushed(eta, v)))

    def _noise_fisher(self, zero: Tensor, *shape: Tensor) -> Entries:
        """Return Jᵀ G J entry by entry, as `fisher_times` has it; a ν that all rows share needs no tensors."""
        log_excess = one_number(shape[0])
        if log_excess is not None:
            excess = math.exp(log_excess)
            df = 2 + excess
            entries = _information(1 / df, excess / df, tail_information_of_one(df))
            return {at: shape[0].new_full(shape[0].shape, entry) for at, entry in entries.items()}
        inverse, share = _shares(shape[0])
        return _information(inverse, share, tail_information(1 / inverse))

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, Tensor, Tensor]:
        """Return O v = Jᵀ P J v less what J's own slopes add, P `StudentT`'s: (2 score_d − score_s) (ν − 2)/ν² by d."""
        inner = _students(eta)
        first, second, third = _pulled(eta, _STUDENT.observed_times(inner, y, _pushed(eta, v)))
        _, by_scale, by_df = _STUDENT.score(inner, y)
        inverse, share = _shares(named(eta)[2])
        bend = product(plus(2 * by_df, -by_scale), inverse * share)
        return first, second, plus(third, -product(bend, named(v)[2]))

    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        return _STUDENT.cdf(_noise(shape[0]), z.double()).to(z)

    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        return _STUDENT.quantile(_noise(shape[0]), level.double()).to(level)

    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return −f(q) (ν − 2 + q²)/((ν − 1) level), f the density of the noise at its quantile q."""
        return _STUDENT.tail_mean(_noise(shape[0]), level.double()).to(level)

    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        return _STUDENT.sample(tuple(c.expand(size) for c in _noise(shape[0])), generator).numpy(force=True)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the best (μ, s, d), found numerically, (…, 3); d = +inf where the normal is better than any ν.

        Where a ν ≤ 2 would be the best, a large −d stands for −∞, and a large s for the standard deviation that there
        is none of. Where all y are equal, s is −inf.
        """
        return best_with_tails(self, y, weight, [(0.0, 0.2, start) for start in _STARTS])


# --- as the other of the two has it -----------------------------------------------------------------------------------


def _students(eta: Eta) -> tuple[Tensor, Tensor, Tensor]:
    """Return `StudentT`'s (μ, s + ½ log((ν − 2)/ν), log ν)."""
    mean, log_scale, log_excess = named(eta)
    log_halves, log_share = _log_shares(log_excess)
    return mean, plus(log_scale, 0.5 * log_share), _LOG_2 - log_halves


def _noise(log_excess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `StudentT`'s η of the noise, in double precision."""
    log_excess = log_excess.double()
    zero = torch.zeros_like(log_excess)
    return _students((zero, zero, log_excess))


def _log_shares(log_excess: Tensor) -> tuple[Tensor, Tensor]:
    """Return log 2/ν and log (ν − 2)/ν, neither of which cancels."""
    return logsigmoid(_LOG_2 - log_excess), logsigmoid(log_excess - _LOG_2)


def _shares(log_excess: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1/ν and (ν − 2)/ν: the slopes by d of `StudentT`'s s and log ν."""
    log_halves, log_share = _log_shares(log_excess)
    return 0.5 * log_halves.exp(), log_share.exp()


def _information(inverse: _Number, share: _Number, of_df: _Number) -> dict[tuple[int, int], _Number]:
    """Return Jᵀ G J of the noise from 1/ν, (ν − 2)/ν and the information of log ν."""
    of_scale, mixed = 2 / (1 + 3 * inverse), -2 * inverse / ((1 + inverse) * (1 + 3 * inverse))
    return {
        (0, 0): (1 + inverse) / (1 + 3 * inverse) / share,
        (1, 1): of_scale,
        (2, 1): of_scale * inverse + mixed * share,
        (2, 2): (of_scale * inverse + 2 * mixed * share) * inverse + of_df * share * share,
    }


def _pushed(eta: Eta, v: Eta) -> tuple[Tensor, Tensor, Tensor]:
    """Return J v."""
    inverse, share = _shares(named(eta)[2])
    return v[0], plus(v[1], product(inverse, v[2])), product(share, v[2])


def _pulled(eta: Eta, u: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return Jᵀ u."""
    inverse, share = _shares(named(eta)[2])
    return u[0], u[1], plus(product(share, u[2]), product(inverse, u[1]))


# --- where nothing over- or underflows --------------------------------------------------------------------------------


class _Tame(NamedTuple):
    """Rows far from over- and underflow, whose log p and score take as few passes over them as there can be."""

    tail: Tail
    log_scale: Numbers
    pull: np.ndarray
    """z e^(−s)."""
    ratio: np.ndarray
    """z²/(ν − 2)."""
    growth: np.ndarray
    """log(1 + z²/(ν − 2))."""

    @classmethod
    def of(cls, eta: Eta, y: Tensor) -> _Tame | None:
        """Return None where there are others, where a gradient is wanted, and on an accelerator."""
        given = tame_numbers(eta, y)
        if given is None:
            return None
        mean, log_scale, log_excess, target = given
        tail = Tail.of(log_excess)
        with np.errstate(all="ignore"):
            error = target - mean
            pull = np.exp(-2 * log_scale) * error
            ratio = pull * error * (1 / tail.excess)
            growth = np.log1p(ratio)
        return cls(tail, log_scale, pull, ratio, growth) if ratio.max() <= MOST else None

    def log_prob(self) -> Tensor:
        """Return log p."""
        value = (-0.5 * self.tail.excess - 1.5) * self.growth
        value -= self.log_scale
        value += self.tail.constant
        return torch.from_numpy(value)

    def score(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the score."""
        by_mean = self.ratio + 1.0
        np.divide(1.0, by_mean, out=by_mean)
        by_scale = self.ratio * by_mean
        by_tail = self.tail.by_tail(self.ratio, self.growth, by_scale)
        by_mean *= self.pull
        by_mean *= 1 + 3 / self.tail.excess
        by_scale *= self.tail.excess + 3
        by_scale -= 1.0
        return torch.from_numpy(by_mean), torch.from_numpy(by_scale), torch.from_numpy(by_tail)
