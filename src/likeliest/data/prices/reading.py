"""From a table to series: dates and amounts are read once, rows are dealt to assets, and each is looked through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.data.folders import PASSED_OVER
from likeliest.data.inference import blank_missing, infer
from likeliest.data.prices import calendar, ranges
from likeliest.data.prices.amounts import Floats, read_amounts, read_volumes, share_of_amounts
from likeliest.data.prices.draft import Draft
from likeliest.data.prices.jumps import find_jumps, without_splits
from likeliest.data.prices.layout import Fields, Layout, find_layout
from likeliest.data.prices.moments import Dates, dates_of, read_moments
from likeliest.data.prices.order import ordered
from likeliest.data.prices.series import FIELDS, PriceSeries
from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.errors import ColumnError, TableError

MOST_UNDATED = 0.1
"""If a larger share of rows has no date, the table is refused."""

_RAW = "unadjusted close"
_GLANCE = 50


@dataclass(frozen=True, slots=True)
class Options:
    """What a user says of a table; see `likeliest.data.prices.read_prices`."""

    date: str | None = None
    price: str | Sequence[str] | None = None
    asset: str | None = None
    split_adjusted: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was found.

    Attributes:
        frame: its cells; texts where its file holds texts.
        place: its file, for messages.
        name: the asset, where no column tells it.
        named: whether the name is that of a file in a folder of assets, and goes before a column's name.
        separator: of its cells, or ``None`` where they have types.
    """

    frame: pl.DataFrame
    place: str
    name: str
    named: bool = False
    separator: str | None = None


def read_series(table: Table, options: Options) -> tuple[list[PriceSeries], list[Problem]]:
    """Return the series of a table, and what was found in the table as a whole.

    Raises:
        TableError: its columns are not those of prices.
        ColumnError: a cell cannot be used, with its row.
    """
    frame = table.frame.select(blank_missing(c) if c.dtype == pl.String else c for c in table.frame)
    layout = find_layout(frame, table.place, date=options.date, price=options.price, asset=options.asset)
    problems: list[Problem] = []
    names, codes = _assets(frame, layout, table.place)
    dates = _dates(frame, layout, codes, table.place, problems)
    values = _values(frame, layout, table, problems)
    others = [] if len(layout.fields) > 1 else layout.others(frame)
    if passed := [] if others else layout.others(frame):
        problems.append(Problem(", ".join(passed), "columns that are of no asset", PASSED_OVER))
    extra = _extra(frame, others, layout.fields[0], values, table.separator)
    hint = _hint(frame, layout)
    drafts = _drafts(table, layout, names, codes, dates, values)
    return [_finished(ordered(draft, hint), extra, options.split_adjusted) for draft in drafts], problems


def _assets(frame: pl.DataFrame, layout: Layout, place: str) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return the names that a column tells, and which of them each row has (n,)."""
    if layout.asset is None:
        return [None], np.zeros(frame.height, dtype=np.int64)
    column = cells.texts(frame[layout.asset])
    missing = column.is_null().to_numpy()
    cells.refuse(column, missing, "the name of an asset", "name it, or leave the row out", place=place)
    names = sorted(column.unique().to_list())
    codes = column.replace_strict(dict(zip(names, range(len(names)), strict=True)), return_dtype=pl.Int64)
    return names, codes.to_numpy()


def _dates(frame: pl.DataFrame, layout: Layout, codes: NDArray[np.int64], place: str, problems: list[Problem]) -> Dates:
    column = frame[layout.date]
    if layout.time is not None:
        joined = column.cast(pl.String) + " " + frame[layout.time].cast(pl.String)
        column = joined.fill_null(column.cast(pl.String)).alias(column.name)
    moments = read_moments(column, place)
    dates, said = dates_of(moments, codes)
    problems += [Problem(f"column {column.name!r}", what, done) for what, done in (*moments.said, *said)]
    undated = np.isnat(dates)
    if undated.mean() > MOST_UNDATED:
        raise ColumnError(
            f"{place} column {column.name!r}: expected a date in every row, found none in {int(undated.sum()):,} of "
            f"{len(dates):,}, the first in row {int(np.argmax(undated)) + 1}; fill them in, or leave the rows out"
        )
    if undated.any():
        problems.append(Problem(cells.row_names(undated), "rows without a date", LEFT_OUT))
    return dates


def _values(frame: pl.DataFrame, layout: Layout, table: Table, problems: list[Problem]) -> dict[str, Floats]:
    """Return column → its numbers (n,), of all prices and of those volumes that are numbers."""
    names = list(dict.fromkeys(column for one in layout.fields for column in one.columns))
    for name in names:
        _refuse_no_amounts(frame[name], table.place)
    read, said = read_amounts([frame[name] for name in names], table.place, comma=table.separator == ";")
    problems += [Problem(f"columns {', '.join(map(repr, names[:4]))}", what, done) for what, done in said]
    values = dict(zip(names, read, strict=True))
    for column in dict.fromkeys(one.beside["volume"] for one in layout.fields if "volume" in one.beside):
        volume = read_volumes(frame[column])
        if volume is None:
            problems.append(Problem(f"column {column!r}", "volumes that are no numbers", PASSED_OVER))
        else:
            values[column] = volume
    return values


def _refuse_no_amounts(column: pl.Series, place: str) -> None:
    """Raise where a column of prices holds hardly a number: it is another that should be named."""
    present = column.drop_nulls().head(_GLANCE)
    if len(present) and share_of_amounts(present) < 1 / 2:
        told = column.dtype.is_nested() or column.dtype == pl.Object
        found = f"of type {column.dtype}" if told else f"such as {present[0]!r}"
        raise TableError(
            f"{place} column {column.name!r}: expected prices, found cells {found}; name the column of "
            "prices, as in price='close'"
        )


def _drafts(
    table: Table,
    layout: Layout,
    names: list[str | None],
    codes: NDArray[np.int64],
    dates: Dates,
    values: dict[str, Floats],
) -> Iterator[Draft]:
    """Yield the rows of each asset that have a date, as they stand in the table."""
    dated = np.flatnonzero(~np.isnat(dates))
    dealt = dated[np.argsort(codes[dated], kind="stable")]
    ends = np.searchsorted(codes[dealt], np.arange(1, len(names)))
    for fields in layout.fields:
        held = {"close": fields.close, **fields.beside} | ({_RAW: fields.raw} if fields.raw else {})
        columns = {role: values[column] for role, column in held.items() if column in values}
        for told, rows in zip(names, np.split(dealt, ends), strict=True):
            name = told or _name(fields, table, alone=len(layout.fields) == 1)
            place = table.place if told is None else f"{table.place} {told!r}"
            yield Draft(name, place, fields.close, rows, dates[rows], {r: v[rows] for r, v in columns.items()})


def _name(fields: Fields, table: Table, *, alone: bool) -> str:
    if fields.asset is None or (table.named and alone):
        return table.name
    return fields.asset


def _finished(draft: Draft, extra: pl.DataFrame, split_adjusted: bool) -> PriceSeries:
    """Return the series of rows in order: adjusted, mended, and with what its dates and returns show told."""
    raw = draft.values.get(_RAW)
    draft = ranges.mended(ranges.adjusted(draft, raw))
    draft = calendar.remarked(draft)
    jumps = find_jumps(draft.name, draft.dates, draft.close)
    if split_adjusted:
        draft, jumps = without_splits(draft, jumps)
    columns = {name: np.ascontiguousarray(draft.values[name]) for name in FIELDS if name in draft.values}
    rest = extra[draft.rows] if extra.width else extra
    return PriceSeries(draft.name, draft.dates.copy(), **columns, extra=rest, problems=draft.problems, jumps=jumps)


def _extra(
    frame: pl.DataFrame, others: list[str], fields: Fields, values: dict[str, Floats], separator: str | None
) -> pl.DataFrame:
    """Return the columns that are no prices, with types, and the closes before adjustment."""
    taken = {"asset", "date", *FIELDS}
    columns = [
        (infer(frame[name], decimal_comma=separator == ";") if frame[name].dtype == pl.String else frame[name]).alias(
            f"{name} in the source" if name in taken else name
        )
        for name in others
    ]
    volume = fields.beside.get("volume")
    if volume and volume not in values:
        columns.append(frame[volume].alias(f"{volume} in the source"))
    if fields.raw:
        columns.append(pl.Series(_RAW, values[fields.raw]).fill_nan(None))
    return pl.DataFrame(columns)


def _hint(frame: pl.DataFrame, layout: Layout) -> str:
    """Return what to do where one date has several rows, if a column may name assets."""
    texts = [c for c in layout.others(frame) if frame[c].dtype == pl.String and 1 < frame[c].n_unique() < frame.height]
    several = layout.asset is None and len(layout.fields) == 1 and texts
    return f"; if the rows are of several assets, name their column, as in asset={texts[0]!r}" if several else ""
