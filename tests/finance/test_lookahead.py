"""The look-ahead test: pipelines whose leaks are known exactly, other futures, bad input; the exam is beside it."""

import datetime
import math

import numpy as np
import polars as pl
import pytest

from likeliest.errors import CodeError, ShapeError, SpecificationError, TableError
from likeliest.finance.futures import FUTURES
from likeliest.finance.lookahead import check_lookahead


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=i) for i in range(n)]
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    earnings = [float(v) if i % 20 == 7 else None for i, v in enumerate(rng.normal(size=n))]
    sector = rng.choice(["tech", "energy"], n).tolist()
    volume = rng.integers(1000, 9000, n)
    return pl.DataFrame({"date": days, "close": close, "volume": volume, "earnings": earnings, "sector": sector})


@pytest.mark.parametrize("days", [1, 2, 5, 30])
def test_how_far_a_leak_reaches_is_found(days):
    found = check_lookahead(lambda t: t["close"].shift(-days).fill_null(0.0), table())
    assert not found.passed
    assert found.leaks[0].ahead == days
    assert f"nothing but the days from {days} later on" in found.message


@pytest.mark.parametrize("column", ["close", "volume", "earnings", "sector"])
def test_every_column_has_another_future(column):
    assert not check_lookahead(lambda t: t[column].shift(-1), table(), cuts=60).passed


def test_a_leak_on_one_day_in_a_hundred_is_found():
    def on_large_moves(t):
        moves = t["close"].pct_change().fill_null(0.0).to_numpy()
        ahead = np.append(t["close"].to_numpy()[1:], 0.0)
        return np.where(np.abs(moves) > 0.03, ahead, 0.0)

    rare = table(500)
    assert 0 < np.count_nonzero(on_large_moves(rare)) <= 8
    assert not check_lookahead(on_large_moves, rare, cuts=100).passed


def test_a_leak_through_the_number_of_rows_is_found():
    found = check_lookahead(lambda t: np.arange(len(t)) / len(t), table())
    assert [leak.future for leak in found.leaks] == ["left out"]


def test_a_forecast_of_a_day_may_not_know_that_day():
    same_day = lambda t: t["close"].ewm_mean(alpha=0.1)  # noqa: E731
    assert check_lookahead(same_day, table(), lag=0).passed
    found = check_lookahead(same_day, table(), lag=1)
    assert not found.passed
    assert found.leaks[0].ahead == 1
    assert check_lookahead(lambda t: same_day(t).shift(1), table(), lag=1).passed


def test_each_column_that_leaks_is_named_and_others_are_not():
    def several(t):
        close = t["close"]
        return pl.DataFrame(
            {"fine": close.shift(1), "scaled": close / close.mean(), "filled": t["earnings"].backward_fill()}
        )

    found = check_lookahead(several, table())
    assert {leak.column for leak in found.leaks} == {"scaled", "filled"}
    assert found.to_json()["passed"] is False


def test_several_rows_a_day_are_one_day():
    long = pl.concat([table().with_columns(asset=pl.lit(a)) for a in "xy"]).sort("date", maintain_order=True)
    ranked = lambda t: t.select(pl.col("volume").rank().over("date"))["volume"]  # noqa: E731
    assert check_lookahead(ranked, long, cuts=40).passed
    assert not check_lookahead(ranked, long, lag=1, cuts=40).passed


def test_values_of_any_kind_are_compared_and_nan_is_nan():
    def kinds(t):
        moves = t["close"].diff()
        words = pl.Series([None if m is None else "up" if m > 0 else "down" for m in moves])
        return pl.DataFrame({"words": words, "nan": moves * math.nan, "whole": moves.sign().cast(pl.Int8)})

    assert check_lookahead(kinds, table(), cuts=40).passed


@pytest.mark.parametrize("future", FUTURES[1:], ids=lambda f: f.words)
def test_a_future_changes_later_rows_alone_and_every_column(future):
    before, later = table(), np.arange(200) >= 120
    after = future.applied(before, later, np.random.default_rng(0))
    assert after.schema == before.schema
    assert after[:120].equals(before[:120])
    assert after["date"].equals(before["date"])
    for name in ("close", "volume", "earnings", "sector"):
        assert not after[name][120:].equals(before[name][120:]), name


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"lag": -1}, SpecificationError, "lag is 0 or more"),
        ({"cuts": 0}, SpecificationError, "cuts are 1 or more"),
        ({"first": 199}, SpecificationError, "no day is left"),
        ({"date": "day"}, TableError, "column 'day' of days, found date, close"),
        ({"table": table().reverse()}, TableError, "ascending"),
        ({"table": table(5)}, TableError, "more than 10 days"),
        ({"pipeline": lambda t: t["close"][1:]}, ShapeError, "a value for each row"),
        ({"pipeline": lambda t: t["price"]}, CodeError, "raised ColumnNotFoundError on 200 rows"),
        ({"pipeline": lambda t: np.random.default_rng().normal(size=len(t))}, CodeError, "fix its seeds"),
    ],
)
def test_what_cannot_be_tested_says_why(change, error, said):
    given = {"pipeline": lambda t: t["close"], "table": table(), **change}
    with pytest.raises(error, match=said):
        check_lookahead(given.pop("pipeline"), given.pop("table"), **given)


def test_an_error_on_an_extreme_future_is_no_leak_and_hides_none():
    def careful(t):
        if t["close"].max() > 1e4:
            raise ValueError("no such price")
        return t["close"].diff().fill_null(0.0)

    found = check_lookahead(careful, table(), cuts=40)
    assert found.passed
    assert found.refused > 0
    assert f"{found.refused} futures it would not run on" in found.message
    assert not check_lookahead(lambda t: careful(t).shift(-1), table(), cuts=40).passed


def test_a_pipeline_that_runs_on_no_other_table_was_not_tested():
    ours = table()["close"].to_list()

    def picky(t):
        if t["close"].to_list() != ours:
            raise ValueError("another table")
        return t["close"]

    with pytest.raises(CodeError, match="another table"):
        check_lookahead(picky, table(), cuts=20)
