"""Returns and the variances that ranges tell, against closed forms, pandas and simulated Brownian motion."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from likeliest.data.prices import (
    excess_returns,
    garman_klass_variance,
    log_returns,
    parkinson_variance,
    read_prices,
    realised_variance,
)
from likeliest.errors import LikeliestError, ShapeError, SupportError

RNG = np.random.default_rng(0)
CLOSE = 50 * np.exp(np.cumsum(0.02 * RNG.standard_normal(500)))


def test_log_returns_are_those_of_pandas() -> None:
    wanted = np.log(pd.Series(CLOSE)).diff().dropna()
    np.testing.assert_allclose(log_returns(CLOSE), wanted, rtol=1e-12, atol=1e-15)


def test_log_returns_of_compound_interest_are_one_rate() -> None:
    np.testing.assert_allclose(log_returns(3 * 1.01 ** np.arange(50)), math.log(1.01), rtol=1e-12)


def test_the_riskless_asset_has_no_excess_return() -> None:
    rates = RNG.uniform(-0.01, 0.2, 300)
    close = np.cumprod(np.r_[1.0, (1 + rates) ** (1 / 252)])
    np.testing.assert_allclose(excess_returns(log_returns(close), rates), 0, atol=1e-15)
    np.testing.assert_array_equal(excess_returns([0.1, -0.1], 0.0), [0.1, -0.1])


def test_ranges_in_closed_form() -> None:
    high, low, first, last = (np.exp(v) for v in ([0.3, 0.2], [-0.1, 0.0], [0.0, 0.2], [0.2, 0.0]))
    np.testing.assert_allclose(parkinson_variance(high, low), [0.16 / math.log(16), 0.04 / math.log(16)])
    wanted = 0.5 * np.array([0.16, 0.04]) - (math.log(4) - 1) * 0.04
    np.testing.assert_allclose(garman_klass_variance(first, high, low, last), wanted)


def test_ranges_of_a_brownian_motion_are_unbiased_and_sharper_than_squared_returns() -> None:
    days, steps, sigma = 4000, 4000, 0.02
    path = np.zeros((days, 3))  # last, highest, lowest log price
    for _ in range(steps):
        path[:, 0] += sigma / math.sqrt(steps) * RNG.standard_normal(days)
        path[:, 1], path[:, 2] = np.maximum(path[:, 1], path[:, 0]), np.minimum(path[:, 2], path[:, 0])
    last, high, low = np.exp(path.T)
    squared = path[:, 0] ** 2
    # watched at 4,000 moments, a mean range of 1.596 σ misses 2 · 0.5826 σ / √4,000 of it, and its square 2.3 %
    for values, efficiency in (
        (parkinson_variance(high, low), 4.9),
        (garman_klass_variance(np.ones(days), high, low, last), 7.4),
    ):
        error = values.std() / math.sqrt(days)
        assert abs(values.mean() - sigma**2) < 3 * error + 0.04 * sigma**2
        assert squared.var() / values.var() == pytest.approx(efficiency, rel=0.15)


def test_garman_klass_is_never_negative() -> None:
    low, high = 1.0, np.exp(RNG.uniform(0, 0.5, 1000))
    ends = RNG.integers(0, 2, 1000) == 1  # the worst case: open at one end, close at the other
    first, last = np.where(ends, low, high), np.where(ends, high, low)
    assert (garman_klass_variance(first, high, np.full(1000, low), last) >= 0).all()


def test_realised_variance_is_that_of_pandas_groups() -> None:
    times = pd.date_range("2024-01-02 09:30", periods=500, freq="37min")
    frame = pd.DataFrame({"r": np.log(pd.Series(CLOSE)).diff().to_numpy()}, index=times)
    first = ~pd.Series(times.date).duplicated().to_numpy()
    frame.loc[first, "r"] = np.nan
    wanted = (frame["r"] ** 2).groupby(frame.index.date).sum(min_count=1).dropna()
    days, variances = realised_variance(times.to_numpy(), CLOSE)
    assert days.tolist() == list(wanted.index)
    np.testing.assert_allclose(variances, wanted, rtol=1e-12)


def test_missing_ranges_stay_missing_and_no_others_do() -> None:
    values = parkinson_variance([1.1, np.nan, 1.2], [1.0, 1.0, 1.0])
    assert np.isnan(values).tolist() == [False, True, False]


BAD = {
    "a price of zero": (lambda: log_returns([1.0, 0.0, 2.0]), SupportError, "position 1: .*above 0.*found 0"),
    "a missing price": (lambda: log_returns([1.0, np.nan]), SupportError, "position 1: .*found nan"),
    "two assets": (lambda: log_returns(np.ones((3, 2))), ShapeError, r"expected prices \(n,\), found shape \(3, 2\)"),
    "per cent": (lambda: excess_returns([0.1], 5.0), SupportError, "found 5; 5 per cent is 0.05"),
    "a missing rate": (lambda: excess_returns([0.1], np.nan), SupportError, "found nan"),
    "rates of other days": (lambda: excess_returns([0.1, 0.2], [0.1] * 3), ShapeError, r"found \(3,\); align them"),
    "high below low": (lambda: parkinson_variance([1.0, 1.0], [0.9, 1.1]), SupportError, "position 1: expected a high"),
    "highs and lows": (lambda: parkinson_variance([1.0], [0.9, 0.8]), ShapeError, "found 1 and 2; align them"),
    "close above high": (
        lambda: garman_klass_variance([1.0], [1.1], [0.9], [1.2]),
        SupportError,
        "position 0: expected an open and a close between low and high, found 1.2",
    ),
    "dates": (lambda: realised_variance(np.array(["2024-01-01"], "M8[us]"), [1.0, 2.0]), ShapeError, "2 dates"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_what_has_no_return_or_range_is_refused(call: object, error: type[LikeliestError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]


def test_the_returns_of_a_series_are_those_of_its_closes() -> None:
    dates = np.datetime64("2020-01-01") + np.arange(500)
    np.testing.assert_array_equal(read_prices({"date": dates, "close": CLOSE})["price"].returns, log_returns(CLOSE))
