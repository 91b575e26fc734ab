"""Augmentations that interpolate: crops stretched to the whole picture, and affine maps about the centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from likeliest.augment.base import PADS, OnPictures, check_pad, check_within, looked_up
from likeliest.errors import SpecificationError


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
        check_pad("Affine", self.pad)

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


def _geometric(p: np.ndarray, low: float, high: float) -> np.ndarray:
    """A number between low and high whose logarithm is uniform."""
    return np.asarray(np.exp((1 - p) * math.log(low) + p * math.log(high)))


def _cosine(p: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(np.cos(math.radians(degrees) * (2 * p - 1)))


def _sine(p: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(np.sin(math.radians(degrees) * (2 * p - 1)))
