"""Series and prices as values: parts of them, their frames, and what tells them from others."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from likeliest.data.prices import Prices, PriceSeries, read_prices
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError

DAYS = np.datetime64("2024-01-01") + np.arange(10)
CLOSE = np.array([10.0, 11, 10, 12, 11, 13, 12, 14, 13, 15])


def series(name: str = "A", first: int = 0) -> PriceSeries:
    extra = pl.DataFrame({"note": [str(k) for k in range(first, 10)]})
    return PriceSeries(name, DAYS[first:], CLOSE[first:], high=CLOSE[first:] + 1, extra=extra)


@pytest.mark.parametrize("rows", [slice(2, 5), slice(None, -3), slice(4, None, 2), np.array([0, 3, 7])])
def test_a_part_has_all_columns_of_its_rows(rows: slice | np.ndarray) -> None:
    part = series().take(rows)
    assert part.dates.tolist() == DAYS[rows].tolist()
    assert part.close.tolist() == CLOSE[rows].tolist()
    assert part.high is not None
    assert part.high.tolist() == (CLOSE[rows] + 1).tolist()
    assert part.extra["note"].to_list() == [str(k) for k in np.arange(10)[rows]]
    assert len(part) == len(DAYS[rows])


@pytest.mark.parametrize("date", ["2024-01-04", dt.date(2024, 1, 4), np.datetime64("2024-01-04"), "2024-01-04T00:00"])
def test_until_includes_the_date(date: str | dt.date | np.datetime64) -> None:
    assert len(series().until(date)) == 4


def test_until_a_day_includes_all_its_moments_and_until_a_moment_that_moment() -> None:
    times = np.datetime64("2024-01-01T20:00", "us") + np.arange(10) * 3_600_000_000
    one = PriceSeries("A", times, CLOSE)
    assert len(one.until("2024-01-01")) == 4
    assert len(one.until("2024-01-01T22:00")) == 3
    assert len(one.until("2024-01-01T22:00:00")) == 3


def test_assets_without_prices_until_a_date_are_left_out() -> None:
    prices = Prices.of([series("B", first=5), series("A")])
    assert prices.assets == ("A", "B")
    assert prices.until("2024-01-03").assets == ("A",)
    assert len(prices.until("2024-01-07")) == 7 + 2
    with pytest.raises(
        SpecificationError, match="until 2023-01-01, found none; there are A from 2024-01-01 to 2024-01-10"
    ):
        prices.until("2023-01-01")


def test_a_slice_is_taken_of_every_asset_and_positions_of_one() -> None:
    prices = Prices.of([series("A"), series("B", first=5)])
    assert [len(one) for one in prices.take(slice(0, 3))] == [3, 3]
    with pytest.raises(SpecificationError, match=r"as in prices\['A'\].take\(rows\)"):
        prices.take(np.array([0, 1]))
    assert len(Prices.of([series()]).take(np.array([0, 1]))) == 2


def test_the_frame_reads_back_as_the_same_prices() -> None:
    prices = Prices.of([series("A"), series("B", first=5)])
    frame = prices.to_frame()
    assert frame.columns == ["asset", "date", "high", "close", "note"]
    assert frame.height == len(prices)
    again = read_prices(frame)
    assert again.assets == prices.assets
    assert again.digests() == prices.digests()


def test_what_tells_series_apart_is_their_numbers() -> None:
    one = series()
    assert one.digest == series("another name").digest
    others = [
        one.take(slice(1, None)),
        PriceSeries("A", DAYS, CLOSE),
        PriceSeries("A", DAYS + 1, CLOSE, high=CLOSE + 1),
    ]
    others += [
        PriceSeries("A", DAYS, CLOSE, low=CLOSE + 1),
        PriceSeries("A", DAYS.astype("M8[us]"), CLOSE, high=CLOSE + 1),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 6


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="found 'APL'; did you mean 'AAPL'"):
        Prices.of([series("AAPL"), series("MSFT")])["APL"]


def test_series_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"A: expected 10 values of close, one for each date, found \(9,\)"):
        PriceSeries("A", DAYS, CLOSE[1:])
    with pytest.raises(ShapeError, match="A: expected ascending dates, found 2024-01-01 after 2024-01-02"):
        PriceSeries("A", DAYS[[1, 0]], CLOSE[:2])
    with pytest.raises(ShapeError, match="A: expected 10 rows of other columns, found 3"):
        PriceSeries("A", DAYS, CLOSE, extra=pl.DataFrame({"a": [1, 2, 3]}))
    with pytest.raises(ShapeError, match="assets of different names, found A, A"):
        Prices.of([series(), series()])
