"""Features: values by brute force, lags, gaps; none looks ahead, and one of the user's own that does is refused."""

import numpy as np
import polars as pl
import pytest
from tests.finance.markets import series

from likeliest.errors import CodeError, SpecificationError
from likeliest.finance.days import Days, table_of
from likeliest.finance.features import ALWAYS, Feature, checked, feature_matrix, standard_features
from likeliest.finance.lookahead import check_lookahead


@pytest.fixture(scope="module")
def table():
    return table_of(series(400, ranges=True))


def test_values_are_those_of_the_formulas(table):
    names = [feature.name for feature in standard_features(table)]
    found = dict(zip(names, feature_matrix(standard_features(table), table).T, strict=True))
    close, volume = table["close"].to_numpy(), table["volume"].to_numpy()
    r, t = np.diff(np.log(close), prepend=np.nan), 300
    expected = {
        "return, lag 0": r[t],
        "return, lag 3": r[t - 3],
        "loss": min(r[t], 0.0),
        "momentum 22": np.log(close[t] / close[t - 22]),
        "log volatility 5": 0.5 * np.log(np.mean(r[t - 4 : t + 1] ** 2)),
        "drawdown": np.log(close[t] / close[t - 65 : t + 1].max()),
        "log range 1": np.log(np.log(table["high"][t] / table["low"][t])),
        "volume": np.log(volume[t] / volume[t - 21 : t + 1].mean()),
    }
    for name, value in expected.items():
        assert found[name][t] == pytest.approx(value, rel=1e-9), name


def test_the_next_weekday_is_told_by_the_day_itself(table):
    names = [feature.name for feature in standard_features(table)]
    found = feature_matrix(standard_features(table), table)
    days = table["date"].dt.weekday().to_numpy()
    for then, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday"), 1):
        assert np.array_equal(found[:, names.index(f"then {name}")], (days % 5 + 1 == then).astype(float))


def test_no_standard_feature_looks_ahead(table):
    found = check_lookahead(lambda t: feature_matrix(standard_features(table), t), table, cuts=30)
    assert found.passed, found.message


def test_features_stand_in_the_row_of_the_next_day(table):
    days = Days.of(series(400, ranges=True))
    x = days.x("features")
    assert x.shape == (401, len(days.names))
    assert np.isnan(x[0]).all()
    np.testing.assert_array_equal(x[300], days.features[299])
    assert days.features[299, 0] == days.returns[299]


def test_a_feature_that_is_missing_is_what_it_was_last():
    gap = pl.DataFrame({"date": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 4), eager=True)})
    gap = gap.with_columns(volume=pl.Series([None, 2.0, None, 4.0]))
    known = Feature("volume", "v[t]", 0, pl.col("volume"))
    np.testing.assert_array_equal(feature_matrix([known], gap), [[np.nan], [2.0], [2.0], [4.0]])


def test_a_lag_is_no_number_below_zero():
    with pytest.raises(SpecificationError, match="0 or more"):
        Feature("tomorrow", "r[t+1]", -1, ALWAYS[0].compute)


def test_features_of_ones_own_are_refused_where_they_look_ahead(table):
    names, values, found = checked(lambda t: t.select(calm=pl.col("close").rolling_std(10)), table, cuts=20)
    assert (names, values.shape, found.passed) == (["calm"], (401, 1), True)
    with pytest.raises(CodeError, match="looks ahead: scaled of"):
        checked(lambda t: t.select(scaled=pl.col("close") / pl.col("close").max()), table, cuts=20)
    with pytest.raises(CodeError, match="features are numbers"):
        checked(lambda t: pl.DataFrame({"word": ["up"] * len(t)}), table, cuts=5)
