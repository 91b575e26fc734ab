"""What an encoder learns of one column: a small value per kind, which turns cells into columns of float64.

Every kind has ``name`` (the column it reads), ``names`` (the columns it gives), ``encode`` and ``explanation``. All of
them code a missing cell the same way: what stands in for it is the mean of the column, and a 0/1 column ``"… is
missing"`` says that it does. Levels of text have their own file, `likeliest.data.levels`, and so have dates,
`likeliest.data.dates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.errors import ColumnError

Matrix = NDArray[np.float64]


def indicator_name(name: str) -> str:
    """Return the name of the 0/1 column that says where ``name`` is missing."""
    return f"{name} is missing"


def with_indicator(values: Matrix, missing: cells.Mask, indicator: bool) -> Matrix:
    """Return ``values`` (n, k), and to their right, where the kind has an indicator, ``missing`` as 0 and 1."""
    return np.column_stack([values, missing]) if indicator else values


def missing_words(name: str, indicator: bool) -> str:
    """Say how missing cells of a column are treated, for its explanation."""
    return f"; missing cells get the mean, and {indicator_name(name)!r} is 1" if indicator else ""


def mean_and_scale(values: Matrix) -> tuple[Matrix, Matrix]:
    """Return mean and standard deviation (divisor n) of each column of ``values`` (n, k), for any finite doubles.

    Dividing by a power of two near the largest magnitude is exact and keeps sums and squares in range.
    """
    _, exponent = np.frexp(np.abs(values).max(axis=0))
    unit = np.ldexp(1.0, exponent - 1)
    return unit * (values / unit).mean(axis=0), unit * (values / unit).std(axis=0)


@dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers x, coded as (x - centre) / scale; centre 0 and scale 1 leave it in the user's units."""

    name: str
    centre: float
    scale: float
    mean: float
    indicator: bool

    @classmethod
    def learn(cls, column: pl.Series, *, standardise: bool, indicator: bool) -> Self:
        """Learn mean and standard deviation of the cells that are there.

        Raises:
            ColumnError: the values span more than the largest double.
        """
        values = cells.numbers(column).drop_nulls().to_numpy()
        with np.errstate(over="ignore"):
            span = values.max() - values.min()
        if not np.isfinite(span):
            raise ColumnError(
                f"column {column.name!r}: expected values whose range is a double, found "
                f"{values.min():g} to {values.max():g}; give them in a larger unit"
            )
        mean, scale = (float(m[0]) for m in mean_and_scale(values.reshape(-1, 1)))
        scaled = standardise and scale > 0.0
        return cls(column.name, mean if scaled else 0.0, scale if scaled else 1.0, mean, indicator)

    @property
    def names(self) -> tuple[str, ...]:
        """The value, and where needed its indicator."""
        return (self.name, indicator_name(self.name)) if self.indicator else (self.name,)

    @property
    def explanation(self) -> str:
        """How the column is coded, in words."""
        raw = self.centre == 0.0 and self.scale == 1.0
        units = "in its own units" if raw else f"minus {self.centre:.4g}, divided by {self.scale:.4g}"
        return f"number, {units}{missing_words(self.name, self.indicator)}"

    def encode(self, column: pl.Series) -> Matrix:
        """Return (n, 1), or (n, 2) with the indicator.

        Raises:
            ColumnError: at the first cell that is no finite number, or lies too far out to be one once scaled.
        """
        values = cells.numbers(column).to_numpy()
        missing = np.isnan(values)
        with np.errstate(over="ignore"):
            coded = (np.where(missing, self.mean, values) - self.centre) / self.scale
        near = f"a number nearer to {self.centre:.4g} ± {self.scale:.4g}"
        cells.refuse(column, ~np.isfinite(coded), near, "correct the cell")
        return with_indicator(coded.reshape(-1, 1), missing, self.indicator)


@dataclass(frozen=True, slots=True)
class Truth:
    """A column of true and false, coded as 1 and 0; a missing cell gets the share of true."""

    name: str
    mean: float
    indicator: bool

    @classmethod
    def learn(cls, column: pl.Series, *, indicator: bool) -> Self:
        """Learn the share of true among the cells that are there."""
        return cls(column.name, float(cells.truths(column).drop_nulls().to_numpy().mean()), indicator)

    @property
    def names(self) -> tuple[str, ...]:
        """The value, and where needed its indicator."""
        return (self.name, indicator_name(self.name)) if self.indicator else (self.name,)

    @property
    def explanation(self) -> str:
        """How the column is coded, in words."""
        return f"true is 1, false is 0{missing_words(self.name, self.indicator)}"

    def encode(self, column: pl.Series) -> Matrix:
        """Return (n, 1), or (n, 2) with the indicator.

        Raises:
            ColumnError: at the first cell that is neither true nor false.
        """
        values = cells.truths(column)
        coded = values.cast(pl.Float64).fill_null(self.mean).to_numpy()
        return with_indicator(coded.reshape(-1, 1), values.is_null().to_numpy(), self.indicator)


@dataclass(frozen=True, slots=True)
class Presence:
    """A column with one value only, where it has any: all it can tell is whether it is missing."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """The indicator alone."""
        return (indicator_name(self.name),)

    @property
    def explanation(self) -> str:
        """How the column is coded, in words."""
        return f"one value only, so that just {indicator_name(self.name)!r} is used"

    def encode(self, column: pl.Series) -> Matrix:
        """Return (n, 1): 1 where the cell is missing, else 0."""
        missing = column.is_null()
        if column.dtype.is_float():
            missing = missing | column.is_nan().fill_null(value=False)
        return missing.cast(pl.Float64).to_numpy().reshape(-1, 1)
