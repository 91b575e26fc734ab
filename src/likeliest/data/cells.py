"""Reading the cells of one column as numbers, truths, moments or texts, or saying in which row they are none.

Rows are counted from 1, the header not counted, as ``predict`` writes them. Every reader keeps missing cells missing.
A NaN in a column of numbers is a missing cell; ±inf is refused, for no mean or scale survives it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.errors import ColumnError, InputError

MISSING = ("", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NULL", "Null", "null", "None", "NaN", "nan", "-nan", "?")
"""The texts that stand for a missing cell in a CSV or TSV file, after blanks around them are stripped."""

_SLIPS = 0.1
_DATE = "%Y-%m-%d"
_MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
_MOMENTS_WITH_ZONE = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z")


Mask: TypeAlias = NDArray[np.bool_]


def row_names(mask: Mask, limit: int = 5) -> str:
    """Name the rows where ``mask`` holds: "row 17", "rows 3, 17 and 40", "rows 1, 2, 3, 4, 5 and 12 more"."""
    rows = np.flatnonzero(mask) + 1
    names = [str(row) for row in rows[:limit]] + [f"{len(rows) - limit} more"] * (len(rows) > limit)
    return f"row {names[0]}" if len(names) == 1 else f"rows {', '.join(names[:-1])} and {names[-1]}"


def refuse(
    series: pl.Series, bad: Mask, needed: str, remedy: str, error: type[InputError] = ColumnError, *, place: str = ""
) -> None:
    """Raise ``error`` at the first row where ``bad`` holds, with what stands there; do nothing where none does.

    ``place`` is the file, where a message has to name it.
    """
    if not bad.any():
        return
    first, count = int(np.argmax(bad)), int(bad.sum())
    more = f" (and {count - 1} more such rows)" if count > 1 else ""
    where = f"{place} column {series.name!r} row {first + 1}".lstrip()
    raise error(f"{where}: expected {needed}, found {series[first]!r}{more}; {remedy}")


def unread(series: pl.Series, values: pl.Series) -> Mask:
    """Return where a cell is there but reading it gave nothing."""
    gone: Mask = values.is_null().to_numpy()
    there: Mask = series.is_not_null().to_numpy()
    return gone & there


def texts(series: pl.Series) -> pl.Series:
    """Return the cells as texts.

    Raises:
        ColumnError: the cells are lists, structures or bytes, which have no text of their own.
    """
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise ColumnError(
            f"column {series.name!r}: expected one value a cell, found {series.dtype}; "
            "split it into columns of numbers or texts"
        )
    return series.cast(pl.String)


def parse_numbers(text: pl.Series) -> pl.Series:
    """Return float64 where a text is a number ("nan" and "inf" are), null where it is none."""
    return text.str.strip_chars().cast(pl.Float64, strict=False)


def parse_moments(text: pl.Series) -> pl.Series:
    """Return what ISO 8601 texts say: Date where all are dates, else Datetime in μs; null where a text is neither.

    A moment with a zone is turned to UTC. Other orders (day first, month first) are ambiguous and are not guessed.
    """
    text = text.str.strip_chars()
    dates = text.str.to_date(_DATE, strict=False)
    if dates.null_count() == text.null_count():
        return dates
    found = dates.cast(pl.Datetime("us"))
    for form in (*_MOMENTS, *_MOMENTS_WITH_ZONE):
        parsed = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC" if "%#z" in form else None)
        found = found.zip_with(found.is_not_null(), parsed.dt.replace_time_zone(None))
    return found


def numbers(series: pl.Series) -> pl.Series:
    """Return the cells as float64, null where missing.

    Raises:
        ColumnError: at the first cell that is no finite number, with its row.
    """
    values = series.cast(pl.Float64) if series.dtype.is_numeric() else parse_numbers(texts(series))
    array = values.to_numpy()
    bad = np.isinf(array) | unread(series, values)
    refuse(series, bad, "a finite number", "correct the cell, or leave it empty to have it treated as missing")
    return values.fill_nan(None) if np.isnan(array).any() else values


def parse_truths(text: pl.Series) -> pl.Series:
    """Return booleans where a text is true or false in any case, or 1 or 0; null where it is none."""
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    return text.str.strip_chars().str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Boolean)


def slips(text: pl.Series) -> Mask:
    """Return where a column of numbers has slipped: its texts that are no numbers, if they are at most one cell in ten.

    Taken as text, such a column would silently turn into hundreds of levels.
    """
    bad = unread(text, parse_numbers(text))
    return bad if bad.sum() <= _SLIPS * text.count() else np.zeros_like(bad)


def truths(series: pl.Series) -> pl.Series:
    """Return the cells as booleans.

    Raises:
        ColumnError: at the first cell that `parse_truths` cannot read, with its row.
    """
    values = parse_truths(texts(series))
    refuse(series, unread(series, values), "true or false", "correct the cell or leave it empty")
    return values


def moments(series: pl.Series) -> pl.Series:
    """Return the cells as wall-clock datetimes in μs, null where missing.

    Raises:
        ColumnError: at the first cell that is no date, with its row.
    """
    if isinstance(series.dtype, pl.Datetime):
        return series.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    values = series if series.dtype == pl.Date else parse_moments(texts(series))
    refuse(
        series,
        unread(series, values),
        "a date such as 2024-03-31 or 2024-03-31T14:30:00",
        "correct the cell or leave it empty",
    )
    return values.cast(pl.Datetime("us"))
