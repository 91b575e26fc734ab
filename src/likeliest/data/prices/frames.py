"""Tables that are in memory already: polars and pandas frames, and mappings of columns or of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from likeliest.errors import TableError


def is_frame(source: Any) -> bool:
    """Whether a value is a table in memory, or a mapping."""
    return isinstance(source, pl.DataFrame | pl.LazyFrame | Mapping) or _is_pandas(source)


def tables_of(source: Any) -> list[tuple[str | None, pl.DataFrame]]:
    """Return the tables of a source in memory, with the names of their assets where it tells them.

    A pandas index becomes a column, and pandas columns of two levels, as of several assets, are called by both. A
    mapping holds columns by name, or frames by asset.

    Raises:
        TableError: the columns do not fit together, or there are no rows.

    Example:
        >>> tables_of({"date": ["2024-03-28"], "close": [1.5]})[0][1].columns
        ['date', 'close']
    """
    if isinstance(source, Mapping) and source and all(is_frame(value) for value in source.values()):
        return [(str(name), _frame(value, f"the table {str(name)!r}")) for name, value in source.items()]
    return [(None, _frame(source, "the table"))]


def _frame(source: Any, place: str) -> pl.DataFrame:
    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    frame = source if isinstance(source, pl.DataFrame) else _of_columns(_columns(source), place)
    if not frame.width or not frame.height:
        raise TableError(f"{place}: expected rows, found {frame.width} columns and {frame.height} rows")
    return frame


def _of_columns(columns: Mapping[str, Any], place: str) -> pl.DataFrame:
    try:
        return pl.DataFrame([_series(name, values) for name, values in columns.items()])
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise TableError(f"{place}: expected columns of one length, each of one type, found that {error}") from error


def _columns(source: Any) -> dict[str, Any]:
    if not _is_pandas(source):
        return {str(name): values for name, values in source.items()}
    table = source.to_frame() if not hasattr(source, "columns") else source
    if table.index.names != [None] or table.index.dtype.kind not in "iu":
        table = table.reset_index()
    names = [" ".join(filter(None, map(str, name))) if isinstance(name, tuple) else str(name) for name in table.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableError(
            f"the table: expected every column to have a name of its own, found {twice!r} twice; rename one"
        )
    return {name: table.iloc[:, i] for i, name in enumerate(names)}


def _series(name: str, values: Any) -> pl.Series:
    """Return a column of a pandas frame, or of anything with a length; what pandas takes for missing is null."""
    if _is_pandas(values) and hasattr(values.dtype, "freq"):  # months and the like, of which the first day is taken
        values = values.dt.to_timestamp()
    if _is_pandas(values) and isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufM":
        values = values.to_numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind == "M" and values.dtype != np.dtype("M8[D]"):
        values = values.astype("M8[us]")  # of the many units that NumPy has, polars takes few
    if not _is_pandas(values):
        return pl.Series(name, values)
    missing = values.isna().tolist()
    return pl.Series(name, [None if gone else v for gone, v in zip(missing, values.tolist(), strict=True)])


def _is_pandas(source: Any) -> bool:
    """Whether a value is a pandas frame or series; pandas itself is not needed to see it."""
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "reset_index")
