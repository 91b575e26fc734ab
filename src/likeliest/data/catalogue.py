"""Data sets that go by a name: what there is, what is installed, and how to get the rest."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import polars as pl

from likeliest.errors import SourceError, UnknownNameError

TARGET = "target"


@dataclass(frozen=True, slots=True)
class Examples:
    """A table with its target: ``frame`` holds both, ``target`` is the column's name."""

    name: str
    frame: pl.DataFrame
    target: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One catalogued data set: its name, what is predicted, rows, columns beside the target, licence, package."""

    name: str
    task: str
    rows: int
    columns: int
    licence: str
    source: str
    package: str
    module: str

    @property
    def installed(self) -> bool:
        """Whether it can be loaded now."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def how_to_get(self) -> str:
        """The command that installs it."""
        return f"pip install {self.package}"


def _sklearn(name: str, task: str, rows: int, columns: int, licence: str, source: str) -> Entry:
    return Entry(name, task, rows, columns, licence, source, package="scikit-learn", module="sklearn")


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
)
_OPTIONS: dict[str, dict[str, Any]] = {"diabetes": {"scaled": False}}


def catalogue() -> list[Entry]:
    """Return all catalogued data sets, installed or not.

    Example:
        >>> [entry.name for entry in catalogue()][:2]
        ['digits', 'breast_cancer']
    """
    return list(_ENTRIES)


def load_named(name: str) -> Examples:
    """Return the data set of that name, in the units it was measured in.

    Columns are called as in the package it comes from; the last is "target". Classes go by names where they have any.

    Raises:
        UnknownNameError: no data set goes by that name.
        SourceError: the package it comes in is not installed; the message says how to get it.

    Example:
        >>> load_named("iris").frame["target"].unique().sort().to_list()
        ['setosa', 'versicolor', 'virginica']
    """
    names = [entry.name for entry in _ENTRIES]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UnknownNameError(f"expected the name of a data set, found {name!r}; {hint}there are {', '.join(names)}")
    entry = _ENTRIES[names.index(name)]
    if not entry.installed:
        raise SourceError(
            f"the data set {name!r} comes with {entry.package}, which is not installed; get it with: {entry.how_to_get}"
        )
    load: Callable[..., Any] = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")
    return _examples(name, load(**_OPTIONS.get(name, {})))


def _examples(name: str, bunch: Any) -> Examples:
    features = pl.DataFrame(np.asarray(bunch.data), schema=[str(column) for column in bunch.feature_names])
    target = np.asarray(bunch.target)
    labels = np.asarray(bunch.get("target_names", []))
    if labels.dtype.kind == "U":
        target = labels[target]
    return Examples(name, features.with_columns(pl.Series(TARGET, target)), TARGET)
