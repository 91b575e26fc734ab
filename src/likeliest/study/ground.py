"""What all models of a study stand on: examples, split, codings, family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Split, TableEncoder
from likeliest.families import Family
from likeliest.study.plan import Plan
from likeliest.tasks import Examples, Task

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """What all models of a study stand on: examples, split, codings, family."""

    task: Task
    examples: Examples
    split: Split
    plan: Plan

    @cached_property
    def family(self) -> Family:
        """The probability function."""
        return self.task.family(self.examples)

    @cached_property
    def outputs(self) -> int:
        """Columns of η that the location takes: one, or one a class."""
        classes = self.examples.target.classes
        return len(classes) if classes is not None and self.family.columns is None else 1

    @cached_property
    def raw_encoder(self) -> TableEncoder:
        """The coding of linear models."""
        return self.task.encoder(self.examples, self.split.train, standardise=False)

    @cached_property
    def standard_encoder(self) -> TableEncoder:
        """The coding of nets."""
        return self.task.encoder(self.examples, self.split.train, standardise=True)

    @cached_property
    def raw_x(self) -> Matrix:
        """All rows for linear models, (n, p)."""
        return self.raw_encoder.encode(self.examples.raw)[self.examples.kept]

    @cached_property
    def standard_x(self) -> Matrix:
        """All rows for nets, (n, p′)."""
        return self.standard_encoder.encode(self.examples.raw)[self.examples.kept]

    @property
    def y(self) -> NDArray[Any]:
        """All targets."""
        return self.examples.y

    @cached_property
    def learning_rows(self) -> NDArray[np.int64]:
        """Training and validation rows: all that the kept models learn from, once everything is chosen."""
        return np.sort(np.concatenate((self.split.train, self.split.validation)))

    def x_for(self, encoder: TableEncoder) -> Matrix:
        """All rows in a coding."""
        return self.standard_x if encoder is self.standard_encoder else self.raw_x
