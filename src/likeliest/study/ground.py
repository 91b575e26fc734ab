"""What all models of a study stand on: examples, split, codings, family."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.data import Split
from likeliest.families import Family
from likeliest.model import Model
from likeliest.prediction import Encoder
from likeliest.randomness import stream
from likeliest.sequences import Ragged, rows_of
from likeliest.study.plan import Plan
from likeliest.study.said import Said
from likeliest.tasks import Coding, Examples, Recipe, Task

SHOWN, SHOWN_TEXTS = 4_000, 32
"""Training rows for what is shown and certified, where there are many; fewer recordings of texts."""
Rows = NDArray[Any]
"""Encoded rows: numbers (n, p) of a table or of pixels, or the bytes of pictures (n, H, W, C).

Recordings of any length are a `likeliest.sequences.Ragged` in its place: their rows are taken by `rows_of`.
"""


@dataclass(frozen=True)
class Ground:
    """What all models of a study stand on: examples, split, codings, family."""

    task: Task
    examples: Examples
    split: Split
    plan: Plan
    device: str = "cpu"
    _encoders: list[Encoder] = field(default_factory=list, repr=False)
    _encoded: list[tuple[Encoder, Rows]] = field(default_factory=list, repr=False)
    _said: list[tuple[Model, NDArray[np.int64], Said]] = field(default_factory=list, repr=False)

    @cached_property
    def family(self) -> Family:
        """The probability function."""
        return self.task.family(self.examples)

    @cached_property
    def outputs(self) -> int:
        """Columns of η that the location takes: one, or one a class, or one a label and the blank."""
        if self.examples.alphabet is not None:
            return len(self.examples.alphabet)
        classes = self.examples.target.classes
        return len(classes) if classes is not None and self.family.columns is None else 1

    @cached_property
    def raw_encoder(self) -> Encoder:
        """The coding of the linear model."""
        return self._encoder("linear")

    @cached_property
    def standard_encoder(self) -> Encoder:
        """The coding of linear models that are compared: in the race, and beside the net."""
        return self._encoder("standard")

    @cached_property
    def net_encoder(self) -> Encoder:
        """The coding of the net."""
        return self._encoder("net")

    @cached_property
    def raw_x(self) -> Rows:
        """All rows for the linear model, (n, p)."""
        return self.x_for(self.raw_encoder)

    @cached_property
    def standard_x(self) -> Rows:
        """All rows for linear models that are compared, (n, p′)."""
        return self.x_for(self.standard_encoder)

    @cached_property
    def net_x(self) -> Rows:
        """All rows for the net, (n, …)."""
        return self.x_for(self.net_encoder)

    @property
    def y(self) -> NDArray[Any]:
        """All targets."""
        return self.examples.y

    @cached_property
    def learning_rows(self) -> NDArray[np.int64]:
        """Training and validation rows: all that may be learnt from, once everything is chosen."""
        return np.sort(np.concatenate((self.split.train, self.split.validation)))

    def x_for(self, encoder: Encoder) -> Rows:
        """All rows in a coding; they are encoded once."""
        for known, x in self._encoded:
            if known is encoder:
                return x
        encoded: Rows = rows_of(encoder.encode(self.examples.raw), self.examples.kept)
        self._encoded.append((encoder, encoded))
        return encoded

    @cached_property
    def shown_rows(self) -> NDArray[np.int64]:
        """Training rows for what is shown and certified: a sample of them where each has many pixels."""
        return (
            self.split.train
            if self.recipe is None
            else self.sample(self.split.train, SHOWN if self.examples.alphabet is None else SHOWN_TEXTS)
        )

    @cached_property
    def recipe(self) -> Recipe | None:
        """How the net is trained, where the field has a recipe for it."""
        plan = self.plan
        return self.task.recipe(
            self.examples, self.split.train, self.net_encoder, self.outputs, plan.minutes, self.device
        )

    def speakers(self, rows: NDArray[np.int64]) -> list[str] | None:
        """Who speaks in some rows of recordings; None where that is not known."""
        known = getattr(self.examples.raw, "speakers", None)
        return None if known is None else [known[row] for row in self.examples.kept[rows]]

    def sample(self, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """At most so many of some rows, drawn at random, in their order."""
        if len(rows) <= most:
            return rows
        return np.sort(stream(self.plan.seed, "sample").choice(rows, size=most, replace=False))

    def said(self, model: Model, rows: NDArray[np.int64]) -> Said:
        """What a model says of some rows; asked once for each part of the split."""
        for known, part, said in self._said:
            if known is model and part is rows:
                return said
        said = Said.of(model, rows_of(self.x_for(model.encoder), rows), self.y[rows])
        self._said.append((model, rows, said))
        return said

    def _encoder(self, coding: Coding) -> Encoder:
        """A coding; the one that is known already where it is equal, so that nothing is encoded twice."""
        learnt = self.task.encoder(self.examples, self.split.train, coding)
        known = next((encoder for encoder in self._encoders if encoder == learnt), None)
        if known is None:
            self._encoders.append(learnt)
        return known or learnt


def taken(x: Any, rows: NDArray[np.int64]) -> Any:
    """Some encoded rows as an objective takes them."""
    return x.subset(rows) if isinstance(x, Ragged) else torch.from_numpy(x[rows])
