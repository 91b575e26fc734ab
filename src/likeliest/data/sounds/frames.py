"""Recordings as sequences of short spectra, for models that are linear in them, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import Samples, resampled_length
from likeliest.data.sounds.encoder import SoundEncoder, kept
from likeliest.data.sounds.flat import LOW, WINDOW, log_mel
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.threads import in_threads

HOP, BINS, SIDES = 0.020, 20, 2
"""Seconds from one frame to the next, mel bins, and the neighbours that a frame sees on each side."""
FEWER_BINS = 10
"""Of models that are fitted only to be compared, which see no neighbours."""


@dataclass(frozen=True)
class MelFrames:
    """Each recording as frames of log-mel power, with those beside each, one after the other.

    Frames lie wholly inside the recording. With z their logarithms of the power in mel bins, m and s the mean and the
    standard deviation of the whole recording, a frame holds (z − m) / s of its own, and of as many frames before and
    after it; beyond the ends the first and the last frame are repeated.

    Attributes:
        sounds: how recordings become samples.
        bins: of frequency.
        sides: frames on each side.
        hop: seconds from one frame to the next.

    Example:
        >>> from likeliest.data.sounds import recordings_of_arrays
        >>> two = recordings_of_arrays([np.sin(np.arange(8000) / 3), np.sin(np.arange(4000) / 4)], 8000)
        >>> encoder = MelFrames(SoundEncoder(8000, None), bins=4, sides=1)
        >>> encoder.width, encoder.encode(two).lengths.tolist()
        (12, [588, 288])
    """

    sounds: SoundEncoder
    bins: int = BINS
    sides: int = SIDES
    hop: float = HOP

    @classmethod
    def to_compare(cls, sounds: SoundEncoder) -> Self:
        """Return fewer numbers, for models that are fitted only to be compared, as in a race."""
        return cls(sounds, FEWER_BINS, 0)

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.sounds.rate

    @property
    def names(self) -> tuple[str, ...]:
        """One name a number of a frame: the time from its own frame, and the frequency at the middle of its bin."""
        from likeliest.numerics.mel import mel_edges  # tables and pictures do without torch

        middles = mel_edges(self.bins, LOW, self.rate / 2)[1:-1]
        places = range(-self.sides, self.sides + 1)
        return tuple(f"{1000 * self.hop * place:+g} ms, {f:.0f} Hz" for place in places for f in middles)

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        return f"on frames of {self.bins} log-mel bins each {1000 * self.hop:g} ms, {2 * self.sides + 1} at a time"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Recordings have no columns."""
        return ()

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return (2 * self.sides + 1) * self.bins

    def encode(self, raw: Recordings) -> Any:
        """Return recordings as `likeliest.sequences.Ragged`, each frame of ``width`` numbers after the one before.

        They are made by several threads, straight to where they are kept: in a mapped file where they are many.
        """
        from likeliest.numerics.mel import mel_filters  # tables and pictures do without torch
        from likeliest.sequences import Ragged

        points, hop = 1 << (round(WINDOW * self.rate) - 1).bit_length(), round(self.hop * self.rate)
        filters = mel_filters(self.rate, points, self.bins, LOW)
        lengths = [resampled_length(sound.frames, sound.rate, self.rate) for sound in raw.sounds]
        frames = [1 + max(length - points, 0) // hop for length in lengths]
        offsets = np.cumsum([0, *frames], dtype=np.int64) * self.width
        values = kept(int(offsets[-1]), np.float32)

        def place(row: int) -> None:
            own = self._row(raw.samples(row, self.rate), filters, points)
            values[offsets[row] : offsets[row + 1]] = own.ravel()

        for _ in in_threads(place, range(len(raw))):
            pass
        return Ragged(values, offsets)

    def _row(self, wave: Samples, filters: NDArray[np.float64], points: int) -> NDArray[np.float32]:
        z = log_mel(wave, filters, points, round(self.hop * self.rate))
        z = (z - z.mean()) / max(float(z.std()), 1e-3)
        beside = np.pad(z, ((self.sides, self.sides), (0, 0)), mode="edge")
        spans = [beside[place : place + len(z)] for place in range(2 * self.sides + 1)]
        return np.concatenate(spans, axis=1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return {"sounds": self.sounds.to_json(), "bins": self.bins, "sides": self.sides, "hop": self.hop}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote."""
        return cls(SoundEncoder.from_json(value["sounds"]), value["bins"], value["sides"], value["hop"])
