"""Tables: CSV, TSV and Parquet files, polars frames, and the named data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import (
    Split,
    TableEncoder,
    Target,
    catalogue,
    duplicates_across,
    find_target,
    load_named,
    read_table,
    rows_with_target,
)
from likeliest.data import split as split_rows
from likeliest.data.batch import Batch
from likeliest.errors import TargetError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.model import Model
from likeliest.nets import net_predictor
from likeliest.prediction import Encoder
from likeliest.predictors import Columns, Constant, Linear, Predictor
from likeliest.tasks.base import Coding, Examples, Kind, Source
from likeliest.tasks.recipe import Recipe

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Column, Data
    from likeliest.report.schema import Target as TargetJson

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")
LEAST_ROWS = 10
_HISTOGRAM_BINS = 24
_KIND_NAMES = {"Number": "number", "Levels": "category", "Truth": "boolean", "Moment": "date", "Presence": "boolean"}


@dataclass(frozen=True)
class Table:
    """Rows and columns; see `likeliest.tasks.base.Task` for what each method promises."""

    name: str = "table"

    def recognises(self, source: Source, target: str | None = None, family: str | None = None) -> bool:
        """A file with a table's suffix, or the name of a catalogued table."""
        return Path(source).suffix.lower() in SUFFIXES or _is_named(source)

    def load(self, source: Source, target: str | None, family: str | None, *, known: Model | None = None) -> Examples:
        """Read a table and its target column.

        Raises:
            TargetError: there is no such column, it cannot be predicted, or too few rows are left.
        """
        asked = None if family is None else family_by_name(family).name
        name, frame, sha256, column = _read(source, target, known)
        present = rows_with_target(frame[column])
        least = 1 if known else LEAST_ROWS
        if len(present) < least:
            raise TargetError(
                f"{source} column {column!r}: expected at least {least} rows with a target, found {len(present)} in "
                f"{frame.height} rows; name another target, or collect more rows"
            )
        learnt = known.target if known else Target.learn(frame[column], asked)
        y = learnt.encode(frame[column], present)
        return Examples(name, str(source), frame.drop(column), present, y, learnt, sha256)

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """The table as one, with the columns that the model knows as categories kept as text."""
        frame = _frame(source, model)
        yield Batch(frame, frame.height)

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """At random, class by class where there are classes.

        Raises:
            TargetError: no class has three rows or more, so that there would be no row to choose by.
        """
        stratify = examples.target.classes is not None
        rows = split_rows(len(examples), y=examples.y, stratify=stratify, seed=seed, fractions=fractions)
        if not len(rows.validation):
            raise TargetError(
                f"column {examples.target.name!r}: expected a class of three rows or more, to learn from, to choose by "
                f"and to test on, found {len(examples.target.classes or ())} classes of one or two; name another "
                "target, or use --family normal if these are numbers"
            )
        return rows

    def encoder(self, examples: Examples, rows: NDArray[np.int64], coding: Coding) -> TableEncoder:
        """One small value per column, learnt on the given rows alone; the linear model takes raw units."""
        return TableEncoder.learn(examples.raw, rows=examples.kept[rows], standardise=coding != "linear")

    def family(self, examples: Examples) -> Family:
        """The family that the target's values call for, or the one asked for."""
        return family_by_name(examples.target.family)

    def predictor(
        self,
        model: Kind,
        family: Family,
        encoder: Encoder,
        inputs: tuple[int, ...],
        outputs: int,
        hidden: Sequence[int],
    ) -> Predictor:
        """A linear model or a fully connected net; columns after the first are constants."""
        (width,) = inputs
        if model == "net":
            return net_predictor(family, width, outputs, hidden, "relu")
        extra = {name: Constant() for name in (family.columns or ())[1:]}
        linear = Linear(width, outputs)
        return Columns(linear, **extra) if extra else linear

    def recipe(
        self, examples: Examples, rows: NDArray[np.int64], encoder: Encoder, outputs: int, minutes: float, device: str
    ) -> Recipe | None:
        """None: nets of tables are trained until held-out rows gain no more."""
        return None

    def glance(self, examples: Examples, split: Split, encoder: Encoder) -> Data:
        """Columns, target, split, and copies across the split."""
        assert isinstance(encoder, TableEncoder)
        copies = duplicates_across(examples.raw[examples.kept], split)
        pairs = [
            (examples.row_number(a), examples.row_number(b))
            for a, b in zip(copies.rows[:5], copies.twins[:5], strict=True)
        ]
        rows = examples.raw.height
        return {
            "name": examples.name,
            "source": examples.source,
            "rows": rows,
            "rows_dropped": rows - len(examples),
            "columns": [_column(examples.raw[kind.name], kind, examples.kept[split.train]) for kind in encoder.kinds],
            "left_out": [{"name": n, "reason": r} for n, r in encoder.left_out.items()],
            "inputs": len(encoder.names),
            "target": _target(examples, split),
            "split": {
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
                "method": "at random" + (", class by class" if examples.target.classes is not None else ""),
            },
            "duplicates": {
                "count": len(copies),
                "examples": [list(pair) for pair in pairs],
            },
            "notes": [],
        }

    def cells(self, examples: Examples, row: int, encoder: Encoder, size: NDArray[np.float64] | None) -> list[Cell]:
        """Values of the three columns that speak loudest in one row."""
        assert isinstance(encoder, TableEncoder)
        names = examples.raw.columns if size is None else _loudest(encoder, size)
        return [{"name": n, "value": _text(examples.raw[n][int(examples.kept[row])])} for n in names[:3]]


def _loudest(encoder: TableEncoder, size: NDArray[np.float64]) -> list[str]:
    """Columns of the table by the largest of their inputs, the largest first."""
    at, sizes = 0, {}
    for kind in encoder.kinds:
        sizes[kind.name] = float(size[at : at + len(kind.names)].max())
        at += len(kind.names)
    return sorted(sizes, key=lambda name: -sizes[name])


def _read(source: Source, target: str | None, known: Model | None) -> tuple[str, pl.DataFrame, str, str]:
    """Name, frame, hash and target column of a path or a catalogued name."""
    frame = _frame(source, known)
    if _is_named(source):
        return str(source), frame, hashlib.sha256(frame.write_csv().encode()).hexdigest(), find_target(frame, target)
    path = Path(source)
    return path.name, frame, hashlib.sha256(path.read_bytes()).hexdigest(), find_target(frame, target)


def _frame(source: Source, known: Model | None) -> pl.DataFrame:
    if _is_named(source):
        return load_named(str(source)).frame
    return read_table(Path(source), as_text=known.text_columns if known else ())


def _is_named(source: Source) -> bool:
    return str(source) in [entry.name for entry in catalogue("table")] and not Path(source).is_file()


def _column(column: pl.Series, kind: Any, train: NDArray[np.int64]) -> Column:
    described: Column = {
        "name": kind.name,
        "kind": _KIND_NAMES[type(kind).__name__],
        "missing": column.null_count(),
        "levels": column.n_unique() - (column.null_count() > 0) if not column.dtype.is_numeric() else None,
        "encoded": len(kind.names),
    }
    if column.dtype.is_numeric():
        known = column[train].drop_nulls().cast(pl.Float64).to_numpy()
        low, median, high = np.quantile(known, (0, 0.5, 1)) if len(known) else (np.nan,) * 3
        return described | {"low": float(low), "median": float(median), "high": float(high)}
    common = column.drop_nulls().mode().sort()
    return described | {"example": _text(common[0]) if len(common) else ""}


def _target(examples: Examples, split: Split) -> TargetJson:
    target, y = examples.target, examples.y
    described: TargetJson = {
        "name": target.name,
        "kind": "number" if target.classes is None else "classes",
        "explanation": target.explanation,
        "classes": None,
        "histogram": None,
    }
    if target.classes is None:
        counts, edges = np.histogram(y, bins=_HISTOGRAM_BINS)
        described["histogram"] = {"label": "all rows", "edges": edges.tolist(), "counts": counts.tolist()}
        return described
    train, validation, test = (np.bincount(y[rows], minlength=len(target.classes)).tolist() for rows in split)
    described["classes"] = [
        {"name": str(c), "train": train[k], "validation": validation[k], "test": test[k]}
        for k, c in enumerate(target.classes)
    ]
    return described


def _text(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
