"""One set of prices in many wrappings: files, folders, frames, long and wide. All give the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.data.prices import Prices, read_prices
from likeliest.errors import TableError

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-10"))
DAYS = DAYS[np.is_busday(DAYS)]
RNG = np.random.default_rng(0)
A, B = (100 * np.exp(np.cumsum(0.01 * RNG.standard_normal((2, len(DAYS))), axis=1))).round(6)
FULL = pl.DataFrame(
    {
        "Date": DAYS,
        "Open": A * 0.99,
        "High": A * 1.02,
        "Low": A * 0.98,
        "Close": A,
        "Volume": np.arange(len(DAYS)) * 100.0,
    }
)


def same(one: Prices, other: Prices) -> None:
    assert one.assets == other.assets
    assert one.digests() == other.digests()
    assert [series.extra.columns for series in one] == [series.extra.columns for series in other]


def wrappings(frame: pl.DataFrame, folder: Path) -> dict[str, object]:
    frame.write_csv(folder / "price.csv")
    frame.write_csv(folder / "price.tsv", separator="\t")
    frame.write_parquet(folder / "price.parquet")
    pandas = pd.DataFrame(frame.to_dict(as_series=False))
    indexed = pandas.assign(Date=pd.to_datetime(pandas["Date"])).set_index("Date")
    files = {suffix: folder / f"price.{suffix}" for suffix in ("csv", "tsv", "parquet")}
    frames = {
        "pandas": pandas,
        "pandas with an index": indexed,
        "pandas with a zone": indexed.tz_localize("Asia/Tokyo"),
    }
    texts = frame.cast({"Date": pl.String})
    return files | frames | {"texts": texts, "mapping": frame.to_dict(as_series=False), "lazy": frame.lazy()}


def test_the_wrapping_does_not_matter(tmp_path: Path) -> None:
    wanted = read_prices(FULL)
    assert wanted["price"].columns().keys() == {"open", "high", "low", "close", "volume"}
    for name, source in wrappings(FULL, tmp_path).items():
        try:
            same(read_prices(source), wanted)
        except AssertionError as error:
            raise AssertionError(name) from error


@settings(max_examples=15)
@given(st.data())
def test_neither_the_order_of_rows_nor_the_way_through_a_file_matters(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = data.draw(st.integers(2, 9))
    days = data.draw(st.lists(st.integers(0, 20_000), min_size=n, max_size=n, unique=True))
    price = st.floats(1e-6, 1e9, allow_subnormal=False)
    close = data.draw(st.lists(price, min_size=n, max_size=n, unique=True))
    frame = pl.DataFrame({"date": np.array(days, dtype="M8[D]"), "close": close})
    path = tmp_path_factory.mktemp("prices")
    frame.write_csv(path / "price.csv")
    frame[data.draw(st.permutations(range(n)))].write_parquet(path / "price.parquet")
    wanted = read_prices(frame)
    same(read_prices(path / "price.csv"), wanted)
    same(read_prices(path / "price.parquet"), wanted)
    assert wanted["price"].close.tolist() == [c for _, c in sorted(zip(days, close, strict=True))]


def test_several_assets_are_the_same_long_wide_as_files_as_frames_and_as_pairs(tmp_path: Path) -> None:
    wide = pl.DataFrame({"Date": DAYS, "X2": A, "X10": B})
    wide = wide.with_columns(pl.when(pl.col("Date") > DAYS[4]).then("X10").alias("X10"))
    wanted = read_prices(wide)
    assert wanted.assets == ("X2", "X10")
    assert [len(one) for one in wanted] == [len(DAYS), len(DAYS) - 5]
    long = wide.unpivot(index="Date", variable_name="Ticker", value_name="Price")
    same(read_prices(long), wanted)
    same(read_prices(long.drop_nulls().sample(fraction=1, shuffle=True, seed=0)), wanted)
    for name in ("X2", "X10"):
        wide.select("Date", Close=name).write_csv(tmp_path / f"{name}.csv")
    same(read_prices(tmp_path), wanted)
    frames = {name: wide.select("Date", Close=name) for name in ("X2", "X10")}
    same(read_prices(frames), wanted)
    same(read_prices(wide.rename({"X2": "X2_Close", "X10": "X10_Close"})), wanted)
    same(read_prices(wide.with_columns(Open="X2"), price=("X2", "X10")), wanted)
    same(read_prices(wanted.to_frame()), wanted)
    assert read_prices(wanted.to_frame().sort("date", "asset")).findings() == []


def test_columns_of_two_levels_as_yfinance_gives_them() -> None:
    columns = pd.MultiIndex.from_product(
        [["Close", "High", "Low", "Volume"], ["AAPL", "BRK-B"]], names=["Price", "Ticker"]
    )
    values = np.column_stack([A, B, A * 1.02, B * 1.02, A * 0.98, B * 0.98, A, B])
    prices = read_prices(pd.DataFrame(values, index=pd.DatetimeIndex(DAYS, name="Date"), columns=columns))
    assert prices.assets == ("AAPL", "BRK-B")
    np.testing.assert_array_equal(prices["BRK-B"].close, B)
    np.testing.assert_array_equal(prices["AAPL"].high, A * 1.02)
    assert prices["AAPL"].volume is not None


def test_columns_as_quantmod_names_them_have_an_adjusted_close() -> None:
    frame = FULL.rename({name: f"SPX.{name}" for name in FULL.columns[1:]}).with_columns(
        pl.Series("SPX.Adjusted", A / 2)
    )
    prices = read_prices(frame)
    assert prices.assets == ("SPX",)
    np.testing.assert_array_equal(prices["SPX"].close, A / 2)
    np.testing.assert_allclose(prices["SPX"].high, A * 1.02 / 2, rtol=1e-14)


def test_pandas_periods_are_their_first_days() -> None:
    frame = pd.DataFrame({"close": A[:4]}, index=pd.period_range("2024-01", periods=4, freq="M"))
    assert read_prices(frame)["price"].dates.astype(str).tolist() == [f"2024-0{m}-01" for m in (1, 2, 3, 4)]


def test_rows_of_two_levels_name_the_assets() -> None:
    index = pd.MultiIndex.from_product([["A", "B"], pd.DatetimeIndex(DAYS)], names=["ticker", "date"])
    prices = read_prices(pd.DataFrame({"close": np.r_[A, B]}, index=index))
    assert prices.assets == ("A", "B")
    np.testing.assert_array_equal(prices["B"].close, B)


def test_a_pandas_series_is_one_asset() -> None:
    prices = read_prices(pd.Series(A, index=pd.DatetimeIndex(DAYS), name="SPX"))
    assert prices.assets == ("SPX",)
    np.testing.assert_array_equal(prices["SPX"].close, A)


@pytest.mark.parametrize("names", [("adj close", "CLOSE"), ("Adj Close*", "Close"), ("5. adjusted close", "4. close")])
def test_the_adjusted_close_goes_first_and_adjusts_the_others(names: tuple[str, str]) -> None:
    factor = np.where(np.arange(len(DAYS)) < 10, 0.5, 1.0)
    frame = FULL.rename({"Close": names[1]}).with_columns(pl.Series(names[0], A * factor))
    prices = read_prices(frame)
    series = prices["price"]
    np.testing.assert_array_equal(series.close, A * factor)
    np.testing.assert_allclose(series.high, A * factor * 1.02, rtol=1e-14)
    np.testing.assert_allclose(series.open, A * factor * 0.99, rtol=1e-14)
    np.testing.assert_array_equal(series.volume, FULL["Volume"])
    np.testing.assert_array_equal(series.extra["unadjusted close"], A)
    assert "the adjusted taken, and open, high and low times the ratio of the two" in " ".join(prices.findings())
    plain = read_prices(frame, price=names[1])["price"]
    np.testing.assert_array_equal(plain.close, A)
    np.testing.assert_array_equal(plain.high, A * 1.02)


def test_an_adjusted_close_alone_leaves_the_unadjusted_range_beside() -> None:
    series = read_prices(FULL.rename({"Close": "Adj Close"}))["price"]
    assert series.high is None
    assert {"Open", "High", "Low"} <= set(series.extra.columns)


@pytest.mark.parametrize(
    "name", ["close", "LAST", "Price", "Close/Last", "PX_LAST", "Closing Price", "settle", "Close (USD)"]
)
def test_prices_go_by_many_names(name: str) -> None:
    frame = pl.DataFrame({"Date": DAYS, name: A, "dividends": np.zeros(len(DAYS))})
    np.testing.assert_array_equal(read_prices(frame)["price"].close, A)


def test_other_columns_stay_beside_with_types_and_in_order(tmp_path: Path) -> None:
    notes = [f"note {k}" for k in range(len(DAYS))]
    frame = FULL.with_columns(pl.Series("note", notes), pl.Series("sector", [1, 2, 3] * 10))[::-1]
    frame.write_csv(tmp_path / "price.csv")
    series = read_prices(tmp_path / "price.csv")["price"]
    assert series.extra["note"].to_list() == notes
    assert series.extra.schema == {"note": pl.String, "sector": pl.Int64}


def test_columns_of_a_wide_table_that_are_of_no_asset_are_told() -> None:
    frame = pl.DataFrame({"Date": DAYS, "A": A, "B": B, "who": ["x", "y", "z"] * 10})
    assert read_prices(frame).findings() == ["1 × columns that are of no asset; passed over: who"]


def test_a_folder_tells_what_it_passes_over(tmp_path: Path) -> None:
    FULL.write_csv(tmp_path / "a.csv")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "older").mkdir()
    (tmp_path / ".hidden.csv").write_text("x")
    prices = read_prices(tmp_path)
    assert prices.assets == ("a",)
    assert prices.findings() == [
        "1 × no table; passed over: README.md",
        "1 × a folder in a folder of prices; passed over: older",
    ]


def test_a_bad_file_in_a_folder_is_named(tmp_path: Path) -> None:
    FULL.write_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("Date,words\n2024-01-01,x\n")
    with pytest.raises(TableError, match=r"^b\.csv: expected a column of prices"):
        read_prices(tmp_path)


def test_a_column_of_one_asset_names_it() -> None:
    assert read_prices(FULL.with_columns(symbol=pl.lit("SPX"))).assets == ("SPX",)


def test_columns_may_be_named_by_the_user() -> None:
    frame = pl.DataFrame({"d1": DAYS, "d2": DAYS + 1, "a": A, "b": B, "who": ["x"] * len(DAYS)})
    prices = read_prices(frame, date="d2", price="b", asset="who")
    assert prices.assets == ("x",)
    np.testing.assert_array_equal(prices["x"].close, B)
    assert prices["x"].dates[0] == DAYS[0] + 1
