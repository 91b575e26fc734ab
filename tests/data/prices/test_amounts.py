"""Amounts as people write them: read where they can be read in one way alone, refused with both readings elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.data.prices import PriceSeries, read_prices
from likeliest.errors import ColumnError


def read(*cells: str, **others: list[str]) -> PriceSeries:
    dates = [f"2024-01-{day:02}" for day in range(1, len(cells) + 1)]
    return read_prices({"date": dates, "close": list(cells), **others})["price"]


READ = {
    "a currency behind": (["1,234.50 $", "999.00 $"], [1234.5, 999]),
    "a currency before": (["€ 1.234,50", "€ 999,00"], [1234.5, 999]),
    "its code": (["USD 1,234.50", "USD 999"], [1234.5, 999]),
    "its code with a sign": (["US$1,234.50", "US$999.00"], [1234.5, 999]),
    "kroner": (["1 234,50 kr", "999,00 kr"], [1234.5, 999]),
    "thousands of spaces": (["1 234.5", "12 345 678.5"], [1234.5, 12345678.5]),
    "thousands of narrow spaces": (["1\u202f234,5", "999,25"], [1234.5, 999.25]),
    "Swiss": (["CHF 1'234.50", "CHF 1’235.50"], [1234.5, 1235.5]),
    "Indian": (["₹12,34,567.50", "₹99,999.00"], [1234567.5, 99999]),
    "a comma twice": (["1,234,567", "1,234"], [1234567, 1234]),
    "a point twice": (["1.234.567", "1.234"], [1234567, 1234]),
    "one cell tells for all": (["1,234", "1,251.5"], [1234, 1251.5]),
    "a comma that marks decimals": (["1,2345", "1,234"], [1.2345, 1.234]),
    "zero before a comma": (["0,123", "1,234"], [0.123, 1.234]),
    "plain points are decimals": (["1.234", "1.251"], [1.234, 1.251]),
    "powers of ten": (["1.5e3", "1,499.00"], [1500, 1499]),
    "blanks around": (["  12.5 ", "13"], [12.5, 13]),
}


@pytest.mark.parametrize(("cells", "values"), READ.values(), ids=READ)
def test_amounts_are_read_where_they_can_be_in_one_way_alone(cells: list[str], values: list[float]) -> None:
    assert read(*cells).close.tolist() == values


REFUSED = {
    "two readings": (["1,234", "1,251"], "row 1: .*found '1,234', where the comma may mark thousands or decimals"),
    "two ways": (["1,234.50", "1.234,50"], "row 1: .*found '1,234.50' there.*and '1.234,50' in column 'close' row 2"),
    "two currencies": (["1.5 $", "1.6 €"], r"row 2: expected amounts in one currency \(\$, as in earlier rows\)"),
    "parentheses": (["(12.50)", "13.50"], r"row 1 \(2024-01-01\): expected a price above 0, found -12.5"),
    "a parenthesis": (["(12.50", "13.50"], r"row 1: expected a number, found '\(12.50'"),
    "a minus behind": (["12.50-", "13.50"], "expected a price above 0, found -12.5"),
    "a typographic minus": (["−12.50", "13.50"], "expected a price above 0, found -12.5"),
    "groups of two": (["12,34.50", "1,234.50"], "row 1: expected an amount with decimals after '.', as in other rows"),
    "two numbers": (["12 5", "1 234.5"], "row 1: expected an amount"),
    "thousands in words": (["1.2K", "1.3K"], "expected prices|expected a number"),
}


@pytest.mark.parametrize(("cells", "message"), REFUSED.values(), ids=REFUSED)
def test_others_are_refused_with_row_and_remedy(cells: list[str], message: str) -> None:
    with pytest.raises((ColumnError, ValueError), match=message):
        read(*cells)


def test_how_amounts_were_read_is_told() -> None:
    prices = read_prices({"date": ["2024-01-01", "2024-01-02"], "close": ["€ 1.234,50", "€ 999,00"]})
    assert prices.findings() == ["1 × amounts written as '€ 1.234,50'; read as 1234.5: columns 'close'"]


def test_the_columns_of_a_table_decide_together() -> None:
    series = read(
        "1,234", "1,251", open=["1,230.5", "1,240.5"], high=["1,300.0", "1,300.0"], low=["1,200.0", "1,200.0"]
    )
    assert series.close.tolist() == [1234, 1251]


def test_where_semicolons_separate_a_comma_marks_decimals(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Datum;Kurs\n02.01.2024;1,234\n15.01.2024;1,251\n")
    assert read_prices(tmp_path / "a.csv")["Kurs"].close.tolist() == [1.234, 1.251]


def test_volumes_may_be_in_thousands_and_millions() -> None:
    series = read("10.5", "10.6", "10.4", **{"Vol.": ["1.2M", "850K", "-"]})
    assert series.volume is not None
    np.testing.assert_array_equal(series.volume, [1.2e6, 850e3, np.nan])


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 10**9), min_size=2, max_size=8, unique=True),
    st.sampled_from([",.", ".,", " .", " ,", "'."]),
)
def test_what_any_country_writes_is_read(cents: list[int], marks: str) -> None:
    texts = [f"{c // 100:,}.{c % 100:02}".translate(str.maketrans(",.", marks)) for c in cents]
    np.testing.assert_array_equal(read(*texts).close, [c / 100 for c in cents])
