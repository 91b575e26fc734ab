"""What the dates of a series show: days without trade that are more than holidays, and prices on weekends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeliest.data.cells import Mask
from likeliest.data.prices.draft import Draft, shown
from likeliest.data.prices.moments import Dates

HOLIDAYS = 2
"""Weekdays in a row without a price that need no word: Good Friday and Easter Monday, Christmas Day and Boxing Day."""
LONGER = 1.75
"""Where prices are not daily, a step this many times the median one is a hole: a month of 31 days is none."""

_KEPT = "kept; the return over it counts as one"


def remarked(draft: Draft) -> Draft:
    """Return the draft with what its dates show told, prices in order of their dates.

    Daily prices have a hole where more than `HOLIDAYS` weekdays in a row are missing, or one day where weekends are
    traded too. Other prices have one where a step is longer than `LONGER` medians. Of intraday prices the days are
    looked at, not the hours: a market closes every night.
    """
    days = np.unique(draft.dates.astype("M8[D]"))
    if len(days) < 3:
        return draft
    steps = np.diff(days).astype(np.int64)
    usual = float(np.median(steps))
    weekend = is_weekend(days)
    if usual > 1:
        return _with_gaps(draft, days, steps > LONGER * usual)
    every_day = bool(2 * weekend.sum() > is_weekend(np.arange(days[0], days[-1])).sum())
    if weekend.any():
        draft = _with_weekends(draft, days[weekend], every_day)
    return _with_gaps(draft, days, steps > 1 if every_day else weekdays_between(days) > HOLIDAYS)


def is_weekend(days: Dates) -> Mask:
    """Return where days are Saturdays or Sundays (n,); 1970-01-01 was a Thursday.

    Example:
        >>> is_weekend(np.array(["2024-03-29", "2024-03-31"], dtype="M8[D]")).tolist()
        [False, True]
    """
    return np.asarray((days.astype(np.int64) + 3) % 7 >= 5)


def weekdays_between(days: Dates) -> NDArray[np.int64]:
    """Return how many weekdays lie between each of the days (n,) and the next, both excluded (n − 1,)."""
    return np.asarray(np.busday_count(days[:-1] + 1, days[1:]), dtype=np.int64)


def _with_weekends(draft: Draft, days: Dates, every_day: bool) -> Draft:
    span = f"{len(days):,} days, {shown(days[0])} to {shown(days[-1])}" if len(days) > 1 else shown(days[0])
    if every_day:
        return draft.saying(span, "prices on Saturdays or Sundays as on other days", "kept")
    return draft.saying(span, "prices on Saturdays or Sundays among weekdays", "kept; see whether these dates are true")


def _with_gaps(draft: Draft, days: Dates, hole: Mask) -> Draft:
    for i in np.flatnonzero(hole):
        length = int((days[i + 1] - days[i]).astype(np.int64))
        draft = draft.saying(
            f"{shown(days[i])} to {shown(days[i + 1])} ({length:,} days)", "a hole in the dates", _KEPT
        )
    return draft
