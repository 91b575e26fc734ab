"""Each verb: what it prints, what it refuses, and that --json can be read by a machine."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

import likeliest
from likeliest.certify import certify_objective
from likeliest.cli.summary import study_summary
from likeliest.data import catalogue

from .conftest import Cli, files, people

VERBS = ["study", "fit", "predict", "evaluate", "race", "rules", "families", "data"]
SAMPLES = sorted((Path(__file__).parents[1] / "report").glob("sample_*.json"))


def test_alone_it_prints_three_commands(cli: Cli) -> None:
    ran = cli()
    assert (ran.code, ran.err) == (0, "")
    assert len(re.findall(r"^  likeliest \S", ran.out, re.MULTILINE)) == 3


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"{likeliest.__version__}\n"


def test_help_names_every_verb_and_each_verb_has_its_own(cli: Cli) -> None:
    overview = cli("--help").out
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", overview, re.MULTILINE)
        assert cli(verb, "--help").out.startswith(f"Usage: likeliest {verb} ") or cli(verb, "-h").code == 0
        assert "--json" in cli(verb, "--help").out


@pytest.mark.parametrize("verb", ["rules", "families", "data"])
def test_the_lists_say_the_same_to_people_and_machines(cli: Cli, verb: str) -> None:
    header, *lines = [line.split("\t") for line in cli(verb).out.splitlines()]
    rows = json.loads(cli(verb, "--json").out)
    assert lines
    assert [[str(value) for value in row.values()] for row in rows] == lines
    assert list(rows[0]) == header
    names = {"rules": likeliest.rules, "families": likeliest.families, "data": catalogue}[verb]()
    assert [row["name"] for row in rows] == [entry.name for entry in names]


USAGE = {
    "no verb of that name": (["learn"], "No such command 'learn'"),
    "no data": (["study"], "Missing argument"),
    "no output": (["fit", "wine"], "Missing option '-o'"),
    "a seed that is no number": (["study", "wine", "--seed", "x"], "Invalid value for '--seed'"),
    "an unknown option": (["study", "wine", "--colour", "red"], "No such option: --colour"),
}


@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=USAGE)
def test_bad_usage(cli: Cli, arguments: list[str], message: str) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


REFUSED = {
    "an unknown data set": (["brest_cancer"], r"found nothing at 'brest_cancer'; did you mean 'breast_cancer'\?"),
    "a missing file": (["nowhere.csv"], r"nowhere\.csv: no such file; the current folder is "),
    "a folder": (["."], r"\.: expected pictures, found none, but .*"),
    "a file of another kind": (
        ["notes.docx"],
        r"expected a CSV, TSV or Parquet file, a folder of pictures or recordings, .*found a file at 'notes\.docx'",
    ),
    "an unknown target": (["people.csv", "--target", "smokr"], r"target column 'smokr', .*did you mean 'smoker'\?"),
    "no target named": (["people.csv"], r"which column to predict, .*name one of 'age'.*, as in --target smoker"),
    "an unknown family": (
        ["wine", "--family", "poison"],
        r"no family goes by the name 'poison'; did you mean 'poisson'\?",
    ),
    "an unknown budget": (["wine", "--budget", "huge"], r"no budget 'huge'; there are quick, standard, thorough"),
    "poisson on text": (
        ["people.csv", "--target", "smoker", "--family", "poisson"],
        r"found texts .*--family categorical",
    ),
    "poisson on amounts": (
        ["people.csv", "--target", "age", "--family", "poisson"],
        r"row 1: expected a count .*normal",
    ),
    "bernoulli on three classes": (["wine", "--family", "bernoulli"], r"expected 2 classes, .*found 3 .*categorical"),
}


@pytest.mark.parametrize("verb", ["study", "fit", "race"])
@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_asked_for_but_is_not_there(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    people().write_csv("people.csv")
    Path("notes.docx").write_text("notes")
    before = files(tmp_path)
    ran = cli(verb, *arguments, *({"study": ["--out", "out"], "fit": ["-o", "m"], "race": []}[verb]))
    assert (ran.code, ran.out) == (2, "")
    assert re.fullmatch(rf"likeliest: .*{message}.*\n", ran.err)
    assert files(tmp_path) == before
    assert not Path("out").exists()


def test_a_model_or_a_rule_of_an_unknown_name(cli: Cli, tmp_path: Path) -> None:
    assert cli("fit", "wine", "--model", "tree", "-o", tmp_path / "m").err == (
        "likeliest: no model 'tree'; there are auto, linear, net\n"
    )
    assert "no model 'auto' to race on; there are linear and net" in cli("race", "wine", "--model", "auto").err
    ran = cli("race", "wine", "--rules", "newton,adamm")
    assert ran.code == 2
    assert re.fullmatch(r"likeliest: no rule is called 'adamm'; did you mean .*adam.*\n", ran.err)
    assert cli("race", "wine", "--rules", ",").code == 2


def test_predict_gives_a_probability_for_each_class(
    cli: Cli, model_file: Path, people_csv: Path, tmp_path: Path
) -> None:
    table = pl.read_csv(io.StringIO(cli("predict", model_file, people_csv).out))
    assert table.columns == ["row", "prediction", "p_no", "p_yes"]
    assert table["row"].to_list() == list(range(1, 61))
    np.testing.assert_allclose(table["p_no"] + table["p_yes"], 1, rtol=1e-15)
    assert table["prediction"].to_list() == ["yes" if p > 0.5 else "no" for p in table["p_yes"]]
    assert json.loads(cli("predict", model_file, people_csv, "--json").out) == table.to_dicts()
    for suffix, read in ((".csv", pl.read_csv), (".parquet", pl.read_parquet)):
        path = tmp_path / f"p{suffix}"
        assert cli("predict", model_file, people_csv, "-o", path).out == f"60 rows predicted in {path}\n"
        assert read(path).equals(table)
    done = json.loads(cli("predict", model_file, people_csv, "-o", path, "--json").out)
    assert done == {"rows": 60, "written": str(path)}


def test_predict_takes_rows_without_a_target_and_unseen_levels(cli: Cli, model_file: Path, tmp_path: Path) -> None:
    frame = people().drop("smoker").with_columns(colour=pl.Series(["purple"] * 30 + [None] * 30))
    frame.write_csv(tmp_path / "new.csv")
    table = pl.read_csv(io.StringIO(cli("predict", model_file, tmp_path / "new.csv").out))
    assert table["p_yes"].is_between(0, 1, closed="none").all()


def test_predict_names_a_missing_column_and_a_bad_cell(cli: Cli, model_file: Path, tmp_path: Path) -> None:
    people().rename({"height": "heigth"}).write_csv(tmp_path / "new.csv")
    ran = cli("predict", model_file, tmp_path / "new.csv")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "likeliest: expected the columns learnt, found no 'height'; did you mean 'heigth'?\n"
    (tmp_path / "new.csv").write_text("age,height,colour\n30,170,red\ntall,180,red\n")
    assert (
        "column 'age' row 2: expected a finite number, found 'tall'"
        in cli("predict", model_file, tmp_path / "new.csv").err
    )


@pytest.mark.parametrize("name", ["p.xlsx", "p", "folder"])
def test_predict_refuses_a_suffix_that_it_cannot_write(
    cli: Cli, model_file: Path, people_csv: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    ran = cli("predict", model_file, people_csv, "-o", tmp_path / name)
    assert ran.code == 2
    assert ran.err.endswith("expected the name of a file that ends in .csv or .parquet; rename it\n")
    assert files(tmp_path) == {}


def test_evaluate(cli: Cli, model_file: Path, people_csv: Path, tmp_path: Path) -> None:
    found = json.loads(cli("evaluate", model_file, people_csv, "--json").out)
    lines = cli("evaluate", model_file, people_csv).out.splitlines()
    assert [line.split()[0] for line in lines] == ["Judged", "Held", "Calibration"]
    assert f"NLL {found['nll_test']:.4f} nats a row" in lines[1]
    people().drop("smoker").write_csv(tmp_path / "blind.csv")
    assert "'smoker', found no such column" in cli("evaluate", model_file, tmp_path / "blind.csv").err
    people().with_columns(smoker=pl.Series([None, *["maybe"] * 59])).write_csv(tmp_path / "other.csv")
    assert "column 'smoker' row 2: expected one of the classes learnt ('no', 'yes'), found 'maybe'" in (
        cli("evaluate", model_file, tmp_path / "other.csv").err
    )


def test_fit_and_race_in_json(cli: Cli, people_csv: Path, tmp_path: Path) -> None:
    options = ["--target", "smoker", "--budget", "quick", "--json"]
    fitted = json.loads(cli("fit", people_csv, "-o", tmp_path / "m", "--model", "linear", *options, "--watch").out)
    assert fitted["verdict"]["kind"] == "converged"
    raced = json.loads(cli("race", people_csv, "--rules", "lbfgs, adam", *options).out)
    assert {row["rule"] for row in raced["rows"]} == {"lbfgs", "adam"}


def test_fit_shows_its_trace_on_stderr(cli: Cli, people_csv: Path, tmp_path: Path) -> None:
    watched = cli("fit", people_csv, "--target", "smoker", "--budget", "quick", "-o", tmp_path / "m", "--watch")
    assert re.search(
        r"^step +\d+/\d+  passes +1\.00  NLL 0\.\d+  held-out 0\.\d+ .*rows/s.*left$", watched.err, re.MULTILINE
    )
    assert "passes" not in cli("fit", people_csv, "--target", "smoker", "--budget", "quick", "-o", tmp_path / "m").err


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_study_ends_in_at_most_fifteen_readable_lines(path: Path) -> None:
    lines = study_summary(json.loads(path.read_text(encoding="utf-8")), Path("study"))
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 200
    assert lines[-1].startswith("Report       study/report.html")


def test_a_failed_certificate_is_named_with_its_part_and_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first layer's bias of a net loses its sign on the way; the report of a sound study takes its certificate."""
    net = likeliest.MLP((3, 4, 1), activation="tanh")
    right, bias = net.pullback, net.parts["layer1.bias"].slice

    def pullback(theta: Tensor, tape: Any, u: Any, out: Tensor) -> None:
        right(theta, tape, u, out)
        out[..., bias] *= -1

    monkeypatch.setattr(net, "pullback", pullback)
    draws = np.random.default_rng(0)
    objective = likeliest.Objective(
        likeliest.family("bernoulli"), net, draws.normal(size=(30, 3)), draws.integers(0, 2, 30)
    )
    failed = certify_objective(objective, net.init([draws], torch.float64)[0] + 0.1)
    report = json.loads(SAMPLES[0].read_text(encoding="utf-8"))
    report["certificates"][-1] = failed.to_json("net")
    (said,) = [line for line in study_summary(report, Path("study")) if line.startswith("Gradient")]
    assert said.endswith("CERTIFICATE FAILED for net (layer1.bias: sign): do not use it before that is understood")
    del report["certificates"][-1]["findings"]  # as the first version wrote them
    assert any("CERTIFICATE FAILED for net: do not" in line for line in study_summary(report, Path("study")))
