"""What augmentations of sounds share: samples on the scale of 16 bits, rows that end before others, interpolation."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from likeliest.augment.base import Augmentation, Rows
from likeliest.errors import ShapeError, SpecificationError
from likeliest.sequences import END, lengths

LOUDEST = 32_767.0
"""Louder samples are cut to this, as recorders cut them."""
BITS = 24
"""Places in a row are whole multiples of 2⁻²⁴ of a sample: exact, and so the same in any batch."""
ONE = 1 << BITS
_ROOM = 1 << 16
"""Places that are looked at at once."""


class OnSounds(Augmentation):
    """An augmentation of sounds alone, int16 or floats (n, L): what was said and weights stay.

    Samples are on the scale of 16 bits; int16 comes back as float32. Where a row is `likeliest.sequences.END` its
    recording has ended: that is no sample, and comes back.
    """

    def apply(self, x: Tensor, y: Tensor, weight: Tensor | None, u: Tensor) -> Rows:
        """See `Augmentation.apply`."""
        return self.sounds(x, u), y, weight

    def sounds(self, x: Tensor, u: Tensor) -> Tensor:
        """Return the sounds as the numbers say.

        Raises:
            ShapeError: x is no batch of samples.
        """
        if x.ndim != 2 or not (x.is_floating_point() or x.dtype == torch.int16):
            raise ShapeError(
                f"{type(self).__name__} needs samples (n, L), int16 or floats, found {tuple(x.shape)} of {x.dtype}"
            )
        own = _own(x)
        heard = x if x.is_floating_point() else x.float()
        if own is not None:
            heard = heard.masked_fill(_after(own, x.shape[1]), 0.0)
        full = own if own is not None else torch.full((len(x),), x.shape[1], device=x.device)
        out = self.heard(heard, full, u).clamp_(-LOUDEST, LOUDEST)
        after = self.lengths_after(full, u)
        if own is None and after is full:
            return out
        return out.masked_fill_(_after(after, out.shape[1]), END)

    def lengths_after(self, lengths: Tensor, u: Tensor) -> Tensor:
        """How many samples each row has afterwards."""
        return lengths

    @abstractmethod
    def heard(self, x: Tensor, lengths: Tensor, u: Tensor) -> Tensor:
        """Return the sounds, in new memory; x is floats and 0 after each row's end, and what comes there is cut off."""


def _own(x: Tensor) -> Tensor | None:
    """The rows' lengths, or None where none has ended."""
    return lengths(x) if x.shape[1] and bool((x[:, -1] == END).any()) else None


def _after(lengths: Tensor, longest: int) -> Tensor:
    return torch.arange(longest, device=lengths.device) >= lengths[:, None]


def check_range(who: str, what: str, values: tuple[float, float], low: float, high: float = math.inf) -> None:
    """Refuse a pair that is not in order, or reaches beyond low … high."""
    if not low <= values[0] <= values[1] <= high:
        raise SpecificationError(f"{who} needs {what}[0] <= {what}[1] from {low:g} to {high:g}, found {values!r}")


def at_places(x: Tensor, step: Tensor, i: Tensor, start: Tensor) -> Tensor:
    """The values of x (n, L) at the places start + i · step, (n, m), in units of 2⁻²⁴; beyond either end x is 0.

    By cubics through the four samples around a place whose slopes at samples are central differences. Of a sine at a
    tenth of the rate 0.4 % of the power is lost or goes elsewhere. A few rows are taken at a time, as the cache holds.

    Args:
        x: samples.
        step: (n, 1) int64.
        i: (m,) int64.
        start: (n, 1) or (1, m) int64.

    Source: Catmull & Rom (1974), A class of local interpolating splines; Keys (1981), Cubic convolution interpolation.
    """
    n, m = len(x), len(i)
    out, start = x.new_empty((n, m)), start.expand(n, m)
    for first in range(0, n, at_once := max(1, _ROOM // max(m, 1))):
        few = slice(first, first + at_once)
        out[few] = _cubics(x[few], (i * step[few]).add_(start[few]))
    return out


def _cubics(x: Tensor, places: Tensor) -> Tensor:
    """See `at_places`; places are overwritten."""
    n, length = x.shape
    padded = x.new_zeros((n, length + 8))
    padded[:, 4 : length + 4] = x
    flat = padded.view(-1)
    t = (places & (ONE - 1)).to(x.dtype).mul_(1 / ONE)
    first = torch.arange(n, device=x.device)[:, None] * (length + 8) + 3
    where = places.bitwise_right_shift_(BITS).clamp_(-3, length + 1).add_(first).flatten()
    before, here, after, beyond = (flat[k:].index_select(0, where).view(t.shape) for k in range(4))
    # Products and sums one by one: fused, they would round otherwise at the end of a batch than within it.
    change = (here - after).mul_(3)
    square = (before - here).mul_(2).sub_(change).add_(after).sub_(beyond)
    cubic = change.add_(beyond).sub_(before)
    return cubic.mul_(t).add_(square).mul_(t).add_(after.sub_(before)).mul_(t).mul_(0.5).add_(here)


def in_fixed_point(factor: Tensor) -> Tensor:
    """Factors as whole numbers of 2⁻²⁴, (n, 1)."""
    return (factor.double() * ONE).round_().long()[:, None]


def amplitudes(p: np.ndarray, low: float, high: float) -> np.ndarray:
    """Uniform decibels from low to high as factors of amplitude."""
    return np.asarray(10.0 ** ((low + (high - low) * p) / 20))


def geometric(p: np.ndarray, low: float, high: float) -> np.ndarray:
    """A number between low and high whose logarithm is uniform."""
    return np.asarray(np.exp((1 - p) * math.log(low) + p * math.log(high)))
