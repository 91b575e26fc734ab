"""Which columns cannot help a prediction, and why: constants, identifiers, and cells that are no single value."""

from __future__ import annotations

import re

import polars as pl

_NAMED_LIKE_ID = re.compile(
    r"(?:^|[\W_])(?i:id|key|uuid|guid)$|(?<=[a-z])I[Dd]$|^(?i:index|row|no|nr|number|unnamed_\d+)$"
)
_ENOUGH_TO_SEE_ORDER = 10


def reason_to_leave_out(column: pl.Series) -> str | None:
    """Return why no model should read a column, or ``None`` where it may; decided on the rows learnt from."""
    present = column.drop_nulls()
    if present.is_empty():
        return "no values"
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Time, pl.Duration):
        return f"its cells are of type {column.dtype}, which has no coding; give a number or a text"
    if present.n_unique() == 1:
        return None if column.has_nulls() else f"constant: always {present[0]!r}"
    return None


def reason_it_is_an_identifier(column: pl.Series) -> str | None:
    """Return why a column names its rows and tells nothing of other rows, or ``None`` where it does not.

    Texts that all differ do, and so do integers that all differ where the column is named like an identifier (``id``,
    ``user_id``, ``PassengerId``, ``index``, …), or rises or falls strictly from row to row, as a row number does.
    """
    if not (column.dtype == pl.String or column.dtype.is_integer()) or column.drop_nulls().n_unique() < column.count():
        return None
    if column.dtype == pl.String:
        return f"identifier: all {column.count()} texts differ"
    if _NAMED_LIKE_ID.search(column.name):
        return f"identifier: named like one, and all {column.count()} integers differ"
    in_order = column.is_sorted() or column.is_sorted(descending=True)
    if in_order and not column.has_nulls() and len(column) >= _ENOUGH_TO_SEE_ORDER:
        return "identifier: integers in strict order from row to row, like a row number"
    return None
