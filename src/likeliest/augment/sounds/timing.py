"""Augmentations of sounds in time: how fast, how high and where in a clip something is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import torch
from torch import Tensor

from likeliest.augment.base import check_within, integers, looked_up
from likeliest.augment.sounds.base import BITS, ONE, OnSounds, at_places, check_range, geometric, in_fixed_point
from likeliest.errors import SpecificationError


@final
@dataclass(frozen=True)
class Speed(OnSounds):
    """Play each sound faster or slower, which raises or lowers its pitch as much: y(t) = x(factor · t).

    A clip of a fixed length is played about its middle and keeps its length: zeros come in from outside, and what no
    longer fits is cut. A recording begins at its first sample and becomes 1 / factor as long. Sounds played faster
    are not filtered before: what lies above rate / (2 factor) comes back mirrored there.

    Args:
        factor: the lowest and the highest; its logarithm is uniform.
        keep: whether rows keep their lengths.

    Raises:
        SpecificationError: factors that are not in order, or outside 1/8 … 8.

    Source: Ko, Peddinti, Povey & Khudanpur (2015), Audio augmentation for speech recognition.

    Example:
        >>> x = torch.tensor([[0.0, 0, 10, 20, 30, 0, 0]])
        >>> Speed((2.0, 2.0)).sounds(x, torch.zeros(1, 1)).tolist()
        [[0.0, 0.0, 0.0, 20.0, 0.0, 0.0, 0.0]]
        >>> Speed((0.5, 0.5), keep=False).sounds(x[:, 2:5], torch.zeros(1, 1)).round().tolist()
        [[10.0, 15.0, 20.0, 28.0, 30.0, 16.0]]
    """

    factor: tuple[float, float] = (0.8, 1.25)
    keep: bool = True

    name: ClassVar[str] = "speed"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_range("Speed", "factor", self.factor, 1 / 8, 8)

    def _step(self, u: Tensor) -> Tensor:
        return in_fixed_point(looked_up(u[:, 0], geometric, *self.factor))

    def lengths_after(self, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.lengths_after`; at least one sample of what has any."""
        if self.keep:
            return lengths
        return torch.maximum((lengths << BITS) // self._step(u)[:, 0], lengths.clamp(max=1))

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        step = self._step(u)
        if not self.keep:
            longest = int(self.lengths_after(lengths, u).max()) if len(x) else 0
            return at_places(x, step, torch.arange(longest, device=x.device), torch.zeros_like(step))
        # About the middle m = (length − 1) / 2: place i is m + (i − m) factor.
        start = ((lengths[:, None] - 1) * (ONE - step)) >> 1
        return at_places(x, step, torch.arange(x.shape[1], device=x.device), start)


@final
@dataclass(frozen=True)
class Pitch(OnSounds):
    """Raise or lower the pitch of each sound by a factor and keep its duration.

    The sound is cut into grains, ``grain`` samples apart and twice as long, that overlap under Hann windows; each is
    played faster or slower about its own middle. So resonances move by the factor, as those of a shorter or longer
    vocal tract. There is no search for grains that fit: the lines of a voice come to lie at its own frequencies plus
    multiples of rate / grain near the factor's, and beat where grains meet. `Speed` has no such blemish, but a tempo.

    Args:
        grain: samples from one grain to the next: 10 to 25 ms for speech.
        factor: the lowest and the highest; its logarithm is uniform.

    Raises:
        SpecificationError: a grain of fewer than 2 samples, factors that are not in order, or outside 1/8 … 8.

    Source: Roucos & Wilgus (1985), High quality time-scale modification for speech, without its synchronisation;
    Jaitly & Hinton (2013), Vocal tract length perturbation improves speech recognition, for the use.

    Example:
        >>> Pitch(80, (1.0, 1.0)).sounds(torch.tensor([[3.0, -4, 5]]), torch.zeros(1, 1)).tolist()
        [[3.0, -4.0, 5.0]]
    """

    grain: int
    factor: tuple[float, float] = (0.85, 1.18)

    name: ClassVar[str] = "pitch"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_within("Pitch", "grain", self.grain, 2, math.inf)
        check_range("Pitch", "factor", self.factor, 1 / 8, 8)

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        step = in_fixed_point(looked_up(u[:, 0], geometric, *self.factor))
        i = torch.arange(x.shape[1], device=x.device)
        past = i % self.grain
        first = at_places(x, step, past, (i - past)[None] << BITS)
        second = at_places(x, step, past - self.grain, (i - past + self.grain)[None] << BITS)
        return second.sub_(first).mul_(_rise(self.grain).to(x.device, x.dtype)[past]).add_(first)


@lru_cache(maxsize=8)
def _rise(grain: int) -> Tensor:
    """The first half of a Hann window; it and its second half add up to 1."""
    return torch.sin(torch.arange(grain, dtype=torch.float64) * (math.pi / (2 * grain))).square_()


@final
@dataclass(frozen=True)
class TimeShift(OnSounds):
    """Move each sound by whole samples within its row, uniformly in ±seconds; zeros move in, and what leaves is cut.

    Args:
        seconds: the farthest that a sound moves.
        rate: samples a second.

    Raises:
        SpecificationError: a negative number of seconds, or no samples a second.

    Example:
        >>> TimeShift(0.25, 8).sounds(torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[0.99]])).tolist()
        [[0.0, 0.0, 1.0, 2.0]]
    """

    seconds: float
    rate: int

    name: ClassVar[str] = "time_shift"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not (0 <= self.seconds < math.inf and self.rate > 0):
            raise SpecificationError(
                f"TimeShift needs seconds from 0 and a rate above 0, found {self.seconds!r} s at {self.rate!r} a second"
            )

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`; a row's place in the padded sounds is a slice of memory, which is copied at once."""
        n, length = x.shape
        most = round(self.seconds * self.rate)
        padded = x.new_zeros((n, length + 2 * most))
        padded[:, most : most + length] = x
        start = 2 * most - integers(u[:, 0], 2 * most + 1) + torch.arange(n, device=x.device) * padded.shape[1]
        slices = padded.as_strided((max(padded.numel() - length + 1, 0), length), (1, 1))
        return slices.index_select(0, start)
