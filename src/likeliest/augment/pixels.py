"""Augmentations that change the values of pixels where they are: squares left out, brightness and contrast."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from likeliest.augment.base import OnPictures, check_within, integers, pasted, per_row
from likeliest.errors import ShapeError


@final
@dataclass(frozen=True)
class Cutout(OnPictures):
    """Fill a square of each picture; its centre is any pixel, so that parts of it may lie outside.

    Args:
        size: its side in pixels.
        fill: the value of the pixels in it, such as the background's.

    Raises:
        SpecificationError: a negative size.

    Source: DeVries and Taylor (2017), Improved regularization of convolutional neural networks with cutout.

    Example:
        >>> x = torch.ones(1, 3, 3, 1, dtype=torch.uint8)
        >>> Cutout(2).pictures(x, torch.tensor([[0.0, 0.5]]))[0, :, :, 0].tolist()
        [[0, 0, 1], [1, 1, 1], [1, 1, 1]]
    """

    size: int
    fill: int = 0

    name: ClassVar[str] = "cutout"
    numbers: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_within("Cutout", "size", self.size, 0, math.inf)
        check_within("Cutout", "fill", self.fill, 0, 255)

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`."""
        height, width = x.shape[1:3]
        top, left = (integers(u[:, i], side) - self.size // 2 for i, side in ((0, height), (1, width)))
        return pasted(x, self.fill, top, top + self.size, left, left + self.size)


@dataclass(frozen=True)
class Tone(OnPictures):
    """A factor for each picture, uniform in 1 ± amount, for bytes.

    Args:
        amount: how far the factor strays from 1, in [0, 1].

    Raises:
        SpecificationError: an amount outside [0, 1].
        ShapeError: pictures that are not bytes: their white is not known.
    """

    amount: float

    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_within(type(self).__name__, "amount", self.amount, 0, 1)

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`."""
        if x.dtype != torch.uint8:
            raise ShapeError(f"{type(self).__name__} needs bytes, pictures of uint8; found {x.dtype}")
        factor = per_row(1 + self.amount * (2 * u[:, 0] - 1), x)
        return self.toned(x.float(), factor).round_().clamp_(0, 255).to(torch.uint8)

    @abstractmethod
    def toned(self, x: Tensor, factor: Tensor) -> Tensor:
        """The pictures before they are rounded and cut to 0 … 255; x is float32, to be overwritten."""


@final
@dataclass(frozen=True)
class Brightness(Tone):
    """Multiply each picture by its factor.

    Example:
        >>> x = torch.tensor([10, 250], dtype=torch.uint8).reshape(1, 1, 2, 1)
        >>> Brightness(0.5).pictures(x, torch.tensor([[0.75]])).flatten().tolist()
        [12, 255]
    """

    name: ClassVar[str] = "brightness"

    def toned(self, x: Tensor, factor: Tensor) -> Tensor:
        """See `Tone.toned`."""
        return x.mul_(factor)


@final
@dataclass(frozen=True)
class Contrast(Tone):
    """Multiply each picture's differences from its own mean by its factor.

    Example:
        >>> x = torch.tensor([100, 200], dtype=torch.uint8).reshape(1, 1, 2, 1)
        >>> Contrast(0.5).pictures(x, torch.tensor([[0.0]])).flatten().tolist()
        [125, 175]
    """

    name: ClassVar[str] = "contrast"

    def toned(self, x: Tensor, factor: Tensor) -> Tensor:
        """See `Tone.toned`; the sum of a picture's bytes is exact in float64, in whatever order it is summed."""
        mean = (x.sum((1, 2, 3), keepdim=True, dtype=torch.float64) / math.prod(x.shape[1:])).float()
        return x.sub_(mean).mul_(factor).add_(mean)
