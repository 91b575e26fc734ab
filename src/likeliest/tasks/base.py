"""The seam between the study and a field of application.

A task knows what its field's files look like and what its field expects; it returns values and never loops over
batches, fits or measures. The study does that, the same for every field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Split, Target
from likeliest.data.batch import Batch
from likeliest.families import Family
from likeliest.model import Model
from likeliest.prediction import Encoder
from likeliest.predictors import Predictor
from likeliest.speech import Alphabet
from likeliest.tasks.recipe import Recipe

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Data

Source = str | Path
Kind: TypeAlias = Literal["linear", "net"]
"""The models that every field has."""
Coding: TypeAlias = Literal["linear", "standard", "net"]
"""How rows reach the linear model that is kept; linear models that are compared, on one scale; and the net."""


@dataclass(frozen=True)
class Examples:
    """Raw rows with their target, as a task loaded them.

    Attributes:
        name: short, for headings.
        source: as the user gave it.
        raw: all raw rows of the source, without the target; what an encoder takes.
        kept: (n,) indices of the raw rows that have a target: the examples.
        y: (n,) class indices or numbers; (n, U) labels of texts.
        target: what is predicted.
        sha256: of the data, so that a report says what it speaks of.
        aside: examples that the source itself sets aside for testing; often none.
        alphabet: what labels of texts stand for; None elsewhere.
        sentences: texts that nobody was recorded saying, from which words and their order are learnt too.
    """

    name: str
    source: str
    raw: Any
    kept: NDArray[np.int64]
    y: NDArray[Any]
    target: Target
    sha256: str
    aside: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    alphabet: Alphabet | None = None
    sentences: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    def row_number(self, example: int) -> int:
        """The number of an example's row in the source; the first row of data is 1."""
        return int(self.kept[example]) + 1


class Task(Protocol):
    """One field of application."""

    @property
    def name(self) -> str:
        """What the field is called."""
        ...

    def recognises(self, source: Source, target: str | None = None, family: str | None = None) -> bool:
        """Whether this path or name is of this field; where two share their sources, target and family decide."""
        ...

    def load(self, source: Source, target: str | None, family: str | None, *, known: Model | None = None) -> Examples:
        """Read raw rows and target; with a known model, as what that model learnt."""
        ...

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """Read raw rows to be predicted, which need no target, in parts that fit in memory."""
        ...

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """Deal rows to training, validation and test, as the field demands."""
        ...

    def encoder(self, examples: Examples, rows: NDArray[np.int64], coding: Coding) -> Encoder:
        """Learn from some of the rows how raw rows become x; codings that do not differ are equal values."""
        ...

    def family(self, examples: Examples) -> Family:
        """The probability function that the target calls for."""
        ...

    def predictor(
        self,
        model: Kind,
        family: Family,
        encoder: Encoder,
        inputs: tuple[int, ...],
        outputs: int,
        hidden: Sequence[int],
    ) -> Predictor:
        """The field's linear model, or a net of that size, for rows x of shape (n, *inputs) that an encoder makes."""
        ...

    def recipe(
        self, examples: Examples, rows: NDArray[np.int64], encoder: Encoder, outputs: int, minutes: float, device: str
    ) -> Recipe | None:
        """How the field's net is trained on these rows, with how many minutes' worth of work and where.

        None: until held-out rows gain no more.
        """
        ...

    def glance(self, examples: Examples, split: Split, encoder: Encoder) -> Data:
        """The report's first chapter; the encoder is that of the linear model."""
        ...

    def cells(self, examples: Examples, row: int, encoder: Encoder, size: NDArray[np.float64] | None) -> list[Cell]:
        """A few values of one example as text, for a table of surprises; ``size`` (p,) says how loud each input is."""
        ...
