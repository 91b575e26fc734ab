"""Walk-forward: the only split there is in time. Learn from the past, forecast the next days, move on, learn again.

A forecast made at the close of day t is of the days t + 1 … t + h. What it was learnt from are forecasts made before
whose days have all been by then: those of day t − h and earlier. So the last row learnt from is always h
days before the first that is forecast, and no label of the one reaches into the days of the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from likeliest.errors import SpecificationError

FEWEST = 20
"""Rows to learn from, at least."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One refit: rows are days, each with what is known at its close and the h days after it as its label.

    Attributes:
        start: first row that is learnt from.
        stop: row after the last that is learnt from.
        first: first row that is forecast.
        last: row after the last that is forecast.
    """

    start: int
    stop: int
    first: int
    last: int

    @property
    def learnt(self) -> slice:
        """Rows that are learnt from."""
        return slice(self.start, self.stop)

    @property
    def forecast(self) -> slice:
        """Rows that are forecast."""
        return slice(self.first, self.last)


def walk_forward(
    rows: int, *, first: int, every: int = 21, horizon: int = 1, window: int | None = None
) -> Iterator[Fold]:
    """Yield the folds of a walk through so many rows, in order.

    Args:
        rows: n; labels of the last rows may still be unknown.
        first: the first row that is forecast.
        every: rows from one refit to the next.
        horizon: h, days that a label takes: as many as lie between learning and forecasting.
        window: rows that are learnt from, the latest ones; None is all there are by then.

    Raises:
        SpecificationError: too few rows to learn from, none to forecast, or a number below 1.

    Example:
        >>> [(fold.learnt, fold.forecast) for fold in walk_forward(60, first=50, every=6, horizon=5, window=30)]
        [(slice(16, 46, None), slice(50, 56, None)), (slice(22, 52, None), slice(56, 60, None))]
    """
    if min(every, horizon) < 1 or (window is not None and window < 1):
        raise SpecificationError(f"days are counted from 1; found every={every}, horizon={horizon}, window={window}")
    fewest = first - horizon + 1 if window is None else min(window, first - horizon + 1)
    if fewest < FEWEST:
        raise SpecificationError(
            f"the first forecast, row {first}, would be learnt from {max(fewest, 0)} rows; at least {FEWEST} are "
            "needed: begin later, or take a shorter horizon"
        )
    if first >= rows:
        raise SpecificationError(f"of {rows} rows none is left to be forecast from row {first} on; begin earlier")
    for start in range(first, rows, every):
        stop = start - horizon + 1
        yield Fold(0 if window is None else max(0, stop - window), stop, start, min(start + every, rows))
