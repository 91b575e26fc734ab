"""The day's open, high and low beside its close: adjusted as it is, there or missing, and the right way round."""

from __future__ import annotations

import numpy as np

from likeliest.data.cells import Mask
from likeliest.data.prices.amounts import Floats
from likeliest.data.prices.draft import Draft
from likeliest.errors import ColumnError

OUTER = ("open", "high", "low")
MOST_WRONG = 0.1
"""If a larger share of rows has prices outside its low and high, the columns are not what they are called."""

_ROUNDING = 1e-6
"""Relative: what printed digits and the product with an adjustment may do to two equal prices."""


def adjusted(draft: Draft, raw: Floats | None) -> Draft:
    """Return the draft with open, high and low times close / raw: adjusted for dividends and splits as the close is.

    Args:
        draft: whose close is adjusted already.
        raw: the closes before adjustment (m,), NaN where missing; ``None`` where there is nothing to do.
    """
    if raw is None:
        return draft
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(raw > 0, draft.close / raw, np.nan)
    outer = {name: draft.values[name] * factor for name in OUTER if name in draft.values}
    others = ", and open, high and low times the ratio of the two" if outer else ""
    done = f"the adjusted taken{others}"
    return draft.with_values(**outer).saying(f"column {draft.column!r}", "closes with and without adjustment", done)


def mended(draft: Draft) -> Draft:
    """Return the draft whose high is the largest and whose low the smallest of the prices of each row.

    A zero is no open, high or low, but a cell without one: it turns into NaN. A high below the row's other prices, or a
    low above them, is raised or lowered to them, and named.

    Raises:
        ColumnError: more than `MOST_WRONG` of the rows are so.
    """
    for name in OUTER:
        if name in draft.values:
            none = draft.values[name] <= 0
            draft = draft.saying_at(none, f"{name} at or below zero", "taken for missing")
            draft = draft.with_values(**{name: np.where(none, np.nan, draft.values[name])})
    if "high" not in draft.values or "low" not in draft.values:
        return draft
    prices = np.array([draft.values[name] for name in (*OUTER, "close") if name in draft.values])
    top, bottom = np.nanmax(prices, axis=0), np.nanmin(prices, axis=0)
    high, low = draft.values["high"], draft.values["low"]
    below, above = high < top * (1 - _ROUNDING), low > bottom * (1 + _ROUNDING)
    _refuse_most(draft, below | above)
    draft = draft.saying_at(below, "high below another price of its row", "raised to it")
    draft = draft.saying_at(above, "low above another price of its row", "lowered to it")
    return draft.with_values(high=np.where(np.isnan(high), np.nan, top), low=np.where(np.isnan(low), np.nan, bottom))


def _refuse_most(draft: Draft, wrong: Mask) -> None:
    if wrong.mean() > MOST_WRONG:
        row = int(np.argmax(wrong))
        found = ", ".join(
            f"{name} {draft.values[name][row]:.12g}" for name in (*OUTER, "close") if name in draft.values
        )
        raise ColumnError(
            f"{draft.place} columns 'high' and 'low' {draft.row(row)}: expected low ≤ open, close ≤ high, found "
            f"{found} (and {int(wrong.sum()) - 1:,} more such rows of {len(draft):,}); see whether columns are mixed up"
        )
