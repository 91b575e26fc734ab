"""Dropout, by random numbers that belong to a row and not to a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape
from likeliest.predictors.layers.frames import Frames
from likeliest.uniforms import uniforms


@dataclass(frozen=True)
class Dropout(Layer):
    """Each number is 0 with probability ``rate`` and divided by 1 − rate otherwise, under a draw; else y = x.

    The mask of a row depends on (seed, this layer, epoch, row) alone, whatever the batch. Runs share it.

    Args:
        rate: in [0, 1).

    Raises:
        SpecificationError: a rate outside that.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), Dropout.
    """

    rate: float
    role: str = field(default="dropout", init=False)

    kind = "dropout"

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate < 1.0:
            raise SpecificationError(f"a dropout rate lies in [0, 1), found {self.rate}")

    @property
    def fresh(self) -> bool:
        """False: without a draw y is x itself."""
        return False

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        return shape

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor | None]:
        """The tape is the mask of what is kept."""
        # Runs come on a leading axis, and pictures have three.
        return self._dropped(x, draw, x.shape[2:] if x.ndim == 3 else x.shape[1:])

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, Tensor | None]:
        """A frame's mask belongs to its row and time."""
        return self._dropped(x, draw, x.shape[1:])

    def _dropped(self, x: Tensor, draw: Draw | None, row: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        if draw is None or self.rate == 0.0:
            return x, None
        drawn = uniforms(draw.seed, self.role, draw.epoch, draw.rows, math.prod(row))
        kept = (drawn >= self.rate).view(len(draw.rows), *row)
        return self._thinned(x, kept), kept

    def _thinned(self, x: Tensor, kept: Tensor | None) -> Tensor:
        return x if kept is None else (x * kept).mul_(1.0 / (1.0 - self.rate))

    def pullback(self, views: Any, tape: Tensor | None, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """The same mask on u."""
        return self._thinned(u, tape)

    def pushforward(self, views: Any, tape: Tensor | None, directions: Any, dx: Tensor | None) -> Tensor | None:
        """The same mask on dx."""
        return None if dx is None else self._thinned(dx, tape)

    def placed(self, path: str, writable: bool) -> Dropout:
        """Random numbers of its own, by its name."""
        found = replace(self)
        object.__setattr__(found, "role", f"dropout {path}")
        return found
