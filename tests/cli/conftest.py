"""The command line in this process, and a small table to give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from likeliest.cli import main


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process; any exception other than SystemExit is a test's failure."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    return run


def people(rows: int = 60) -> pl.DataFrame:
    """A table with numbers, a text and two classes that a model can learn but not separate."""
    draw = np.random.default_rng(3)
    age, height = draw.normal(40, 12, rows), draw.normal(170, 9, rows)
    smoker = np.where(age - 40 + draw.normal(0, 12, rows) > 0, "yes", "no")
    columns = {"age": age, "height": height, "colour": draw.choice(["red", "green", "blue"], rows), "smoker": smoker}
    return pl.DataFrame(columns)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes, to see that none was touched."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def people_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small table as a file."""
    path = tmp_path_factory.mktemp("data") / "people.csv"
    people().write_csv(path)
    return path


@pytest.fixture(scope="session")
def model_file(people_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the small table."""
    path = tmp_path_factory.mktemp("model") / "people.likeliest"
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(people_csv), "--target", "smoker", "--model", "linear", "-o", str(path)])
    assert not ended.value.code
    return path
