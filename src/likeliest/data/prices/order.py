"""From rows as they come to prices in order of their dates: no empty ones, no date twice, none at or below zero."""

from __future__ import annotations

import numpy as np

from likeliest.data.cells import Mask
from likeliest.data.prices.draft import Draft, shown
from likeliest.data.problems import LEFT_OUT
from likeliest.errors import ColumnError

MOST_EMPTY = 0.5
"""If a larger share of the rows between the first and the last price has none, the column is refused."""

_STEADY = 1e-9
_FEWEST_TO_JUDGE = 10
_NAME = "name the column of prices, as in price='close'"


def ordered(draft: Draft, hint: str = "") -> Draft:
    """Return the draft in order of dates, each once and with a price above zero.

    Args:
        draft: rows as they come.
        hint: what to do, beyond correcting it, where one date has two prices.

    Raises:
        ColumnError: fewer than two prices, or most of them empty; a price at or below zero; one date with two prices;
            prices that never vary, or rise by one step from row to row.
    """
    draft = _in_order(draft)
    draft = _without_empty(draft)
    _refuse_flags(draft)
    remedy = "correct the cell, or leave it empty to have the row left out; a logarithm needs prices above zero"
    draft.refuse(draft.close <= 0, "a price above 0", remedy)
    draft = _without_copies(draft, hint)
    _refuse_too_few(draft, len(draft))
    _refuse_no_prices(draft)
    return draft


def _in_order(draft: Draft) -> Draft:
    steps = np.diff(draft.dates) < np.timedelta64(0)
    if not steps.any():
        return draft
    down = not (np.diff(draft.dates) > np.timedelta64(0)).any()
    first = draft.row(int(np.argmax(steps)) + 1)
    if down:
        return draft.saying(f"from {draft.row(0)}", "the newest row first", "turned round").keep(slice(None, None, -1))
    order = np.argsort(draft.dates, kind="stable")
    return draft.saying(f"first at {first}", "rows not in order of date", "sorted").keep(order)


def _without_empty(draft: Draft) -> Draft:
    """Leave out rows without a price; those before the first and after the last price are of another kind."""
    empty = np.isnan(draft.close)
    if not empty.any():
        return draft
    _refuse_too_few(draft, len(draft) - int(empty.sum()))
    there = np.flatnonzero(~empty)
    between = np.zeros_like(empty)
    between[there[0] : there[-1]] = empty[there[0] : there[-1]]
    if (share := between.sum() / (there[-1] - there[0] + 1)) > MOST_EMPTY:
        raise ColumnError(
            f"{draft.place} column {draft.column!r}: expected prices, found {share:.0%} of the cells from "
            f"{draft.row(int(there[0]))} on empty; if prices come on fewer dates, leave the other rows out"
        )
    before = np.arange(len(empty)) < there[0]
    draft = draft.saying_at(between, "rows without a price", LEFT_OUT)
    draft = draft.saying_at(before, "rows before the first price", LEFT_OUT)
    return draft.saying_at(empty & ~between & ~before, "rows after the last price", LEFT_OUT).keep(~empty)


def _without_copies(draft: Draft, hint: str) -> Draft:
    """Leave out all but the first of rows that say the same of one date.

    Raises:
        ColumnError: they say different things, with both rows.
    """
    same_date = np.r_[False, draft.dates[1:] == draft.dates[:-1]]
    differs = same_date & _differs_from_the_last(draft)
    if differs.any():
        second = int(np.argmax(differs))
        what = next(name for name, v in draft.values.items() if not _equal(v[second], v[second - 1]))
        values, (a, b) = draft.values[what], draft.rows[[second - 1, second]] + 1
        raise ColumnError(
            f"{draft.place} column {draft.column!r}: expected one price for each date, found two rows of "
            f"{shown(draft.dates[second])} that differ: row {min(a, b)} and row {max(a, b)} ({what} "
            f"{values[second - 1]:.12g} and {values[second]:.12g}); leave one of them out{hint}"
        )
    return draft.saying_at(same_date, "rows that are there already", LEFT_OUT).keep(~same_date)


def _differs_from_the_last(draft: Draft) -> Mask:
    differs = np.zeros(len(draft), dtype=np.bool_)
    for values in draft.values.values():
        differs[1:] |= ~((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    return differs


def _equal(a: float, b: float) -> bool:
    return bool(a == b or (np.isnan(a) and np.isnan(b)))


def _refuse_too_few(draft: Draft, count: int) -> None:
    if count < 2:
        raise ColumnError(
            f"{draft.place} column {draft.column!r}: expected at least 2 prices, for one return, found {count}; add "
            "rows, or leave the asset out"
        )


def _refuse_flags(draft: Draft) -> None:
    if len(draft) > 1 and set(np.unique(draft.close)) == {0.0, 1.0}:
        raise ColumnError(
            f"{draft.place} column {draft.column!r}: expected prices, found 0 and 1 alone in {len(draft):,} rows; "
            f"{_NAME}"
        )


def _refuse_no_prices(draft: Draft) -> None:
    """Raise where there is no variance to model: prices that stay, or take one step again and again."""
    close, where = draft.close, f"{draft.place} column {draft.column!r}"
    if (close == close[0]).all():
        raise ColumnError(
            f"{where}: expected prices that vary, found {close[0]:.12g} in all {len(close):,} rows, which have no "
            f"variance to model; {_NAME}"
        )
    if len(close) < _FEWEST_TO_JUDGE:
        return
    for what, steps in (("difference", np.diff(close)), ("return", np.diff(np.log(close)))):
        if np.ptp(steps) <= _STEADY * np.abs(steps).max():
            raise ColumnError(
                f"{where}: expected prices that vary by chance, found the same {what} from row to row "
                f"({close[0]:.12g}, {close[1]:.12g}, {close[2]:.12g}, …), as of a row number or of fixed interest; "
                f"{_NAME}"
            )
