"""Jumps: planted ones are named for what they are, and wild but true returns are not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.data.prices import Prices, read_prices
from likeliest.data.prices.jumps import RATIOS, find_jumps, split_ratio

N = 300
DAYS = np.datetime64("2023-01-02") + np.arange(N)


def walk(seed: int = 0, spread: float = 0.01, tails: float = 5.0) -> np.ndarray:
    return 100 * np.exp(np.cumsum(spread * np.random.default_rng(seed).standard_t(tails, N)))


def read(close: np.ndarray, **options: str) -> Prices:
    return read_prices({"date": DAYS, "close": close}, **options)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from(RATIOS), st.booleans(), st.integers(1, N - 1))
def test_a_planted_split_is_found_with_its_ratio_and_date(seed: int, ratio: Fraction, reverse: bool, at: int) -> None:
    close, factor = walk(seed, spread=0.005), float(1 / ratio if reverse else ratio)
    close[at:] /= factor
    (jump,) = (jump for jump in find_jumps("A", DAYS, close) if jump.kind == "split")
    assert jump.date == DAYS[at]
    # 7:1 and 8:1, or 20:1 and 25:1, lie near each other: an ordinary day's return may carry one to the other
    assert jump.ratio is not None
    assert abs(np.log(float(jump.ratio) / factor)) < 0.03 + 5 * 0.005


@pytest.mark.parametrize("tails", [2.5, 4.0, 30.0])
def test_returns_with_heavy_tails_are_no_splits(tails: float) -> None:
    found = [jump for seed in range(40) for jump in find_jumps("A", DAYS, walk(seed, tails=tails))]
    assert [jump.kind for jump in found if jump.kind != "jump"] == []
    assert len(found) <= 40 * N / 1000


def test_in_a_crisis_a_large_return_is_no_jump() -> None:
    r = 0.005 * np.random.default_rng(0).standard_normal(N)
    r[140:170] *= 16
    r[155] = -np.log(1.5)
    close = 100 * np.exp(np.cumsum(r))
    assert find_jumps("A", DAYS, close) == ()
    calm = r.copy()
    calm[140:155] /= 16
    calm[156:170] /= 16
    (jump,) = find_jumps("A", DAYS, 100 * np.exp(np.cumsum(calm)))
    assert jump.ratio == Fraction(3, 2)


def test_a_misplaced_point_is_a_slip_and_not_two_splits() -> None:
    close = walk()
    close[100] *= 10
    prices = read(close)
    (jump,) = prices["price"].jumps
    assert (jump.kind, jump.date, jump.ratio) == ("slip", DAYS[100], None)
    assert prices.alarms() == [str(jump)]
    assert "correct the cell, or leave it empty" in prices.alarms()[0]


def test_a_jump_that_stays_and_is_no_ratio_is_named_as_such() -> None:
    close = walk()
    close[100:] *= 0.75
    assert [jump.kind for jump in read(close)["price"].jumps] == ["jump"]


def test_a_split_is_told_first_and_kept_unless_asked() -> None:
    close = walk()
    plain = close.copy()
    close[200:] /= 7
    prices = read(close)
    np.testing.assert_array_equal(prices["price"].close, close)
    assert "looks like a 7:1 split without adjustment; kept as they are; take adjusted" in prices.findings()[0]
    assert prices.alarms()[0].startswith(f"price: {DAYS[200]} (")
    adjusted = read(close, adjust="splits")
    np.testing.assert_allclose(adjusted["price"].close, plain / 7, rtol=1e-14)
    assert "earlier prices divided by 7" in adjusted.findings()[0]


def test_splits_adjust_all_prices_of_a_day_and_the_volume() -> None:
    close, volume = walk(), np.full(N, 1000.0)
    split = np.where(np.arange(N) < 100, 6.0, np.where(np.arange(N) < 200, 3.0, 1.0))
    raw = close * split
    table = {"date": DAYS, "close": raw, "open": raw, "high": raw * 1.01, "low": raw * 0.99, "volume": volume / split}
    series = read_prices(table, adjust="splits")["price"]
    for name, wanted in (("close", close), ("open", close), ("high", close * 1.01), ("low", close * 0.99)):
        np.testing.assert_allclose(getattr(series, name), wanted, rtol=1e-14)
    np.testing.assert_allclose(series.volume, volume, rtol=1e-14)


def test_prices_that_seldom_move_and_short_series_have_no_jumps() -> None:
    still = np.full(N, 100.0)
    still[::60] = 101.0
    assert find_jumps("A", DAYS, still) == ()
    assert find_jumps("A", DAYS[:8], np.r_[walk()[:4], walk()[4:8] / 2]) == ()


def test_the_night_between_prices_within_days_is_no_jump_but_a_split_in_it_is() -> None:
    times = np.concatenate(
        [np.datetime64(f"2024-01-{d:02}T10:00", "us") + np.arange(60) * 60_000_000 for d in (2, 3, 4)]
    )
    r = 0.0002 * np.random.default_rng(0).standard_normal(180)
    r[[60, 120]] = 0.02, -0.03
    assert find_jumps("A", times, np.exp(np.cumsum(r))) == ()
    r[120] = -np.log(2)
    (jump,) = find_jumps("A", times, np.exp(np.cumsum(r)))
    assert (jump.ratio, jump.date) == (2, np.datetime64("2024-01-04T10:00"))


@pytest.mark.parametrize("jump", [np.log(1.25), np.log(1.4), 0.5, np.log(12.3)])
def test_what_is_between_ratios_is_no_split(jump: float) -> None:
    assert split_ratio(jump, 0.005) is None
    assert split_ratio(-jump, 0.005) is None
