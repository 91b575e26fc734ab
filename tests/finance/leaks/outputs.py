"""Pipelines whose results are unusual: dates only, words and truths, NaN and ∞, the table as a whole."""

from __future__ import annotations

import numpy as np
import polars as pl

from .cases import Cases
from .tools import change, column

CASES = Cases()


@CASES.clean("the calendar is known ahead: every number comes from the row's own date")
def calendar(table):
    date = pl.col("date")
    angle = 2 * np.pi * date.dt.ordinal_day() / 366
    months = [(date.dt.month() == month).cast(pl.Int8).alias(f"month_{month}") for month in range(1, 13)]
    return table.select(
        *months,
        to_month_end=(date.dt.month_end() - date).dt.total_days(),
        sine=angle.sin(),
        cosine=angle.cos(),
        friday=date.dt.weekday() == 5,
    )


@CASES.clean("words, truths, whole numbers and None, each of the days up to t")
def regime_in_words(table):
    move = pl.col("close").pct_change()
    deviation = move.rolling_std(20)
    usual = deviation.rolling_median(100, min_samples=30)
    regime = pl.when(deviation > 1.3 * usual).then(pl.lit("nervous")).when(deviation < 0.8 * usual).then(pl.lit("calm"))
    return table.select(
        regime=regime,
        sector_before=pl.col("sector").shift(1),
        long=pl.col("close") > pl.col("close").rolling_mean(50),
        rises=(move > 0).cast(pl.Int64).rolling_sum(10),
    )


@CASES.clean("most values are NaN or infinite, and always the same ones")
def quotients_that_mostly_fail(table):
    earnings, close, rate = (column(table, name) for name in ("earnings", "close", "rate"))
    turned = np.array([False, *(table["sector"].to_numpy()[1:] != table["sector"].to_numpy()[:-1])])
    with np.errstate(all="ignore"):
        return np.column_stack(
            [
                np.log(earnings - 1),
                change(close) / turned,
                np.where(turned, np.nan, -np.inf) * np.sign(change(close)),
                1 / np.round(np.diff(rate, prepend=np.nan), 2),
            ]
        )


@CASES.clean(
    "what is described of the whole table goes into the log; each row is made of the days up to it", extra=True
)
def described_then_filtered_day_by_day(table):
    summary = table.describe()
    correlation = np.corrcoef(np.nan_to_num(change(column(table, "close"))), column(table, "volume"))
    assert summary.height > 0
    assert correlation.shape == (2, 2)  # a notebook would show them; nothing below uses them
    date, high, low, close = (table[name].to_numpy() for name in ("date", "high", "low", "close"))
    out = []
    for day in date:
        seen = date <= day
        lowest, highest = low[seen][-20:].min(), high[seen][-20:].max()
        out.append((close[seen][-1] - lowest) / max(highest - lowest, 0.01))
    return np.array(out)


@CASES.clean("the number and the types of the columns are those of the schema, whatever the rows hold", extra=True)
def a_change_of_every_number(table):
    names = [name for name, kind in table.schema.items() if kind.is_numeric()]
    share = 1 / len(table.columns)
    return table.select((share * pl.col(name).log().diff()).alias(name) for name in names)
