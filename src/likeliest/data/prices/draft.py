"""A series of prices while it is being read: still with its rows in the table, so that every message names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeliest.data.cells import Mask
from likeliest.data.prices.amounts import Floats
from likeliest.data.prices.moments import Dates
from likeliest.data.problems import Problem
from likeliest.errors import ColumnError

Index = NDArray[np.int64] | Mask | slice


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """m rows of one asset, as far as they have been looked through.

    Attributes:
        name: the asset.
        place: the file and the asset, for messages.
        column: the column of its prices.
        rows: positions in the table (m,), from 0.
        dates: days or moments (m,).
        values: "close" and any of "open", "high", "low", "volume" (m,), NaN where missing.
        problems: what was found so far.
    """

    name: str
    place: str
    column: str
    rows: NDArray[np.int64]
    dates: Dates
    values: Mapping[str, Floats]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def close(self) -> Floats:
        """The prices (m,)."""
        return self.values["close"]

    def keep(self, index: Index) -> Draft:
        """Return the draft of some of its rows, in that order."""
        values = {name: column[index] for name, column in self.values.items()}
        return replace(self, rows=self.rows[index], dates=self.dates[index], values=values)

    def with_values(self, **values: Floats) -> Draft:
        """Return the draft with other values (m,) under these names."""
        return replace(self, values={**self.values, **values})

    def saying(self, where: str, reason: str, done: str) -> Draft:
        """Return the draft with one more problem, found at ``where``."""
        return replace(self, problems=(*self.problems, Problem(f"{self.name}: {where}", reason, done)))

    def saying_at(self, mask: Mask, reason: str, done: str) -> Draft:
        """Return the draft with a problem of all rows where ``mask`` holds, or as it is where it holds nowhere."""
        return self.saying(self.rows_of(mask), reason, done) if mask.any() else self

    def refuse(self, mask: Mask, needed: str, remedy: str) -> None:
        """Raise `ColumnError` at the first row where ``mask`` holds, with its price; do nothing where there is none."""
        if mask.any():
            first, count = int(np.argmax(mask)), int(mask.sum())
            more = f" (and {count - 1:,} more such rows)" if count > 1 else ""
            raise ColumnError(
                f"{self.place} column {self.column!r} {self.row(first)}: expected {needed}, found "
                f"{self.close[first]:.12g}{more}; {remedy}"
            )

    def row(self, position: int) -> str:
        """Name one row by its number in the table and its date."""
        return f"row {self.rows[position] + 1} ({shown(self.dates[position])})"

    def rows_of(self, mask: Mask) -> str:
        """Name the rows where ``mask`` holds: how many, the first and the last."""
        found = np.flatnonzero(mask)
        if len(found) == 1:
            return self.row(int(found[0]))
        return f"{len(found):,} rows, {self.row(int(found[0]))} to {self.row(int(found[-1]))}"


def shown(date: np.datetime64) -> str:
    """Return a day as 2024-03-31, a moment as 2024-03-31 14:30."""
    text = str(date).replace("T", " ")
    return text.removesuffix(".000000").removesuffix(":00") if " " in text else text
