"""Which column is the target, which family its values ask for, and which values no family can take."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.errors import SupportError, TargetError

Label: TypeAlias = str | int | bool | float

MAX_INTEGER_CLASSES = 20
"""Integers with more distinct values than this are numbers, not names of classes."""

CLASS_FAMILIES = ("bernoulli", "categorical")
COUNT_FAMILIES = ("poisson", "negative_binomial")
NUMBER_FAMILIES = ("normal", "student_t", "gamma", *COUNT_FAMILIES)
"""What a table's column of numbers can be; other families take more than one column, or have no smooth likelihood."""
_USUAL_NAMES = ("target", "label", "class", "outcome", "y")


def find_target(frame: pl.DataFrame, name: str | None = None) -> str:
    """Return the target's name: ``name``, or else that of the one column called target, label, class, outcome or y.

    Raises:
        TargetError: there is no such column, or none that is usually the target.
    """
    listed = ", ".join(map(repr, frame.columns[:10])) + (", …" if frame.width > 10 else "")
    if name is None:
        usual = [column for column in frame.columns if column.lower() in _USUAL_NAMES]
        if len(usual) != 1:
            raise TargetError(
                f"expected to be told which column to predict, found {len(usual)} columns called 'target' "
                f"or the like; name one of {listed}, as in --target {frame.columns[-1]}"
            )
        return usual[0]
    if name not in frame.columns:
        near = get_close_matches(name, frame.columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the table has {listed}"
        raise TargetError(f"expected a target column {name!r}, found no such column; {hint}")
    return name


def rows_with_target(column: pl.Series) -> NDArray[np.int64]:
    """Return the indices of the rows whose target is there; the others can neither teach nor test."""
    return np.flatnonzero(column.is_not_null().to_numpy())


def tidy_target(column: pl.Series) -> pl.Series:
    """Return a target in one of four types: text, boolean, int64, float64. Numbers that are all integers are int64.

    Raises:
        TargetError: NaN or ±inf, with the row; or cells that are dates, lists or bytes.
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if column.dtype in (pl.String, pl.Boolean, pl.Null):
        return column
    if not column.dtype.is_numeric():
        raise TargetError(
            f"column {column.name!r}: expected a target of texts, booleans or numbers, found cells of type "
            f"{column.dtype}; turn it into a number, such as the days from a fixed date"
        )
    values = column.cast(pl.Float64)
    cells.refuse(
        column,
        ~np.isfinite(values.fill_null(0.0).to_numpy()),
        "a finite target",
        "correct the cell, or leave it empty to have the row left out",
        TargetError,
    )
    integers = values.cast(pl.Int64, strict=False)
    return integers if integers.cast(pl.Float64).equals(values) else values


def refuse_hopeless(column: pl.Series) -> None:
    """Raise `TargetError` where nothing can be predicted: no values, one value, texts that all differ, slips."""
    present, name = column.drop_nulls(), column.name
    if present.is_empty():
        raise TargetError(
            f"column {name!r}: expected a target, found {len(column)} rows and no value in any; name another target"
        )
    if present.n_unique() == 1:
        raise TargetError(
            f"column {name!r}: expected a target that varies, found {present[0]!r} in all {len(present)} "
            "rows; name another target, or add rows with other values"
        )
    if column.dtype != pl.String:
        return
    cells.refuse(
        column,
        cells.slips(column),
        "a finite number, as in the other rows",
        "correct the cell, or leave it empty to have the row left out",
        TargetError,
    )
    if present.n_unique() == len(present):
        raise TargetError(
            f"column {name!r}: expected classes that repeat, found {len(present)} texts that all differ "
            f"({present[0]!r}, {present[1]!r}, …); name another target"
        )


def family_of(present: pl.Series) -> str:
    """Return the family that the values, none missing, ask for: see `Target.learn`."""
    distinct = present.n_unique()
    few_integers = present.dtype.is_integer() and distinct <= MAX_INTEGER_CLASSES and distinct < len(present)
    if few_integers or present.dtype in (pl.String, pl.Boolean):
        return "bernoulli" if distinct == 2 else "categorical"
    return "normal"


def classes_of(present: pl.Series, family: str) -> tuple[Label, ...]:
    """Return the distinct values in ascending order.

    Raises:
        TargetError: they all differ, or there are not two of them and the family is bernoulli.
    """
    classes = tuple(present.unique().sort().to_list())
    if len(classes) == len(present):
        raise TargetError(
            f"column {present.name!r}: expected classes that repeat, as family {family} needs, found "
            f"{len(present)} values that all differ; use --family normal, or name another target"
        )
    if family == "bernoulli" and len(classes) != 2:
        raise TargetError(
            f"column {present.name!r}: expected 2 classes, as family bernoulli needs, found "
            f"{len(classes)} ({listed(classes)}); use --family categorical"
        )
    return classes


def refuse_unless_numbers(column: pl.Series, family: str) -> None:
    """Raise where a family of numbers gets texts or booleans, or a number that it cannot give.

    Raises:
        TargetError: texts or booleans, or a family that no column of a table can have.
        SupportError: for poisson and negative_binomial a negative number, or one between integers; for gamma one that
            is not above zero; with its row.
    """
    if family not in NUMBER_FAMILIES:
        raise TargetError(
            f"column {column.name!r}: a column of a table can be {', '.join((*CLASS_FAMILIES, *NUMBER_FAMILIES))}; "
            f"fit {family} from Python, with likeliest.GLMRegressor or likeliest.Objective"
        )
    if not column.dtype.is_numeric():
        kind = "booleans" if column.dtype == pl.Boolean else "texts"
        raise TargetError(
            f"column {column.name!r}: expected numbers, as family {family} needs, found {kind} such as "
            f"{column.drop_nulls()[0]!r}; use --family categorical"
        )
    if family in COUNT_FAMILIES:
        bad = ((column < 0) | (column.cast(pl.Float64) % 1 != 0)).fill_null(value=False).to_numpy()
        cells.refuse(
            column,
            bad,
            f"a count (0, 1, 2, …), as family {family} needs",
            "correct the cell, or use --family normal",
            SupportError,
        )
    if family == "gamma":
        bad = (column <= 0).fill_null(value=False).to_numpy()
        cells.refuse(
            column,
            bad,
            "a number above 0, as family gamma needs",
            "correct the cell, or use --family normal",
            SupportError,
        )


def listed(classes: tuple[Label, ...], limit: int = 6) -> str:
    """Return the labels in a row, the later ones of many as "…"."""
    return ", ".join(map(repr, classes[:limit])) + (", …" if len(classes) > limit else "")


def explain(column: pl.Series, family: str, classes: tuple[Label, ...] | None, *, asked: bool) -> str:
    """Return why the target has its family, what else it could have, and which rows have no target."""
    present = column.drop_nulls()
    kind = {pl.String: "texts", pl.Boolean: "booleans", pl.Int64: "integers"}.get(present.dtype.base_type(), "numbers")
    held = f"{present.n_unique()} distinct {kind}"
    what = f"{held} ({listed(classes)})" if classes else f"{held} from {present.min()!r} to {present.max()!r}"
    words = [f"{column.name!r} holds {what}; its family is {family}{', as asked' if asked else ''}."]
    if family == "bernoulli" and classes:
        words.append(f"The model gives the probability of {classes[1]!r}.")
    if not asked and kind == "integers":
        words.append(_other_choice(present, family))
    if column.has_nulls():
        words.append(
            f"{column.null_count()} without a target left out: {cells.row_names(column.is_null().to_numpy())}."
        )
    return " ".join(filter(None, words))


def _other_choice(present: pl.Series, family: str) -> str:
    if family == "categorical":
        return "If these integers are amounts and not names of classes, use --family normal, or poisson if they count."
    if family == "normal" and int(present.to_numpy().min()) >= 0:
        return "They are integers from 0 up: if they count something, --family poisson describes them better."
    return ""
