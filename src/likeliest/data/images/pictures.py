"""Labelled pictures in memory, small enough to keep, and what was found wrong with those they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.problems import Problem, findings
from likeliest.errors import ShapeError

Picture = NDArray[np.uint8]
Pixels = NDArray[np.uint8] | tuple[Picture, ...]

LARGEST = 64
"""Pixels that a picture has along its longer side, at most, unless asked for more."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """n pictures with their names, and their labels where they have any. A frozen value.

    Attributes:
        pixels: uint8 (n, H, W, C) where all have one size, else n arrays (H, W, C) each with sides of its own; C is 1
            where a picture is grey (a colour file with three equal channels is grey) and 3 (red, green, blue) where
            not. No side is longer than ``largest``.
        names: n addresses for messages: the file as found below the folder, or file and row.
        labels: n class names, or ``None``.
        sizes: (n, 2) height and width in the source, after turning, before shrinking.
        test: indices, ascending, of the rows that the source sets aside for testing; often none.
        problems: what was not as expected, in the order of the source.
        largest: the longest side that was kept.

    Example:
        >>> pictures = Pictures.of([np.zeros((2, 3, 3), np.uint8), np.ones((4, 4), np.uint8)], labels=["dark", "grey"])
        >>> [picture.shape for picture in pictures.pixels]
        [(2, 3, 1), (4, 4, 1)]
    """

    pixels: Pixels
    names: tuple[str, ...]
    labels: tuple[str, ...] | None
    sizes: NDArray[np.int64]
    test: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()
    largest: int = LARGEST

    def __post_init__(self) -> None:
        n = len(self.pixels)
        for what, found in (("names", self.names), ("labels", self.labels), ("sizes", self.sizes)):
            if found is not None and len(found) != n:
                raise ShapeError(f"expected {n} {what}, one for each picture, found {len(found)}")

    @classmethod
    def of(
        cls,
        pixels: Sequence[Picture] | NDArray[np.uint8],
        *,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        sizes: NDArray[np.int64] | None = None,
        test: Sequence[int] = (),
        problems: Iterable[Problem] = (),
        largest: int = LARGEST,
    ) -> Self:
        """Return pictures of arrays (H, W), (H, W, 1) or (H, W, 3), stacked where they have one size."""
        together = stacked(pixels)
        if sizes is None:
            sizes = np.array([picture.shape[:2] for picture in together], dtype=np.int64).reshape(-1, 2)
        return cls(
            together,
            tuple(names) if names is not None else tuple(f"picture {row + 1}" for row in range(len(together))),
            None if labels is None else tuple(labels),
            sizes,
            np.array(sorted(test), dtype=np.int64),
            tuple(problems),
            largest,
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: NDArray[np.int64]) -> Pictures:
        """Return the pictures at ``rows`` (m,), in that order."""
        pixels = self.pixels[rows] if isinstance(self.pixels, np.ndarray) else tuple(self.pixels[row] for row in rows)
        return Pictures(
            pixels,
            tuple(self.names[row] for row in rows),
            None if self.labels is None else tuple(self.labels[row] for row in rows),
            self.sizes[rows],
            np.flatnonzero(np.isin(rows, self.test)),
            self.problems,
            self.largest,
        )

    def digests(self) -> list[bytes]:
        """Return the SHA-256 of each picture's shape and pixels."""
        return [
            hashlib.sha256(repr(p.shape).encode() + np.ascontiguousarray(p).tobytes()).digest() for p in self.pixels
        ]

    def in_canonical_order(self) -> Pictures:
        """Return the same pictures in an order that only labels and pixels decide: not file names, nor the container.

        Rows to learn from come before those set aside for testing; within each, rows are sorted by label and then by
        `digests`. What is split, shuffled and learnt by row is then the same for a folder, a table and an array.
        """
        aside = np.isin(np.arange(len(self)), self.test)
        labels = self.labels or ("",) * len(self)
        keys = list(zip(aside.tolist(), labels, self.digests(), strict=True))
        return self.take(np.array(sorted(range(len(self)), key=keys.__getitem__), dtype=np.int64))

    def findings(self) -> list[str]:
        """Return the problems counted: one line for each kind, with the first few names."""
        return findings(self.problems)


def stacked(pictures: Sequence[Picture] | NDArray[np.uint8]) -> Pixels:
    """Return pictures as (n, H, W, C) where their sides agree, else each as (H, W, C); grey ones with C = 1."""
    if isinstance(pictures, np.ndarray):
        whole = pictures[..., None] if pictures.ndim == 3 else pictures
        return np.ascontiguousarray(whole[..., :1]) if is_grey(whole) else whole
    reduced = [_reduced(picture) for picture in pictures]
    if len({picture.shape[:2] for picture in reduced}) != 1:
        return tuple(reduced)
    channels = max(picture.shape[2] for picture in reduced)
    return np.stack([np.broadcast_to(p, (*p.shape[:2], channels)) for p in reduced])


def is_grey(picture: NDArray[np.uint8]) -> bool:
    """Whether the channels of (…, C) are all equal."""
    return bool(picture.shape[-1] == 1 or (picture == picture[..., :1]).all())


def _reduced(picture: Picture) -> Picture:
    whole = picture[..., None] if picture.ndim == 2 else picture
    return np.ascontiguousarray(whole[..., :1]) if is_grey(whole) else whole
