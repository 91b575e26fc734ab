"""What a study of prices stands on: one asset, its days, and the folds of the walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data.prices import Prices, PriceSeries, looks_like_prices, read_prices
from likeliest.data.prices.series import FIELDS
from likeliest.errors import CodeError, InputError, SpecificationError, TargetError, UnknownNameError
from likeliest.finance.days import Days, table_of
from likeliest.finance.features import Feature, checked, feature_matrix, numbers_of, standard_features
from likeliest.finance.lookahead import LookAhead, check_lookahead
from likeliest.finance.trend import rises
from likeliest.finance.walk_forward import FEWEST as FEWEST_ROWS
from likeliest.finance.walk_forward import Fold, walk_forward
from likeliest.study.prices.plan import FORECAST, LEARNT, MOST_LEARNT, PricePlan
from likeliest.study.subject import function_of
from likeliest.tasks import Source

Floats: TypeAlias = NDArray[np.float64]
KINDS = ("prices",)
FEWEST = 100
"""Days that a fit needs."""
WARM_UP = 252
"""Days until all features are known: a year, for the longest momentum."""
SELDOM = 0.02
"""Share of days on which a rise must come, or not, for its probability to be learnt."""


def are_prices(source: Source, target: str | None = None, kind: str | None = None) -> bool:
    """Whether a source is to be read as prices: it was said, or it looks like them and no other column is asked for.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError(f"no kind {kind!r}; there is {', '.join(KINDS)}, and other kinds show by themselves")
    if kind is not None:
        return True
    if not looks_like_prices(source):
        return False
    return target is None or _is_price(target) or target in read_prices(source).assets


def _is_price(target: str) -> bool:
    return target.lower() in ("close", "price", "return", "returns")


def asset_of(prices: Prices, source: Source, target: str | None) -> PriceSeries:
    """Return the series that was asked for, or the only one.

    Raises:
        TargetError: there are several, and none was named.
        UnknownNameError: there is none of that name.
    """
    if len(prices.series) == 1 and (target is None or _is_price(target)):
        return prices.series[0]
    if target is None:
        lengths = ", ".join(f"{one.name} ({len(one)} days)" for one in prices.series[:8])
        raise TargetError(
            f"{source}: expected the asset to study, found {len(prices.series)}: {lengths}; name it with --target "
            f"{prices.assets[0]}"
        )
    return prices[target]


def read_market(source: Source, target: str | None, fewest: int) -> tuple[Prices, PriceSeries]:
    """Read prices and choose the asset.

    Raises:
        InputError: there are too few days.
    """
    prices = read_prices(source)
    series = asset_of(prices, source, target)
    if series.intraday:
        raise InputError(
            f"{source}: expected one price a day, found several, as on {str(series.dates[0])[:16]}; keep the last of "
            "each day"
        )
    if len(series) <= fewest:
        raise InputError(
            f"{source}: expected more than {fewest} prices of {series.name}, found {len(series)}; take a longer history"
        )
    return prices, series


@dataclass(frozen=True, eq=False)
class Market:
    """One asset and the walk through its days.

    Attributes:
        source: as the user gave it.
        prices: all that it holds.
        series: of the asset.
        plan: of the study.
        begin: the first day that is forecast; None takes a quarter of them to learn from, within bounds.
    """

    source: Source
    prices: Prices
    series: PriceSeries
    plan: PricePlan
    begin: int | None = None

    @classmethod
    def read(cls, source: Source, target: str | None, plan: PricePlan) -> Market:
        """Read prices for a study.

        Raises:
            InputError: there are too few days to learn from and to forecast.
            CodeError: features of one's own look ahead, or fail.
        """
        prices, series = read_market(source, target, _first(LEARNT, plan) + FORECAST)
        market = cls(source, prices, series, plan)
        share = float(np.nanmean(market.labels))
        if not SELDOM < share < 1 - SELDOM:
            raise SpecificationError(
                f"--cost {plan.walk.cost:g}: the return over {plan.walk.horizon} days is above it on "
                f"{100 * share:.1f} % of days, of which nothing can be learnt; take one nearer to 0"
            )
        return market

    @cached_property
    def own_features(self) -> Callable[[pl.DataFrame], Any] | None:
        """The user's function, if there is one."""
        return None if self.plan.walk.features is None else function_of(self.plan.walk.features)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The standard ones that the prices have columns for."""
        return standard_features(table_of(self.series))

    def days_of(self, series: PriceSeries) -> Days:
        """Return the days of a series with the study's features."""
        days = Days.of(series, self.features)
        if self.own_features is None:
            return days
        names, values = self._own(table_of(series))
        return replace(days, names=(*days.names, *names), features=np.column_stack((days.features, values[1:])))

    def _own(self, table: pl.DataFrame) -> tuple[list[str], Floats]:
        assert self.own_features is not None
        given, values = numbers_of(self.own_features(table))
        names = [f"own {name}" for name in given]
        known = pl.DataFrame(values, schema=names).fill_nan(None).select(pl.all().forward_fill()).fill_null(np.nan)
        late = {name: known[name].is_nan().sum() for name in names}
        if wrong := [name for name, rows in late.items() if rows > WARM_UP]:
            raise CodeError(
                f"{self.plan.walk.features}: expected numbers from day {WARM_UP} on at the latest, found none in the "
                f"first {late[wrong[0]]} rows of {wrong[0].removeprefix('own ')}; fill them in"
            )
        return names, known.to_numpy()

    @cached_property
    def days(self) -> Days:
        """All days with a return."""
        return self.days_of(self.series)

    @property
    def first(self) -> int:
        """The first day that is forecast."""
        usual = int(np.clip(len(self.days) // 4, LEARNT, MOST_LEARNT))
        return _first(usual, self.plan) if self.begin is None else self.begin

    @cached_property
    def folds(self) -> list[Fold]:
        """Of forecasts of tomorrow."""
        return list(walk_forward(len(self.days), first=self.first, every=self.plan.every, window=self.plan.walk.window))

    @cached_property
    def trend_folds(self) -> list[Fold]:
        """Of forecasts over the horizon, with as many days between."""
        walk = self.plan.walk
        return list(
            walk_forward(
                len(self.days), first=self.first, every=self.plan.every, horizon=walk.horizon, window=walk.window
            )
        )

    @cached_property
    def labels(self) -> Floats:
        """Whether the price rises, of each day."""
        return rises(self.days, self.plan.walk.horizon, self.plan.walk.cost)

    @property
    def returns(self) -> Floats:
        """Of the days that are forecast."""
        return self.days.returns[self.first :]

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Of the days that are forecast."""
        return self.days.dates[self.first :]

    def check_features(self) -> Sequence[tuple[str, LookAhead]]:
        """Run the look-ahead test on the features.

        Raises:
            CodeError: the user's look ahead.
        """
        table, cuts = table_of(self.series), self.plan.cuts[1]
        found = [("features", check_lookahead(self._standard, table, cuts=cuts, seed=self.plan.seed))]
        if self.own_features is not None:
            name = str(self.plan.walk.features)
            found.append((name, checked(self.own_features, table, cuts=cuts)[2]))
        return found

    def _standard(self, table: pl.DataFrame) -> Floats:
        return feature_matrix(self.features, table)

    def check_walk(self, forecast: Callable[[Market], Floats]) -> LookAhead:
        """Run the look-ahead test on forecasts: what is said of a day may not move with it, nor with later ones.

        Args:
            forecast: from a market to numbers of each of its days that are forecast; of the last few hundred.
        """
        first = _first(LEARNT, self.plan)
        table = table_of(self.series)[-first - 2 * FORECAST :]

        def said(table: pl.DataFrame) -> Floats:
            plan = replace(self.plan, every=FORECAST)
            told = forecast(replace(self, series=_series(self.series.name, table), plan=plan, begin=first))
            return np.vstack((np.full((len(table) - len(told), told.shape[1]), np.nan), told))

        return check_lookahead(said, table, lag=1, cuts=self.plan.cuts[0], first=first, seed=self.plan.seed)


def _first(usual: int, plan: PricePlan) -> int:
    """The first day that can be forecast: features and labels need days of their own."""
    return max(usual, WARM_UP + plan.walk.horizon + 2 * FEWEST_ROWS)


def _series(name: str, table: pl.DataFrame) -> PriceSeries:
    """The series of a table of days."""
    known = [column for column in FIELDS if column in table.columns]
    columns = {column: table[column].cast(pl.Float64).fill_null(np.nan).to_numpy() for column in known}
    extra = table.drop("date", *known)
    return PriceSeries.of(name, table["date"].to_numpy(), columns, extra)
