"""What is chosen by looking at results: features, spans, stages; and predictions across folds."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from .cases import Cases, Floats
from .tools import change, column, forward, momenta, walk_forward

CASES = Cases()
SPANS = (5, 10, 20, 40, 80)
YEAR = 250


def _candidates(table) -> Floats:
    """Twenty-four changes over eight spans, of which none says much."""
    spans = (1, 2, 3, 5, 8, 13, 21, 34)
    close, volume, rate = column(table, "close"), column(table, "volume"), np.exp(column(table, "rate") / 100)
    return np.column_stack([change(values, k) for values in (close, volume, rate) for k in spans])


@CASES.leaky("the walk itself is right, but its three features correlate best with the label over all days")
def walk_with_chosen_features(table):
    X, y = _candidates(table), forward(column(table, "close"))
    whole = np.isfinite(y) & np.isfinite(X).all(axis=1)
    if whole.sum() < 100:
        return np.full(len(X), np.nan)
    chosen = SelectKBest(f_regression, k=3).fit(X[whole], y[whole]).get_support()
    return walk_forward(X[:, chosen], y, gap=0)


@CASES.leaky("the folds are shuffled: the prediction of day t is of a model trained on later days", lag=1)
def predictions_across_shuffled_folds(table):
    X = np.vstack([np.full((1, 3), np.nan), 100 * momenta(table)[:-1]])
    y = 100 * change(column(table, "close"))
    whole = np.isfinite(X).all(axis=1)
    out = np.full(len(X), np.nan)
    if whole.sum() >= 50:
        out[whole] = cross_val_predict(Ridge(), X[whole], y[whole], cv=KFold(5, shuffle=True, random_state=0))
    return out


def _squares_and_averages(table) -> tuple[Floats, Floats]:
    """The day's squared return in %², (n,), and its exponential averages up to the day, (n, spans)."""
    square = np.nan_to_num(100 * change(column(table, "close"))) ** 2
    averages = [lfilter([2 / (span + 1)], [1, -1 + 2 / (span + 1)], square) for span in SPANS]
    return square, np.column_stack(averages)


@CASES.leaky("each value is of the past, but the span is the one that predicts best over all days", extra=True)
def volatility_with_the_best_span(table):
    square, averages = _squares_and_averages(table)
    error = abs(averages[:-1] - square[1:, None])[20:].mean(axis=0)
    return np.sqrt(averages[:, error.argmin()])


@CASES.clean("every sixty days the span is chosen anew, by its errors up to that day", extra=True)
def volatility_with_the_best_span_so_far(table):
    square, averages = _squares_and_averages(table)
    error = np.cumsum(abs(averages[:-1] - square[1:, None]), axis=0)  # row t is known at t + 1
    out = np.full(len(square), np.nan)
    for start in range(60, len(square), 60):
        out[start : start + 60] = np.sqrt(averages[start : start + 60, error[start - 1].argmin()])
    return out


@CASES.leaky(
    "the model is of the first year, but boosting stops where the years that it predicts are predicted best", extra=True
)
def boosted_until_the_test_is_best(table):
    X, y = np.nan_to_num(_candidates(table)), 100 * forward(column(table, "close"))
    out = np.full(len(X), np.nan)
    if len(X) > YEAR + 2:
        model = GradientBoostingRegressor(n_estimators=25, max_depth=2, subsample=0.5, random_state=0)
        model.fit(X[: YEAR - 1], y[: YEAR - 1])
        stages = np.stack(list(model.staged_predict(X[YEAR:])))
        error = ((stages[:, :-1] - y[YEAR:-1]) ** 2).mean(axis=1)
        out[YEAR:] = stages[error.argmin()]
    return out
