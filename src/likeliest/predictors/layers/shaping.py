"""Layers that bring rows into the form in which others take them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape

WHITE = 255.0
"""The largest value of a byte."""


@lru_cache(maxsize=64)
def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


@dataclass(frozen=True)
class Normalise(Layer):
    """Pixels (H, W, C) from 0 to 255, bytes or not, as (x/255 − mean) / scale: (C, H, W), in memory channels last.

    Args:
        mean: of each channel, on the scale from 0 to 1.
        scale: of each channel, on that scale.

    Raises:
        SpecificationError: a scale of 0, or not as many of them as means.
    """

    mean: Sequence[float]
    scale: Sequence[float]

    kind = "normalise"
    lockstep = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(m) for m in self.mean))
        object.__setattr__(self, "scale", tuple(float(s) for s in self.scale))
        if len(self.mean) != len(self.scale) or not all(s > 0 for s in self.scale):
            raise SpecificationError(f"Normalise needs one mean and one scale > 0 a channel; found {self}")

    def shape_after(self, shape: Shape) -> Shape:
        """(C, H, W)."""
        if len(shape) != 3 or shape[-1] != len(self.mean):
            raise ShapeError(f"Normalise takes pictures (H, W, {len(self.mean)}), found {shape}")
        return shape[2], shape[0], shape[1]

    def _factor(self, like: Tensor) -> Tensor:
        return _constant(tuple(1 / (WHITE * s) for s in self.scale), like.dtype, like.device)

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, None]:
        """Shift and scale, and name the axes as convolutions do."""
        offset = _constant(tuple(m / s for m, s in zip(self.mean, self.scale, strict=True)), x.dtype, x.device)
        return x.mul(self._factor(x)).sub_(offset).permute(0, 3, 1, 2), None

    def pullback(self, views: Any, tape: None, u: Tensor, grads: Any, further: bool = True) -> Tensor | None:
        """Return u / (255 scale), (H, W, C) again."""
        return u.permute(0, 2, 3, 1) * self._factor(u) if further else None

    def pushforward(self, views: Any, tape: None, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx / (255 scale)."""
        return None if dx is None else (dx * self._factor(dx)).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Flatten(Layer):
    """A row of any shape as one of numbers in a line, in the order of its axes."""

    kind = "flatten"
    lockstep = False

    @property
    def fresh(self) -> bool:
        """False: y may be a view of x."""
        return False

    def shape_after(self, shape: Shape) -> Shape:
        """Their product."""
        return (math.prod(shape),)

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, Shape]:
        """The tape is x's shape."""
        return x.flatten(1), tuple(x.shape)

    def pullback(self, views: Any, tape: Shape, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u in x's shape."""
        return u.reshape(tape)

    def pushforward(self, views: Any, tape: Shape, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx in a line."""
        return None if dx is None else dx.flatten(1)
