"""Folders of pictures through the verbs, and what is wrong with them."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from likeliest.cli import main

from ..shapes import write_shapes
from .conftest import Cli, files

BUDGET = ("--budget", "0.0004")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "shapes"
    write_shapes(path, 24)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    path = folder.parent / "shapes.likeliest"
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(folder), "-o", str(path), "--model", "net", *BUDGET])
    assert not ended.value.code
    return path


def test_predict_names_each_file_and_says_why_one_could_not_be_read(cli: Cli, model: Path, tmp_path: Path) -> None:
    write_shapes(tmp_path / "new", 3, seed=7)
    plain = cli("predict", model, tmp_path / "new")
    table = pl.read_csv(io.StringIO(plain.out))
    assert table.columns == ["file", "prediction", "p_cross", "p_disc", "p_square"]
    assert plain.err == ""
    np.testing.assert_allclose(table.select(pl.sum_horizontal(pl.col("^p_.*$"))).to_series(), 1, rtol=1e-12)
    (tmp_path / "new" / "disc" / "001x.png").write_text("a letter, not a picture")
    ran = cli("predict", model, tmp_path / "new", "-o", tmp_path / "p.csv")
    assert (ran.code, ran.out) == (0, f"10 rows predicted in {tmp_path / 'p.csv'}\n")
    assert ran.err.startswith("likeliest: 1 file could not be used; its row says why\nlikeliest: disc/001x.png: ")
    written = pl.read_csv(tmp_path / "p.csv")
    assert written.columns == [*table.columns, "error"]
    bad = written.filter(pl.col("prediction").is_null())
    assert bad["file"].to_list() == ["disc/001x.png"]
    assert bad["error"].null_count() == 0
    assert written.drop_nulls("prediction").drop("error").equals(table)  # the others are as if it were not there
    assert written["file"].to_list() == sorted(written["file"])


def test_predict_refuses_a_folder_in_which_nothing_can_be_read(cli: Cli, model: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    (tmp_path / "none").mkdir()
    assert "expected pictures, found none" in cli("predict", model, tmp_path / "none", "-o", tmp_path / "p.csv").err
    (tmp_path / "none" / "a.png").write_text("text")
    ran = cli("predict", model, tmp_path / "none", "-o", tmp_path / "p.csv")
    assert ran.code == 2
    assert "found none among 1; the first is a.png" in ran.err
    shutil.rmtree(tmp_path / "none")
    assert files(tmp_path) == before


def test_evaluate_judges_classes_and_refuses_one_that_was_not_learnt(
    cli: Cli, model: Path, folder: Path, tmp_path: Path
) -> None:
    found = json.loads(cli("evaluate", model, folder, "--json").out)
    assert found["rows"] == 72
    assert {"nll_test", "accuracy_test", "accuracy_interval", "calibration"} <= set(found)
    shutil.copytree(folder / "disc", tmp_path / "new" / "disc")
    shutil.copytree(folder / "cross", tmp_path / "new" / "star")
    ran = cli("evaluate", model, tmp_path / "new")
    assert ran.code == 2
    assert re.match(r"likeliest: star/\d+\.png: expected one of the classes learnt \(cross, disc, square\)", ran.err)


def test_race_and_check(cli: Cli, model: Path, folder: Path) -> None:
    raced = json.loads(cli("race", folder, "--rules", "adam,sgd", *BUDGET, "--json").out)
    assert {row["rule"] for row in raced["rows"]} == {"adam", "sgd"}
    checked = cli("check", model, "--data", folder)
    assert checked.code == 0
    assert "Labels were drawn at random" in checked.out


@pytest.mark.parametrize("verb", ["study", "fit", "race"])
def test_folders_that_cannot_be_learnt_from(cli: Cli, tmp_path: Path, verb: str) -> None:
    def refused(path: Path, *more: str) -> str:
        out = {"study": ["--out", tmp_path / "out"], "fit": ["-o", tmp_path / "m"], "race": []}[verb]
        ran = cli(verb, path, *out, *more)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "m").exists()
        return ran.err

    (tmp_path / "empty").mkdir()
    assert "expected" in refused(tmp_path / "empty")
    write_shapes(tmp_path / "shapes", 2)
    assert "expected a class of three pictures or more" in refused(tmp_path / "shapes")
    write_shapes(tmp_path / "shapes", 6)
    assert "expected categorical for the classes of pictures" in refused(tmp_path / "shapes", "--family", "poisson")
    assert "no budget 'slow'; there are quick, standard, thorough, and numbers of minutes" in (
        refused(tmp_path / "shapes", "--budget", "slow")
    )
    for name in ("cross", "square"):
        shutil.rmtree(tmp_path / "shapes" / name)
    assert "expected at least two folders of pictures" in refused(tmp_path / "shapes")


def test_colour_and_mixed_sizes(cli: Cli, tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    for k, name in enumerate(("blue", "red")):
        (tmp_path / "c" / name).mkdir(parents=True)
        for i in range(12):
            pixels = draws.integers(0, 60, (8 + i % 3, 10, 3))
            pixels[..., 2 - 2 * k] += 150
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "c" / name / f"{i}.png")
    ran = cli("fit", tmp_path / "c", "-o", tmp_path / "m", "--model", "linear", *BUDGET)
    assert ran.code == 0, ran.err
    judged = json.loads(cli("evaluate", tmp_path / "m", tmp_path / "c", "--json").out)
    assert judged["accuracy_test"] == 1.0
