"""Training, validation and test rows: seeded, stratified, and free of copies of each other, or so that one knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import ShapeError, SpecificationError, TableError
from likeliest.randomness import stream

Rows = NDArray[np.int64]

PARTS = ("train", "validation", "test")


ALONE = "all rows are of one {what}: the score holds for this {what} alone, and flatters for others"
PAIR = "two {what}s: one to test on; rows to choose by are those of the {what} that is learnt from"
APART = "rows of one {what} are all in one part: {test} of {all} {what}s to test on, {validation} to choose by"


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


@dataclass(frozen=True, slots=True, eq=False)
class GroupSplit:
    """A split by groups.

    Attributes:
        parts: the rows.
        disjoint: whether no group is in the test rows and in another part.
        message: how rows were dealt, in a sentence.
    """

    parts: Split
    disjoint: bool
    message: str


def split_by_group(
    groups: Sequence[str],
    *,
    seed: int,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
    y: NDArray[np.generic] | None = None,
    what: str = "speaker",
) -> GroupSplit:
    """Split rows into training, validation and test rows so that no group is on two sides.

    The group with the most rows is learnt from. The others are shuffled, and groups go to the test rows while that
    brings their number nearer to its fraction, at least one; likewise to the validation rows, one being left for them;
    the rest is learnt from. Of two groups one is the test set and the other, at least as large, is split by rows to
    learn from and to choose by. One group alone is split by rows, class by class where y is given.

    Args:
        groups: the group of each row (n,), such as its speaker.
        seed: the user's seed.
        fractions: of train, validation and test; positive, of sum 1.
        y: the class of each row (n,), to deal rows evenly where they are split.
        what: what a group is called.

    Raises:
        TableError: fewer than 3 rows, or two groups of which each has less than two.
        SpecificationError: fractions that are no such.
        ShapeError: y has not n entries.

    Example:
        >>> dealt = split_by_group(["ada", "ada", "carl", "emmy", "carl", "emmy"], seed=0)
        >>> dealt.disjoint, [len(rows) for rows in dealt.parts]
        (True, [2, 2, 2])
    """
    n = len(groups)
    _check(n, y, y is not None, fractions)
    _, index, counts = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    if len(counts) == 1:
        return GroupSplit(
            split(n, y=y, stratify=y is not None, seed=seed, fractions=fractions), False, ALONE.format(what=what)
        )
    order = stream(seed, "split by group").permutation(len(counts))
    largest = order[counts[order].argmax()]
    order = np.append(order[order != largest], largest)
    if len(counts) == 2:
        tested, learnt = (np.flatnonzero(index == group) for group in order)
        return GroupSplit(_of_two(learnt, tested, y, seed, fractions), True, PAIR.format(what=what))
    tested_groups = _nearest(counts[order[:-2]], n * fractions[2])
    chosen_groups = _nearest(counts[order[tested_groups:-1]], n * fractions[1])
    cuts = np.split(order, [tested_groups, tested_groups + chosen_groups])
    test, validation, train = (np.flatnonzero(np.isin(index, part)) for part in cuts)
    message = APART.format(what=what, test=tested_groups, all=len(counts), validation=chosen_groups)
    return GroupSplit(Split(train, validation, test), True, message)


def _nearest(counts: Rows, wanted: float) -> int:
    """Return how many of the first groups, at least one, come nearest to ``wanted`` rows; the fewer of two."""
    return 1 + int(np.abs(np.cumsum(counts) - wanted).argmin())


def _of_two(
    learnt: Rows, tested: Rows, y: NDArray[np.generic] | None, seed: int, fractions: tuple[float, float, float]
) -> Split:
    """Deal the rows of the group that is learnt from to training and validation, class by class where y is given."""
    if len(learnt) < 2:
        raise TableError("expected two rows of one group, to learn from and to choose by, found two groups of one row")
    share = fractions[0] / (fractions[0] + fractions[1])
    classes = _classes(y[learnt]) if y is not None else [np.arange(len(learnt))]
    train: list[Rows] = []
    for number, rows in enumerate(classes):
        draw = stream(seed, "split of one group", number)
        cut = max(int(len(rows) * share + draw.random()), 1)
        train.append(draw.permutation(rows)[:cut])
    first = np.sort(np.concatenate(train))
    rest = np.setdiff1d(np.arange(len(learnt)), first)
    if not len(rest):  # every class has one row
        first, rest = first[:-1], first[-1:]
    return Split(learnt[first], learnt[rest], tested)


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
