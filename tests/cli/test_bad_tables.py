"""Tables that cannot be used, one by one through the command line.

Each ends in a named error with place and remedy, exit code 2, no traceback and nothing written; or in a handling that
is explained and completes.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from .conftest import Cli, files, people

LINES = people().write_csv().splitlines()


def text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def with_line(line: str) -> bytes:
    """The small table with one more row, the third."""
    return text(*LINES[:3], line, *LINES[3:])


def with_target(values: object) -> bytes:
    return people().with_columns(smoker=pl.Series(values, strict=False)).write_csv().encode()


def parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


NUMBERS = np.random.default_rng(0).normal(size=60)
PARQUET = parquet(people())

BAD = {
    "an empty file": ("t.csv", b"", r"t\.csv: .* found an empty file; export it again"),
    "a header alone": (
        "t.csv",
        text(LINES[0]),
        r"t\.csv: .*found the header alone \(4 columns: age.*\); export it again",
    ),
    "ragged rows": ("t.csv", with_line("1,2"), r"t\.csv line 4: expected 4 cells .* found 2; correct the line"),
    "a NUL byte": ("t.csv", with_line("1,2,\0,yes"), r"t\.csv line 4: .*found a NUL byte; .*export it again"),
    "UTF-16": ("t.csv", people().write_csv().encode("utf-16"), r"t\.csv: .*found UTF-16; save it as UTF-8"),
    "a duplicate column name": (
        "t.csv",
        text("age,age,colour,smoker", *LINES[1:]),
        r"'age' is column 1 and 2; rename one of them",
    ),
    "inf in a feature": ("t.csv", with_line("inf,2,red,yes"), r"column 'age' row 3: .*found inf; correct the cell"),
    "-inf in a feature": ("t.csv", with_line("-inf,2,red,yes"), r"column 'age' row 3: .*found -inf; correct the cell"),
    "inf in a feature in Parquet": (
        "t.parquet",
        parquet(people().with_columns(age=pl.Series([np.inf, *NUMBERS[1:]]))),
        r"column 'age' row 1: .*found inf",
    ),
    "a word among numbers": (
        "t.csv",
        with_line("old,2,red,yes"),
        r"column 'age' row 3: .*found 'old'; correct the cell",
    ),
    "inf in the target": ("t.csv", with_target([np.inf, *NUMBERS[1:]]), r"column 'smoker' row 1: .*found inf; correct"),
    "-inf in the target": (
        "t.csv",
        with_target([-np.inf, *NUMBERS[1:]]),
        r"column 'smoker' row 1: .*found -inf; correct",
    ),
    "NaN in the target in Parquet": (
        "t.parquet",
        parquet(people().with_columns(smoker=pl.Series([*NUMBERS[:-1], np.nan]))),
        r"column 'smoker' row 60: .*found nan; correct the cell",
    ),
    "a constant target": ("t.csv", with_target(["yes"] * 60), r"'smoker': .* found 'yes' in all 60 rows; name another"),
    "a target without values": ("t.csv", with_target([None] * 60), r"'smoker': .* found 0 in 60 rows; name another"),
    "a target of which no text stands twice": (
        "t.csv",
        with_target([f"p{i}" for i in range(60)]),
        r"'smoker': .*60 texts that all differ .*; name another target",
    ),
    "a target of pairs": (
        "t.csv",
        with_target([f"p{i % 30}" for i in range(60)]),
        r"'smoker': expected a class of three rows.*; name another",
    ),
    "no target column": (
        "t.csv",
        people().drop("smoker").write_csv().encode(),
        "'smoker', found no such column; the table has",
    ),
    "one row": (
        "t.csv",
        text(*LINES[:2]),
        r"'smoker': expected at least 10 rows with a target, found 1 .*collect more rows",
    ),
    "no column to predict from": (
        "t.csv",
        people().select("smoker", age=pl.lit(1)).write_csv().encode(),
        r"found none of use \('age': constant: always 1\)",
    ),
    "a Parquet file cut short": (
        "t.parquet",
        PARQUET[:-40],
        r"t\.parquet: .*found the file cut short .*download it again",
    ),
    "a damaged Parquet file": (
        "t.parquet",
        PARQUET[:4] + bytes(60) + PARQUET[64:],
        r"t\.parquet: the Parquet table is damaged .*download it again",
    ),
}


@pytest.mark.parametrize("verb", ["study", "fit", "race"])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_ends_in_a_named_error_and_touches_nothing(cli: Cli, tmp_path: Path, case: str, verb: str) -> None:
    name, content, message = BAD[case]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text("an older report")
    (tmp_path / "m.likeliest").write_text("an older model")
    before = files(tmp_path)
    places = {"study": ["--out", tmp_path / "out"], "fit": ["-o", tmp_path / "m.likeliest"], "race": []}
    ran = cli(verb, tmp_path / name, "--target", "smoker", *places[verb])
    assert ran.code == 2
    assert ran.out == ""
    assert re.fullmatch(rf"likeliest: .*{message}.*\n", ran.err)
    assert files(tmp_path) == before


def fitted(cli: Cli, tmp_path: Path, content: bytes, *options: str) -> str:
    (tmp_path / "t.csv").write_bytes(content)
    ran = cli("fit", tmp_path / "t.csv", "--target", "smoker", "--budget", "quick", "-o", tmp_path / "m", *options)
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "m").exists()
    return ran.out


def test_nan_in_a_feature_is_filled_in_and_said(cli: Cli, tmp_path: Path) -> None:
    out = fitted(cli, tmp_path, with_line("NaN,2,red,yes"), "--model", "linear")
    assert re.search(r"^Missing +age \(1\): filled in, and marked by columns of 0 and 1$", out, re.MULTILINE)


def test_nan_in_a_target_leaves_the_row_out_and_says_which(cli: Cli, tmp_path: Path) -> None:
    out = fitted(cli, tmp_path, with_target([*NUMBERS[:6], "nan", *NUMBERS[7:]]), "--model", "linear")
    assert "1 without a target left out: row 7." in out


@pytest.mark.parametrize(("model", "endings"), [("linear", "converged"), ("net", "plateau|budget")])
@pytest.mark.parametrize("target", [["u", "v"] * 10, NUMBERS[:20].tolist()], ids=["classes", "numbers"])
def test_more_columns_than_rows_are_fitted(
    cli: Cli, tmp_path: Path, model: str, endings: str, target: list[object]
) -> None:
    wide = pl.DataFrame(np.random.default_rng(1).normal(size=(20, 50))).with_columns(smoker=pl.Series(target))
    out = fitted(cli, tmp_path, wide.write_csv().encode(), "--model", model)
    assert "from 50 columns of 20 rows" in out
    assert re.search(rf"^Verdict +({endings}): ", out, re.MULTILINE)


def test_a_category_of_200_levels_keeps_the_common_ones(cli: Cli, tmp_path: Path) -> None:
    levels = [f"L{i % 200}" for i in range(600)] + ["common"] * 200
    table = pl.DataFrame({"age": np.resize(NUMBERS, 800), "level": levels, "smoker": ["no", "yes"] * 400})
    out = fitted(cli, tmp_path, table.write_csv().encode(), "--model", "linear")
    assert "from 2 columns of 800 rows" in out


def test_a_category_without_a_common_level_is_left_out_by_name(cli: Cli, tmp_path: Path) -> None:
    levels = [f"L{i % 200}" for i in range(400)]
    table = pl.DataFrame({"age": np.resize(NUMBERS, 400), "level": levels, "smoker": ["no", "yes"] * 200})
    out = fitted(cli, tmp_path, table.write_csv().encode(), "--model", "linear")
    assert re.search(
        r"^Left out +level \(at most one of its \d+ values stands in \d+ rows or more\)$", out, re.MULTILINE
    )


def test_counts_are_told_of_poisson(cli: Cli, tmp_path: Path) -> None:
    out = fitted(cli, tmp_path, with_target(np.arange(60) // 2), "--model", "linear")
    assert re.search(r"^Family .*if they count something, --family poisson describes them better", out, re.MULTILINE)
