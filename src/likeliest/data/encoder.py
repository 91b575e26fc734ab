"""The encoder of tables: what was learnt of each column, and from it, rows of raw cells as a matrix of float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.data.dates import Moment
from likeliest.data.kinds import Matrix, Number, Presence, Truth
from likeliest.data.levels import Levels, enough_rows
from likeliest.data.screening import reason_it_is_an_identifier, reason_to_leave_out
from likeliest.errors import ColumnError, ModelFileError, TableError

Kind: TypeAlias = Number | Truth | Presence | Levels | Moment
"""What was learnt of one column: its ``name``, the ``names`` of what it gives, its ``explanation``, and ``encode``."""

_KINDS: dict[str, Callable[..., Kind]] = {
    "number": Number,
    "truth": Truth,
    "presence": Presence,
    "levels": Levels,
    "moment": Moment,
}
_KIND_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class TableEncoder:
    """A learnt coding of a table: frame (n rows) → float64 (n, p). A value: it lives in the model file as JSON.

    Numbers stay in their units or, standardised, are centred and scaled; texts become 0/1 columns (`Levels`), dates
    parts of the calendar (`Moment`). A missing cell gets its column's mean and a 0/1 indicator column. Columns that are
    missing in the same rows (or in exactly the other rows) share one indicator, for two would be aliased. A column that
    had no missing cell when learnt has no indicator: a cell missing later gets the mean alone.

    Attributes:
        kinds: what was learnt, one per column used.
        left_out: the columns not used, with the reason.
        standardise: whether the coding is that of nets (centred, scaled, all levels) or that of linear models (raw
            units, one level dropped as reference, so that nothing is aliased with the intercept).

    Example:
        >>> frame = pl.DataFrame({"age": [20.0, None, 40.0, 30.0], "city": ["Rome", "Oslo", "Rome", "Oslo"]})
        >>> encoder = TableEncoder.learn(frame, standardise=False)
        >>> encoder.names
        ('age', 'age is missing', 'city=Rome')
        >>> encoder.encode(frame)[1].tolist()
        [30.0, 1.0, 0.0]
    """

    kinds: tuple[Kind, ...]
    left_out: Mapping[str, str]
    standardise: bool

    @classmethod
    def learn(
        cls,
        frame: pl.DataFrame,
        *,
        standardise: bool,
        rows: NDArray[np.int64] | None = None,
        categorical: Collection[str] = (),
        keep: Collection[str] = (),
    ) -> Self:
        """Learn the coding of a table without its target.

        Args:
            frame: the whole table. Every cell is checked, so that a message names the row of the user's file.
            standardise: see the class.
            rows: the rows to learn from (the training rows), all if ``None``.
            categorical: columns of numbers that are names (a month, a postcode), to be coded as texts.
            keep: columns to use although they look like identifiers.

        Raises:
            TableError: fewer than two rows to learn from, or no column that can be used.
            ColumnError: a cell that cannot be used, with its row; ±inf, or a text among numbers, for instance.
        """
        _require(frame, [*categorical, *keep])
        count = frame.height if rows is None else len(rows)
        if count < 2:
            raise TableError(f"expected at least 2 rows to learn from, found {count}; a model needs rows that differ")
        learner = _Learner(standardise, frozenset(keep))
        for column in frame.get_columns():
            whole = _tidy(column, as_text=column.name in categorical)
            learner.learn(whole if rows is None else whole[rows])
        if not learner.kinds:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in list(learner.left_out.items())[:5])
            raise TableError(f"expected a column to predict from, found none of use ({reasons or 'no columns'})")
        return cls(tuple(learner.kinds), learner.left_out, standardise)

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ColumnError(f"two encoded columns would be called {twice!r}; rename one of those they come from")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the p encoded columns, in order."""
        return tuple(name for kind in self.kinds for name in kind.names)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of a frame that `encode` reads."""
        return tuple(kind.name for kind in self.kinds)

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        return "on standardised columns" if self.standardise else "on columns in their own units"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns to be read ``as_text`` from a file, so that the level "007" does not turn into 7."""
        return tuple(kind.name for kind in self.kinds if isinstance(kind, Levels))

    @property
    def explanations(self) -> dict[str, str]:
        """How each column is coded, or why it is left out, in words."""
        return {kind.name: kind.explanation for kind in self.kinds} | {
            name: f"left out; {reason}" for name, reason in self.left_out.items()
        }

    def encode(self, frame: pl.DataFrame) -> Matrix:
        """Return the matrix (n, p), C-ordered float64, without a NaN or ±inf. Columns not learnt are ignored.

        Raises:
            ColumnError: a column is not there, or has a cell that cannot be read as what was learnt, with its row.
        """
        _require(frame, self.sources)
        coded = np.empty((frame.height, len(self.names)))
        start = 0
        for kind in self.kinds:
            stop = start + len(kind.names)
            coded[:, start:stop] = kind.encode(frame[kind.name])
            start = stop
        return coded

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        kinds = [{"kind": _KIND_NAMES[type(kind)], **dataclasses.asdict(kind)} for kind in self.kinds]
        return {"kinds": kinds, "left_out": dict(self.left_out), "standardise": self.standardise}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote.

        Raises:
            ModelFileError: the value is no encoder, or one of a newer version.
        """
        try:
            kinds = tuple(_kind_from_json(dict(kind)) for kind in value["kinds"])
            return cls(kinds, dict(value["left_out"]), bool(value["standardise"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"the encoder in the model file cannot be read ({error!r}); the file is damaged, or "
                "was written by a newer version of likeliest"
            ) from error


class _Learner:
    """Goes through the columns in order and remembers in which rows earlier ones were missing."""

    def __init__(self, standardise: bool, keep: frozenset[str]) -> None:
        self.standardise, self.keep = standardise, keep
        self.kinds: list[Kind] = []
        self.left_out: dict[str, str] = {}
        self._first_missing: dict[bytes, str] = {}

    def learn(self, column: pl.Series) -> None:
        """Learn one column, or leave it out with a reason."""
        reason = reason_to_leave_out(column)
        if reason is None and column.name not in self.keep:
            reason = reason_it_is_an_identifier(column)
        if reason is not None:
            self.left_out[column.name] = reason
            return
        first = self._first_missing.setdefault(_pattern(column), column.name) if column.has_nulls() else None
        if column.drop_nulls().n_unique() > 1:
            self._add(self._kind(column, indicator=first == column.name), column)
        elif first == column.name:
            self.kinds.append(Presence(column.name))
        else:
            value = column.drop_nulls()[0]
            self.left_out[column.name] = (
                f"always {value!r} where it is there, and where that is, {first!r} tells already"
            )

    def _kind(self, column: pl.Series, *, indicator: bool) -> Kind:
        if column.dtype == pl.Boolean:
            return Truth.learn(column, indicator=indicator)
        if column.dtype == pl.String:
            return Levels.learn(column, standardise=self.standardise, indicator=indicator)
        kind = Moment if column.dtype.is_temporal() else Number
        return kind.learn(column, standardise=self.standardise, indicator=indicator)

    def _add(self, kind: Kind, column: pl.Series) -> None:
        if kind.names:
            self.kinds.append(kind)
        else:
            distinct, enough = column.drop_nulls().n_unique(), enough_rows(column.count())
            self.left_out[column.name] = f"at most one of its {distinct} values stands in {enough} rows or more"


def _tidy(column: pl.Series, *, as_text: bool) -> pl.Series:
    """Return the column with its cells checked, NaN as missing, and categories as texts."""
    if as_text or isinstance(column.dtype, pl.Categorical | pl.Enum):
        return cells.texts(column)
    if column.dtype.is_float() or column.dtype.is_decimal():
        return cells.numbers(column)
    if column.dtype == pl.String:
        cells.refuse(
            column,
            cells.slips(column),
            "a finite number",
            "correct the cell, leave it empty to have it treated as missing, or "
            f"pass categorical=({column.name!r},) if the column holds names and not numbers",
        )
    return column


def _pattern(column: pl.Series) -> bytes:
    """Return a key for the rows in which a column is missing, the same for the complementary rows."""
    missing = column.is_null().to_numpy()
    return np.packbits(missing ^ missing[0]).tobytes()


def _require(frame: pl.DataFrame, names: Collection[str]) -> None:
    absent = [name for name in names if name not in frame.columns]
    if absent:
        near = get_close_matches(absent[0], [name for name in frame.columns if name not in names], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the table has {', '.join(map(repr, frame.columns[:10]))}"
        raise ColumnError(f"expected the columns learnt, found no {', '.join(map(repr, absent))}; {hint}")


def _kind_from_json(fields: dict[str, Any]) -> Kind:
    learnt = _KINDS[fields.pop("kind")]
    return learnt(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
