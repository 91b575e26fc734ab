"""Dates in every way they are written: each reading is compared with what Python's datetime makes of it."""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.data.prices import PriceSeries, read_prices
from likeliest.errors import ColumnError

MOMENTS = [dt.datetime(2024, 1, 2) + dt.timedelta(days=k) for k in range(0, 60, 3)]
WALK = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(len(MOMENTS))))


def read(dates: object) -> PriceSeries:
    return read_prices({"date": dates, "close": WALK[: len(dates)]})["price"]  # type: ignore[arg-type]


FORMS = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%Y%m%d", "%d-%b-%Y"]
FORMS += ["%d %B %Y", "%b %d, %Y", "%B %d %Y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%Y-%m-%dT%H:%M:%SZ"]
FORMS += ["%Y-%m-%d %H:%M", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %H:%M:%S.%f", "%m/%d/%Y %I:%M %p"]


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read_as_strptime_reads_it(form: str) -> None:
    texts = [moment.strftime(form) for moment in MOMENTS]
    series = read(texts)
    assert series.dates.dtype == np.dtype("M8[D]")
    assert series.dates.tolist() == [dt.datetime.strptime(text, form).date() for text in texts]


@settings(max_examples=25)
@given(
    st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d %b %Y"]),
)
def test_a_column_that_can_be_read_in_one_way_alone_is_read_in_that(first: dt.date, form: str) -> None:
    dates = [first + dt.timedelta(days=k) for k in range(13)]
    series = read([date.strftime(form) for date in dates])
    assert series.dates.tolist() == dates


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=2, max_size=10, unique=True))
def test_a_column_that_can_be_read_in_two_ways_is_refused_with_both(pairs: list[tuple[int, int]]) -> None:
    texts = [f"{a:02}/{b:02}/2023" for a, b in pairs]
    if all(a == b for a, b in pairs):
        assert len(read(texts)) == len(pairs)
        return
    row, (a, b) = next((row, pair) for row, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    with pytest.raises(
        ColumnError, match=rf"row {row}: .*which is day {a} of month {b} or day {b} of month {a}, and no"
    ):
        read(texts)


@pytest.mark.parametrize(
    ("texts", "first"), [(["13/01/2024", "01/02/2024"], "2024-01-13"), (["01/13/2024", "02/01/2024"], "2024-01-13")]
)
def test_one_thirteen_decides(texts: list[str], first: str) -> None:
    assert str(read(texts).dates[0]) == first


def test_noon_and_midnight_of_twelve_hours_are_as_strptime_has_them() -> None:
    form = "%m/%d/%Y %I:%M %p"
    texts = [(MOMENTS[-1] + dt.timedelta(minutes=90 * k)).strftime(form) for k in range(16)]
    assert read(texts).dates.tolist() == [dt.datetime.strptime(text, form) for text in texts]


def test_a_column_with_the_day_in_two_places_is_refused_with_the_first_row_of_each() -> None:
    with pytest.raises(
        ColumnError, match="the day in one place, found '13/01/2024' in row 2 and '01/14/2024' in row 3; write all"
    ):
        read(["12/01/2024", "13/01/2024", "01/14/2024"])


def test_what_decided_between_day_and_month_is_told() -> None:
    prices = read_prices({"date": ["31/01/2024", "01/02/2024"], "close": WALK[:2]})
    assert prices.findings() == ["1 × dates of which only some tell the day from the month; day first: column 'date'"]


def test_a_daily_close_with_a_zone_keeps_the_date_of_its_place() -> None:
    zone = ZoneInfo("Asia/Tokyo")
    moments = [moment.replace(tzinfo=zone) for moment in MOMENTS]
    wanted = [moment.date() for moment in MOMENTS]
    texts = read([moment.isoformat() for moment in moments])
    assert texts.dates.tolist() == wanted
    assert read(pl.Series(moments, dtype=pl.Datetime("ns", "Asia/Tokyo"))).dates.tolist() == wanted


def test_moments_within_a_day_with_a_zone_are_turned_to_utc_across_the_change_of_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    start = dt.datetime(2024, 11, 3, 4, tzinfo=dt.UTC)  # clocks go back at 06:00 UTC
    moments = [start + dt.timedelta(minutes=30 * k) for k in range(10)]
    series = read([moment.astimezone(zone).isoformat() for moment in moments])
    assert series.intraday
    assert series.dates.tolist() == [moment.replace(tzinfo=None) for moment in moments]


def test_moments_of_which_some_have_a_zone_are_refused() -> None:
    with pytest.raises(ColumnError, match=r"with a time zone, or all without, found .* in row 1 and .* in row 2"):
        read(["2024-01-02T10:00:00Z", "2024-01-03T10:00:00"])


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("kind", ["integers", "texts", "floats"])
def test_times_since_1970_are_read_by_their_size(unit: str, scale: int, kind: str) -> None:
    seconds = np.array([moment.replace(tzinfo=dt.UTC).timestamp() for moment in MOMENTS]).astype(np.int64)
    values = seconds * scale
    column = {"integers": values, "texts": [str(v) for v in values], "floats": values.astype(float)}[kind]
    assert read(column).dates.tolist() == [moment.date() for moment in MOMENTS]


def test_two_units_in_one_column_are_refused() -> None:
    with pytest.raises(
        ColumnError, match="row 2: expected milliseconds since 1970, as in other rows, found 1700086400"
    ):
        read([1_700_000_000_000, 1_700_086_400, 1_700_172_800_000])


def test_integers_that_are_dates_and_those_of_a_spreadsheet() -> None:
    assert read([20240102, 20240103]).dates.tolist() == [dt.date(2024, 1, 2), dt.date(2024, 1, 3)]
    with pytest.raises(ColumnError, match=r"found 45293.*day numbers of a spreadsheet have to be formatted as dates"):
        read([45293, 45294])
    with pytest.raises(ColumnError, match="expected a date that the calendar has, found '20241340'"):
        read([20240102, 20241340])


def test_dates_and_times_in_two_columns_are_joined() -> None:
    text = "<DATE>\t<TIME>\t<OPEN>\t<CLOSE>\n"
    text += "".join(f"2024.01.02\t{9 + k // 60:02}:{k % 60:02}\t1.5\t{1.5 + k % 7 / 100}\n" for k in range(90))
    frame = pl.read_csv(io.StringIO(text), separator="\t")
    series = read_prices(frame)["price"]
    assert series.intraday
    assert series.dates[0] == np.datetime64("2024-01-02T09:00")
    assert series.dates[-1] == np.datetime64("2024-01-02T10:29")


def test_a_live_price_beside_the_close_of_its_day_is_refused_with_both_rows() -> None:
    dates = [*(str(m) for m in MOMENTS), str(MOMENTS[-1] + dt.timedelta(hours=14))]
    with pytest.raises(ColumnError, match="two rows of 2024-02-28 that differ: row 20 and row 21"):
        read_prices({"date": dates, "close": [*WALK, 3.0]})


def test_columns_of_dates_are_found_by_their_cells_where_no_name_tells() -> None:
    frame = {"what": [str(m.date()) for m in MOMENTS], "level": WALK}
    assert read_prices(frame).assets == ("level",)
    assert read_prices(frame)["level"].dates[0] == np.datetime64("2024-01-02")


def test_times_of_day_alone_are_no_dates() -> None:
    with pytest.raises(ColumnError, match="expected dates, found cells of type Time"):
        read(pl.Series([dt.time(9, k) for k in range(10)]))
