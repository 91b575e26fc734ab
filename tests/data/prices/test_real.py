"""Prices that were traded: those that come with the package arch, as pandas and arch see them."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from likeliest.data.prices import garman_klass_variance, looks_like_prices, parkinson_variance, read_prices

pytest.importorskip("arch", reason="pip install arch==8.0.0")


def load(name: str) -> pd.DataFrame:
    return importlib.import_module(f"arch.data.{name}").load()


@pytest.mark.parametrize("name", ["sp500", "nasdaq"])
def test_an_index_is_read_as_it_is_and_nothing_but_september_2001_is_found(name: str, tmp_path: Path) -> None:
    frame = load(name)
    frame.to_csv(tmp_path / f"{name}.csv")
    assert looks_like_prices(tmp_path / f"{name}.csv")
    prices = read_prices(tmp_path / f"{name}.csv")
    series = prices[name]
    np.testing.assert_array_equal(series.dates, frame.index.to_numpy().astype("M8[D]"))
    np.testing.assert_array_equal(series.close, frame["Adj Close"])
    np.testing.assert_array_equal(series.volume, frame["Volume"])
    np.testing.assert_allclose(series.returns, np.log(frame["Adj Close"]).diff().dropna(), rtol=1e-9, atol=1e-15)
    assert prices.alarms() == []
    assert [p.reason for p in series.problems] == ["closes with and without adjustment", "a hole in the dates"]
    assert series.problems[1].name == f"{name}: 2001-09-10 to 2001-09-17 (7 days)"
    assert read_prices(frame).digests() == prices.digests()


def test_ranges_of_an_index_rise_and_fall_with_its_variance() -> None:
    s = read_prices(load("sp500"))["price"]
    assert s.open is not None
    assert s.high is not None
    assert s.low is not None
    months = (len(s) - 1) // 21 * 21
    squared = (s.returns**2)[:months].reshape(-1, 21).mean(axis=1)
    for ranges in (parkinson_variance(s.high, s.low), garman_klass_variance(s.open, s.high, s.low, s.close)):
        monthly = ranges[1 : months + 1].reshape(-1, 21).mean(axis=1)
        assert np.corrcoef(np.log(monthly), np.log(squared))[0, 1] > 0.9
        # below 1, for days of the index revert and do not move like a Brownian motion; a slip of units would be a power
        assert 0.6 < monthly.mean() / squared.mean() < 1


@pytest.mark.parametrize(("name", "column", "empty"), [("vix", "vix", 46), ("wti", "DCOILWTICO", 290)])
def test_holidays_without_a_price_are_left_out_and_wars_are_no_splits(name: str, column: str, empty: int) -> None:
    frame = load(name)
    prices = read_prices(frame)
    np.testing.assert_array_equal(prices[column].close, frame[column].dropna())
    # oil lost a third of its price on 17 January 1991, to within 0.1 % a 3:2 split
    assert prices.alarms() == []
    (line,) = prices.findings()
    assert line.startswith(f"1 × rows without a price; left out: {column}: {empty} rows, row ")


def test_what_the_federal_reserve_writes_for_a_holiday_is_a_missing_price(tmp_path: Path) -> None:
    frame = load("wti")
    frame.to_csv(tmp_path / "wti.csv", na_rep=".")
    assert read_prices(tmp_path / "wti.csv").digests() == read_prices(frame).digests()


def test_a_split_planted_in_an_index_is_found_and_can_be_taken_out() -> None:
    frame = load("sp500").drop(columns="Adj Close")
    plain = read_prices(frame)["price"]
    first = np.arange(len(frame)) < 3000
    frame.loc[first, ["Open", "High", "Low", "Close"]] *= 2
    prices = read_prices(frame)
    (jump,) = prices["price"].jumps
    assert (jump.kind, jump.ratio, jump.date) == ("split", 2, plain.dates[3000])
    np.testing.assert_allclose(read_prices(frame, adjust="splits")["price"].close, plain.close, rtol=1e-14)


def test_a_folder_of_indices_keeps_each_with_its_own_dates(tmp_path: Path) -> None:
    lengths = {}
    for name in ("sp500", "vix"):
        frame = load(name)
        frame.to_csv(tmp_path / f"{name}.csv")
        lengths[name] = len(frame.dropna())
    assert {one.name: len(one) for one in read_prices(tmp_path)} == lengths
