"""Tables in long form: a row per date and asset."""

from __future__ import annotations

import polars as pl

from .cases import Cases

CASES = Cases()


@CASES.leaky("assets are those that still trade on the last date: cutting shows it, other prices do not", assets=8)
def ranks_among_survivors(table):
    alive = table.filter(pl.col("date") == pl.col("date").max())["asset"].unique()
    momentum = table.with_columns(momentum=pl.col("close").pct_change(20).over("asset"))
    universe = pl.when(pl.col("asset").is_in(alive.to_list())).then(pl.col("momentum"))
    return momentum.with_columns(universe.alias("momentum")).select(pl.col("momentum").rank().over("date")).to_series()


@CASES.leaky(
    "shift(1) without over(asset) is the row above: another asset's return of the day predicted", lag=1, assets=5
)
def yesterday_in_long_form(table):
    moves = table.with_columns(move=pl.col("close").pct_change().over("asset"))
    return moves.select(-pl.col("move").shift(1)).to_series()


@CASES.clean("ranks are across the assets of the same day", assets=6)
def ranks_of_the_day(table):
    momentum = pl.col("close").pct_change(20).over("asset")
    turnover = (pl.col("volume") / pl.col("volume").shift(5)).over("asset")
    ranked = table.select("date", momentum=momentum, turnover=turnover)
    return ranked.select((pl.col(name).rank() / pl.col(name).count()).over("date") for name in ("momentum", "turnover"))
