"""Rows that stand on both sides of a split: a model that has learnt a row by heart is not tested by its copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data.split import Split

_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """Held-out rows that are copies of rows in an earlier part (train before validation before test).

    Attributes:
        rows: indices of the held-out rows, ascending (m,).
        twins: for each the first identical row in an earlier part (m,).
        message: what was found, in a sentence.
    """

    rows: NDArray[np.int64]
    twins: NDArray[np.int64]
    message: str

    def __len__(self) -> int:
        return len(self.rows)


def duplicates_across(table: pl.DataFrame | NDArray[np.float64], parts: Split) -> Duplicates:
    """Find rows of validation and test that are identical, in every column, to a row of an earlier part.

    Args:
        table: the rows (n, p), raw or encoded; with the target as a column, identical means identical in it too.
            Missing equals missing, NaN equals NaN, and 0.0 equals -0.0.
        parts: a split of these n rows.

    Example:
        >>> from likeliest.data.split import Split
        >>> table = pl.DataFrame({"a": [1, 2, 1], "b": ["x", "y", "x"]})
        >>> duplicates_across(table, Split(np.array([0]), np.array([1]), np.array([2]))).rows.tolist()
        [2]
    """
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    order = np.concatenate(list(parts))
    keys = frame[order].rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))
    first = keys.with_row_index("row").select(pl.col("row").min().over(keys.columns))["row"]
    twins, part = order[first.to_numpy()], parts.part_of_rows()
    copied = part[twins] < part[order]
    rank = np.argsort(order[copied])
    rows, twins = order[copied][rank], twins[copied][rank]
    return Duplicates(rows, twins, _message(rows, twins, len(order) - len(parts.train)))


def _message(rows: NDArray[np.int64], twins: NDArray[np.int64], held_out: int) -> str:
    if not len(rows):
        return f"none of the {held_out} held-out rows is a copy of a row in an earlier part"
    named = [f"row {row + 1} = row {twin + 1}" for row, twin in zip(rows[:_NAMED], twins[:_NAMED], strict=True)]
    more = ["…"] * (len(rows) > _NAMED)
    return (
        f"{len(rows)} of the {held_out} held-out rows are copies of rows in an earlier part "
        f"({', '.join(named + more)}); scores on them are too good: drop the copies, or split by what they share"
    )
