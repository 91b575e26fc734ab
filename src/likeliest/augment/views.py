"""Test-time augmentation: one picture seen, or one sound heard, several ways, and its probabilities averaged.

The average is that of probabilities and not of their logarithms. Both are at least as good as the views' mean NLL; but
of V views one that is sure of a wrong class costs the arithmetic mean log V at most, and the geometric mean without
bound. The NLL of the average is at most that of any single view plus log V.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from likeliest.augment.base import check_pad, check_pictures, check_within
from likeliest.augment.moving import flipped, padded, windows
from likeliest.augment.sounds import Speed


class Views(ABC):
    """Ways to look at a row; each kind is a frozen dataclass of plain values. See the module's docstring."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many views a row has: the work of a prediction is that of so many."""

    @abstractmethod
    def views(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the views of rows (n, …) one by one, each of their shape; x itself comes first."""

    def averaged(self, predict: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return the mean over views of ``predict(view)``, probabilities (n, K), added in the order of `views`."""
        views = self.views(x)
        total = predict(next(views)).clone()
        for view in views:
            total += predict(view)
        return total.div_(self.count)

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `views_from_json` builds the same."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@final
@dataclass(frozen=True)
class TestTime(Views):
    """Views of a picture: as it is, moved to two opposite corners, and the mirror images of these.

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
        """See `Views.count`."""
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


@final
@dataclass(frozen=True)
class Tempos(Views):
    """Views of a clip of sound: as it is, and played slower and faster, which lowers and raises the voice as well.

    Args:
        factor: by which it is slower and faster, above 1.

    Raises:
        SpecificationError: a factor below 1 or above 8.

    Example:
        >>> hear = Tempos(1.15)
        >>> x = torch.zeros(2, 800, dtype=torch.int16)
        >>> hear.count, [tuple(view.shape) for view in hear.views(x)]
        (3, [(2, 800), (2, 800), (2, 800)])
    """

    factor: float = 1.15

    def __post_init__(self) -> None:
        check_within("Tempos", "factor", self.factor, 1.0, 8.0)

    @property
    def count(self) -> int:
        """See `Views.count`."""
        return 3

    def views(self, x: Tensor) -> Iterator[Tensor]:
        """Yield clips (n, S) as they are, slower, and faster; see `Speed`."""
        yield x
        for factor in (1 / self.factor, self.factor):
            yield Speed((factor, factor)).sounds(x, torch.zeros((len(x), 1), device=x.device))


def views_from_json(values: dict[str, Any]) -> Views:
    """Inverse of `Views.to_json`: the kind whose values these are."""
    return Tempos(**values) if "factor" in values else TestTime(**values)
