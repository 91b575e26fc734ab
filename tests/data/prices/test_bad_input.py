"""Prices as they come: unsorted, doubled, holed, written in many ways, and not prices at all. Each is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest.data.prices import Prices, read_prices
from likeliest.errors import ColumnError, InputError, SourceError, TableError, UnknownNameError

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-10"))
WEEKDAYS = DAYS[np.is_busday(DAYS)].astype(str)
WALK = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(len(WEEKDAYS)))).round(4)


def written(path: Path, text: str, name: str = "a.csv") -> Path:
    (path / name).write_text(text)
    return path / name


def table(**changes: list[object]) -> pl.DataFrame:
    return pl.DataFrame({"Date": WEEKDAYS, "Close": WALK, **changes}, strict=False)


def with_cell(row: int, value: object, column: str = "Close") -> pl.DataFrame:
    """The good table with one cell (row counted from 1) replaced."""
    cells = [str(cell) for cell in table()[column]]
    cells[row - 1] = "" if value is None else str(value)
    return table(**{column: cells})


def read_text(tmp_path: Path, *rows: str, header: str = "date,close") -> Prices:
    return read_prices(written(tmp_path, "\n".join([header, *rows])))


REFUSED = {
    "zero": (with_cell(7, 0), ColumnError, r"column 'Close' row 7 \(2024-01-09\): expected a price above 0, found 0;"),
    "negative": (
        with_cell(7, -3.5),
        ColumnError,
        r"row 7 \(2024-01-09\).*found -3.5; correct the cell, or leave it empty",
    ),
    "infinite": (with_cell(7, "inf"), ColumnError, "column 'Close' row 7: expected a finite number, found 'inf'"),
    "text": (with_cell(7, "closed"), ColumnError, "the table column 'Close' row 7: expected a number, found 'closed'"),
    "percentage": (with_cell(7, "1.2%"), ColumnError, "row 7: expected a number, found '1.2%'"),
    "texts": (
        table(Close=["up", "down"] * 14 + ["up"] * 2),
        TableError,
        "'Close': expected prices, found cells such as",
    ),
    "flags": (
        table(Close=[0, 1] * 15),
        ColumnError,
        "expected prices, found 0 and 1 alone in 30 rows; name the column",
    ),
    "constant": (table(Close=[7] * 30), ColumnError, "found 7 in all 30 rows, which have no variance to model"),
    "row number": (table(Close=list(range(1, 31))), ColumnError, r"the same difference from row to row \(1, 2, 3, …\)"),
    "fixed interest": (table(Close=[1.01**k for k in range(30)]), ColumnError, "the same return from row to row"),
    "mostly empty": (table(Close=[1.0, *[None] * 28, 2.0]), ColumnError, "found 93% of the cells from row 1"),
    "all empty": (table(Close=[None] * 30), ColumnError, "expected at least 2 prices, for one return, found 0"),
    "one price": (table(Close=[5.0] + [None] * 29), ColumnError, "expected at least 2 prices, for one return, found 1"),
    "no such day": (with_cell(7, "2024-02-30", "Date"), ColumnError, "row 7: expected a date that the calendar has"),
    "no date": (
        with_cell(7, "yesterday", "Date"),
        ColumnError,
        "'Date' row 7: expected a date, found 'yesterday'; write",
    ),
    "two forms": (
        with_cell(7, "09.01.2024", "Date"),
        ColumnError,
        "written in one way, found '2024-01-01' in row 1 and '09.01.2024' in row 7",
    ),
    "date twice": (
        with_cell(7, "2024-01-08", "Date"),
        ColumnError,
        r"found two rows of 2024-01-08 that differ: row 6 and row 7 \(close [\d.]+ and [\d.]+\); leave one of them out",
    ),
    "dates missing": (
        table(Date=[None] * 5 + [*WEEKDAYS[5:]]),
        ColumnError,
        "found none in 5 of 30, the first in row 1",
    ),
    "no prices": (table().select("Date"), TableError, "expected a column of prices .*found none among nothing"),
    "no dates": (table().select("Close"), TableError, "expected one column of dates, found none among 'Close'"),
    "two columns of dates": (
        table().rename({"Date": "a"}).with_columns(b=pl.col("a")),
        TableError,
        "found 'a', 'b' that all hold dates; name it, as in date='a'",
    ),
    "two columns of prices": (
        table(Last=list(WALK)),
        TableError,
        "found 'Close', 'Last', which could all be; name the one that is meant, as in price='Close'",
    ),
    "numbers that are no prices": (
        pl.DataFrame({"Date": WEEKDAYS, "rain": [0.0, 3.5] * 15, "sun": WALK}),
        TableError,
        r"found 'rain', 'sun', which could all be; name it, as in price='rain', or price=\('rain', 'sun'\)",
    ),
    "flags of type boolean": (table(Close=[True, False] * 15), TableError, "expected prices, found cells such as True"),
    "lists": (table(Close=[[1.0]] * 30), TableError, r"expected prices, found cells of type List\(Float64\); name"),
    "empty": (pl.DataFrame({"Date": [], "Close": []}), TableError, "expected rows, found 2 columns and 0 rows"),
}


@pytest.mark.parametrize(("frame", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_place_and_remedy(
    frame: pl.DataFrame, error: type[InputError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_prices(frame)


def test_the_same_is_refused_in_a_file_which_is_named(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match=r"^a\.csv column 'Close' row 7 \(2024-01-09\): expected a price above 0"):
        read_prices(written(tmp_path, with_cell(7, 0).write_csv()))


def test_in_a_long_table_the_asset_is_named_too() -> None:
    frame = pl.concat([table().with_columns(ticker=pl.lit("A")), with_cell(7, 0).cast({"Close": float}).with_columns(
        ticker=pl.lit("B"))])  # fmt: skip
    with pytest.raises(
        ColumnError, match=r"the table 'B' column 'Close' row 37 \(2024-01-09\): expected a price above 0"
    ):
        read_prices(frame)


def test_an_asset_column_of_another_name_is_hinted_at() -> None:
    frame = pl.concat([table(Close=list(WALK * k)).with_columns(venue=pl.lit(f"v{k}")) for k in (1, 2)])
    with pytest.raises(ColumnError, match="name their column, as in asset='venue'"):
        read_prices(frame)
    assert read_prices(frame, asset="venue").assets == ("v1", "v2")


@pytest.mark.parametrize("option", ["date", "price", "asset"])
def test_a_column_asked_for_that_is_not_there_is_named_with_the_nearest(option: str) -> None:
    with pytest.raises(
        TableError, match=rf"expected a column 'Closed', as {option} says, found none; did you mean 'Close'"
    ):
        read_prices(table(), **{option: "Closed"})


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder; the current folder is"):
        read_prices(tmp_path / "nowhere.csv")
    with pytest.raises(
        SourceError, match=r"expected CSV or Parquet files of prices, found none, but notes\.md \(no table\)"
    ):
        read_prices(written(tmp_path, "words", "notes.md").parent)
    with pytest.raises(SourceError, match="found ndarray; give one of them"):
        read_prices(WALK)
    with pytest.raises(UnknownNameError, match="expected adjust='splits' or None, found 'dividends'"):
        read_prices(table(), adjust="dividends")  # type: ignore[arg-type]
    with pytest.raises(TableError, match=r"a\.csv: expected rows below the header"):
        read_prices(written(tmp_path, "date,close\n"))
    with pytest.raises(TableError, match="expected columns of one length"):
        read_prices({"date": WEEKDAYS, "close": WALK[1:]})
    with pytest.raises(TableError, match="found three, as yfinance writes them"):
        read_text(tmp_path, "Ticker,A,A", "Date,,", "2024-01-02,1.5,1.6", header="Price,Close,Open")


def test_two_files_of_one_asset_are_refused(tmp_path: Path) -> None:
    written(tmp_path, table().write_csv())
    table().write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"a\.parquet: .*found 'a', which is in a\.csv already"):
        read_prices(tmp_path)


def test_unsorted_rows_are_sorted_and_told() -> None:
    order = np.r_[0:10, 20, 10:20, 21:30]
    prices = read_prices(table()[order])
    np.testing.assert_array_equal(prices["price"].close, WALK)
    assert prices.findings() == ["1 × rows not in order of date; sorted: price: first at row 12 (2024-01-15)"]


def test_the_newest_row_first_is_turned_round_and_told() -> None:
    prices = read_prices(table()[::-1])
    np.testing.assert_array_equal(prices["price"].close, WALK)
    assert prices.findings() == ["1 × the newest row first; turned round: price: from row 1 (2024-02-09)"]


def test_rows_that_are_there_already_are_dropped_and_counted() -> None:
    prices = read_prices(table()[[*range(30), 3, 3, 8]])
    np.testing.assert_array_equal(prices["price"].close, WALK)
    (copies,) = (line for line in prices.findings() if "already" in line)
    assert copies == (
        "1 × rows that are there already; left out: price: 3 rows, row 31 (2024-01-04) to row 33 (2024-01-11)"
    )


def test_empty_prices_are_left_out_and_told_apart_by_where_they_stand() -> None:
    close = [None, None, *WALK[2:10], None, *WALK[11:27], None, None, None]
    prices = read_prices(table(Close=close))
    np.testing.assert_array_equal(prices["price"].close, [c for c in close if c is not None])
    assert prices.findings() == [
        "1 × rows without a price; left out: price: row 11 (2024-01-15)",
        "1 × rows before the first price; left out: price: 2 rows, row 1 (2024-01-01) to row 2 (2024-01-02)",
        "1 × rows after the last price; left out: price: 3 rows, row 28 (2024-02-07) to row 30 (2024-02-09)",
    ]


@pytest.mark.parametrize("missing", ["", ".", "n/a", "NaN", "-", "null", "#N/A"])
def test_all_that_stands_for_a_missing_price_is_one(tmp_path: Path, missing: str) -> None:
    path = written(tmp_path, with_cell(7, missing).write_csv())
    np.testing.assert_array_equal(read_prices(path)["a"].close, np.delete(WALK, 6))


def test_a_nan_in_a_frame_is_a_missing_price() -> None:
    close = WALK.copy()
    close[6] = np.nan
    np.testing.assert_array_equal(read_prices({"date": WEEKDAYS, "close": close})["price"].close, np.delete(WALK, 6))


def test_rows_without_a_date_are_left_out_and_told() -> None:
    prices = read_prices(with_cell(30, None, "Date"))
    assert len(prices) == 29
    assert prices.findings() == ["1 × rows without a date; left out: row 30"]


def test_weekends_among_weekdays_are_told_but_those_of_a_market_that_never_closes_are_not_wondered_at() -> None:
    prices = read_prices(with_cell(5, "2024-01-06", "Date"))
    assert "2024-01-06" in next(line for line in prices.findings() if "among weekdays" in line)
    always = read_prices({"date": DAYS, "close": np.r_[WALK, WALK[:10]]})
    assert [line.partition(";")[0] for line in always.findings()] == [
        "1 × prices on Saturdays or Sundays as on other days"
    ]


def test_holes_are_named_with_dates_and_length_but_holidays_are_not() -> None:
    without_holiday = read_prices(table()[[*range(9), *range(11, 30)]])
    assert without_holiday.findings() == []
    prices = read_prices(table()[[*range(9), *range(12, 30)]])
    assert prices.findings() == [
        "1 × a hole in the dates; kept; the return over it counts as one: price: 2024-01-11 to 2024-01-17 (6 days)"
    ]


def test_a_hole_of_one_day_is_one_where_weekends_are_traded() -> None:
    prices = read_prices({"date": np.delete(DAYS, 20), "close": np.r_[WALK, WALK[:9]]})
    assert "2024-01-20 to 2024-01-22 (2 days)" in " ".join(prices.findings())


def test_months_of_unequal_length_are_no_holes_but_a_missing_month_is() -> None:
    months = np.arange("2020-01", "2022-01", dtype="M8[M]").astype("M8[D]")
    assert read_prices({"date": months, "close": WALK[:24]}).findings() == []
    holed = read_prices({"date": np.delete(months, 5), "close": WALK[:23]})
    assert "2020-05-01 to 2020-07-01 (61 days)" in " ".join(holed.findings())


def test_a_volume_that_is_no_number_stays_beside_the_prices() -> None:
    prices = read_prices(table(Volume=["much", "little"] * 15))
    assert prices["price"].volume is None
    assert prices["price"].extra["Volume in the source"].to_list()[:2] == ["much", "little"]
    assert "volumes that are no numbers" in prices.findings()[0]


def with_range(**changes: float) -> pl.DataFrame:
    frame = table(Open=list(WALK * 0.999), High=list(WALK * 1.01), Low=list(WALK * 0.99))
    columns = {name: frame[name].to_list() for name in changes}
    for name, value in changes.items():
        columns[name][6] = value
    return frame.with_columns(pl.Series(name, cells) for name, cells in columns.items())


def test_a_high_or_low_within_the_other_prices_is_widened_and_named() -> None:
    series = read_prices(with_range(High=WALK[6] / 2, Low=WALK[6] * 2))["price"]
    assert series.high is not None
    assert series.low is not None
    assert series.high[6] == WALK[6] * 2
    assert series.low[6] == WALK[6] / 2
    assert [(p.name, p.reason) for p in series.problems] == [
        ("price: row 7 (2024-01-09)", "high below another price of its row"),
        ("price: row 7 (2024-01-09)", "low above another price of its row"),
    ]


def test_a_zero_open_is_a_missing_one() -> None:
    series = read_prices(with_range(Open=0.0))["price"]
    assert series.open is not None
    assert np.flatnonzero(np.isnan(series.open)).tolist() == [6]
    assert series.problems[0].reason == "open at or below zero"


def test_high_and_low_exchanged_are_refused() -> None:
    frame = with_range().rename({"High": "x"}).rename({"Low": "High"}).rename({"x": "Low"})
    with pytest.raises(
        ColumnError, match=r"row 1 \(2024-01-01\): expected low ≤ open, close ≤ high.*29 more such rows of 30"
    ):
        read_prices(frame)
