"""Training, validation and test rows: seeded, stratified, and free of copies of each other, or so that one knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import ShapeError, SpecificationError, TableError
from likeliest.randomness import stream

Rows = NDArray[np.int64]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three sets of row indices, each in ascending order, that share no row and together hold all."""

    train: Rows
    validation: Rows
    test: Rows

    def __iter__(self) -> Iterator[Rows]:
        return iter((self.train, self.validation, self.test))

    def part_of_rows(self) -> Rows:
        """Return for each row the index of its part: 0 train, 1 validation, 2 test."""
        part = np.empty(sum(map(len, self)), dtype=np.int64)
        for index, rows in enumerate(self):
            part[rows] = index
        return part


def split(
    n: int,
    *,
    y: NDArray[np.generic] | None = None,
    stratify: bool,
    seed: int,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
) -> Split:
    """Split n rows at random into training, validation and test rows.

    Each class (all rows are one class without ``stratify``) is shuffled by its own stream and cut at ⌊m·f + u⌋, f the
    cumulative fractions, m its rows, u uniform on [0, 1): each part then gets its fraction in expectation, however
    small the classes are. A class of three rows or more is in every part. Of two rows one is in train and one in test;
    a single row is in train, for a class that was never learnt can only be missed.

    Args:
        n: number of rows, at least 3.
        y: the class of each row (n,); only read with ``stratify``.
        stratify: whether to cut class by class.
        seed: the user's seed.
        fractions: of train, validation and test; positive, of sum 1.

    Raises:
        TableError: fewer than 3 rows.
        SpecificationError: fractions that are no such, or ``stratify`` without ``y``.
        ShapeError: y has not n entries.

    Example:
        >>> [len(rows) for rows in split(10, stratify=False, seed=0)]
        [6, 2, 2]
    """
    _check(n, y, stratify, fractions)
    classes = _classes(y) if stratify and y is not None else [np.arange(n)]
    parts: tuple[list[Rows], ...] = ([], [], [])
    for index, rows in enumerate(classes):
        draw = stream(seed, "split", index)
        first, second = _cuts(len(rows), fractions, draw.random())
        for part, piece in zip(parts, np.split(draw.permutation(rows), [first, second]), strict=True):
            part.append(piece)
    return Split(*(np.sort(np.concatenate(part)) for part in parts))


def _check(n: int, y: NDArray[np.generic] | None, stratify: bool, fractions: tuple[float, float, float]) -> None:
    if n < len(PARTS):
        raise TableError(f"expected at least 3 rows, one each to learn from, to choose by and to test on, found {n}")
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise SpecificationError(f"expected three positive fractions of sum 1, found {fractions}")
    if stratify and y is None:
        raise SpecificationError("stratify=True needs y, the class of each row; found none")
    if stratify and y is not None and y.shape != (n,):
        raise ShapeError(f"expected y of shape ({n},), one class a row, found {y.shape}")


def _classes(y: NDArray[np.generic]) -> list[Rows]:
    """Return the rows of each class, classes ascending."""
    _, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    return np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])


def _cuts(m: int, fractions: tuple[float, float, float], u: float) -> tuple[int, int]:
    """Return where a class of m rows is cut in three."""
    if m < len(PARTS):
        return 1, 1
    first = min(max(int(m * fractions[0] + u), 1), m - 2)
    return first, min(max(int(m * (fractions[0] + fractions[1]) + u), first + 1), m - 1)
