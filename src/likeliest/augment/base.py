"""What all augmentations share: numbers drawn for each row, a function of them, and JSON.

An augmentation states how many `numbers` in [0, 1) a row needs and what it does with them. The numbers come from
`likeliest.randomness.uniforms`, so that a row is augmented alike in any batch and order, in a resumed fit as in an
uninterrupted one. Parameters that need a sine, a power or a quantile are looked up in tables of `LEVELS` values rather
than computed for each row: vectorised functions may round the last element of a batch in another way than the first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.uniforms import uniforms

Rows: TypeAlias = tuple[Tensor, Tensor, Tensor | None]
"""x, y and weight of a batch."""
Quantile: TypeAlias = Callable[..., np.ndarray]
"""Probabilities to the values below which a distribution has them, with its parameters after them."""

LEVELS = 4096
"""Values that a tabulated parameter takes, at the midpoints of equal shares of probability."""
PADS = {"reflect": "reflection", "zeros": "zeros", "edge": "border"}
"""What lies beyond the edge of a picture, and torch's name for it: its mirror image, 0, or its outermost pixel."""


class Augmentation(ABC):
    """A transform of training batches; each is a frozen dataclass. See the module's docstring."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def numbers(self) -> int:
        """How many random numbers a row needs."""

    @abstractmethod
    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """Return x, y and weight as the numbers ``u`` (n, `numbers`) say; what is given is never written to."""

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, draw: Draw) -> Rows:
        """Return the batch as it is to be learnt from; see `likeliest.interfaces.Transform`."""
        u = uniforms(draw.seed, f"augment.{self.name}", draw.epoch, draw.rows.to(x.device), self.numbers)
        return self.apply(x, y, weight, u)

    def to_json(self) -> dict[str, Any]:
        """Plain values from which ``augment.from_json`` builds the same augmentation."""
        return {"augmentation": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]


class OnPictures(Augmentation):
    """An augmentation of pictures alone, uint8 or floats (n, H, W, C): classes and weights stay."""

    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """See `Augmentation.apply`."""
        check_pictures(type(self).__name__, x)
        return self.pictures(x, u), y, weight

    @abstractmethod
    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """Return the pictures as the numbers say."""


def check_pictures(who: str, x: Tensor) -> None:
    """Refuse what is no batch of pictures."""
    if x.ndim != 4:
        raise ShapeError(f"{who} needs pictures (n, height, width, channels), found shape {tuple(x.shape)}")


def check_within(who: str, what: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high]."""
    if not low <= value <= high:
        raise SpecificationError(f"{who} needs {what} from {low:g} to {high:g}, found {value!r}")


def check_pad(who: str, pad: str) -> None:
    """Refuse another padding."""
    if pad not in PADS:
        raise SpecificationError(f"{who} needs pad {', '.join(map(repr, PADS))}, found {pad!r}")


def integers(u: Tensor, count: int) -> Tensor:
    """Whole numbers 0 … count − 1 from numbers in [0, 1); exact for any count below 2^24."""
    return (u * count).long()


def looked_up(u: Tensor, quantile: Quantile, *of: float) -> Tensor:
    """``quantile(p, *of)`` at the midpoint p of the share of probability that each number falls in, float32."""
    return _table(quantile, *of).to(u.device)[integers(u, LEVELS)]


@lru_cache(maxsize=64)
def _table(quantile: Quantile, *of: float) -> Tensor:
    return torch.from_numpy(quantile((np.arange(LEVELS) + 0.5) / LEVELS, *of)).float()


def pasted(x: Tensor, other: Tensor | int, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``other`` in rows top … bottom − 1 and columns left … right − 1 of each picture, x elsewhere.

    By products of one shape, for bytes multiply several times faster than they are selected.
    """
    _, height, width, channels = x.shape
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    down = (rows >= top[:, None]) & (rows < bottom[:, None])
    across = (columns >= left[:, None]) & (columns < right[:, None])
    across = across.repeat_interleave(channels, 1) if channels > 1 else across
    inside = (down.to(x.dtype)[:, :, None] * across.to(x.dtype)[:, None]).reshape(x.shape)
    return x * (1 - inside) + inside.mul_(other)


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """Numbers (n,) in a shape that broadcasts with (n, …)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
