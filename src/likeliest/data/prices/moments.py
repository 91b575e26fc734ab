"""A column of dates, whatever it holds: texts, dates, moments with and without zones, seconds since 1970.

Days stay days. A moment with a zone has two readings: the date on the clocks of its place, which names a daily close,
and the moment in UTC, which orders prices within a day. `dates_of` takes the one that the rows call for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.data.prices.forms import REMEDY, read_written
from likeliest.errors import ColumnError

Dates = NDArray[np.datetime64]

_EPOCHS = ((10**17, 10**-3, "nanoseconds"), (10**14, 1, "microseconds"), (10**11, 10**3, "milliseconds"))
"""From which number on, microseconds in one, and what they are; smaller numbers, from `_SECONDS` on, are seconds."""
_SECONDS = 10**8
_LONG_NUMBER = r"^-?\d{9,19}(?:\.\d+)?$"
_MOMENTS_A_DAY = 1.5
"""With more moments a day than this, on average and for one asset, prices are intraday."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What a column of dates says.

    Attributes:
        wall: moments on the clocks of their places (n,), datetime64[us]; NaT where missing.
        utc: the same in UTC (n,), where the zone is known; else ``None``.
        said: what was found and what was done about it, in words.
    """

    wall: Dates
    utc: Dates | None = None
    said: tuple[tuple[str, str], ...] = ()


def read_moments(column: pl.Series, place: str) -> Moments:
    """Return what the cells of a column of dates say.

    Args:
        column: texts in one of the ways of `likeliest.data.prices.forms`, dates, datetimes, integers such as 20240331,
            or seconds, milli-, micro- or nanoseconds since 1970 in UTC.
        place: the file, for messages.

    Raises:
        ColumnError: at the first cell that is no date, or where cells cannot all be read in one way.

    Example:
        >>> read_moments(pl.Series("t", ["2024-03-31T23:00:00-05:00"]), "t.csv").utc.tolist()
        [datetime.datetime(2024, 4, 1, 4, 0)]
    """
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _of_datetimes(column)
    if column.dtype.is_numeric():
        return _of_numbers(column, place)
    if column.dtype.is_temporal() or column.dtype == pl.Boolean:
        raise ColumnError(
            f"{place} column {column.name!r}: expected dates, found cells of type {column.dtype}; {REMEDY}"
        )
    text = cells.texts(column).str.strip_chars()
    present = text.drop_nulls()
    if not present.is_empty() and present.str.contains(_LONG_NUMBER).all():
        whole = text.cast(pl.Int64, strict=False)
        exact = whole.null_count() == text.null_count()
        return _of_numbers(whole if exact else text.cast(pl.Float64), place)
    return _of_texts(text, place)


def dates_of(moments: Moments, asset: NDArray[np.int64]) -> tuple[Dates, tuple[tuple[str, str], ...]]:
    """Return the dates (n,), as days or, where prices are intraday, as moments in μs; and what was done, in words.

    Args:
        moments: of n rows.
        asset: a number for the asset of each row (n,).
    """
    days = moments.wall.astype("M8[D]")
    there = ~np.isnat(days)
    key = pl.DataFrame({"asset": asset[there], "day": days[there], "moment": moments.wall[there]})
    if key.n_unique() <= _MOMENTS_A_DAY * key.n_unique(subset=["asset", "day"]):
        zoned = moments.utc is not None and bool((moments.utc[there].astype("M8[D]") != days[there]).any())
        local = (("dates that differ from those in UTC", "the date at the place of trade is kept"),) * zoned
        return days, local
    if moments.utc is None:
        return moments.wall, ()
    return moments.utc, (("several moments a day, with a time zone", "turned to UTC"),)


def _of_datetimes(column: pl.Series) -> Moments:
    moments = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column.dt.cast_time_unit("us")
    wall = moments.dt.replace_time_zone(None).to_numpy()
    if getattr(moments.dtype, "time_zone", None) is None:
        return Moments(wall)
    return Moments(wall, moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy())


def _of_texts(text: pl.Series, place: str) -> Moments:
    written = read_written(text, place)
    said = () if written.order is None else (("dates of which only some tell the day from the month", written.order),)
    utc = None if written.ahead is None else written.wall - (written.ahead * 60_000_000).astype("m8[us]")
    return Moments(written.wall, utc, said)


def _of_numbers(column: pl.Series, place: str) -> Moments:
    """Return moments of integers such as 20240331, or of times since 1970 by their size."""
    numbers = column.cast(pl.Float64).fill_nan(None)
    values, there = numbers.fill_null(0.0).to_numpy(), numbers.is_not_null().to_numpy()
    top = float(np.abs(values).max(initial=0.0))
    if 10**7 <= top < _SECONDS:
        return _of_texts(column.cast(pl.Int64, strict=False).cast(pl.String), place)
    lower, micro, unit = next((e for e in _EPOCHS if top >= e[0]), (_SECONDS, 10**6, "seconds"))
    small = (np.abs(values) >= lower / 1000) & (np.abs(values) < lower / 5) & (unit != "seconds")
    needed = f"{unit} since 1970, as in other rows" if small.any() else "a date"
    wrong = small | (top < _SECONDS) | ~np.isfinite(values)
    remedy = f"{REMEDY}; day numbers of a spreadsheet have to be formatted as dates before they are saved"
    cells.refuse(column, wrong & there, needed, remedy, place=place)
    exact = column.fill_null(0).to_numpy() if column.dtype.is_integer() else values
    scaled = exact // 1000 if micro < 1 else exact * micro
    wall = np.rint(scaled).astype(np.int64).astype("M8[us]")
    wall[~there] = np.datetime64("NaT")
    return Moments(wall, wall, ((f"dates as {unit} since 1970", "read in UTC"),))
