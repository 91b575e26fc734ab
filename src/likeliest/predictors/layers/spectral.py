"""Sounds as log-mel spectrograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape
from likeliest.predictors.layers.frames import Frames
from likeliest.predictors.layers.framing import (
    ByBin,
    Slopes,
    framed,
    hann,
    mel_bank,
    overlapped,
    standardised,
    standardised_back,
)
from likeliest.sequences import lengths

NORMALISATIONS = {"utterance": ByBin(False, False), "bin_mean": ByBin(True, False), "bin": ByBin(True, True)}
"""By which mean and which variance of an utterance's own frames; beside them there is "none"."""
_ROOM = 1 << 18
"""Numbers of frames that are transformed at once."""

Count = TypeVar("Count", int, Tensor)


class _Tape(NamedTuple):
    """Samples, and how many of each row come before its end."""

    x: Tensor
    lengths: Tensor


class _Seen(NamedTuple):
    """What the derivatives need: made again when they are asked for, for that is seldom."""

    inside: Tensor
    spectrum: Tensor
    power: Tensor
    y: Tensor
    inverse: Tensor | None


@dataclass(frozen=True)
class LogMel(Layer):
    """Samples (L,) as the logarithms of their power in mel bins, frame by frame: (T, bins), T = 1 + ⌊L / hop⌋.

    Frame t has its middle at sample t · hop; beyond the recording's ends there are zeros. With a Hann window w of so
    many samples, filled up with zeros to N, the next power of 2, and the triangles h of `numerics.mel.mel_filters`
    ("htk", peak 1) at the frequencies of the transform,

        X_tk = Σ_j w_j x_{t·hop + j − N/2} e^{−2πi jk/N} / 32768,    z_tb = log(floor + Σ_k |X_tk|² h_kb),

    and y = (z − m) / √(v + 10⁻⁵), m and v the mean and the variance of the utterance's own frames. Where a row is
    `likeliest.sequences.END` its recording has ended: such samples count as zeros, and frames that have their middle
    after the end count for nothing and are 0 in y. Neither training nor `Draw` change anything here.

    A row's features do not depend on the rows beside it: they have the same bits, but for rows of a single frame and
    batches whose longest recordings differ, where the last digit of float32 may.

    Args:
        rate: samples a second.
        window: the window's seconds.
        hop: seconds from one frame to the next.
        bins: how many filters.
        low: the lowest filter's lower edge in hertz.
        high: the highest filter's upper edge; None is rate / 2.
        floor: added to the power of each bin, where a sine of full scale has about (rate · window / 4)².
        normalise: "utterance", by the mean and the variance of all bins together; "bin", by those of each bin;
            "bin_mean", by the mean of each and the variance of all, so that what a microphone or a room adds to a bin's
            logarithm throughout changes nothing; "none".
        deltas: 1 appends the slopes of all bins over five frames to each frame, 2 those of the slopes as well.

    Raises:
        SpecificationError: a window or hop shorter than a sample, a floor that is not positive, other deltas, or edges
            of filters that `mel_filters` refuses.
        UnknownNameError: another normalisation.

    Source: Davis & Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition;
    Atal (1974), Effectiveness of linear prediction characteristics of the speech wave, for the means.

    Example:
        >>> layer = LogMel(8000, bins=20)
        >>> y, _ = layer.forward([], torch.zeros(3, 4000), None)
        >>> y.shape, layer.frames_after(4000)
        (torch.Size([3, 51, 20]), 51)
    """

    rate: int
    window: float = 0.025
    hop: float = 0.010
    bins: int = 40
    low: float = 60.0
    high: float | None = None
    floor: float = 1e-6
    normalise: str = "utterance"
    deltas: int = 0

    kind = "log_mel"
    lockstep = False
    casts = False

    def __post_init__(self) -> None:
        if self._width < 2 or self._step < 1:
            raise SpecificationError(
                f"LogMel needs a window of two samples or more and a hop of one or more, found {self.window:g} s and "
                f"{self.hop:g} s at {self.rate} samples a second"
            )
        if not self.floor > 0 or self.deltas not in (0, 1, 2):
            raise SpecificationError(
                f"LogMel needs floor > 0 and deltas 0, 1 or 2, found floor {self.floor!r} and deltas {self.deltas!r}"
            )
        if self.normalise not in (*NORMALISATIONS, "none"):
            raise UnknownNameError(f"no normalisation {self.normalise!r}; there are {', '.join(NORMALISATIONS)}, none")
        self._filters(torch.zeros(()))

    @property
    def _width(self) -> int:
        return round(self.window * self.rate)

    @property
    def _step(self) -> int:
        return round(self.hop * self.rate)

    @property
    def _points(self) -> int:
        return 1 << (self._width - 1).bit_length()

    def frames_after(self, lengths: Count) -> Count:
        """Frames of recordings of so many samples."""
        return 1 + lengths // self._step

    def shape_after(self, shape: Shape) -> Shape:
        """(T, bins (1 + deltas))."""
        if len(shape) != 1:
            raise ShapeError(f"LogMel takes rows of samples (L,), found {shape}")
        return self.frames_after(shape[0]), self.bins * (1 + self.deltas)

    def flops(self, shape: Shape) -> int:
        """Those of the product with the filters; the Fourier transform's are not counted."""
        return 2 * self.frames_after(shape[0]) * (self._points // 2 + 1) * self.bins

    def numbers(self, shape: Shape) -> int:
        """Frames, their spectra, powers and features."""
        return self.frames_after(shape[0]) * (3 * self._points + (2 + self.deltas) * self.bins)

    # The steps from samples to features.

    def _window(self, like: Tensor) -> Tensor:
        return hann(self._width, self._points, like.dtype, like.device)

    def _filters(self, like: Tensor) -> Tensor:
        return mel_bank(self.rate, self._points, self.bins, self.low, self.high, like.dtype, like.device)

    def _spectrum(self, x: Tensor, lengths: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfft(framed(x, self._points, self._step, lengths) * self._window(x))
        return spectrum

    def _power(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The power in each bin, (n, T, bins): of some rows and frames at a time, which the cache holds."""
        frames, window, filters = framed(x, self._points, self._step, lengths), self._window(x), self._filters(x)
        power = x.new_empty((*frames.shape[:2], self.bins))
        at_once = max(1, _ROOM // self._points)
        for rows, out in zip(*(t.split(max(1, at_once // frames.shape[1])) for t in (frames, power)), strict=True):
            for some, own in zip(rows.split(at_once, 1), out.split(at_once, 1), strict=True):
                own.copy_(_squared(torch.fft.rfft(some * window)).matmul(filters))
        return power

    def _inside(self, lengths: Tensor, like: Tensor) -> Tensor:
        """1 for a row's own frames and 0 after them: (n, T, 1)."""
        t = torch.arange(self.frames_after(like.shape[1]), device=like.device)
        return (t < self.frames_after(lengths)[:, None]).to(like.dtype)[..., None]

    def _normalised(self, power: Tensor, inside: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features without slopes, and what they were divided by."""
        z = power.add_(self.floor).log()
        if self.normalise == "none":
            return z.mul_(inside), None
        return standardised(z, inside, NORMALISATIONS[self.normalise])

    def _with_slopes(self, y: Tensor, inside: Tensor) -> Tensor:
        columns = [y]
        for _ in range(self.deltas):
            columns.append(Slopes(inside)(columns[-1]))
        return torch.cat(columns, -1) if self.deltas else y

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """The tape is x, from which the derivatives begin again; y is float32, or float64 where x is."""
        return self._passed(x, lengths(x))

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Tape]:
        """The same, where the lengths are known."""
        return self._passed(x, frames.lengths)

    def _passed(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, _Tape]:
        x = x if x.dtype == torch.float64 else x.to(torch.float32)
        inside = self._inside(lengths, x)
        y, _ = self._normalised(self._power(x, lengths), inside)
        return self._with_slopes(y, inside), _Tape(x, lengths)

    # Backwards, and derivatives.

    def _seen(self, tape: _Tape) -> _Seen:
        spectrum, inside = self._spectrum(*tape), self._inside(tape.lengths, tape.x)
        power = _squared(spectrum).matmul(self._filters(tape.x))
        return _Seen(inside, spectrum, power, *self._normalised(power, inside))

    def pullback(self, views: Any, tape: _Tape, u: Tensor, grads: Any, further: bool = True) -> Tensor | None:
        """Step by step backwards: slopes, normalisation, logarithm, filters, spectrum, window and frames."""
        if not further:
            return None
        x, seen = tape.x, self._seen(tape)
        u = self._slopes_back(u.to(x.dtype), seen.inside)
        g = self._to_log(u, seen).div_(seen.power).matmul(self._filters(x).mT)
        # d(Σ_k g_k |X_k|²)/dx_j = 2 Re Σ_k g_k X_k e^{2πi jk/N}; irfft counts the inner k twice and divides by N.
        g[..., 1:-1] *= 0.5
        back = torch.fft.irfft(seen.spectrum * g, n=self._points).mul_(2 * self._points * self._window(x))
        return overlapped(back, self._step, tape.lengths, x.shape[1])

    def pushforward(self, views: Any, tape: _Tape, directions: Any, dx: Tensor | None) -> Tensor | None:
        """The same steps forwards; d|X|² = 2 Re(X̄ dX)."""
        if dx is None:
            return None
        seen = self._seen(tape)
        moved = self._spectrum(dx.to(tape.x.dtype), tape.lengths)
        change = (seen.spectrum.real * moved.real).addcmul_(seen.spectrum.imag, moved.imag).mul_(2)
        dz = self._to_log(change.matmul(self._filters(tape.x)).div_(seen.power), seen)
        return self._with_slopes(dz, seen.inside)

    def _to_log(self, u: Tensor, seen: _Seen) -> Tensor:
        """The normalisation's derivative, its own transpose."""
        if seen.inverse is None:
            return u * seen.inside
        return standardised_back(u, seen.y, seen.inverse, seen.inside, NORMALISATIONS[self.normalise])

    def _slopes_back(self, u: Tensor, inside: Tensor) -> Tensor:
        first, *others = u.split(self.bins, -1)
        back = torch.zeros_like(first)
        for own in reversed(others):
            back = Slopes(inside).back(own + back)
        total: Tensor = back + first
        return total


def _squared(spectrum: Tensor) -> Tensor:
    real, imaginary = torch.view_as_real(spectrum).unbind(-1)
    return real.square().addcmul_(imaginary, imaginary)
