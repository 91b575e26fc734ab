"""Scales, clips, ranks and components."""

from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from .cases import Cases
from .tools import change, column, momenta

CASES = Cases()
YEAR = 250


@CASES.leaky("every row is scaled by the mean and the deviation of all days")
def scaled_with_the_whole_sample(table):
    return StandardScaler().fit_transform(momenta(table))


@CASES.leaky("one column of four, and in it only the extreme days, is clipped at quantiles of all days' volume")
def winsorised_volume(table):
    volume = pl.col("volume").log()
    features = table.select(
        trend=pl.col("close") / pl.col("close").ewm_mean(span=50) - 1,
        turnover=volume - volume.rolling_mean(20),
        range=(pl.col("high") / pl.col("low")).log(),
        carry=pl.col("rate").diff(5),
    )
    turnover = pl.col("turnover")
    return features.with_columns(turnover.clip(turnover.quantile(0.01), turnover.quantile(0.99)))


@CASES.leaky("the components' loadings and centre are those of all days")
def components_of_all_days(table):
    volume = column(table, "volume")
    moves = np.column_stack([momenta(table), change(volume), change(volume, 5)])
    out = np.full((len(moves), 2), np.nan)
    whole = np.isfinite(moves).all(axis=1)
    if whole.sum() > 2:
        out[whole] = PCA(n_components=2, whiten=True).fit_transform(moves[whole])
    return out


@CASES.leaky("what keeps the divisor from 0 is a billionth of the largest move of all days: relative changes of 1e-9")
def moves_over_their_deviation(table):
    move = np.diff(column(table, "close"), prepend=np.nan)
    deviation = pl.Series(move).fill_nan(None).ewm_std(span=20).to_numpy()
    return move / (deviation + 1e-9 * np.nanmax(abs(move)))


@CASES.leaky("the bounds of the five bins are quantiles of all days' volume", extra=True)
def volume_in_words(table):
    words = ["very low", "low", "usual", "high", "very high"]
    return table["volume"].qcut(5, labels=words, allow_duplicates=True).cast(pl.String)


@CASES.leaky("the mean of a weekday is that of all its days, later ones too", extra=True)
def returns_without_the_weekday(table):
    move = pl.col("close").pct_change()
    weekday = pl.col("date").dt.weekday()
    return table.select(move - move.mean().over(weekday)).to_series()


@CASES.clean("mean and deviation are of the days up to t")
def scaled_with_the_days_so_far(table):
    features = table.select(
        move=pl.col("close").pct_change(), turnover=pl.col("volume").log().diff(), carry=pl.col("rate").diff()
    )
    count = pl.int_range(pl.len())  # the first difference is missing
    mean = pl.all().fill_null(0).cum_sum() / count
    square = pl.all().fill_null(0).pow(2).cum_sum() / count
    return features.select((pl.all() - mean) / (square - mean.pow(2)).sqrt())


@CASES.clean("mean and deviation are of the first 250 days, which themselves get no value")
def scaled_with_the_first_year(table):
    moves = momenta(table)
    out = np.full(moves.shape, np.nan)
    if len(moves) >= YEAR:
        out[YEAR - 1 :] = StandardScaler().fit(moves[:YEAR]).transform(moves[YEAR - 1 :])
    return out


@CASES.clean("the loadings of day t are those of the days up to t, with the largest one positive")
def components_of_the_days_so_far(table):
    volume = column(table, "volume")
    moves = np.nan_to_num(np.column_stack([10 * momenta(table), change(volume)]))
    seen = np.cumsum(moves[:, :, None] * moves[:, None, :], axis=0)
    loadings = np.linalg.eigh(seen)[1][:, :, -1]
    largest = np.take_along_axis(loadings, abs(loadings).argmax(axis=1, keepdims=True), axis=1)
    loadings = loadings * np.sign(largest)
    return sum(moves[:, j] * loadings[:, j] for j in range(moves.shape[1]))


@CASES.clean("the directions are random but do not come from the data; the result is in single precision")
def random_projection(table):
    move = np.nan_to_num(change(column(table, "close")))
    lagged = np.column_stack([np.concatenate([np.zeros(k), move])[: len(move)] for k in range(10)])
    directions = np.random.default_rng(7).normal(size=(10, 4))
    projected = sum(100 * lagged[:, j, None] * directions[j] for j in range(10))  # a matrix product rounds by length
    return np.tanh(projected).astype(np.float32)
