"""How exactly a rate of errors is known: intervals over speakers, or over utterances where no speakers are known."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from likeliest.errors import ShapeError, SpecificationError
from likeliest.randomness import stream

Floats = NDArray[np.float64]
FEW_SPEAKERS = 20
"""Below so many speakers a t interval; a percentile bootstrap over six covers 85 %."""
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a rate.

    Attributes:
        low: its lower end, at least 0.
        high: its upper end; rates can be above 1.
        level: how often such intervals hold the true rate.
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
    errors: ArrayLike,
    lengths: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    level: float = 0.95,
) -> Interval | None:
    """Return an interval of the rate Σ errors / Σ lengths; None where the lengths are 0 or one utterance is all.

    Args:
        errors: of each utterance, (n,).
        lengths: of each utterance's reference, (n,).
        groups: who speaks in each, (n,).
        seed: names the bootstrap's draws.
        level: how often such intervals are to hold the true rate.

    Example:
        >>> rate_interval([1, 0, 2, 1], [10, 10, 10, 10], ["ann", "ann", "bob", "cleo"]).method
        't interval over 3 speakers'
    """
    e, n = np.asarray(errors, np.float64), np.asarray(lengths, np.float64)
    if e.shape != n.shape or e.ndim != 1 or (groups is not None and len(groups) != len(e)):
        raise ShapeError(
            f"an interval needs errors, lengths and groups of the same (n,); found {e.shape} and {n.shape}"
        )
    if not 0 < level < 1:
        raise SpecificationError(f"an interval's level lies between 0 and 1, found {level}")
    unit = "utterances"
    if groups is not None and len(set(groups)) > 1:
        e, n = _sums(e, n, groups)
        unit = "speakers"
    if not n.sum() or len(e) < 2:
        return None
    if unit == "speakers" and len(e) < FEW_SPEAKERS:
        low, high = _student(e, n, level)
        return Interval(low, high, level, f"t interval over {len(e)} speakers")
    low, high = _percentile(e, n, seed, level)
    return Interval(low, high, level, f"percentile bootstrap over {len(e)} {unit}")


def _sums(e: Floats, n: Floats, groups: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Return errors and lengths of each group, in the order of their first utterances."""
    index: dict[Hashable, int] = {}
    at = np.array([index.setdefault(group, len(index)) for group in groups])
    return np.bincount(at, e), np.bincount(at, n)


def _student(e: Floats, n: Floats, level: float) -> tuple[float, float]:
    """Return the ends of the ratio's t interval: R ± t · se, from the residuals e − R n of the speakers."""
    rate = e.sum() / n.sum()
    error = np.sqrt(len(e) / (len(e) - 1) * np.square(e - rate * n).sum()) / n.sum()
    half = stdtrit(len(e) - 1, 0.5 + level / 2) * error
    return float(max(0.0, rate - half)), float(rate + half)


def _percentile(e: Floats, n: Floats, seed: int, level: float) -> tuple[float, float]:
    """Return the quantiles of the rate in samples drawn with replacement."""
    rng = stream(seed, "intervals of error rates")
    taken = rng.multinomial(len(e), np.full(len(e), 1 / len(e)), size=DRAWS)
    lengths = taken @ n
    rates = (taken @ e)[lengths > 0] / lengths[lengths > 0]
    low, high = np.quantile(rates, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
