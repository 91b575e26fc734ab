"""Whether a source is a table of prices, by its first rows alone, and with no for an answer where there is doubt."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from likeliest.data.choosing import find_target
from likeliest.data.paths import entries, is_file
from likeliest.data.prices.amounts import is_amounts, read_amounts
from likeliest.data.prices.columns import ASSETS, COMPANIONS, DATES, moves_like_a_price, plain, ranked, role_of
from likeliest.data.prices.layout import holds_dates
from likeliest.data.prices.moments import read_moments
from likeliest.data.prices.ranges import OUTER
from likeliest.data.prices.source import TABLES
from likeliest.data.tables import first_cells
from likeliest.errors import InputError, TargetError

_FILES = 3
_STRANGERS = 1
"""So many columns beside prices may be of no kind known, and two more where the day's open, high and low are there."""


def looks_like_prices(source: str | Path) -> bool:
    r"""Whether a CSV or Parquet file, or a folder of them, holds prices: dates, prices by their name, and little else.

    A file does where it has a column of dates and one called close, price, last or the like, perhaps with open, high,
    low, volume and what often stands beside them; where its numbers are positive and move like a level; and where no
    date comes twice without a column of assets. Only its first rows are read. A table of dates and other numbers may
    be of prices too, but nothing shows it: read it with `read_prices`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
        >>> _ = path.write_text("date,price\n2024-03-28,100\n2024-04-01,110\n2024-04-02,99\n")
        >>> looks_like_prices(path)
        True
        >>> _ = path.write_text("date,price,rooms,area\n2024-03-28,100,3,80\n2024-04-01,110,4,95\n")
        >>> looks_like_prices(path)
        False
    """
    path = Path(source)
    try:
        if path.is_dir():
            inside = [entry for entry in entries(path) if not entry.is_dir()]
            files = [entry for entry in inside if entry.suffix.lower() in TABLES]
            few = list(islice(files, _FILES))
            return 2 * len(files) > len(inside) and all(_holds_prices(first_cells(file)) for file in few)
        return is_file(path) and path.suffix.lower() in TABLES and _holds_prices(first_cells(path))
    except (OSError, InputError, pl.exceptions.PolarsError):
        return False


def _holds_prices(frame: pl.DataFrame) -> bool:
    dates = next((c for c in frame.columns if holds_dates(frame[c])), None)
    if dates is None:  # numbers are dates only where they are called so
        dates = next((c for c in ranked(frame.columns, DATES) if is_amounts(frame[c])), None)
    roles = {role_of(column): column for column in frame.columns}
    close = roles.get("adjusted") or roles.get("close")
    asset = next((c for c in ranked(frame.columns, ASSETS) if c not in (dates, close)), None)
    if dates is None or close is None or not is_amounts(frame[close]) or _has_target(frame):
        return False
    known = [c for c in frame.columns if c in (dates, close, asset) or role_of(c) or plain(c) in (*COMPANIONS, *DATES)]
    allowed = _STRANGERS + 2 * (set(OUTER) <= set(roles))
    if frame.width - len(known) > min(allowed, len(known) - 2):
        return False
    return _moves(frame, dates, close, asset)


def _has_target(frame: pl.DataFrame) -> bool:
    """Whether a column is called as targets usually are, so that it is this that is to be predicted."""
    try:
        return bool(find_target(frame))
    except TargetError:
        return False


def _moves(frame: pl.DataFrame, dates: str, close: str, asset: str | None) -> bool:
    """Whether no date of an asset comes twice, and its prices move like a level in the order of their dates."""
    (values,), _ = read_amounts([frame[close]], "", comma=True)
    when = read_moments(frame[dates], "").wall
    named = np.zeros(len(when)) if asset is None else frame[asset].cast(pl.String).rank("dense").fill_null(0).to_numpy()
    largest = float(np.bincount(named.astype(np.int64)).argmax())
    mine = (named == largest) & ~np.isnat(when)
    if len(np.unique(when[mine])) < mine.sum():
        return False
    if mine.sum() == 1 and asset is not None:  # rows by date, with more assets than rows were read
        return bool((values > 0).all())
    return moves_like_a_price(values[mine][np.argsort(when[mine])])
