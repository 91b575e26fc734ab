"""Jumps that no volatility explains: splits without adjustment, misplaced decimal points, and others.

Daily returns of ten times the usual size happen; a price that halves overnight because each share was cut in two does
not lose its holder a cent. A model that is fitted to such a jump learns a crash that never was, so it is named loudly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeliest.data.prices.amounts import Floats
from likeliest.data.prices.draft import Draft, shown
from likeliest.data.prices.moments import Dates
from likeliest.data.prices.returns import log_returns
from likeliest.data.problems import Problem

FAR = 15.0
"""A return so many robust standard deviations from the median is a jump."""
NEAR = 0.03
"""Relative: how near a jump must come to a ratio of splits, an ordinary day's return allowed for."""
FEWEST = 10
"""Of fewer returns that are not zero nothing is said: what is ordinary cannot be known."""
RATIOS = tuple(
    Fraction(r) for r in ("3/2", "2", "5/2", "3", "4", "5", "6", "7", "8", "10", "15", "20", "25", "30", "50")
)

_MAD = 1.4826
"""Standard deviations in a median absolute deviation, of a normal distribution."""
_AROUND = 10
_REVERTS = 0.1

Kind = Literal["split", "slip", "jump"]
_DONE = {
    "split": "kept as they are; take adjusted prices, or pass adjust='splits'",
    "slip": "kept; correct the cell, or leave it empty",
    "jump": "kept; see whether it is true",
}


@dataclass(frozen=True, slots=True)
class Jump:
    """One jump between two prices that follow each other.

    Attributes:
        kind: "split", where the ratio is one of splits; "slip", where the next return takes it back; else "jump".
        asset: whose prices they are.
        date: of the later price.
        before: the earlier price.
        after: the later price.
        spreads: how many robust standard deviations the return is from the median.
        ratio: shares after the split for each before; below 1 for a reverse split; ``None`` for other kinds.
        done: what was done about it.
    """

    kind: Kind
    asset: str
    date: np.datetime64
    before: float
    after: float
    spreads: float
    ratio: Fraction | None
    done: str

    @property
    def reason(self) -> str:
        """What it looks like."""
        if self.ratio is not None:
            return f"a jump that looks like a {self.ratio.numerator}:{self.ratio.denominator} split without adjustment"
        if self.kind == "slip":
            return "a price that leaves the others and is back in the next row, like a slip of the decimal point"
        return "a jump that no volatility around it explains"

    def __str__(self) -> str:
        return f"{self.asset}: {self._where}, {self.spreads:.0f} times the usual spread; {self.reason}; {self.done}"

    @property
    def problem(self) -> Problem:
        """The same in the manner of all other problems."""
        return Problem(f"{self.asset}: {self._where}", self.reason, self.done)

    @property
    def _where(self) -> str:
        return f"{shown(self.date)} ({self.before:.6g} to {self.after:.6g})"


def find_jumps(asset: str, dates: Dates, close: Floats) -> tuple[Jump, ...]:
    """Return the jumps of a series of n prices, in order of dates.

    A return is one where it is more than `FAR` times the spread from the median return. The spread is the median
    absolute deviation of all returns that are not zero, or that of the `_AROUND` returns on either side where this is
    larger: in a crisis a large return is no jump. Of intraday prices, the return over a night is one only where it
    looks like a split or a slip.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(60)))
        >>> close[30:] /= 2
        >>> days = np.datetime64("2024-01-01") + np.arange(60)
        >>> [(str(jump.date), str(jump.ratio)) for jump in find_jumps("A", days, close)]
        [('2024-01-31', '2')]
    """
    r = log_returns(close)
    moving = r[r != 0]
    if len(moving) < FEWEST:
        return ()
    centre, spread = float(np.median(r)), _spread(moving)
    found: list[Jump] = []
    back = -1
    for i in np.flatnonzero(np.abs(r - centre) > FAR * spread).tolist():
        around = max(spread, _spread(np.r_[r[max(i - _AROUND, 0) : i], r[i + 1 : i + 1 + _AROUND]]))
        spreads = abs(r[i] - centre) / around
        if spreads <= FAR or i == back:
            continue
        slip = i + 1 < len(r) and abs(r[i] + r[i + 1]) <= _REVERTS * abs(r[i]) + 3 * around
        back = i + 1 if slip else -1
        ratio = None if slip else split_ratio(float(r[i]), around)
        kind: Kind = "slip" if slip else "jump" if ratio is None else "split"
        if kind == "jump" and dates[i].astype("M8[D]") != dates[i + 1].astype("M8[D]") and dates.dtype != "M8[D]":
            continue
        before, after = float(close[i]), float(close[i + 1])
        found.append(Jump(kind, asset, dates[i + 1], before, after, float(spreads), ratio, _DONE[kind]))
    return tuple(found)


def split_ratio(jump: float, spread: float) -> Fraction | None:
    """Return the split whose log ratio is −``jump``, a log return, to `NEAR` and one ``spread``; ``None`` if none is.

    Example:
        >>> split_ratio(-0.68, 0.01), split_ratio(2.31, 0.01), split_ratio(-0.25, 0.01)
        (Fraction(2, 1), Fraction(1, 10), None)
    """
    nearest = min(RATIOS, key=lambda ratio: abs(math.log(ratio) - abs(jump)))
    if abs(math.log(nearest) - abs(jump)) > math.log1p(NEAR) + spread:
        return None
    return nearest if jump < 0 else 1 / nearest


def without_splits(draft: Draft, jumps: tuple[Jump, ...]) -> tuple[Draft, tuple[Jump, ...]]:
    """Return the draft with the prices before each split divided by its ratio, and volumes times it; and the jumps."""
    scale = np.ones(len(draft))
    for jump in jumps:
        if jump.ratio is not None:
            scale[draft.dates < jump.date] *= float(jump.ratio)
    values = {name: v * scale if name == "volume" else v / scale for name, v in draft.values.items()}
    told = tuple(
        jump if jump.ratio is None else replace(jump, done=f"earlier prices divided by {float(jump.ratio):.6g}")
        for jump in jumps
    )
    return draft.with_values(**values), told


def _spread(returns: NDArray[np.float64]) -> float:
    return float(_MAD * np.median(np.abs(returns - np.median(returns)))) if len(returns) else 0.0
