"""Hansen's skewed t family: returns that fall faster than they rise, in units of their own standard deviation.

It is `StandardisedStudentT` in two pieces: x, 1 + λ times as wide above the mode as it would be and 1 − λ times below,
moved and shrunk to mean 0 and variance 1. So log p(y) is that family's at t = b z + a on the scale 1 ± λ, and what is
worked out here is how a, b and λ move with η.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import in_double, named
from likeliest.families.location_scale import LocationScale, product, residual, standardised
from likeliest.families.maximise import best_with_tails
from likeliest.families.standardised_student_t import StandardisedStudentT
from likeliest.families.tame import MOST, Tail, tame_numbers
from likeliest.families.two_pieces import Moves, Pieces, log_shares
from likeliest.interfaces import Eta
from likeliest.numerics import plus

_STANDARD = StandardisedStudentT()
_FAR = 1e100
"""Beyond so many standard deviations the mode and the mean are one place."""
_TINY = 1e-290
"""Above this e^(−s) is z/(y − μ), whose rounding is z's own and drops out of the tail."""
_OF_MODE = ("mode_by_scale", "mode_by_tail", "mode_by_skew")
_STARTS = [(0.0, 0.2, tail, skew) for tail in (-1.0, 0.5, 1.5, 4.0) for skew in (-0.2, 0.0, 0.2)]


@final
@dataclass(frozen=True)
class SkewedStudentT(LocationScale):
    """y ∈ ℝ with mean μ, standard deviation e^s, ν = 2 + e^d degrees of freedom and skewness λ = tanh κ.

    η = (μ, s, d, κ), four columns that broadcast. Where λ < 0 the long tail is the lower one, and (1 + λ)/2 of all y
    lie above the mode, which is at z = −a/b. There the score is continuous, and its slope jumps from side to side.
    λ = 0 is `StandardisedStudentT`. Log p and score are right to a few units in the last place; but next to the mode,
    on its narrow side, no more so than the place of the mode is, to one in 10¹⁶.

    As κ → ±∞ one side is cut off at the mode. A residual of 0 or ±inf is the same in every unit; at the ends, with …
    for finite numbers:

    ==========  =======  =======  =======  =========  ================================
    μ           s        d        κ        log p      score
    ==========  =======  =======  =======  =========  ================================
    ±inf        finite   finite   finite   −inf       (0, ν, −inf, …)
    y           −inf     finite   not 0    +inf       (±inf, −1, …, …)
    not y       −inf     finite   finite   −inf       ((ν + 1)/(y − μ), ν, −inf, …)
    finite      +inf     any      finite   −inf       (0, −1, …, …)
    not y       finite   −inf     finite   −inf       (3/(y − μ), 2, 1, …)
    y           finite   −inf     finite   +inf       (0, −1, −½, …)
    any         any      +inf     any      a normal's of two pieces, and its score, 0 for d
    cut off     finite   finite   ±inf     −inf       (…, …, −inf, …)
    ==========  =======  =======  =======  =========  ================================

    Source: Hansen (1994), Autoregressive conditional density estimation; its information after Zhu and Galbraith
    (2010), A generalized asymmetric Student-t distribution with application to financial econometrics.

    Example:
        >>> family, eta = SkewedStudentT(), tuple(torch.tensor([0.0, 0.0, 1.0, -0.5])[:, None])
        >>> [f"{p:.4f}" for p in family.cdf(eta, torch.tensor([-3.0, 0.0, 3.0]))]
        ['0.0132', '0.4180', '0.9995']
    """

    name = "skewed_student_t"
    columns = ("mean", "log_scale", "log_df_above_two", "skew")
    formula = (
        "p(y|μ, s, ν, λ) = bc e^(−s) (1 + x²/(ν − 2))^(−(ν+1)/2), x = (bz + a)/(1 + λ sign(bz + a)), "
        "z = (y − μ) e^(−s), a = 4λc(ν − 2)/(ν − 1), b² = 1 + 3λ² − a², c = Γ((ν + 1)/2)/(√(π(ν − 2)) Γ(ν/2)), "
        "ν = 2 + e^d, λ = tanh κ"
    )
    log_prob_formula = "log p(y|μ, s, ν, λ) = log b + log c − s − (ν + 1)/2 · log(1 + x²/(ν − 2))"
    mean_formula = "E[y] = μ"
    score_formula = (
        "(b g e^(−s), b z g − 1, h + ∂_d log b − (∂_d b z + ∂_d a) g, "
        "(1 − λ²) (∂_λ log b − (∂_λ b z + ∂_λ a) g) ± (1 ∓ λ) x h′), g = h′/(1 ± λ), h′ = (ν + 1) x/(ν − 2 + x²), "
        "h = ∂_d (log c − (ν + 1)/2 · log(1 + x²/(ν − 2)))"
    )
    source = "Hansen (1994)"

    @in_double
    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return log p: at once where all is far from over- and underflow, elsewhere by `StandardisedStudentT`'s."""
        tame = _Tame.of(eta, y)
        return _Row(eta, y).log_prob if tame is None else tame.log_prob()

    @in_double
    def score(self, eta: Eta, y: Tensor) -> tuple[Tensor, ...]:
        """Return the score, every column (…, n)."""
        tame = _Tame.of(eta, y)
        return _Row(eta, y).score if tame is None else tame.score()

    @in_double
    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Eta]:
        """Return both; they share almost all."""
        tame = _Tame.of(eta, y)
        if tame is not None:
            return tame.log_prob(), tame.score()
        row = _Row(eta, y)
        return row.log_prob, row.score

    def mean(self, eta: Eta) -> Tensor:
        """Return μ, (…, n) or (…, 1)."""
        return named(eta)[0]

    def deviation(self, eta: Eta) -> Tensor:
        """Return e^s, (…, n) or (…, 1)."""
        return named(eta)[1].exp()

    @in_double
    def fisher_times(self, eta: Eta, v: Eta) -> tuple[Tensor, ...]:
        """Return F v = Jᵀ G J v, J the Jacobian of mode, log of the scale, d and κ by η, in units of the scale.

        G is that of `StandardisedStudentT` for log of the scale and d, for both sides are alike; with the mode at 0 it
        is ν(ν + 1)/((ν − 2)(ν + 3)(1 − λ²)) for the mode, 4c(ν + 1)/(ν + 3) between mode and κ, and
        3(ν + 1)(1 − λ²)/(ν + 3) for κ.
        """
        _, log_scale, log_excess, skew = named(eta)
        pieces, skewed = Pieces.of(log_excess, skew), v[3]
        moves = pieces.moves(torch.exp(pieces.log_stretch - log_scale))
        mode, scale, tail = moves.pushed(named(v))
        ones = torch.ones_like(log_excess)
        of_mode, scale, tail = _STANDARD.fisher_times(_noise(log_excess), (ones, scale, tail))
        grown = 1 - 2 / (pieces.excess + 5)
        mixed = 4 * pieces.peak * grown
        return moves.pulled(
            plus(product(of_mode / pieces.both, mode), product(mixed, skewed)),
            scale,
            tail,
            plus(product(3 * grown * pieces.both, skewed), product(mixed, mode)),
        )

    @in_double
    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> tuple[Tensor, ...]:
        """Return O v = Jᵀ P J v less what J's own slopes add, P that of `StandardisedStudentT` on y's side."""
        return _Row(eta, y).observed_times(named(v))

    def _noise_cdf(self, z: Tensor, *shape: Tensor) -> Tensor:
        """Return (1 − λ) T(x) below the mode and 1 − (1 + λ) T(−x) above, T of `StandardisedStudentT`'s noise."""
        log_excess, pieces = _in_pieces(shape)
        t = pieces.stretched(z.double())
        share = torch.where(t < 0, pieces.below, pieces.above)
        tail = share * _STANDARD.cdf(_noise(log_excess), -product(t.abs(), 1 / share))
        return torch.where(t < 0, tail, 1 - tail).to(z)

    def _noise_quantile(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return ((1 ± λ) x − a)/b, x the quantile of `StandardisedStudentT`'s noise at its level on that side."""
        log_excess, pieces = _in_pieces(shape)
        below, share, beyond = pieces.side_of(level.double())
        x = _STANDARD.quantile(_noise(log_excess), beyond)
        return pieces.noise(product(torch.where(below, share, -share), x)).to(level)

    def _noise_tail_mean(self, level: Tensor, *shape: Tensor) -> Tensor:
        """Return ((1 − λ) E[X | X ≤ x] − a)/b at a quantile x ≤ 0, X the noise of `StandardisedStudentT`.

        Above the mode it is −(1 − level)/level times what it is, upside down, of the y that lie above: the mean is 0.
        """
        log_excess, pieces = _in_pieces(shape)
        wanted = level.double()
        below, share, beyond = pieces.side_of(wanted)
        mean = product(torch.where(below, share, -share), _STANDARD.tail_mean(_noise(log_excess), beyond))
        rest = -(1 - wanted) / wanted
        return product(pieces.noise(mean), torch.where(below, 1.0, rest)).to(level)

    def _draw_noise(self, generator: np.random.Generator, size: torch.Size, *shape: Tensor) -> np.ndarray:
        log_excess, pieces = _in_pieces(shape)
        x = _STANDARD.sample(_noise(log_excess), generator).abs()
        lies_above = torch.from_numpy(2 * generator.random(size)).to(x) < pieces.above
        return pieces.noise(torch.where(lies_above, pieces.above, -pieces.below) * x).numpy(force=True)

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Return the best (μ, s, d, κ), found numerically, (…, 4), as `StandardisedStudentT` has its own.

        A large number stands for an infinite d or κ. Where all y are equal, s is −inf.
        """
        return best_with_tails(self, y, weight, _STARTS)


def _noise(log_excess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `StandardisedStudentT`'s η of the noise."""
    zero = torch.zeros_like(log_excess)
    return zero, zero, log_excess


def _in_pieces(shape: tuple[Tensor, ...]) -> tuple[Tensor, Pieces]:
    """Return d in double precision, and the pieces."""
    log_excess, skew = (column.double() for column in shape)
    return log_excess, Pieces.of(log_excess, skew)


class _Row:
    """Rows in the terms of `StandardisedStudentT`: at t on its scale, or far out, where z is lost, at y − μ."""

    def __init__(self, eta: Eta, y: Tensor) -> None:
        _, log_scale, log_excess, skew = named(eta)
        self.pieces = Pieces.of(log_excess, skew)
        z, error = standardised(eta, y), residual(eta, y)
        t, (log_below, log_above) = self.pieces.stretched(z), log_shares(skew)
        self.far = z.abs() > _FAR
        upper = (t > 0) | ((t == 0) & (skew >= 0))
        self.log_share = torch.where(upper, log_above, log_below)
        self.share_by_skew = torch.where(upper, self.pieces.below, -self.pieces.above)
        self.log_unit = torch.where(self.far, 0.0, self.pieces.log_stretch - log_scale)
        told = (z.abs() > _TINY) & (error.abs() > _TINY) & error.isfinite()
        per = torch.where(told, z / torch.where(told, error, 1.0), torch.exp(-log_scale))
        self.per = torch.where(self.far, 1.0, self.pieces.stretch * per)
        wide = plus(log_scale - self.pieces.log_stretch, self.log_share)
        inner = torch.zeros_like(t), torch.where(self.far, wide, self.log_share), log_excess
        self.inner, self.target = inner, torch.where(self.far, error, t)

    @property
    def log_prob(self) -> Tensor:
        """That of `StandardisedStudentT`, and the logs of the two scales."""
        return plus(self.log_unit, _STANDARD.log_prob(self.inner, self.target) + self.log_share)

    @property
    def score(self) -> tuple[Tensor, ...]:
        """The score: Jᵀ times `StandardisedStudentT`'s, and what its scale turns with κ beside that."""
        mode, scale, tail = self.inner_score
        return self.moves.pulled(mode, scale, tail, product(self.share_by_skew, 1 + scale))

    @cached_property
    def inner_score(self) -> tuple[Tensor, ...]:
        """That of `StandardisedStudentT`."""
        return _STANDARD.score(self.inner, self.target)

    @cached_property
    def moves(self) -> Moves:
        """How mode and scale move with η; far out the mode moves with the mean alone."""
        moves = self.pieces.moves(self.per)
        return moves._replace(**{name: torch.where(self.far, 0.0, getattr(moves, name)) for name in _OF_MODE})

    def observed_times(self, v: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return O v."""
        moves = self.moves._replace(scale_by_skew=self.moves.scale_by_skew + self.share_by_skew)
        mode, scale, _ = self.inner_score
        inner = _STANDARD.observed_times(self.inner, self.target, moves.pushed(v))
        pulled = moves.pulled(*inner, torch.zeros_like(mode))
        return tuple(plus(p, -bent) for p, bent in zip(pulled, self._bent(mode, scale, v), strict=True))

    def _bent(self, mode: Tensor, scale: Tensor, v: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return Σ u ∂²/∂η² v over mode and log of the scale, u the score of each; the mode does not bend far out."""
        moves, bends = self.moves, self.pieces.bends()
        mode = torch.where(self.far, 0.0, mode)
        dd = plus(product(-bends.dd, scale), product(-bends.mode_dd, mode))
        dk = plus(product(-bends.dk, scale), product(-bends.mode_dk, mode))
        by_share = product(-self.pieces.both, 1 + scale)
        kk = plus(plus(product(-bends.kk, scale), product(-bends.mode_kk, mode)), by_share)
        ss, sd, sk = (product(getattr(moves, name), mode) for name in _OF_MODE)
        rows = (ss, sd, sk), (sd, dd, dk), (sk, dk, kk)
        return torch.zeros_like(mode), *(reduce(plus, map(product, row, v[1:])) for row in rows)


class _Tame(NamedTuple):
    """Rows far from over- and underflow; see `StandardisedStudentT`'s."""

    tail: Tail
    pieces: Pieces
    log_scale: Any
    per: Any
    """b e^(−s)."""
    stretched: np.ndarray
    """bz."""
    upper: np.ndarray
    x: np.ndarray
    width: np.ndarray
    """1 ± λ."""
    ratio: np.ndarray
    """x²/(ν − 2)."""
    growth: np.ndarray
    """log(1 + x²/(ν − 2))."""

    @classmethod
    def of(cls, eta: Eta, y: Tensor) -> _Tame | None:
        """Return None where there are others, where a gradient is wanted, and on an accelerator."""
        given = tame_numbers(eta, y)
        if given is None:
            return None
        mean, log_scale, log_excess, skew, target = given
        tail = Tail.of(log_excess)
        pieces = Pieces.of_numbers(tail, skew)
        with np.errstate(all="ignore"):
            per = pieces.stretch * np.exp(-log_scale)
            stretched = per * (target - mean)
            t = stretched + pieces.shift
            upper = t > 0
            width = np.where(upper, pieces.above, pieces.below)
            x = t / width
            ratio = x * x / tail.excess
            growth = np.log1p(ratio)
        found = cls(tail, pieces, log_scale, per, stretched, upper, x, width, ratio, growth)
        return found if ratio.max() <= MOST else None

    def log_prob(self) -> Tensor:
        """Return log p."""
        value = (-0.5 * self.tail.excess - 1.5) * self.growth
        value -= self.log_scale
        value += self.tail.constant + self.pieces.log_stretch
        return torch.from_numpy(value)

    def score(self) -> tuple[Tensor, ...]:
        """Return the score."""
        pieces, rest = self.pieces, 1 / (1 + self.ratio)
        part = self.ratio * rest
        mode = (1 + 3 / self.tail.excess) * self.x * rest / self.width
        grown = (self.tail.excess + 3) * part
        scale = grown - 1
        by_tail = self.tail.by_tail(self.ratio, self.growth, part)
        by_tail -= pieces.mode_by_tail * mode
        by_tail -= pieces.by_tail * scale
        by_skew = np.where(self.upper, pieces.below, -pieces.above) * grown
        by_skew -= pieces.mode_by_skew * mode
        by_skew -= pieces.by_skew * scale
        columns = self.per * mode, self.stretched * mode - 1, by_tail, by_skew
        return tuple(map(torch.from_numpy, columns))
