"""What only tables do: names that look like numbers, rows named as in the file, sources by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest.errors import TargetError, UnknownNameError
from likeliest.study import Plan
from likeliest.study.single import evaluate_rows, fit_one, predict
from likeliest.tasks import Table


def fitted(path: Path, model: Path) -> None:
    fit_one(
        path, "code", "linear", model, family=None, plan=Plan.of("quick"),
        progress=lambda words: None, on_progress=lambda seen: None,
    )  # fmt: skip


def test_levels_and_classes_that_look_like_numbers_stay_texts(tmp_path: Path) -> None:
    """A file of new rows may hold "007" alone, which would read as 7."""
    draw = np.random.default_rng(1)
    shop = draw.choice(["010", "020", "x30"], 90)
    frame = pl.DataFrame({"shop": shop, "code": np.where(shop == "010", "007", draw.choice(["007", "042", "B12"], 90))})
    frame.write_csv(tmp_path / "learn.csv")
    fitted(tmp_path / "learn.csv", tmp_path / "m")
    rows = frame.filter((pl.col("shop") == "010") & (pl.col("code") == "007"))
    rows.write_csv(tmp_path / "new.csv")
    assert set(predict(tmp_path / "m", tmp_path / "new.csv").table["prediction"]) == {"007"}
    assert evaluate_rows(tmp_path / "m", tmp_path / "new.csv")["accuracy_test"] == 1.0


def test_a_message_names_the_row_of_the_file_and_not_of_the_rows_left(tmp_path: Path) -> None:
    lines = ["size,code"] + [f"{i % 7},{'ab'[i % 2]}" for i in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines))
    fitted(path, tmp_path / "m")
    path.write_text("\n".join([lines[0], "1,", "2,", *lines[1:5], "3,z"]))
    with pytest.raises(TargetError, match=r"column 'code' row 7: expected one of the classes learnt .*found 'z'"):
        evaluate_rows(tmp_path / "m", path)


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".tab", ".txt", ".parquet", ".pq"])
def test_suffixes_of_tables(suffix: str) -> None:
    assert Table().recognises(f"rows{suffix}")
    assert not Table().recognises(f"rows{suffix}.zip")


def test_a_file_goes_before_a_data_set_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(Table().load("wine", None, None)) == 178
    Path("wine").write_text("a,target\n" + "1,x\n2,y\n" * 10)
    assert len(Table().load("./wine", "target", None)) == 20


def test_the_family_asked_for_must_exist() -> None:
    with pytest.raises(UnknownNameError, match="no family goes by the name 'gausian'"):
        Table().load("wine", None, "gausian")
