"""What features of sounds are made of: frames of samples, frames in proportion to their own spread, and slopes.

Each function of frames stands beside its transpose or is its own, so that layers can go forwards and backwards.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from likeliest.numerics.mel import mel_filters

FULL_SCALE = 32_768.0
"""The amplitude that counts as 1: that of the loudest 16-bit sample."""
REACH = 2
"""Slopes are fitted to so many frames on either side."""
EPS = 1e-5
"""What is added to a variance before its root is divided by: frames that are all alike become 0."""


def framed(x: Tensor, points: int, hop: int, lengths: Tensor) -> Tensor:
    """Frames of x (n, L) as a view (n, 1 + L // hop, points); frame t has its middle at sample t · hop.

    Before the first sample of a row and after as many as ``lengths`` (n,) says, samples count as 0.
    """
    n, length = x.shape
    padded = x.new_zeros((n, length + points))
    _cut(padded[:, points // 2 : points // 2 + length].copy_(x), lengths)
    return padded.as_strided((n, 1 + length // hop, points), (padded.stride(0), hop, 1))


def overlapped(frames: Tensor, hop: int, lengths: Tensor, length: int) -> Tensor:
    """The transpose of `framed`: frames (n, T, points) added up where they lie, (n, length)."""
    n, count, points = frames.shape
    total = frames.new_zeros((n, length + points))
    at = torch.arange(count, device=frames.device)[:, None] * hop + torch.arange(points, device=frames.device)
    total.index_add_(1, at.flatten(), frames.flatten(1))
    return _cut(total[:, points // 2 : points // 2 + length], lengths)


def _cut(x: Tensor, lengths: Tensor) -> Tensor:
    """Write zeros after each row's end."""
    if bool((lengths < x.shape[1]).any()):
        x.masked_fill_(torch.arange(x.shape[1], device=x.device) >= lengths[:, None], 0.0)
    return x


class ByBin(NamedTuple):
    """Whether a mean, and a variance, are those of each bin, or else of all bins together."""

    mean: bool
    variance: bool


def standardised(z: Tensor, inside: Tensor, by_bin: ByBin) -> tuple[Tensor, Tensor]:
    """(z − m) / s with s = √(v + ε), and 1 / s: m is the mean of each row's own frames, and v that of (z − m)².

    z is (n, T, B) and ``inside`` (n, T, 1), 1 for a row's own frames and 0 for others, which become 0. Sums are of
    double precision, so that how far others reach tells nothing.
    """
    centred = (z - _mean(z, inside, by_bin.mean)).mul_(inside)
    inverse = (_mean(centred.square(), inside, by_bin.variance) + EPS).rsqrt()
    return centred.mul_(inverse), inverse


def standardised_back(u: Tensor, y: Tensor, inverse: Tensor, inside: Tensor, by_bin: ByBin) -> Tensor:
    """(u − ū − y · mean(u y)) / s, ū as m and mean(u y) as v are taken: the derivative of `standardised`.

    It is its own transpose, (P − yyᵀ/N) / s with P = I − 11ᵀ/N, for y has the mean 0 over all that m is taken over.
    """
    u = u * inside
    along = y * _mean(u * y, inside, by_bin.variance)
    return (u - _mean(u, inside, by_bin.mean) - along) * inverse * inside


def _mean(z: Tensor, inside: Tensor, by_bin: bool) -> Tensor:
    """The mean of what is 0 outside over each row's own frames, (n, 1, 1) or (n, 1, B)."""
    over, bins = (1, 1) if by_bin else ((1, 2), z.shape[2])
    total = (z * inside).sum(over, keepdim=True, dtype=torch.float64)
    return (total / (inside.sum((1, 2), keepdim=True, dtype=torch.float64) * bins)).to(z.dtype)


class Slopes:
    """d_t = Σ_k k (z_{t+k} − z_{t−k}) / (2 Σ_k k²), k = 1 … `REACH`: the slope of a line through frames t − k … t + k.

    Before its first frame and after its last a row goes on as there; where it has ended, the slope is 0.

    Args:
        inside: (n, T, 1), 1 for a row's own frames.

    Source: Young et al. (2006), The HTK book, equation 5.16; Furui (1986), Speaker-independent isolated word
    recognition using dynamic features of speech spectrum.
    """

    def __init__(self, inside: Tensor) -> None:
        n, count, _ = inside.shape
        self._inside = inside / (2 * sum(k * k for k in range(1, REACH + 1)))
        t = torch.arange(count, device=inside.device)
        last = (inside.sum((1, 2)).long() - 1).clamp_(min=0)[:, None]
        first = torch.arange(n, device=inside.device)[:, None] * count
        steps = range(1, REACH + 1)
        self._after = [(torch.minimum(t + k, last) + first).flatten() for k in steps]
        self._before = [(torch.minimum((t - k).clamp(min=0), last) + first).flatten() for k in steps]

    def __call__(self, z: Tensor) -> Tensor:
        """Of frames (n, T, B)."""
        flat, total = z.flatten(0, 1), torch.zeros_like(z)
        for k, (after, before) in enumerate(zip(self._after, self._before, strict=True), 1):
            change = flat.index_select(0, after).sub_(flat.index_select(0, before))
            total.add_(change.view(z.shape), alpha=k)
        return total.mul_(self._inside)

    def back(self, u: Tensor) -> Tensor:
        """The transpose."""
        u = (u * self._inside).flatten(0, 1)
        total = torch.zeros_like(u)
        for k, (after, before) in enumerate(zip(self._after, self._before, strict=True), 1):
            total.index_add_(0, after, u, alpha=k).index_add_(0, before, u, alpha=-k)
        return total.view(*self._inside.shape[:2], -1)


@lru_cache(maxsize=32)
def hann(width: int, points: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The periodic window over the full scale, in the middle of so many points."""
    window = torch.zeros(points, dtype=torch.float64)
    before = (points - width) // 2
    window[before : before + width] = torch.hann_window(width, dtype=torch.float64) / FULL_SCALE
    return window.to(device, dtype)


@lru_cache(maxsize=32)
def mel_bank(
    rate: int, points: int, bins: int, low: float, high: float | None, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """`likeliest.numerics.mel.mel_filters` where and in the precision that they are needed in."""
    return torch.from_numpy(mel_filters(rate, points, bins, low, high)).to(device, dtype)
