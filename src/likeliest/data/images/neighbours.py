"""Pictures that stand on both sides of a split: the same file saved again, a frame of the same film, a copy.

Who has learnt a picture by heart is not tested by its near copy. The likeness of two pictures is the correlation of
their bytes, so a copy that is brighter or of more contrast is one; a copy that is shifted or mirrored is not found.

Comparing all pairs at full size is too much work, so it is done in two steps. Every picture is averaged down to at most
14 x 14 grey values, centred, scaled to one length and rounded to integers so small that float32 adds their products
without an error, in any order: a matrix product then gives the same scores on any processor. The best candidate of each
block of pictures is then compared at full size, by sums of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeliest.data.problems import shortened
from likeliest.data.split import Split
from likeliest.errors import ShapeError

Rows = NDArray[np.int64]

ALIKE = 0.99
"""Pictures correlated as much or more are near copies. A JPEG of quality 90 correlates above 0.996 with its original,
in Fashion-MNIST as in MNIST; of MNIST's test pictures one in 10,000 is as like a training picture."""

_SIDE = 14
_CANDIDATE = 0.97
_LENGTH = 4000  # with rounding a descriptor is at most 4007 long, and 4007² < 2**24: the last integer float32 counts to
_HELD, _EARLIER, _PAIRS = 1024, 4096, 256
_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class NearDuplicates:
    """Held-out pictures that are nearly the same as pictures in an earlier part (train before validation before test).

    Attributes:
        rows: indices of the held-out pictures, ascending (m,).
        twins: for each the picture in an earlier part that is most like it (m,).
        likeness: their correlation (m,), from `ALIKE` to 1.
        identical: whether all their bytes are equal (m,).
        message: what was found, in a sentence.
    """

    rows: Rows
    twins: Rows
    likeness: NDArray[np.float64]
    identical: NDArray[np.bool_]
    message: str

    def __len__(self) -> int:
        return len(self.rows)


def near_duplicates(
    x: NDArray[np.uint8], parts: Split, *, names: Sequence[str] | None = None, alike: float = ALIKE
) -> NearDuplicates:
    """Find pictures of validation and test that are nearly the same as one in an earlier part.

    Args:
        x: the pictures, uint8 (n, H, W, C), as an encoder gives them.
        parts: a split of some or all of these n rows.
        names: n names for the message; row numbers, counted from 1, if ``None``.
        alike: the least correlation of near copies.

    Raises:
        ShapeError: x is of another shape or type.

    Example:
        >>> x = np.random.default_rng(0).integers(0, 200, (4, 8, 8, 1), dtype=np.uint8)
        >>> x[3] = x[0] + 1
        >>> found = near_duplicates(x, Split(np.array([0, 1]), np.array([2]), np.array([3])))
        >>> found.rows.tolist(), found.twins.tolist(), found.likeness.round(3).tolist()
        ([3], [0], [1.0])
    """
    if x.ndim != 4 or x.dtype != np.uint8:
        raise ShapeError(f"expected pictures as uint8 (n, H, W, C), found {x.dtype} {x.shape}")
    descriptors = _descriptors(x)
    pairs = [
        _nearest(x, descriptors, held, earlier, alike)
        for held, earlier in (
            (parts.validation, parts.train),
            (parts.test, np.concatenate([parts.train, parts.validation])),
        )
    ]
    rows, twins, likeness = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(rows)
    rows, twins, likeness = rows[order], twins[order], likeness[order]
    identical = (x[rows] == x[twins]).all(axis=(1, 2, 3))
    message = _message(rows, twins, identical, len(parts.validation) + len(parts.test), names)
    return NearDuplicates(rows, twins, likeness, identical, message)


def _nearest(
    x: NDArray[np.uint8], descriptors: NDArray[np.float32], held: Rows, earlier: Rows, alike: float
) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """Return the held rows that have a near copy among the earlier ones, the copy, and their correlation."""
    copies = _copies(x, held, earlier)
    found = []
    for start in range(0, len(held), _HELD):
        block = held[start : start + _HELD]
        twins, best = copies[start : start + _HELD], np.where(copies[start : start + _HELD] >= 0, 1.0, 0.0)
        for first in range(0, len(earlier), _EARLIER):
            others = earlier[first : first + _EARLIER]
            scores = descriptors[block] @ descriptors[others].T
            nearest = scores.argmax(axis=1)
            near = np.flatnonzero(scores[np.arange(len(block)), nearest] >= _CANDIDATE * _LENGTH**2)
            likeness = _correlation(x, block[near], others[nearest[near]])
            better = likeness > best[near]
            best[near[better]], twins[near[better]] = likeness[better], others[nearest[near[better]]]
        kept = best >= alike
        found.append((block[kept], twins[kept], best[kept]))
    if not found:
        return held[:0], held[:0], np.empty(0)
    rows, twins, best = (np.concatenate(column) for column in zip(*found, strict=True))
    return rows, twins, best


def _copies(x: NDArray[np.uint8], held: Rows, earlier: Rows) -> Rows:
    """Return for each held row the first earlier one with the same bytes, or −1."""
    first: dict[bytes, int] = {}
    for row in earlier.tolist():
        first.setdefault(x[row].tobytes(), row)
    return np.array([first.get(x[row].tobytes(), -1) for row in held.tolist()], dtype=np.int64)


def _descriptors(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return each picture as a row of at most 196 integers, centred, of length 4000; zeros where it is one grey."""
    n, height, width, channels = x.shape
    down, across = (np.arange(min(side, _SIDE)) * side // min(side, _SIDE) for side in (height, width))
    area = np.outer(np.diff(down, append=height), np.diff(across, append=width)) * channels
    rows = []
    for start in range(0, n, _EARLIER):
        grey = x[start : start + _EARLIER].sum(axis=3, dtype=np.int32)
        sums = np.add.reduceat(np.add.reduceat(grey, down, axis=1), across, axis=2)
        values = (sums / area).reshape(len(grey), -1)
        values -= values.mean(axis=1, keepdims=True)
        length = np.sqrt((values**2).sum(axis=1, keepdims=True))
        rows.append(np.rint(values * (_LENGTH / np.where(length > 1e-6, length, np.inf))).astype(np.float32))
    return np.concatenate(rows) if rows else np.empty((0, 1), dtype=np.float32)


def _correlation(x: NDArray[np.uint8], first: Rows, second: Rows) -> NDArray[np.float64]:
    """Return the correlation of the bytes of pictures, pair by pair; 0 where one of them is constant."""
    n, some = x[0].size, range(_PAIRS, len(first), _PAIRS)
    if some:
        pieces = zip(np.split(first, some), np.split(second, some), strict=True)
        return np.concatenate([_correlation(x, *pair) for pair in pieces])
    a, b = (x[rows].reshape(len(rows), n).astype(np.int64) for rows in (first, second))
    covariance, own, other = (
        n * (u * v).sum(axis=1) - u.sum(axis=1) * v.sum(axis=1) for u, v in ((a, b), (a, a), (b, b))
    )
    scale = np.sqrt(own.astype(np.float64)) * np.sqrt(other.astype(np.float64))
    likeness: NDArray[np.float64] = np.divide(covariance, scale, out=np.zeros(len(scale)), where=scale > 0)
    return np.minimum(likeness, 1.0)


def _message(rows: Rows, twins: Rows, identical: NDArray[np.bool_], held_out: int, names: Sequence[str] | None) -> str:
    if not len(rows):
        return f"none of the {held_out:,} held-out pictures is nearly the same as one in an earlier part"
    named = [f"{_name(row, names)} = {_name(twin, names)}" for row, twin in zip(rows[:_NAMED], twins, strict=False)]
    more = ["…"] * (len(rows) > _NAMED)
    return (
        f"{len(rows):,} of the {held_out:,} held-out pictures {'is' if len(rows) == 1 else 'are'} nearly the same as "
        "one in an earlier part, "
        f"{int(identical.sum()):,} of them byte for byte ({', '.join(named + more)}); scores on them are too good: "
        "drop them, or split by what they share"
    )


def _name(row: int, names: Sequence[str] | None) -> str:
    return f"row {row + 1}" if names is None else shortened(names[row])
