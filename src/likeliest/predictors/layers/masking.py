"""Stretches of time and bands of frequency left out at random."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape
from likeliest.predictors.layers.frames import Frames
from likeliest.uniforms import uniforms

_Kept = tuple[Tensor, Tensor]
"""1 for the frames (n, T, 1) and for the columns (n, 1, B) that are kept, 0 for others."""


@dataclass(frozen=True)
class Masking(Layer):
    """Under a draw, y is x with some of its frames and some of its bins 0, which is their mean in `LogMel`; else y = x.

    A mask of time has a width uniform on 0 … ``frames``, or on 0 … ⌊share · T⌋ where that is less, and lies anywhere
    among the row's own T frames, those before its recording has ended. A mask of frequency has a width uniform on
    0 … ``bins`` and lies anywhere. A row's masks depend on (seed, this layer, epoch, row) alone.

    Args:
        frames: the widest mask of time.
        bins: the widest mask of frequency.
        times: how many masks of time a row has.
        frequencies: how many masks of frequency.
        share: of a row's frames that one mask may cover.
        groups: columns are so many runs of bins, one after another, that are masked alike: 1 + deltas.

    Raises:
        SpecificationError: a negative number, a share outside [0, 1], or no group.

    Source: Park, Chan, Zhang, Chiu, Zoph, Cubuk & Le (2019), SpecAugment, without its warping of time.

    Example:
        >>> y, _ = Masking(5, 2).forward([], torch.ones(1, 20, 8), Draw(0, 2, torch.tensor([0])))
        >>> (y[0] == 0).all(1).sum().item(), (y[0] == 0).all(0).sum().item()
        (3, 2)
    """

    frames: int = 10
    bins: int = 6
    times: int = 1
    frequencies: int = 1
    share: float = 0.2
    groups: int = 1
    role: str = field(default="masking", init=False)

    kind = "masking"
    lockstep = False

    def __post_init__(self) -> None:
        if min(self.frames, self.bins, self.times, self.frequencies) < 0 or self.groups < 1:
            raise SpecificationError(f"Masking needs numbers >= 0 and a group or more, found {self}")
        if not 0 <= self.share <= 1:
            raise SpecificationError(f"Masking needs a share in [0, 1], found {self.share!r}")

    @property
    def fresh(self) -> bool:
        """False: without a draw y is x itself."""
        return False

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        if len(shape) != 2 or shape[1] % self.groups:
            raise ShapeError(f"Masking takes frames (T, B) whose B columns are {self.groups} x bins, found {shape}")
        return shape

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Kept | None]:
        """The tape is what is kept."""
        return self._passed(x, draw, torch.full((len(x),), x.shape[1], device=x.device))

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Kept | None]:
        """The same, with rows that may have ended."""
        return self._passed(x, draw, frames.lengths)

    def _passed(self, x: Tensor, draw: Draw | None, own: Tensor) -> tuple[Tensor, _Kept | None]:
        if draw is None:
            return x, None
        u = uniforms(draw.seed, self.role, draw.epoch, draw.rows, 2 * (self.times + self.frequencies))
        times, frequencies = u.split((2 * self.times, 2 * self.frequencies), 1)
        bins = torch.full_like(own, x.shape[2] // self.groups)
        over_time = _kept(times, torch.clamp((self.share * own).long(), max=self.frames), own, x.shape[1])
        over_bins = _kept(frequencies, bins.clamp(max=self.bins), bins, x.shape[2] // self.groups)
        kept = over_time.to(x.dtype)[:, :, None], over_bins.to(x.dtype).repeat(1, self.groups)[:, None]
        return _masked(x, kept), kept

    def pullback(self, views: Any, tape: _Kept | None, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """The same masks on u."""
        return _masked(u, tape)

    def pushforward(self, views: Any, tape: _Kept | None, directions: Any, dx: Tensor | None) -> Tensor | None:
        """The same masks on dx."""
        return None if dx is None else _masked(dx, tape)

    def placed(self, path: str, writable: bool) -> Masking:
        """Random numbers of its own, by its name."""
        found = replace(self)
        object.__setattr__(found, "role", f"masking {path}")
        return found


def _masked(x: Tensor, kept: _Kept | None) -> Tensor:
    return x if kept is None else (x * kept[0]).mul_(kept[1])


def _kept(u: Tensor, widest: Tensor, own: Tensor, count: int) -> Tensor:
    """Which of ``count`` places no mask covers, (n, count): widths and starts by turns from u (n, 2 masks)."""
    at = torch.arange(count, device=u.device)
    kept = torch.ones((len(u), count), dtype=torch.bool, device=u.device)
    for first, second in u.T.unflatten(0, (-1, 2)) if len(u.T) else ():
        width = (first * (widest + 1)).long()
        start = (second * (own - width + 1)).long()
        kept &= (at < start[:, None]) | (at >= (start + width)[:, None])
    return kept
