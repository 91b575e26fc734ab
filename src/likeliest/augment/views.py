"""Test-time augmentation: one picture seen several ways, its probabilities averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self, final

import torch
from torch import Tensor

from likeliest.augment.base import check_pad, check_pictures, check_within
from likeliest.augment.moving import flipped, padded, windows


@final
@dataclass(frozen=True)
class TestTime:
    """Views of a picture: as it is, moved to two opposite corners, and the mirror images of these.

    The average is that of probabilities and not of their logarithms. Both are at least as good as the views' mean NLL;
    but of V views one that is sure of a wrong class costs the arithmetic mean log V at most, and the geometric mean
    without bound. The NLL of the average is at most that of any single view plus log V.

    Args:
        flip: with mirror images, left and right swapped; only for nets that were trained on mirror images.
        shifts: pixels by which the moved views move; 0 has none.
        pad: what moves in: "reflect", "zeros" or "edge".

    Raises:
        SpecificationError: a negative number of pixels or another padding.

    Example:
        >>> see = TestTime(flip=True, shifts=1)
        >>> x = torch.zeros(2, 4, 4, 1, dtype=torch.uint8)
        >>> see.count, len(list(see.views(x)))
        (6, 6)
        >>> see.averaged(lambda view: torch.full((len(view), 2), 0.5), x).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    __test__ = False  # the name begins as pytest's classes do

    flip: bool = True
    shifts: int = 0
    pad: str = "reflect"

    def __post_init__(self) -> None:
        check_within("TestTime", "shifts", self.shifts, 0, float("inf"))
        check_pad("TestTime", self.pad)

    @property
    def count(self) -> int:
        """How many views a picture has: the work of a prediction is that of so many."""
        return (2 if self.flip else 1) * (3 if self.shifts else 1)

    def views(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the views of pictures (n, H, W, C) one by one, each of their shape and type; x itself comes first."""
        check_pictures("TestTime", x)
        for view in self._moved(x):
            yield view
            if self.flip:
                yield flipped(view, "horizontal")

    def _moved(self, x: Tensor) -> Iterator[Tensor]:
        yield x
        if self.shifts:
            around = padded(x, self.shifts, self.pad)
            for corner in (0, 2 * self.shifts):
                start = torch.full((len(x),), corner, device=x.device)
                yield windows(around, start, start, x.shape[1], x.shape[2])

    def averaged(self, predict: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return the mean over views of ``predict(view)``, probabilities (n, K), added in the order of `views`."""
        views = self.views(x)
        total = predict(next(views)).clone()
        for view in views:
            total += predict(view)
        return total.div_(self.count)

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `from_json` builds the same."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**values)
