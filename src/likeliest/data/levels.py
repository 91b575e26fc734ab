"""A column of texts as one 0/1 column per level, with room for rare and unseen levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from likeliest.data import cells
from likeliest.data.kinds import Matrix, indicator_name, with_indicator

MAX_LEVELS = 100
"""At most this many levels of one column get a column of their own: the most frequent ones."""

_ENOUGH_ROWS = 20
_ENOUGH_SHARE = 0.02


def enough_rows(n: int) -> int:
    """Return how many of n rows a level needs for a coefficient of its own: 2 % of them, but at least 2 and at most 20.

    A level seen in a handful of rows separates a classifier's classes by chance and sends its coefficient to infinity.
    """
    return max(2, min(_ENOUGH_ROWS, round(_ENOUGH_SHARE * n)))


@dataclass(frozen=True, slots=True)
class Levels:
    """A column of texts, coded as [x = level] for each of ``levels``, in alphabetical order.

    For linear models the most frequent level is the ``reference`` and has no column: beside an intercept the coding is
    then of full rank, which l2 = 0 needs, and each coefficient is a difference from the reference. Nets get a column
    for every level. ``pooled`` counts the levels too rare for a column. They and unseen levels share the column
    "(other)" where they have rows enough for one; where they are the most frequent of all, they are the reference of a
    linear model; else they are 0 in all columns. A missing cell is 0 in all columns but the indicator.
    """

    name: str
    levels: tuple[str, ...]
    reference: str | None
    pooled: int
    other: bool
    indicator: bool

    @classmethod
    def learn(cls, column: pl.Series, *, standardise: bool, indicator: bool) -> Self:
        """Learn the levels with enough rows (`enough_rows`), at most `MAX_LEVELS` of them.

        ``standardise`` asks for the coding of nets: a column for every level, none being the reference.
        """
        present = cells.texts(column).drop_nulls()
        enough = enough_rows(len(present))
        counts = present.alias("level").value_counts(name="rows").sort(["rows", "level"], descending=[True, False])
        kept = counts.filter(pl.col("rows") >= enough).head(MAX_LEVELS)
        rows = kept["rows"].to_numpy().astype(np.int64)
        rare_rows = len(present) - int(rows.sum())
        rare_is_reference = not standardise and rare_rows > rows.max(initial=0)
        reference = None if standardise or rare_is_reference or kept.is_empty() else str(kept["level"][0])
        return cls(
            column.name,
            tuple(sorted(level for level in kept["level"] if level != reference)),
            reference,
            pooled=counts.height - kept.height,
            other=rare_rows >= enough and not rare_is_reference and not kept.is_empty(),
            indicator=indicator,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """``column=level`` for each level that has a column, then "(other)", then the indicator."""
        names = [f"{self.name}={level}" for level in self.levels]
        names += [f"{self.name}=(other)"] * self.other + [indicator_name(self.name)] * self.indicator
        return tuple(names)

    @property
    def explanation(self) -> str:
        """How the column is coded, in words."""
        count = len(self.levels) + (self.reference is not None) + self.pooled
        words = [f"text with {count} levels; a 0/1 column for each of {len(self.levels)}"]
        if self.reference is not None:
            words.append(f"{self.reference!r} is the reference, all zeros")
        if self.pooled:
            words.append(f"too rare for a column: {self.pooled}")
        words.append("rare and unseen levels: " + (f"{self.name}=(other)" if self.other else "all zeros"))
        if self.indicator:
            words.append(f"missing cells: all zeros, and {indicator_name(self.name)!r} is 1")
        return "; ".join(words)

    def encode(self, column: pl.Series) -> Matrix:
        """Return (n, len(names)) zeros and ones.

        Raises:
            ColumnError: the cells have no text.
        """
        text = cells.texts(column)
        zero = len(self.levels) + self.other
        places = {level: i for i, level in enumerate(self.levels)}
        if self.reference is not None:
            places[self.reference] = zero
        unseen = len(self.levels)
        index = text.replace_strict(places, default=unseen, return_dtype=pl.Int64).to_numpy()
        missing = text.is_null().to_numpy()
        index = np.where(missing, zero, index)
        coded = np.zeros((len(text), zero + 1))
        coded[np.arange(len(text)), index] = 1.0
        return with_indicator(coded[:, :zero], missing, self.indicator)
