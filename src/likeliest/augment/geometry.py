"""Augmentations that move pixels: shifts and mirrors by whole pixels, crops and affine maps by interpolation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from likeliest.augment.base import OnPictures, check_within, integers, looked_up
from likeliest.errors import ShapeError, SpecificationError

PADS = {"reflect": "reflection", "zeros": "zeros", "edge": "border"}
"""What lies beyond the edge of a picture, and torch's name for it: its mirror image, 0, or its outermost pixel."""


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
        _check_pad("Shift", self.pad)

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


@final
@dataclass(frozen=True)
class ResizedCrop(OnPictures):
    """Cut out a random rectangle and stretch it to the whole picture, with bilinear interpolation.

    Args:
        scale: the smallest and the largest share of the area that is kept; the share is uniform.
        ratio: the smallest and the largest width : height of the rectangle, relative to the picture's; its logarithm is
            uniform. A side that would be longer than the picture's is cut to it.

    Raises:
        SpecificationError: shares outside (0, 1] or ratios that are not positive, or not in order.

    Source: Szegedy et al. (2015), Going deeper with convolutions, section 6.

    Example:
        >>> x = torch.arange(16.0).reshape(1, 4, 4, 1)
        >>> ResizedCrop((0.25, 0.25), (1.0, 1.0)).pictures(x, torch.zeros(1, 4))[0, :, :, 0].tolist()[0]
        [0.0, 0.25, 0.75, 1.25]
    """

    scale: tuple[float, float] = (0.7, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    name: ClassVar[str] = "resized_crop"
    numbers: ClassVar[int] = 4

    def __post_init__(self) -> None:
        if not (0 < self.scale[0] <= self.scale[1] <= 1 and 0 < self.ratio[0] <= self.ratio[1] < math.inf):
            raise SpecificationError(
                "ResizedCrop needs 0 < scale[0] <= scale[1] <= 1 and 0 < ratio[0] <= ratio[1], "
                f"found scale {self.scale} and ratio {self.ratio}"
            )

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`."""
        area = self.scale[0] + (self.scale[1] - self.scale[0]) * u[:, 0]
        ratio = looked_up(u[:, 1], _geometric, *self.ratio)
        width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        # On a picture from −1 to 1, a rectangle of width w has its centre between −(1 − w) and 1 − w.
        down, across = (1 - height) * (2 * u[:, 2] - 1), (1 - width) * (2 * u[:, 3] - 1)
        zero = torch.zeros_like(area)
        return warped(x, ((width, zero, across), (zero, height, down)), "edge")


@final
@dataclass(frozen=True)
class Affine(OnPictures):
    """Turn, zoom, slant and move each picture about its centre, with bilinear interpolation.

    Args:
        degrees: angles are uniform in ±degrees.
        zoom: the logarithms of factors are uniform in ±log(1 + zoom).
        shear: a row at height h above the centre moves by h times a uniform number in ±shear.
        pixels: moves down and across are uniform in ±pixels, fractions of a pixel too.
        pad: what lies beyond the edge: "zeros", "edge" or "reflect".

    Raises:
        SpecificationError: a negative number, more than 180 degrees or another padding.

    Source: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks applied to visual
    document analysis.

    Example:
        >>> x = torch.arange(4.0).reshape(1, 2, 2, 1)
        >>> Affine(degrees=180.0).pictures(x, torch.tensor([[0.75, 0.5, 0.5, 0.5, 0.5]])).flatten().round().tolist()
        [1.0, 3.0, 0.0, 2.0]
    """

    degrees: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    pixels: float = 0.0
    pad: str = "zeros"

    name: ClassVar[str] = "affine"
    numbers: ClassVar[int] = 5

    def __post_init__(self) -> None:
        check_within("Affine", "degrees", self.degrees, 0, 180)
        for what in ("zoom", "shear", "pixels"):
            check_within("Affine", what, getattr(self, what), 0, math.inf)
        _check_pad("Affine", self.pad)

    def pictures(self, x: Tensor, u: Tensor) -> Tensor:
        """See `OnPictures.pictures`: where each pixel comes from is R(angle) · slant · p / zoom + move."""
        height, width = x.shape[1:3]
        cos = looked_up(u[:, 0], _cosine, self.degrees)
        sin = looked_up(u[:, 0], _sine, self.degrees)
        size = looked_up(u[:, 1], _geometric, 1 / (1 + self.zoom), 1 + self.zoom)
        cos, sin = cos * size, sin * size
        slant = self.shear * (2 * u[:, 2] - 1)
        across, down = ((2 * u[:, i] - 1) * (2 * self.pixels / side) for i, side in ((3, width), (4, height)))
        # In units of half a picture, which differ across and down where it is not square.
        aspect = height / width
        return warped(
            x,
            ((cos, (cos * slant - sin) * aspect, across), (sin / aspect, sin * slant + cos, down)),
            self.pad,
        )


Map: TypeAlias = tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""The two rows of an affine map, each number (n,): how far across and down the source of (across, down, 1) lies."""


def warped(x: Tensor, source: Map, pad: str) -> Tensor:
    """Each pixel from where the map says that it comes from; (−1, −1) and (1, 1) are a picture's outer corners."""
    _, height, width, _ = x.shape
    across, down = (
        (2 * torch.arange(side, device=x.device, dtype=torch.float32) + 1) / side - 1 for side in (width, height)
    )
    grid = torch.stack(
        [a[:, None, None] * across + (b[:, None, None] * down[:, None] + c[:, None, None]) for a, b, c in source], -1
    )
    values = x.permute(0, 3, 1, 2)
    real = values if values.is_floating_point() else values.float()
    moved = grid_sample(real, grid.to(real.dtype), "bilinear", PADS[pad], align_corners=False)
    return (moved if values.is_floating_point() else moved.round_().to(x.dtype)).permute(0, 2, 3, 1).contiguous()


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


def _check_pad(who: str, pad: str) -> None:
    if pad not in PADS:
        raise SpecificationError(f"{who} needs pad {', '.join(map(repr, PADS))}, found {pad!r}")


def _geometric(p: np.ndarray, low: float, high: float) -> np.ndarray:
    """A number between low and high whose logarithm is uniform."""
    return np.asarray(np.exp((1 - p) * math.log(low) + p * math.log(high)))


def _cosine(p: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(np.cos(math.radians(degrees) * (2 * p - 1)))


def _sine(p: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(np.sin(math.radians(degrees) * (2 * p - 1)))
