"""Prices: of one asset a series, of several one each, in order of dates and without holes in their cells."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data.paths import natural
from likeliest.data.prices.amounts import Floats
from likeliest.data.prices.jumps import Jump
from likeliest.data.prices.moments import Dates
from likeliest.data.prices.returns import log_returns
from likeliest.data.problems import Problem, findings
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError

Rows: TypeAlias = slice | NDArray[np.int64]

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class PriceSeries:
    """n prices of one asset. A frozen value; its arrays are not to be written to.

    Attributes:
        name: the asset.
        dates: ascending, none twice (n,): datetime64[D], or datetime64[us] where there are several prices a day.
        close: above zero (n,); adjusted for dividends and splits where the source says how.
        open: the first price of each row, NaN where missing (n,), or ``None``.
        high: the highest, or ``None``.
        low: the lowest, or ``None``.
        volume: what was traded, as the source counts it, or ``None``.
        extra: the other columns of the source (n rows, and no column where there is none).
        problems: what was not as expected, and what was done about it.
        jumps: returns that no volatility explains: splits without adjustment, slips, and others.

    Raises:
        ShapeError: a column is not of n values, or the dates do not ascend.

    Example:
        >>> days = np.array(["2024-03-28", "2024-04-01", "2024-04-02"], dtype="M8[D]")
        >>> series = PriceSeries("A", days, np.array([100.0, 110.0, 99.0]))
        >>> len(series), series.returns.round(4).tolist(), str(series.until("2024-04-01").dates[-1])
        (3, [0.0953, -0.1054], '2024-04-01')
    """

    name: str
    dates: Dates
    close: Floats
    open: Floats | None = None
    high: Floats | None = None
    low: Floats | None = None
    volume: Floats | None = None
    extra: pl.DataFrame = field(default_factory=pl.DataFrame)
    problems: tuple[Problem, ...] = ()
    jumps: tuple[Jump, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.dates)
        for name, values in self.columns().items():
            if values.shape != (n,):
                raise ShapeError(f"{self.name}: expected {n} values of {name}, one for each date, found {values.shape}")
        if self.extra.width and self.extra.height != n:
            raise ShapeError(f"{self.name}: expected {n} rows of other columns, found {self.extra.height}")
        if not (np.diff(self.dates) > np.timedelta64(0)).all():
            at = int(np.argmin(np.diff(self.dates) > np.timedelta64(0)))
            raise ShapeError(
                f"{self.name}: expected ascending dates, found {self.dates[at + 1]} after {self.dates[at]}; sort the "
                "rows"
            )

    @classmethod
    def of(
        cls, name: str, dates: Dates, columns: Mapping[str, Floats], extra: pl.DataFrame | None = None
    ) -> PriceSeries:
        """Return the series of columns (n,) by name, those of `columns`; the close has to be among them.

        Example:
            >>> days = np.array(["2024-03-28", "2024-04-01"], dtype="M8[D]")
            >>> len(PriceSeries.of("A", days, {"close": np.array([100.0, 110.0])}))
            2
        """
        held = {field: columns[field] for field in FIELDS if field in columns}
        return cls(name, dates, extra=pl.DataFrame() if extra is None else extra, **held)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def returns(self) -> Floats:
        """Log returns (n − 1,); the one at position i is over the time from date i to date i + 1."""
        return log_returns(self.close)

    @property
    def intraday(self) -> bool:
        """Whether there are several prices a day, so that dates are moments."""
        return self.dates.dtype != np.dtype("M8[D]")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the dates and prices, which tells them from all others whatever file they came in."""
        told = hashlib.sha256(str(self.dates.dtype).encode() + self.dates.astype(np.int64).tobytes())
        for name, values in self.columns().items():
            told.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return told.digest()

    def columns(self) -> dict[str, Floats]:
        """Return those of open, high, low, close and volume that there are, by name."""
        held = ((name, getattr(self, name)) for name in FIELDS)
        return {name: values for name, values in held if values is not None}

    def take(self, rows: Rows) -> PriceSeries:
        """Return the prices at ``rows``, a slice or positions that ascend."""
        values = {name: column[rows] for name, column in self.columns().items()}
        extra = self.extra[rows] if self.extra.width else self.extra
        return replace(self, dates=self.dates[rows], extra=extra, **values)  # type: ignore[arg-type]

    def until(self, date: str | dt.date | np.datetime64) -> PriceSeries:
        """Return the prices up to ``date``, itself included; a day is included with all its moments."""
        after = (np.datetime64(date) + 1).astype("M8[us]")  # one day after a day, one minute after a minute
        return self.take(slice(0, int(np.searchsorted(self.dates.astype("M8[us]"), after))))

    def to_frame(self) -> pl.DataFrame:
        """Return the columns asset, date, those of `columns`, and the others (n rows); missing cells are null."""
        values = {name: pl.Series(name, column).fill_nan(None) for name, column in self.columns().items()}
        frame = pl.DataFrame({"asset": [self.name] * len(self), "date": pl.Series(self.dates), **values})
        return frame.hstack(self.extra) if self.extra.width else frame


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """The prices of one or more assets, each with dates of its own, in natural order of their names. A frozen value.

    Attributes:
        series: one for each asset.
        problems: what was not as expected in the source as a whole.

    Raises:
        ShapeError: no series, or two of one name.
    """

    series: tuple[PriceSeries, ...]
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if not self.series or len(set(self.assets)) < len(self.series):
            raise ShapeError(f"expected assets of different names, found {', '.join(self.assets) or 'none'}")

    @classmethod
    def of(cls, series: Iterable[PriceSeries], problems: Iterable[Problem] = ()) -> Self:
        """Return the prices of the series, put in natural order of their names."""
        return cls(tuple(sorted(series, key=lambda one: (natural(one.name), one.name))), tuple(problems))

    def __len__(self) -> int:
        """Prices of all assets together."""
        return sum(map(len, self.series))

    def __iter__(self) -> Iterator[PriceSeries]:
        return iter(self.series)

    def __getitem__(self, asset: str) -> PriceSeries:
        """Return the series of an asset.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if asset not in self.assets:
            near = get_close_matches(asset, self.assets, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.assets[:10])}"
            raise UnknownNameError(f"expected the name of an asset, found {asset!r}; {hint}")
        return self.series[self.assets.index(asset)]

    @property
    def assets(self) -> tuple[str, ...]:
        """The names of the assets."""
        return tuple(one.name for one in self.series)

    def take(self, rows: Rows) -> Prices:
        """Return the prices at ``rows`` of every asset, counted from its own first date; those that have none go.

        Raises:
            SpecificationError: no asset has prices there; or positions are given for several assets.
        """
        if not isinstance(rows, slice) and len(self.series) > 1:
            raise SpecificationError(
                f"expected a slice, which is taken of each of {len(self.series)} assets, found positions; take them of "
                f"one asset, as in prices[{self.assets[0]!r}].take(rows)"
            )
        return self._cut([one.take(rows) for one in self.series], f"at {rows}")

    def until(self, date: str | dt.date | np.datetime64) -> Prices:
        """Return the prices up to ``date``, itself included; assets that have none until then are left out.

        Raises:
            SpecificationError: no asset has one.
        """
        return self._cut([one.until(date) for one in self.series], f"until {date}")

    def to_frame(self) -> pl.DataFrame:
        """Return the prices in rows, asset by asset: asset, date, open, high, low, close, volume, and other columns."""
        return pl.concat([one.to_frame() for one in self.series], how="diagonal_relaxed")

    def digests(self) -> list[bytes]:
        """Return what tells each series from all others."""
        return [one.digest for one in self.series]

    def alarms(self) -> list[str]:
        """Return the jumps that no volatility explains, a sentence for each, those that look like splits first."""
        jumps = [jump for one in self.series for jump in one.jumps]
        return [str(jump) for jump in sorted(jumps, key=lambda jump: ("split", "slip", "jump").index(jump.kind))]

    def findings(self) -> list[str]:
        """Return all problems counted: one line for each kind, the jumps first, with the first few names."""
        jumps = [jump.problem for one in self.series for jump in one.jumps]
        return findings([*jumps, *self.problems, *(p for one in self.series for p in one.problems)])

    def _cut(self, series: list[PriceSeries], where: str) -> Prices:
        there = [one for one in series if len(one)]
        if not there:
            spans = ", ".join(
                f"{one.name} from {one.dates[0]} to {one.dates[-1]}" for one in self.series[:3] if len(one)
            )
            raise SpecificationError(f"expected prices {where}, found none; there are {spans or 'none'}")
        return replace(self, series=tuple(there))
