"""The encoder of recordings: which rate and length was learnt, and from it, recordings as 16-bit samples."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import Samples, resampled_length
from likeliest.data.sounds.reading import BLOCK
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.threads import in_threads
from likeliest.errors import ModelFileError, ShapeError

if TYPE_CHECKING:
    from likeliest.sequences import Ragged

LOW_RATE, HIGH_RATE = 8_000, 16_000
"""Samples a second that recordings are heard at: those of the telephone, or of wide-band speech."""
COVERED = 0.99
"""The share of words that fit in a clip whole."""
GRAIN = 0.05
"""Seconds that the length of a clip is a multiple of."""
MOST_IN_MEMORY = 1 << 28
"""Bytes; what takes more is kept in a temporary file that is mapped, and is gone with the array."""


@dataclass(frozen=True)
class SoundEncoder:
    """A learnt rate and length: recordings → int16 samples. A value: it lives in the model file as JSON.

    Single words become clips of one length. A shorter word lies in the middle of its clip, ⌊(S − L) / 2⌋ zeros before
    it; of a longer one the S samples with the most energy are kept, the first such stretch if there are several.
    Connected speech (``samples`` None) keeps its length, and comes as `likeliest.sequences.Ragged`.

    Attributes:
        rate: samples a second: 8,000 where more than half of the recordings learnt from have no more, else 16,000.
        samples: S, of a clip: the 0.99 quantile of the words' lengths, rounded up to 0.05 s. None for connected speech.
        level: of the loudest sample of a clip, to which all are brought: how loud a word is said tells nothing, and the
            silence around it then lies as far below it in all. None leaves clips as loud as they are.

    Example:
        >>> from likeliest.data.sounds import recordings_of_arrays
        >>> words = recordings_of_arrays([np.full(4, 0.5), np.full(2, 0.25)], 8000, texts=["yes", "no"])
        >>> SoundEncoder(8000, 4).encode(words).tolist()
        [[16384, 16384, 16384, 16384], [0, 8192, 8192, 0]]
    """

    kind: ClassVar[str] = "sound"

    rate: int
    samples: int | None
    level: int | None = None

    @classmethod
    def learn(cls, recordings: Recordings, rows: NDArray[np.int64] | None = None, *, words: bool = True) -> Self:
        """Learn from recordings, or from some of their rows: the training rows.

        Args:
            recordings: n of them.
            rows: those to learn from; all if ``None``.
            words: whether each is a single word, so that all get one length.

        Raises:
            ShapeError: there is no recording to learn from.
        """
        known = np.arange(len(recordings)) if rows is None else rows
        if not len(known):
            raise ShapeError("expected recordings to learn from, found none; give at least one row")
        low = (recordings.rates[known] <= LOW_RATE).mean() > 0.5
        rate = LOW_RATE if low else HIGH_RATE
        if not words:
            return cls(rate, None)
        longest = float(np.quantile(recordings.seconds[known], COVERED, method="inverted_cdf"))
        return cls(rate, round(math.ceil(longest / GRAIN - 1e-9) * GRAIN * rate))

    @property
    def shape(self) -> tuple[int, ...]:
        """(S,), or () for connected speech: recordings then have no common length."""
        return () if self.samples is None else (self.samples,)

    @property
    def names(self) -> tuple[str, ...]:
        """One name a sample: its time in milliseconds; "sound" alone where recordings keep their lengths."""
        return ("sound",) if self.samples is None else tuple(f"{1e3 * i / self.rate:g} ms" for i in range(self.samples))

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        length = "" if self.samples is None else f", clips of {self.samples / self.rate:g} seconds"
        return f"on sound at {self.rate} samples a second{length}"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Recordings have no columns."""
        return ()

    def encode(self, raw: Recordings) -> Any:
        """Return recordings as clips int16 (n, S), or as `likeliest.sequences.Ragged` of int16 where S is None.

        They are decoded by several threads, straight to where they are kept; above `MOST_IN_MEMORY` that is a mapped
        file.
        """
        return self._ragged(raw) if self.samples is None else self._clips(raw, self.samples)

    def _clips(self, raw: Recordings, samples: int) -> Samples:
        clips = kept(len(raw) * samples).reshape(len(raw), samples)

        def place(row: int) -> None:
            own = clip(raw.samples(row, self.rate), samples)
            clips[row] = own if self.level is None else at_level(own, self.level)

        _run(place, len(raw))
        return clips

    def _ragged(self, raw: Recordings) -> Ragged:
        from likeliest.sequences import Ragged  # tables and pictures do without torch

        lengths = [resampled_length(sound.frames, sound.rate, self.rate) for sound in raw.sounds]
        offsets = np.cumsum([0, *lengths], dtype=np.int64)
        values = kept(int(offsets[-1]))

        def place(row: int) -> None:
            values[offsets[row] : offsets[row + 1]] = raw.samples(row, self.rate)

        _run(place, len(raw))
        return Ragged(values, offsets)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote.

        Raises:
            ModelFileError: the value is no encoder, or one of a newer version.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise ModelFileError(
                f"the encoder in the model file cannot be read ({error!r}); the file is damaged, or "
                "was written by a newer version of likeliest"
            ) from error


def clip(wave: Samples, samples: int) -> Samples:
    """Return a wave (L,) as (``samples``,): amid silence where it is shorter, else where it has the most energy.

    Example:
        >>> clip(np.array([1, 9, -9, 1], dtype=np.int16), 2).tolist()
        [9, -9]
    """
    if len(wave) <= samples:
        out = np.zeros(samples, dtype=np.int16)
        before = (samples - len(wave)) // 2
        out[before : before + len(wave)] = wave
        return out
    energy = np.concatenate([[0], np.cumsum(wave.astype(np.int64) ** 2)])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return wave[start : start + samples]


def at_level(wave: Samples, level: int) -> Samples:
    """Return a wave whose loudest sample is of this level; silence stays.

    Example:
        >>> at_level(np.array([1, 0, -2], dtype=np.int16), 100).tolist()
        [50, 0, -100]
    """
    peak = int(np.abs(wave.astype(np.int32)).max(initial=0))
    return np.rint(wave * (level / peak)).astype(np.int16) if peak else wave


def kept(count: int, dtype: type[np.number[Any]] = np.int16) -> NDArray[Any]:
    """Return zeros (count,): in memory, or where they are many in a temporary file that nobody else sees."""
    if np.dtype(dtype).itemsize * count <= MOST_IN_MEMORY:
        return np.zeros(count, dtype=dtype)
    with tempfile.TemporaryFile(prefix="likeliest-") as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=(count,))


def _run(place: Callable[[int], None], count: int) -> None:
    for _ in in_threads(place, range(count), block=BLOCK):
        pass
