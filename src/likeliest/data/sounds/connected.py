"""Connected speech from single words: strings of one speaker's recordings, with gaps, levels and background noise.

Every utterance is a function of the seed and its number alone. It is put together when its samples are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import FULL_SCALE, Samples, Sound, as_int16, resampled, resampled_length
from likeliest.data.sounds.recordings import Recordings
from likeliest.errors import ShapeError, SpecificationError
from likeliest.randomness import stream

Range = tuple[float, float]

GAP = (0.05, 0.35)
LEVEL = (-32.0, -16.0)
ACCENT = (-3.0, 3.0)
NOISE = (-50.0, -25.0)

_FADE = 0.005
_TILT = (0.0, 0.95)
_PEAK = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class JoinedSound:
    """Words one after the other, each at a level of its own, over noise.

    Attributes:
        words: what is joined.
        rate: samples a second at which it is.
        gaps: seconds of background before each word, and after the last (len(words) + 1).
        levels: of each word, the root of its mean square, in dB below full scale.
        noise: level of the background likewise.
        tilt: c of the noise, whose spectrum is that of n_t = c n_(t-1) + e_t: 0 is white, towards 1 it grows darker.
        address: seed and number of the utterance, for its noise.
    """

    words: tuple[Sound, ...]
    rate: int
    gaps: tuple[float, ...]
    levels: tuple[float, ...]
    noise: float
    tilt: float
    address: tuple[int, int]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word begins and ends, in samples."""
        at, spans = 0, []
        for word, gap in zip(self.words, self.gaps, strict=False):
            at += round(gap * self.rate)
            spans.append((at, at + resampled_length(word.frames, word.rate, self.rate)))
            at = spans[-1][1]
        return spans

    @property
    def frames(self) -> int:
        """Samples in all."""
        return self.spans[-1][1] + round(self.gaps[-1] * self.rate)

    @property
    def digest(self) -> bytes:
        """A digest of the words and of how they are joined."""
        told = (self.rate, self.gaps, self.levels, self.noise, self.tilt, self.address)
        return hashlib.sha256(b"".join(word.digest for word in self.words) + repr(told).encode()).digest()

    def samples(self, rate: int) -> Samples:
        """Join the words, and resample."""
        mixed = self._mixed()
        if rate == self.rate:
            return as_int16(mixed)
        return resampled([mixed], len(mixed), self.rate, rate)

    def _mixed(self) -> NDArray[np.float32]:
        mixed = _decibels(self.noise) * _noise(self.frames, self.tilt, self.address)
        for word, level, (start, end) in zip(self.words, self.levels, self.spans, strict=True):
            wave = word.samples(self.rate).astype(np.float64) / FULL_SCALE
            mixed[start:end] += _decibels(level) / max(_power(wave), 1 / FULL_SCALE) * _faded(wave, self.rate)
        mixed *= _PEAK / max(float(np.abs(mixed).max()), _PEAK)
        return mixed.astype(np.float32)


def join_recordings(
    recordings: Recordings,
    *,
    count: int,
    words: tuple[int, int] = (3, 7),
    seed: int,
    gap: Range = GAP,
    level: Range = LEVEL,
    accent: Range = ACCENT,
    noise: Range = NOISE,
    rate: int | None = None,
) -> Recordings:
    """Make connected speech: utterances of several recordings of one speaker, in random order.

    Speakers take turns in an order drawn once, so that each says as many utterances as the others, or one more. Words
    of an utterance are drawn from the speaker's recordings alike, and none twice where there are enough. All ranges are
    drawn from evenly, anew for each utterance, and ``gap`` and ``accent`` for each word. Words never overlap; each is
    faded in and out over 5 ms, so that no cut is heard. An utterance whose peaks would be cut off is made quieter.

    To learn from some recordings and test on others, take them apart first, and join each part by itself.

    Args:
        recordings: single words with their texts, of speakers who are known or else are taken for one.
        count: utterances to make.
        words: fewest and most words of an utterance.
        seed: the user's seed; the same one gives the same utterances, sample by sample.
        gap: seconds of background before each word and after the last.
        level: of the utterance: root of the mean square of a word, in dB below full scale.
        accent: dB by which a word is louder than the utterance.
        noise: dB by which the background is louder than the utterance; its spectrum goes from white to dark.
        rate: samples a second; the commonest of the recordings' if ``None``.

    Returns:
        ``count`` recordings. Texts are those of the words, joined by a blank. Columns tell ``parts``, the names of
        what was joined, and ``times``, where each begins and ends ("0.210-0.640" in seconds), both joined by a blank
        and a vertical bar.

    Raises:
        ShapeError: there is no recording, or none has a text.
        SpecificationError: a range that ends before it begins, a count or a number of words below 1.

    Example:
        >>> from likeliest.data.sounds import recordings_of_arrays
        >>> tones = [np.sin(np.arange(4000) / k) for k in (2, 3, 4)]
        >>> said = recordings_of_arrays(tones, 8000, texts=["one", "two", "three"], speakers=["ada"] * 3)
        >>> join_recordings(said, count=2, words=(2, 2), seed=0).texts
        ('two one', 'one three')
    """
    if not len(recordings) or recordings.texts is None:
        raise ShapeError("expected recordings with texts to join, found none; read them with their transcripts")
    _check(count, words, gap, level, accent, noise)
    by_speaker = _rows_of_speakers(recordings.speakers or ("",) * len(recordings))
    turns = stream(seed, "connected: turns").permutation(len(by_speaker))
    rate = rate or int(np.bincount(recordings.rates).argmax())
    joined, chosen = [], []
    for number in range(count):
        draw = stream(seed, "connected", number)
        rows = by_speaker[turns[number % len(turns)]]
        length = int(draw.integers(words[0], words[1], endpoint=True))
        picked = draw.choice(rows, length, replace=length > len(rows))
        loud, gaps = draw.uniform(*level), draw.uniform(*gap, length + 1)
        levels = loud + draw.uniform(*accent, length)
        sounds = tuple(recordings.sounds[row] for row in picked)
        hiss, tilt = loud + draw.uniform(*noise), draw.uniform(*_TILT)
        joined.append(JoinedSound(sounds, rate, _plain(gaps), _plain(levels), hiss, tilt, (seed, number)))
        chosen.append(picked)
    return _described(recordings, joined, chosen)


def _described(recordings: Recordings, joined: list[JoinedSound], chosen: list[NDArray[np.int64]]) -> Recordings:
    assert recordings.texts is not None
    times = [
        " | ".join(f"{start / sound.rate:.3f}-{end / sound.rate:.3f}" for start, end in sound.spans) for sound in joined
    ]
    parts = [" | ".join(recordings.names[row] for row in rows) for rows in chosen]
    digits = len(str(len(joined)))
    return Recordings.of(
        joined,
        names=[f"connected {number + 1:0{digits}}" for number in range(len(joined))],
        texts=[" ".join(recordings.texts[row] for row in rows) for rows in chosen],
        speakers=None if recordings.speakers is None else [recordings.speakers[rows[0]] for rows in chosen],
        columns=pl.DataFrame({"parts": parts, "times": times}, schema={"parts": pl.String, "times": pl.String}),
    )


def _rows_of_speakers(speakers: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return the rows of each speaker, speakers in the order of their names."""
    _, index = np.unique(np.array(speakers), return_inverse=True)
    return [np.flatnonzero(index == speaker) for speaker in range(int(index.max()) + 1)]


def _check(count: int, words: tuple[int, int], *ranges: Range) -> None:
    if count < 1 or words[0] < 1:
        raise SpecificationError(f"expected a count and numbers of words from 1, found {count} and {words}")
    for low, high in (words, *ranges):
        if not low <= high:
            raise SpecificationError(f"expected ranges from low to high, found ({low}, {high}); turn it round")
    if ranges[0][0] < 0:
        raise SpecificationError(f"expected gaps of 0 seconds or more, found {ranges[0]}; words do not overlap")


def _plain(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())


def _decibels(level: float) -> float:
    return float(10 ** (level / 20))


def _power(wave: NDArray[np.float64]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(wave**2)))


def _noise(count: int, tilt: float, address: tuple[int, int]) -> NDArray[np.float64]:
    """Return a noise of level 1 in expectation, of the spectrum (1 − c²) / |1 − c exp(−iω)|²."""
    seed, number = address
    spectrum = np.fft.rfft(stream(seed, "connected: noise", number).standard_normal(count))
    turn = np.exp(-2j * np.pi * np.arange(len(spectrum)) / count)
    return np.fft.irfft(spectrum * np.sqrt(1 - tilt**2) / np.abs(1 - tilt * turn), count)


def _faded(wave: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    ramp = np.minimum(np.arange(1, len(wave) + 1) / (_FADE * rate), 1)
    return wave * ramp * ramp[::-1]
