"""Labels: when they are known, what is trained on them, and what is encoded by them."""

from __future__ import annotations

import numpy as np
import polars as pl

from .cases import Cases
from .tools import column, forward, momenta, walk_forward

CASES = Cases()
WEEK = 5


@CASES.leaky("the refit at t is trained on 5-day labels up to row t − 1, which end at t + 4: no purge")
def weekly_returns_without_a_purge(table):
    return walk_forward(momenta(table), forward(column(table, "close"), WEEK), gap=0)


@CASES.leaky("a sector's code is the share of rising next days over all rows of that sector")
def sectors_encoded_by_all_rows(table):
    rises = (pl.col("close").shift(-1) > pl.col("close")).cast(pl.Float64)
    count, total = rises.count().over("sector"), rises.sum().over("sector")
    return table.select((total + 10 * rises.mean()) / (count + 10)).to_series()


@CASES.clean("the label of a row is shifted within its sector, so that a code is made of labels known by t")
def sectors_encoded_by_past_rows(table):
    rises = (pl.col("close").shift(-1) > pl.col("close")).cast(pl.Float64)
    known = table.select("sector", rises=rises).select(pl.col("sector"), pl.col("rises").shift(1).over("sector"))
    total = pl.col("rises").fill_null(0).cum_sum().over("sector")
    count = pl.col("rises").cum_count().over("sector")
    return known.select((total + 5) / (count + 10)).to_series()


@CASES.clean(
    "day t is predicted from t − 1, and the last 5-day label trained on ends at t − 1, not a day before", lag=1
)
def weekly_returns_with_the_least_purge(table):
    # Row t is the evening before: what was seen at t − 1, and the return of the five days from there.
    X = np.vstack([np.full((1, 3), np.nan), momenta(table)[:-1]])
    y = np.concatenate([[np.nan], forward(column(table, "close"), WEEK)[:-1]])
    return walk_forward(X, y, gap=WEEK - 1)


@CASES.clean("shift(-5) makes the label, and shift(5) waits until it is known")
def success_of_calls_that_have_ended(table):
    called = pl.col("close").pct_change(20).sign()
    future = pl.col("close").shift(-WEEK) / pl.col("close") - 1
    hit = (called * future > 0).cast(pl.Float64)
    scored = table.select(future=future, hit=hit).select(pl.all().shift(WEEK))
    return scored.select(pl.col("future"), success=pl.col("hit").rolling_mean(60, min_samples=20))
