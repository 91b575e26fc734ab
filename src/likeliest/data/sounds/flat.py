"""Recordings as rows of numbers, for models that are linear in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import FULL_SCALE, Samples
from likeliest.data.sounds.encoder import SoundEncoder
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.threads import in_threads

STRETCHES, BINS = 8, 20
FEWER_STRETCHES, FEWER_BINS = 5, 10
"""Of linear models that are fitted only to be compared."""
WINDOW, HOP = 0.032, 0.010
"""Seconds of a frame, and from one to the next."""
LOW = 60.0
"""The lowest filter's lower edge, in hertz."""
FLOOR = 1e-6
"""Added to the power of each bin, where a sine of full scale has about (rate · window / 4)²."""


@dataclass(frozen=True)
class MeanSpectra:
    """Each recording as one row: the mean log-mel power of each of a few stretches of its time, in each of a few bins.

    A recording of any length is cut into so many stretches of its own, so that a word said slowly is the word said
    fast. With z the logarithms of the power in mel bins, frame by frame, a row holds the means over stretches of
    (z − m) / s, m and s the mean and the standard deviation of the whole recording: how loud it is changes nothing.

    Attributes:
        sounds: how recordings become samples.
        stretches: of time.
        bins: of frequency.

    Example:
        >>> from likeliest.data.sounds import recordings_of_arrays
        >>> low, high = (np.sin(np.arange(4000) * w) for w in (0.3, 2.0))
        >>> flat = MeanSpectra(SoundEncoder(8000, 4000), stretches=1, bins=2)
        >>> flat.encode(recordings_of_arrays([low, high, low / 2], 8000)).round(1).tolist()
        [[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]]
    """

    sounds: SoundEncoder
    stretches: int = STRETCHES
    bins: int = BINS

    @classmethod
    def to_compare(cls, sounds: SoundEncoder) -> Self:
        """Return fewer numbers, for models that are fitted only to be compared: raced, or shown beside the net."""
        return cls(sounds, FEWER_STRETCHES, FEWER_BINS)

    @property
    def names(self) -> tuple[str, ...]:
        """One name a number: its stretch, counted from 1, and the frequency at the middle of its bin."""
        from likeliest.numerics.mel import mel_edges  # tables and pictures do without torch

        middles = mel_edges(self.bins, LOW, self.sounds.rate / 2)[1:-1]
        return tuple(f"stretch {i}, {f:.0f} Hz" for i in range(1, self.stretches + 1) for f in middles)

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        return f"on mean log-mel power, {self.stretches} stretches of time × {self.bins} bins for the linear models"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Recordings have no columns."""
        return ()

    def encode(self, raw: Recordings) -> NDArray[np.float32]:
        """Return recordings as (n, stretches · bins) numbers; their samples are decoded by several threads."""
        from likeliest.numerics.mel import mel_filters

        rate, points = self.sounds.rate, 1 << (round(WINDOW * self.sounds.rate) - 1).bit_length()
        filters = mel_filters(rate, points, self.bins, LOW)
        rows = in_threads(lambda row: self._row(raw.samples(row, rate), filters, points), range(len(raw)))
        out = np.empty((len(raw), self.stretches * self.bins), dtype=np.float32)
        for row, numbers in enumerate(rows):
            out[row] = numbers
        return out

    def _row(self, wave: Samples, filters: NDArray[np.float64], points: int) -> NDArray[np.float64]:
        z = log_mel(wave, filters, points, round(HOP * self.sounds.rate))
        z = (z - z.mean()) / max(float(z.std()), 1e-3)
        edges = np.arange(self.stretches + 1) * len(z) / self.stretches
        spans = [(int(a), max(int(np.ceil(b)), int(a) + 1)) for a, b in pairwise(edges)]
        return np.concatenate([z[start:end].mean(0) for start, end in spans])

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return {"sounds": self.sounds.to_json(), "stretches": self.stretches, "bins": self.bins}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote."""
        return cls(SoundEncoder.from_json(value["sounds"]), value["stretches"], value["bins"])


def log_mel(wave: Samples, filters: NDArray[np.float64], points: int, hop: int) -> NDArray[np.float64]:
    """Log-mel power (T, bins) of frames that lie wholly inside; of a shorter recording, one filled up with zeros."""
    whole = np.pad(wave.astype(np.float64) / FULL_SCALE, (0, max(points - len(wave), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(whole, points)[::hop]
    spectrum = np.fft.rfft(frames * np.hanning(points + 1)[:-1])
    power = spectrum.real**2 + spectrum.imag**2
    logarithms: NDArray[np.float64] = np.log(power @ filters + FLOOR)
    return logarithms
