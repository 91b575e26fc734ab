"""From columns of text to numbers, truths, dates or texts, decided on all cells and not on the first hundred."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from likeliest.data.cells import MISSING, parse_moments, parse_numbers, parse_truths

_GLANCE = 100


def blank_missing(text: pl.Series) -> pl.Series:
    """Return the texts with blanks around them stripped, and null for those in `MISSING`."""
    stripped = text.str.strip_chars()
    missing = stripped.is_in(list(MISSING)).fill_null(value=True)
    return stripped.zip_with(~missing, pl.Series([None], dtype=pl.String))


def infer(text: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """Return the column as the narrowest of int64, float64, boolean, date, datetime and text that holds every cell.

    Args:
        text: a column of texts, missing ones null.
        decimal_comma: whether "1,5" is one and a half, as where semicolons separate the cells.

    Example:
        >>> infer(pl.Series("age", ["40", None, "41.5"])).to_list()
        [40.0, None, 41.5]
    """
    present = text.drop_nulls()
    if present.is_empty():
        return text
    for parse in (_integers, _floats_with_comma if decimal_comma else parse_numbers, parse_truths, parse_moments):
        if _fits(parse, present.head(_GLANCE)) and _fits(parse, present):
            return parse(text)
    return text


def _fits(parse: Callable[[pl.Series], pl.Series], present: pl.Series) -> bool:
    return parse(present).null_count() == 0


def _integers(text: pl.Series) -> pl.Series:
    return text.cast(pl.Int64, strict=False)


def _floats_with_comma(text: pl.Series) -> pl.Series:
    return parse_numbers(text.str.replace(",", ".", literal=True))
