"""Features from windows, filters and shifts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np
import pandas as pd
import polars as pl

from .cases import Cases, Floats
from .tools import change, column

CASES = Cases()


@CASES.leaky("the window of day t is centred and ends at t + 10")
def distance_from_a_centred_trend(table):
    close = pd.Series(column(table, "close"))
    trend = close.rolling(21, center=True, min_periods=5).mean()
    return (close / trend - 1).to_numpy()


@CASES.leaky("one column of four, the gap of the coming night, is the open of t + 1 on the evening of t")
def shapes_of_bars(table):
    return table.select(
        body=pl.col("close") / pl.col("open") - 1,
        range=(pl.col("high") - pl.col("low")) / pl.col("close"),
        gap=pl.col("open").shift(-1) / pl.col("close") - 1,
        drift=pl.col("close").pct_change(5),
    )


def _haar(x: Floats) -> tuple[Floats, Floats]:
    return (x[0::2] + x[1::2]) / np.sqrt(2), (x[0::2] - x[1::2]) / np.sqrt(2)


def _haar_back(smooth: Floats, detail: Floats) -> Floats:
    out = np.empty(2 * len(smooth))
    out[0::2], out[1::2] = (smooth + detail) / np.sqrt(2), (smooth - detail) / np.sqrt(2)
    return out


@CASES.leaky("a wavelet's coefficient spans up to eight days around t, and the noise's size is the whole sample's")
def denoised_by_wavelets(table):
    close = np.log(column(table, "close"))
    smooth = np.pad(close, (0, -len(close) % 8), mode="edge")
    details = []
    for _ in range(3):
        smooth, detail = _haar(smooth)
        details.append(detail)
    threshold = np.median(abs(details[0])) / 0.6745 * np.sqrt(2 * np.log(len(close)))
    for detail in reversed(details):
        smooth = _haar_back(smooth, np.sign(detail) * np.maximum(abs(detail) - threshold, 0))
    return smooth[: len(close)]


@CASES.leaky("where the day's return is beyond 2.5 deviations, the close of t is the mean of t − 1's and t + 1's")
def momentum_without_bad_ticks(table):
    move = pl.col("close").pct_change()
    spike = move.abs() > 2.5 * move.rolling_std(60).shift(1)
    neighbours = (pl.col("close").shift(1) + pl.col("close").shift(-1)) / 2
    cleaned = table.select(pl.when(spike).then(neighbours).otherwise(pl.col("close")).alias("close"))
    return cleaned["close"].pct_change(5)


@CASES.leaky("np.roll wraps around: the first 20 rows are compared with the sectors of the last 20")
def sector_has_turned(table):
    sector = table["sector"].to_numpy()
    return sector != np.roll(sector, 20)


@CASES.leaky("only the length leaks: the window is the root of the table's, and cutting or lengthening shows it")
def average_over_the_root_of_n(table):
    window = int(np.sqrt(len(table)))
    return table.select(pl.col("close").pct_change().rolling_mean(window)).to_series()


@CASES.leaky(
    "the order is said to have been filled at the open of day t, but only day t's high tells", lag=1, extra=True
)
def breakout_orders(table):
    highest = pl.col("high").rolling_max(20).shift(1)
    lowest = pl.col("low").rolling_min(20).shift(1)
    filled = pl.when(pl.col("high") > highest).then(1).when(pl.col("low") < lowest).then(-1).otherwise(0)
    return table.select(filled.cast(pl.Int8).alias("position")).to_series()


@CASES.clean("every average is exponential and of the past")
def averages_with_different_spans(table):
    close = pd.Series(column(table, "close"))
    fast, slow = close.ewm(span=12).mean(), close.ewm(span=26).mean()
    macd = fast - slow
    return np.column_stack([macd, macd - macd.ewm(span=9).mean(), close.pct_change().ewm(halflife=30).std()])


@CASES.clean("every window ends at t")
def windows_of_a_month(table):
    close, volume = (pd.Series(column(table, name)) for name in ("close", "volume"))
    move = close.pct_change()
    last = close.rolling(21)
    return pd.DataFrame(
        {
            "bollinger": (close - last.mean()) / last.std(),
            "channel": (close - last.min()) / (last.max() - last.min()),
            "together": move.rolling(21).corr(volume),
        }
    ).to_numpy()


@CASES.clean("the rank of day t is among the days up to t")
def rank_among_the_days_so_far(table):
    ranks, seen = [], []
    for volume in column(table, "volume"):
        insort(seen, volume)
        ranks.append((bisect_left(seen, volume) + bisect_right(seen, volume)) / (2 * len(seen)))
    return np.array(ranks)


@CASES.clean("the quantile is of the 60 days that end at t − 1", lag=1)
def value_at_risk_of_tomorrow(table):
    move = pl.col("close").pct_change()
    return table.select(
        low=move.rolling_quantile(0.05, "linear", 60).shift(1),
        high=move.rolling_quantile(0.95, "linear", 60).shift(1),
    )


@CASES.clean("each asset's own days are shifted by one", lag=1, assets=5)
def yesterday_of_each_asset(table):
    move = pl.col("close").pct_change()
    calm = table.with_columns(
        move=move.over("asset"), range=((pl.col("high") / pl.col("low")).log()).ewm_mean(span=10).over("asset")
    )
    return calm.select(
        reversal=-pl.col("move").shift(1).over("asset"), weight=0.01 / pl.col("range").shift(1).over("asset")
    )


@CASES.clean("a year of silence, then the return from 252 to 21 days ago")
def momentum_of_twelve_months_less_one(table):
    close = column(table, "close")
    out = np.full(len(close), np.nan)
    out[252:] = change(close, 231)[231:-21]
    return out


@CASES.clean(
    "the newest day comes first inside, so that shift(-1) is yesterday and the reversed maximum the past's", extra=True
)
def newest_first(table):
    newest = table.with_row_index().sort("date", descending=True)
    seen = newest.with_columns(
        move=pl.col("close") / pl.col("close").shift(-1) - 1,
        drawdown=pl.col("close") / pl.col("close").cum_max(reverse=True) - 1,
        slower=pl.col("rate") - pl.col("rate").shift(-10),
    )
    return seen.sort("index").select("move", "drawdown", "slower")
