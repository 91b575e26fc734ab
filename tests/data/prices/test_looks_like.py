"""Whether a source looks like prices: yes where names and numbers both say so, no where there is doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest.data.prices import looks_like_prices

N = 60
DAYS = np.datetime64("2024-01-01") + np.arange(N)
RNG = np.random.default_rng(0)
CLOSE = 100 * np.exp(np.cumsum(0.01 * RNG.standard_normal(N)))
OHLC = {"Date": DAYS, "Open": CLOSE, "High": CLOSE * 1.01, "Low": CLOSE * 0.99, "Close": CLOSE}
NOISE = RNG.standard_normal(N)

YES = {
    "close": {"date": DAYS, "close": CLOSE},
    "price and volume": {"Date": DAYS, "Price": CLOSE, "Vol.": ["1.2M"] * N, "Change %": ["0.1%"] * N},
    "ohlc": OHLC,
    "ohlc and two others": OHLC | {"Adj Close": CLOSE, "a": NOISE, "b": NOISE},
    "dates by their cells": {"when": DAYS, "last": CLOSE},
    "newest first": {"date": DAYS[::-1], "close": CLOSE[::-1]},
    "long": {"date": np.repeat(DAYS, 2), "ticker": ["A", "B"] * N, "close": np.repeat(CLOSE, 2) * np.tile([1, 50], N)},
    "long, more assets than rows": {"date": DAYS[:1].repeat(N), "ticker": [str(k) for k in range(N)], "close": CLOSE},
    "euros": {"date": DAYS, "close": [f"€ {c:.2f}".replace(".", ",") for c in CLOSE]},
    "seconds since 1970": {"timestamp": DAYS.astype("M8[s]").astype(int), "close": CLOSE},
}
NO = {
    "no dates": {"close": CLOSE},
    "no price": {"date": DAYS, "sales": CLOSE},
    "wide, but nothing says so": {"date": DAYS, "spx": CLOSE, "dax": CLOSE * 2},
    "houses": {"date": DAYS, "price": RNG.lognormal(12, 1, N), "rooms": RNG.integers(1, 6, N), "area": NOISE},
    "prices drawn anew": {"date": DAYS, "price": RNG.lognormal(12, 1, N)},
    "sales of one day": {"date": DAYS.astype("M8[W]").astype("M8[D]"), "price": CLOSE},
    "a date twice": {"date": np.repeat(DAYS[::2], 2), "price": CLOSE},
    "a target": OHLC | {"target": NOISE > 0},
    "a price among many": {"date": DAYS, "close": CLOSE} | {f"x{k}": NOISE for k in range(5)},
    "one column that is not known": {"date": DAYS, "close": CLOSE, "score": NOISE},
    "ohlc among many": OHLC | {f"x{k}": NOISE for k in range(9)},
    "texts": {"date": DAYS, "close": ["early", "late"] * (N // 2)},
    "flags": {"date": DAYS, "close": [0, 1] * (N // 2)},
    "negative": {"date": DAYS, "price": NOISE},
    "row numbers": {"date": DAYS, "price": np.arange(1, N + 1)},
    "constant": {"date": DAYS, "price": np.ones(N)},
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("columns", "wanted"), [(c, True) for c in YES.values()] + [(c, False) for c in NO.values()],
                         ids=[*YES, *NO])  # fmt: skip
def test_tables_are_told_apart(tmp_path: Path, columns: dict[str, object], wanted: bool, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    frame = pl.DataFrame(columns)
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    assert looks_like_prices(path) == wanted
    assert looks_like_prices(str(path)) == wanted


def test_a_folder_does_where_most_of_its_files_do(tmp_path: Path) -> None:
    assert not looks_like_prices(tmp_path)
    for name in ("a", "b", "c"):
        pl.DataFrame(YES["close"]).write_csv(tmp_path / f"{name}.csv")
    (tmp_path / "README.md").write_text("words")
    assert looks_like_prices(tmp_path)
    pl.DataFrame(NO["no price"]).write_csv(tmp_path / "b.csv")
    assert not looks_like_prices(tmp_path)


@pytest.mark.parametrize("content", [b"", b"date,close\n", b"\x89PNG", b"PAR1", b"date,close\n1", b'a,b\n"'])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.txt", "a.png"])
def test_whatever_is_no_table_does_not_and_nothing_is_raised(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert not looks_like_prices(tmp_path / name)
    assert not looks_like_prices(tmp_path / "nowhere.csv")


def test_only_the_head_of_a_long_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{day},{price:.4f}\n" for day, price in zip(DAYS, CLOSE, strict=True))
    path.write_bytes(b"date,close\n" + rows.encode() * 200 + b"\xff\x00 no table any more")
    frame = pl.DataFrame({"date": np.datetime64("1900-01-01") + np.arange(9000), "close": np.tile(CLOSE, 150)})
    path.write_bytes(frame.write_csv().encode() + b"\xff\x00 no table any more")
    assert looks_like_prices(path)
