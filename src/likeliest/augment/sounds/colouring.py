"""Augmentations of sounds in level and colour: gain, noise, spectral tilt and rooms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from likeliest.augment.base import check_within, integers, looked_up
from likeliest.augment.sounds.base import OnSounds, amplitudes, check_range, geometric
from likeliest.errors import SpecificationError
from likeliest.randomness import stream

COLOURS = ("white", "pink")
TAPE = 1 << 19
"""Samples of noise of each colour from which rows take stretches."""
EXACT = 1 << 13
"""Points of a Fourier transform that has the same bits for one row as for many."""
_DECAY = math.log(1000.0)
"""An amplitude that falls by 60 decibels falls by this exponent."""


@final
@dataclass(frozen=True)
class Gain(OnSounds):
    """Multiply each sound by a factor whose decibels are uniform in ±decibels; what is too loud is cut.

    Args:
        decibels: the most that is added to or taken from the level.

    Raises:
        SpecificationError: a negative number, or more than 60.

    Example:
        >>> Gain(20.0).sounds(torch.tensor([[100, -200]], dtype=torch.int16), torch.zeros(1, 1)).round().tolist()
        [[10.0, -20.0]]
    """

    decibels: float = 6.0

    name: ClassVar[str] = "gain"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_within("Gain", "decibels", self.decibels, 0, 60)

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        return x * looked_up(u[:, 0], amplitudes, -self.decibels, self.decibels).to(x.dtype)[:, None]


@final
@dataclass(frozen=True)
class Noise(OnSounds):
    """Add noise, of a level in proportion to the sound's own.

    The signal's power is the mean square of the row's samples that are not 0, so that filling does not count; what is
    all zeros stays so. Noise is white, all frequencies alike, or pink, of a power that falls as 1 / frequency: a
    stretch, drawn anew each time, of a tape of 2¹⁹ samples that is always the same.

    Args:
        snr: the lowest and the highest ratio of signal to noise in decibels, uniform between them.
        colours: "white", "pink" or both, each as often.

    Raises:
        SpecificationError: ratios that are not in order, or another colour.

    Source: Ko, Peddinti, Povey, Seltzer & Khudanpur (2017), A study on data augmentation of reverberant speech for
    robust speech recognition.

    Example:
        >>> x = torch.full((1, 40_000), 1000.0)
        >>> noise = Noise((20.0, 20.0), ("white",)).sounds(x, torch.zeros(1, 3)) - x
        >>> round(noise.std().item(), -1)
        100.0
    """

    snr: tuple[float, float] = (5.0, 40.0)
    colours: Sequence[str] = COLOURS

    name: ClassVar[str] = "noise"
    numbers: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_range("Noise", "snr", self.snr, -60, 120)
        object.__setattr__(self, "colours", tuple(self.colours))
        if not self.colours or not set(self.colours) <= set(COLOURS):
            raise SpecificationError(f"Noise needs colours of {', '.join(COLOURS)}, found {self.colours!r}")

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        power = x.square().sum(1, dtype=torch.float64) / (x != 0).sum(1).clamp(min=1)
        level = power.sqrt().to(x.dtype) / looked_up(u[:, 0], amplitudes, *self.snr).to(x.dtype)
        start = 2 * TAPE * integers(u[:, 1], len(self.colours)) + integers(u[:, 2], TAPE)
        return _stretches(_tapes(self.colours).to(x.device, x.dtype), start, x.shape[1]).mul_(level[:, None]).add_(x)


def _stretches(tape: Tensor, start: Tensor, length: int) -> Tensor:
    """So many samples of the tape from each start on, over and over where there are more than `TAPE`."""
    once = min(length, TAPE)
    found = tape.as_strided((len(tape) - once + 1, once), (1, 1)).index_select(0, start)
    return found if once == length else found.repeat(1, -(-length // TAPE))[:, :length].contiguous()


@lru_cache(maxsize=4)
def _tapes(colours: tuple[str, ...]) -> Tensor:
    """Noise of mean square 1, each colour twice in turn: it goes on without a seam."""
    return torch.cat([torch.from_numpy(_noise(colour).astype(np.float32)).repeat(2) for colour in colours])


def _noise(colour: str) -> np.ndarray:
    white = stream(0, "augment.noise").normal(size=TAPE)
    if colour == "white":
        return np.asarray(white)
    spectrum = np.fft.rfft(white)
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = np.fft.irfft(spectrum)
    return np.asarray(pink / np.sqrt(np.square(pink).mean()))


@final
@dataclass(frozen=True)
class Tilt(OnSounds):
    """Weigh low frequencies against high ones, as microphones and distances do.

    y_t = a x_t + b (x_{t−1} + x_{t+1}), whose gain is a + 2b cos ω: from +d/2 decibels at 0 to −d/2 at half the rate,
    d uniform in ±decibels.

    Args:
        decibels: the greatest difference.

    Raises:
        SpecificationError: a negative number, or more than 60.

    Example:
        >>> x = torch.tensor([[100.0, -100, 100, -100]])
        >>> Tilt(40.0).sounds(x, torch.tensor([[1 - 2**-24]]))[0, 1:3].round().tolist()
        [-10.0, 10.0]
    """

    decibels: float = 12.0

    name: ClassVar[str] = "tilt"
    numbers: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_within("Tilt", "decibels", self.decibels, 0, 60)

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        low = looked_up(u[:, 0], amplitudes, -self.decibels / 2, self.decibels / 2).to(x.dtype)[:, None]
        high = 1 / low
        sides = torch.zeros_like(x)
        sides[:, 1:] = x[:, :-1]
        sides[:, :-1] += x[:, 1:]
        return sides.mul_((low - high) / 4).add_(x * ((low + high) / 2))


@final
@dataclass(frozen=True)
class Room(OnSounds):
    """Let each sound echo as in a room, with probability p: y = x + r * x.

    r is white noise that falls by 60 decibels in ``decay`` seconds, as far as 30 decibels, and has the energy of −drr
    decibels: sound comes straight first and from the walls thereafter. What echoes beyond a row's end is cut.

    Args:
        rate: samples a second.
        decay: the shortest and the longest; its logarithm is uniform.
        drr: the lowest and the highest ratio of direct to reverberant energy in decibels, uniform between them.
        p: the share of rows.

    Raises:
        SpecificationError: no samples a second, pairs that are not in order, a decay outside 0.01 … 5 s or p outside
            [0, 1].

    Source: Polack (1988), La transmission de l'énergie sonore dans les salles, for the shape of r; Oppenheim & Schafer
    (2010), Discrete-time signal processing, section 8.7.3, for convolution by blocks.

    Example:
        >>> x = torch.zeros(1, 800).index_fill_(1, torch.tensor([100]), 1000.0)
        >>> y = Room(8000, p=1.0).sounds(x, torch.zeros(1, 4))
        >>> y[0, 100].item(), round((y[0, 101:].square().sum() / 1e6).item(), 2)
        (1000.0, 1.0)
    """

    rate: int
    decay: tuple[float, float] = (0.1, 0.4)
    drr: tuple[float, float] = (0.0, 15.0)
    p: float = 0.3

    name: ClassVar[str] = "room"
    numbers: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check_within("Room", "rate", self.rate, 1, math.inf)
        check_range("Room", "decay", self.decay, 0.01, 5)
        check_range("Room", "drr", self.drr, -20, 60)
        check_within("Room", "p", self.p, 0, 1)

    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """See `OnSounds.heard`."""
        rows = (u[:, 0] < self.p).nonzero()[:, 0]
        if not len(rows) or not x.shape[1]:
            return x.clone()
        own = x.index_select(0, rows)
        return x.clone().index_copy_(0, rows, own + convolved(own, self.response(u[rows, 1:]).to(x.dtype)))

    def response(self, u: Tensor) -> Tensor:
        """What comes from the walls, (n, taps), beginning with the direct sound's place, where it is 0."""
        taps = max(2, round(self.rate * self.decay[1] / 2))
        decay = looked_up(u[:, 0], geometric, *self.decay).double()[:, None]
        t = torch.arange(taps, device=u.device, dtype=torch.float64) / self.rate
        noise = _stretches(_tapes(("white",)).to(u.device), integers(u[:, 2], TAPE), taps)
        walls = noise.double().mul_(torch.exp(-_DECAY * t / decay)).mul_((t > 0) & (t <= decay / 2))
        level = 1 / looked_up(u[:, 1], amplitudes, *self.drr).double()[:, None]
        return (walls * (level / walls.square().sum(1, keepdim=True).sqrt().clamp_(min=1e-9))).float()


def convolved(x: Tensor, h: Tensor) -> Tensor:
    """Σ_k h_k x_{t−k} for each row of x (n, L) and h (n, taps), (n, L): by transforms of blocks from the row's start.

    Blocks are of one length whatever L, so that a row has the same bits in a batch of longer ones; and of more than
    `EXACT` points only where h is too long for it, for the transforms of longer ones depend on how many there are.
    """
    (n, length), taps = x.shape, h.shape[1]
    points = max(1 << max(10, (2 * taps - 1).bit_length()), min(1 << (4 * taps - 1).bit_length(), EXACT))
    fresh = points - taps + 1
    count = -(-length // fresh)
    padded = x.new_zeros((n, taps - 1 + count * fresh))
    padded[:, taps - 1 : taps - 1 + length] = x
    blocks = torch.fft.rfft(padded.as_strided((n, count, points), (padded.stride(0), fresh, 1)))
    out: Tensor = torch.fft.irfft(_times(blocks, torch.fft.rfft(h, points)[:, None]), n=points)
    return out[:, :, taps - 1 :].reshape(n, count * fresh)[:, :length]


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Complex products from products and sums one by one: fused, they round otherwise at the end of a batch."""
    return torch.complex((a.real * b.real).sub_(a.imag * b.imag), (a.real * b.imag).add_(a.imag * b.real))
