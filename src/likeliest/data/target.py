"""The target: how labels and numbers become y, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.data.choosing import (
    CLASS_FAMILIES,
    Label,
    classes_of,
    explain,
    family_of,
    listed,
    refuse_hopeless,
    refuse_unless_numbers,
    tidy_target,
)
from likeliest.errors import ModelFileError, TargetError


@dataclass(frozen=True, slots=True)
class Target:
    """What was learnt of the target. A value: it lives in the model file as JSON.

    Attributes:
        name: the column.
        family: the family its values ask for ("bernoulli", "categorical", "normal"), or the one asked for.
        classes: the labels in ascending order where the family is one of classes, else ``None``. For bernoulli, p is
            the probability of the second.
        explanation: why this family, in sentences, with the other choice where there is one.

    Example:
        >>> target = Target.learn(pl.Series("smoker", ["no", "yes", "no", "no"]))
        >>> target.family, target.classes
        ('bernoulli', ('no', 'yes'))
        >>> target.encode(pl.Series(["yes", "no"])).tolist()
        [1, 0]
    """

    name: str
    family: str
    classes: tuple[Label, ...] | None
    explanation: str

    @classmethod
    def learn(cls, column: pl.Series, family: str | None = None) -> Self:
        """Learn the classes, or that there are none; choose the family unless told.

        Texts, booleans, categories, and integers with at most `MAX_INTEGER_CLASSES` distinct values, are classes:
        bernoulli for two, categorical for more. Other numbers are normal. Integers that all differ are numbers, however
        few, for a class seen once cannot be both learnt and tested. Missing cells are counted in the explanation.

        Raises:
            TargetError: no values, one value only, texts that all differ, NaN or ±inf, dates or lists, or values that
                do not fit the family asked for.
            SupportError: a value below zero or between integers where the family is one of counts.
        """
        column = tidy_target(column)
        refuse_hopeless(column)
        present = column.drop_nulls()
        chosen = family or family_of(present)
        classes = classes_of(present, chosen) if chosen in CLASS_FAMILIES else None
        if classes is None:
            refuse_unless_numbers(column, chosen)
        return cls(column.name, chosen, classes, explain(column, chosen, classes, asked=family is not None))

    def encode(
        self, column: pl.Series, rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64] | NDArray[np.float64]:
        """Return y (n,): the index of each label in ``classes`` as int64, or the number as float64.

        Labels are compared as what was learnt: where the classes are integers, "1" and 1.0 are 1.

        Args:
            column: the whole column, so that a message names the row of the user's file.
            rows: indices, ascending, of the n rows to encode, such as those of `rows_with_target`; all if ``None``.

        Raises:
            TargetError: a cell is missing, no finite number, or a label that was not learnt; with its row.
            SupportError: a cell is no count, where the family is one of counts; with its row.
        """
        column = column.alias(self.name)
        wanted = np.ones(len(column), dtype=bool) if rows is None else np.isin(np.arange(len(column)), rows)
        absent = wanted & column.is_null().to_numpy()
        cells.refuse(column, absent, "a target", "leave the row out: see rows_with_target", TargetError)
        return self._numbers(column, wanted) if self.classes is None else self._indices(column, wanted, self.classes)

    def _numbers(self, column: pl.Series, wanted: cells.Mask) -> NDArray[np.float64]:
        values = cells.parse_numbers(cells.texts(column)) if column.dtype == pl.String else tidy_target(column)
        y = values.cast(pl.Float64).to_numpy()
        remedy = "correct the cell, or leave the row out"
        cells.refuse(column, wanted & ~np.isfinite(y), "a finite number", remedy, TargetError)
        refuse_unless_numbers(values, self.family)
        return y[wanted]

    def _indices(self, column: pl.Series, wanted: cells.Mask, classes: tuple[Label, ...]) -> NDArray[np.int64]:
        text, known = cells.texts(column), pl.Series(classes)
        if known.dtype == pl.Boolean:
            text = cells.parse_truths(text)
        elif known.dtype != pl.String:
            text, known = cells.parse_numbers(text), known.cast(pl.Float64)
        index = text.replace_strict(known, pl.Series(range(len(classes))), default=None, return_dtype=pl.Int64)
        cells.refuse(
            column,
            wanted & index.is_null().to_numpy(),
            f"one of the classes learnt ({listed(classes)})",
            "correct the cell, or learn again from rows of that class",
            TargetError,
        )
        return index.fill_null(0).to_numpy()[wanted]

    def decode(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the labels at ``index`` (n,), as an array of their own type.

        Raises:
            TargetError: the target is a number and has no classes.
        """
        if self.classes is None:
            raise TargetError(f"target {self.name!r} is a number ({self.family}): it has no classes to decode")
        return np.asarray(self.classes)[index]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return asdict(self) | {"classes": None if self.classes is None else list(self.classes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the target that `to_json` wrote.

        Raises:
            ModelFileError: the value is no target.
        """
        try:
            classes = value["classes"]
            classes = None if classes is None else tuple(classes)
            return cls(value["name"], value["family"], classes, value["explanation"])
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"the target in the model file cannot be read ({error!r}); it is damaged") from error
