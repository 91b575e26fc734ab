"""Augmentations that move whole pixels: shifts and mirrors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from likeliest.augment.base import OnPictures, check_pad, check_within, integers
from likeliest.errors import ShapeError, SpecificationError


@final
@dataclass(frozen=True)
class Shift(OnPictures):
    """Move each picture by whole pixels, −pixels … pixels down and across: a random crop of the padded picture.

    Args:
        pixels: the farthest that a picture moves.
        pad: what moves in: "reflect", "zeros" or "edge".

    Raises:
        SpecificationError: a negative number of pixels or another padding.
        ShapeError: no pictures, or pictures not larger than the mirror image that is asked for.

    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep convolutional neural networks.

    Example:
        >>> x = torch.arange(9, dtype=torch.uint8).reshape(1, 3, 3, 1)
        >>> Shift(1, pad="zeros").pictures(x, torch.tensor([[0.9, 0.5]]))[0, :, :, 0].tolist()
        [[3, 4, 5], [6, 7, 8], [0, 0, 0]]
    """

    pixels: int
    pad: str = "reflect"

    name: ClassVar[str] = "shift"
    numbers: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_within("Shift", "pixels", self.pixels, 0, math.inf)
        check_pad("Shift", self.pad)

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`."""
        start = integers(u, 2 * self.pixels + 1)
        return windows(padded(x, self.pixels, self.pad), start[:, 0], start[:, 1], x.shape[1], x.shape[2])


@final
@dataclass(frozen=True)
class Flip(OnPictures):
    """Mirror a picture with probability p.

    Args:
        axis: "horizontal" swaps left and right, "vertical" top and bottom.
        p: the probability.

    Raises:
        SpecificationError: another axis, or p outside [0, 1].

    Example:
        >>> x = torch.tensor([[1, 2, 3]], dtype=torch.uint8).reshape(1, 1, 3, 1)
        >>> Flip().pictures(x, torch.tensor([[0.2]])).flatten().tolist()
        [3, 2, 1]
    """

    axis: str = "horizontal"
    p: float = 0.5

    name: ClassVar[str] = "flip"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_within("Flip", "p", self.p, 0, 1)
        if self.axis not in AXES:
            raise SpecificationError(f"Flip needs axis 'horizontal' or 'vertical', found {self.axis!r}")

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`."""
        both = torch.cat((x, flipped(x, self.axis)))
        return both.index_select(0, torch.arange(len(x), device=x.device) + len(x) * (u[:, 0] < self.p))


AXES = {"horizontal": 2, "vertical": 1}


def flipped(x: Tensor, axis: str) -> Tensor:
    """Every picture mirrored."""
    return x.flip(AXES[axis])


def padded(x: Tensor, by: int, pad: str) -> Tensor:
    """Pictures (n, H + 2 by, W + 2 by, C), contiguous."""
    n, height, width, channels = x.shape
    if pad == "reflect" and by >= min(height, width):
        raise ShapeError(
            f"{by} mirrored pixels need pictures larger than that, found {height} x {width}; pad with 'edge' or 'zeros'"
        )
    make = torch.zeros if pad == "zeros" else torch.empty
    out = make((n, height + 2 * by, width + 2 * by, channels), dtype=x.dtype, device=x.device)
    out[:, by : by + height, by : by + width] = x
    bottom, right = by + height - 1, by + width - 1
    for beyond in range(1, by + 1) if pad != "zeros" else ():
        within = beyond if pad == "reflect" else 0
        out[:, by : bottom + 1, by - beyond] = x[:, :, within]
        out[:, by : bottom + 1, right + beyond] = x[:, :, width - 1 - within]
    for beyond in range(1, by + 1) if pad != "zeros" else ():
        within = beyond if pad == "reflect" else 0
        out[:, by - beyond] = out[:, by + within]
        out[:, bottom + beyond] = out[:, bottom - within]
    return out


def windows(x: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """From contiguous pictures the window of each at (top, left), (n, height, width, C).

    The rows of windows are slices of memory. A view in which every pixel begins such a slice, each overlapping the
    next, makes them one `index_select`, which copies a row at a time.
    """
    n, full_height, full_width, channels = x.shape
    count = max(n * full_height * full_width - width + 1, 0)
    slices = x.as_strided((count, width * channels), (channels, 1))
    rows = torch.arange(n, device=x.device)[:, None] * full_height + torch.arange(height, device=x.device)
    first = (rows + top[:, None]) * full_width + left[:, None]
    return slices.index_select(0, first.flatten()).reshape(n, height, width, channels)
