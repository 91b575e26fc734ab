"""A column of dates as the parts of the calendar that a model can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from likeliest.data import cells
from likeliest.data.kinds import Matrix, indicator_name, mean_and_scale, missing_words, with_indicator

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DEPENDENT = 1e-6
"""A part is left out where less than this share of its length is news beside the parts before it."""


def calendar(moments: pl.Series, origin: int) -> dict[str, np.ndarray]:
    """Return the parts of each moment, null moments excluded, as columns (n,) by name.

    The trend is in years since the beginning of year ``origin``. Cycles of a year and of a day are a sine and a cosine,
    so that December stands beside January and 23 h beside 0 h. Each weekday is a column of zeros and ones.
    """
    parts = moments.dt
    seconds = (parts.hour().cast(pl.Int64) * 3600 + parts.minute().cast(pl.Int64) * 60 + parts.second()).to_numpy()
    day = seconds / 86_400
    days_in_year = np.where(parts.is_leap_year().to_numpy(), 366, 365)
    year = (parts.ordinal_day().to_numpy() - 1 + day) / days_in_year
    weekday = parts.weekday().to_numpy()
    columns = {f"years since {origin}": parts.year().to_numpy() - origin + year}
    for cycle, phase in (("year", year), ("day", day)):
        columns[f"sine of {cycle}"] = np.sin(2 * np.pi * phase)
        columns[f"cosine of {cycle}"] = np.cos(2 * np.pi * phase)
    return columns | {name: (weekday == i).astype(np.float64) for i, name in enumerate(_WEEKDAYS, start=1)}


def independent(columns: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the columns that are no linear combination of a constant and the columns before them.

    Gram-Schmidt, each projection done twice (Giraud, Langou and Rozložník 2005): so a weekday drops out as reference,
    and so does the cycle of the day where all moments are midnight.
    """
    n = len(next(iter(columns.values())))
    basis, kept = np.full((n, 1), n**-0.5), []
    for name, column in columns.items():
        news = column
        for _ in range(2):
            news = news - basis @ (basis.T @ news)
        length = float(np.linalg.norm(news))
        if length > _DEPENDENT * float(np.linalg.norm(column)):
            basis = np.column_stack([basis, news / length])
            kept.append(name)
    return kept


@dataclass(frozen=True, slots=True)
class Moment:
    """A column of dates or datetimes, coded as those parts of the `calendar` that vary independently.

    Each part is (part - centre) / scale, the ``means`` standing in for missing cells. A zone is dropped: wall-clock
    time counts.
    """

    name: str
    origin: int
    parts: tuple[str, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    means: tuple[float, ...]
    indicator: bool

    @classmethod
    def learn(cls, column: pl.Series, *, standardise: bool, indicator: bool) -> Self:
        """Learn which parts vary, and their means and standard deviations."""
        moments = cells.moments(column).drop_nulls()
        origin = int(moments.dt.year().to_numpy().min())
        columns = calendar(moments, origin)
        parts = independent(columns)
        values = np.array([columns[part] for part in parts]).reshape(len(parts), len(moments)).T
        means, scales = (tuple(m.tolist()) for m in mean_and_scale(values))
        if standardise:
            return cls(column.name, origin, tuple(parts), means, scales, means, indicator)
        k = len(parts)
        return cls(column.name, origin, tuple(parts), (0.0,) * k, (1.0,) * k, means, indicator)

    @property
    def names(self) -> tuple[str, ...]:
        """``column: part`` for each part, then the indicator."""
        names = tuple(f"{self.name}: {part}" for part in self.parts)
        return (*names, indicator_name(self.name)) if self.indicator else names

    @property
    def explanation(self) -> str:
        """How the column is coded, in words."""
        return f"date, as {', '.join(self.parts)}{missing_words(self.name, self.indicator)}"

    def encode(self, column: pl.Series) -> Matrix:
        """Return (n, len(names)).

        Raises:
            ColumnError: at the first cell that is no date.
        """
        moments = cells.moments(column)
        missing = moments.is_null().to_numpy()
        values = np.tile(np.asarray(self.means), (len(moments), 1))
        columns = calendar(moments.drop_nulls(), self.origin)
        for j, part in enumerate(self.parts):
            values[~missing, j] = columns[part]
        coded = (values - np.asarray(self.centres)) / np.asarray(self.scales)
        return with_indicator(coded, missing, self.indicator)
