"""Other futures: what could have come after a day, in place of what did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Change = Callable[[pl.Series, Mask, np.random.Generator], pl.Series]


@dataclass(frozen=True, slots=True)
class Future:
    """A way to change the days after a day.

    Attributes:
        words: what was done to them, as the end of a sentence.
        change: of one column, given which of its rows are later.
        ends: whether the table then ends at the cut.
    """

    words: str
    change: Change
    ends: bool = False

    def applied(self, table: pl.DataFrame, later: Mask, draws: np.random.Generator) -> pl.DataFrame:
        """The table with other values in its later rows; its days, and the names of assets, stay.

        The prices of a row move together, so that its high stays above its low.
        """
        changed = {
            column.name: column
            if column.dtype.is_temporal() or column.name in _NAMES
            else self.change(column, later, draws)
            for column in table.get_columns()
        }
        together = [name for name in _BAR if name in changed and table[name].dtype.is_numeric()]
        if "close" in changed and together:
            moved = (changed["close"] / table["close"]).fill_null(1.0).fill_nan(1.0)
            changed |= {name: (table[name] * moved).cast(table[name].dtype).alias(name) for name in together}
        return pl.DataFrame(list(changed.values()))


_NAMES = ("asset", "symbol", "ticker")
_BAR = ("open", "high", "low")


def _put(column: pl.Series, later: Mask, values: list[object] | np.ndarray) -> pl.Series:
    """The column with other values in later rows, of its own type."""
    fresh = pl.Series(column.name, values, strict=False).cast(column.dtype, strict=False)
    everything = pl.Series(np.arange(len(column)))
    places = everything.filter(pl.Series(later)).cast(pl.UInt32)
    return column.clone().scatter(places.to_list(), fresh.to_list())


def _numbers(column: pl.Series, later: Mask) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()[later]


def _wild(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """Levels that go elsewhere, by a walk with steps of a tenth; gaps and values change places; other categories."""
    if not column.dtype.is_numeric():
        return _redrawn(column, later, draws)
    values = _numbers(column, later)
    typical = float(np.nanmedian(np.abs([1.0, *_numbers(column, ~later)]))) or 1.0
    walk = np.exp(np.cumsum(draws.normal(0.0, 0.1, later.sum())).clip(-3, 3) + draws.normal())
    gaps = np.isnan(values)
    moved = np.where(gaps, typical * draws.lognormal(size=len(values)), values * walk)
    if gaps.any():  # where there are gaps at all, others come in their place
        moved[draws.random(len(values)) < gaps.mean()] = np.nan
    return _put(column, later, [None if np.isnan(v) else v for v in moved.tolist()])


def _mirrored(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """Every move the other way: as much unrest, other directions."""
    if not column.dtype.is_numeric():
        return _redrawn(column, later, draws)
    values = _numbers(column, later)
    known = values[~np.isnan(values)]
    if not len(known):
        return _wild(column, later, draws)
    first = known[0]
    mirrored = first * first / values if (known > 0).all() else 2 * first - values
    return _put(column, later, [None if np.isnan(v) else v for v in mirrored.tolist()])


def _shuffled(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """The same values in another order: all that depends on their distribution alone stays."""
    values = column.filter(pl.Series(later)).to_list()
    return _put(column, later, [values[i] for i in np.random.Generator(draws.bit_generator).permutation(len(values))])


def _calm(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """Hardly anything happens any more, far below; no gap is left."""
    if not column.dtype.is_numeric():
        return _redrawn(column, later, draws)
    level = 0.2 * float(np.nanmedian([1.0, *_numbers(column, np.ones_like(later))]))
    return _put(column, later, level * (1 + 1e-3 * draws.normal(size=int(later.sum()))))


def _extreme(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """A thousand times as much, and all categories one."""
    if not column.dtype.is_numeric():
        values = column.drop_nulls().to_list()
        return _put(column, later, [values[-1] if values else None] * int(later.sum()))
    moved = _numbers(column, later) * 1e3 * draws.lognormal(size=int(later.sum()))
    return _put(column, later, [None if np.isnan(v) else v for v in moved.tolist()])


def _redrawn(column: pl.Series, later: Mask, draws: np.random.Generator) -> pl.Series:
    """Categories drawn anew from those that there are."""
    known = column.unique(maintain_order=True).to_list()
    return _put(column, later, [known[i] for i in draws.integers(0, len(known), int(later.sum()))])


FUTURES = (
    Future("left out", _wild, ends=True),
    Future("given other values", _wild),
    Future("turned the other way", _mirrored),
    Future("put into another order", _shuffled),
    Future("made a thousand times as large", _extreme),
    Future("made calm and low", _calm),
)
"""The first ends the table; rows that may know a few days more than they are see these as the second makes them."""
