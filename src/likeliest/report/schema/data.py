"""Chapter 1: the data at a glance."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from likeliest.report.schema.common import Histogram
from likeliest.report.schema.pictures import PictureData
from likeliest.report.schema.sounds import SoundData


class Column(TypedDict):
    """One column of the table that the models use."""

    name: str
    """The column's name as the file spells it."""
    kind: str
    """One of "number", "category", "boolean", "date" or "text"."""
    missing: int
    """Rows without a value, of all rows."""
    levels: int | None
    """Number of different values of a category or boolean; ``None`` for others."""
    encoded: int
    """Number of columns of x that it becomes."""
    low: NotRequired[float | None]
    """Smallest value of a numeric column, on training rows."""
    median: NotRequired[float | None]
    """Median of a numeric column, on training rows."""
    high: NotRequired[float | None]
    """Largest value of a numeric column, on training rows."""
    example: NotRequired[str]
    """The commonest level, or the first value, as text."""


class LeftOut(TypedDict):
    """A column that no model sees."""

    name: str
    """The column's name."""
    reason: str
    """Why: "constant", "identifier: all 569 values differ", …"""


class Duplicates(TypedDict):
    """Rows whose inputs are equal and that lie on different sides of the split."""

    count: int
    """Number of test or validation rows that equal a training row."""
    examples: list[list[int]]
    """A few groups of equal rows, as row numbers of the file (first data row = 1)."""


class Split(TypedDict):
    """Rows by role."""

    train: int
    """Rows that models are fitted on."""
    validation: int
    """Rows that choose l2, learning rate and stopping."""
    test: int
    """Rows that nothing was chosen on."""
    method: NotRequired[str]
    """How rows were dealt: "stratified by class, seed 0"."""


class ClassCount(TypedDict):
    """One class of the target."""

    name: str
    """The class as text."""
    train: int
    """Training rows of this class."""
    validation: int
    """Validation rows of this class."""
    test: int
    """Test rows of this class."""


class Target(TypedDict):
    """What is predicted."""

    name: str
    """The target column's name."""
    kind: str
    """One of "classes", "number" or "texts"."""
    explanation: str
    """Why it was read as that kind: "integers with 10 different values: a category; --family overrides"."""
    classes: list[ClassCount] | None
    """For classes, in the order of η's columns; ``None`` for a number, and for texts."""
    histogram: Histogram | None
    """For a number: all rows, in the target's unit; ``None`` for classes, and for texts."""


class Data(TypedDict):
    """The table, its columns, its target and its split."""

    name: str
    """Short name for headings: "breast_cancer", "flights.csv"."""
    source: str
    """File, folder or catalogue entry as the user gave it."""
    rows: int
    """Rows in the table."""
    rows_dropped: NotRequired[int]
    """Rows left out because their target is missing."""
    columns: list[Column]
    """Columns in use, in the file's order."""
    left_out: list[LeftOut]
    """Columns not in use, with reasons."""
    inputs: int
    """Width of x after encoding."""
    target: Target
    """What is predicted."""
    split: Split
    """Sizes of the three sets."""
    duplicates: Duplicates
    """Equal rows on both sides of the split."""
    pictures: NotRequired[PictureData]
    """For pictures, which have no columns."""
    sounds: NotRequired[SoundData]
    """For recordings, which have none either."""
    notes: list[str]
    """Anything said aloud on reading: "counts: consider --family poisson", …"""


class Cell(TypedDict):
    """One value of one row, as text."""

    name: str
    """Column name."""
    value: str
    """The value as the file has it."""
