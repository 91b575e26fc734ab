"""What is known of a market at the close of a day: features, each declared with its lag.

A feature is an expression of the table of days, computed from each day and those before it, and then moved back by its
lag. Nothing in it is fitted; what is fitted to features, their scale first of all, is fitted where models are, inside
the days learnt from. That no feature looks ahead is not taken on trust: `likeliest.finance.lookahead` tests it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.errors import CodeError, SpecificationError
from likeliest.finance.lookahead import LookAhead, check_lookahead

Floats: TypeAlias = NDArray[np.float64]

_STILL = 1e-8
"""A volatility a day below which it makes no difference how small it is."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One number a day, known at its close.

    Attributes:
        name: short.
        formula: how it is computed, for people.
        lag: days before the close that it was known already; 0 is the close itself.
        compute: from the table of days (date, close, and what else there is) to a value for each of its rows: a polars
            expression of this row and those before it.
    """

    name: str
    formula: str
    lag: int
    compute: pl.Expr

    def __post_init__(self) -> None:
        if self.lag < 0:
            raise SpecificationError(f"feature {self.name}: a lag is 0 or more days, found {self.lag}")


_RETURN = pl.col("close").log().diff()


def _moved(days: int) -> Feature:
    return Feature(f"momentum {days}", f"log p[t] − log p[t−{days}]", 0, pl.col("close").log().diff(days))


def _unrest(days: int) -> Feature:
    spread = _RETURN.pow(2).rolling_mean(days).sqrt().clip(_STILL).log()
    return Feature(f"log volatility {days}", f"½ log mean r² over {days} days", 0, spread)


def _range(days: int) -> Feature:
    spread = (pl.col("high") / pl.col("low")).log().pow(2).rolling_mean(days).sqrt().clip(_STILL).log()
    return Feature(f"log range {days}", f"½ log mean (log high/low)² over {days} days", 0, spread)


def _weekday(day: int, name: str) -> Feature:
    """Whether the next weekday is this one, which the day itself tells."""
    following = pl.when(pl.col("date").dt.weekday() >= 5).then(1).otherwise(pl.col("date").dt.weekday() + 1)
    return Feature(f"then {name}", f"[the next weekday is a {name}]", 0, (following == day).cast(pl.Float64))


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday")
ALWAYS = (
    *(Feature(f"return, lag {lag}", f"r[t−{lag}]" if lag else "r[t]", lag, _RETURN) for lag in range(5)),
    Feature("loss", "min(r[t], 0)", 0, _RETURN.clip(None, 0.0)),
    *map(_moved, (5, 22, 66, 252)),
    *map(_unrest, (5, 22, 66)),
    Feature(
        "drawdown", "log p[t] − max log p over 66 days", 0, (pl.col("close") / pl.col("close").rolling_max(66)).log()
    ),
    *(_weekday(day, name) for day, name in enumerate(_WEEKDAYS, 1)),
)
"""From close and date alone."""
_TRADED = pl.when(pl.col("volume") > 0).then(pl.col("volume").cast(pl.Float64))
OF_RANGE = (_range(1), _range(5), _range(22))
OF_VOLUME = (
    Feature(
        "volume",
        "log v[t] − log mean v over 22 days, of days with trade",
        0,
        (_TRADED / _TRADED.rolling_mean(22, min_samples=1)).clip(1e-3, 1e3).log(),
    ),
)
"""Where a table has such columns: their presence alone decides, for what they hold later is not known before."""


def standard_features(table: pl.DataFrame) -> tuple[Feature, ...]:
    """Return the features that a table has columns for.

    Example:
        >>> table = pl.DataFrame({"date": [], "close": []})
        >>> [f.name for f in standard_features(table) if f.name.startswith("log")]
        ['log volatility 5', 'log volatility 22', 'log volatility 66']
    """
    ranges = OF_RANGE if {"high", "low"} <= set(table.columns) else ()
    volumes = OF_VOLUME if "volume" in table.columns else ()
    return (*ALWAYS, *ranges, *volumes)


def feature_matrix(features: Sequence[Feature], table: pl.DataFrame) -> Floats:
    """Return the features (n, k) of each day of a table, NaN where a day has too few before it.

    Where one is missing later, it is what it was last.

    Example:
        >>> table = pl.DataFrame({"date": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 3), eager=True)})
        >>> table = table.with_columns(close=pl.Series([100.0, 110.0, 121.0]))
        >>> feature_matrix(ALWAYS[:2], table).round(3).tolist()
        [[nan, nan], [0.095, nan], [0.095, 0.095]]
    """
    columns = [
        feature.compute.shift(feature.lag).cast(pl.Float64).fill_nan(None).forward_fill().alias(feature.name)
        for feature in features
    ]
    return table.select(columns).fill_null(np.nan).to_numpy()


def checked(
    function: Callable[[pl.DataFrame], Any], table: pl.DataFrame, *, cuts: int = 60, lag: int = 0
) -> tuple[list[str], Floats, LookAhead]:
    """Return the names and values (n, k) of somebody's own features, once they have passed the look-ahead test.

    Args:
        function: from the table of days to one value or one row of values for each of its rows.
        table: the days.
        cuts: see `check_lookahead`.
        lag: see `check_lookahead`.

    Raises:
        CodeError: the features look ahead, or what they give is no numbers; the message names the column and a day.

    Example:
        >>> table = pl.DataFrame({"date": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 1), eager=True)})
        >>> table = table.with_columns(close=pl.Series(np.random.default_rng(0).lognormal(size=61)))
        >>> checked(lambda t: t.select(mean=pl.col("close").rolling_mean(5)), table)[0]
        ['mean']
    """
    found = check_lookahead(function, table, cuts=cuts, lag=lag)
    if not found.passed:
        raise CodeError(found.message)
    return *numbers_of(function(table.clone())), found


def numbers_of(returned: Any) -> tuple[list[str], Floats]:
    """Return the names and values (n, k) of what a function of features gave: a frame, a series or an array.

    Raises:
        CodeError: they are no numbers.

    Example:
        >>> numbers_of(pl.DataFrame({"calm": [1, 2]}))
        (['calm'], array([[1.],
               [2.]]))
    """
    frame = returned if hasattr(returned, "columns") else pl.DataFrame(np.asarray(returned))
    try:
        values = np.column_stack([np.asarray(frame[name], np.float64) for name in frame.columns])
    except (TypeError, ValueError) as error:
        raise CodeError(f"features are numbers; found {error}") from error
    return [str(name) for name in frame.columns], values
