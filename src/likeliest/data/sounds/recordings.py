"""Recordings with their texts and speakers: known by their files, and decoded when their samples are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from likeliest.data.problems import Problem, findings
from likeliest.data.sounds.decoding import FULL_SCALE, ArraySound, Samples, Sound
from likeliest.errors import ShapeError


@dataclass(frozen=True, slots=True, eq=False)
class Recordings:
    """n recordings with their names, and their texts and speakers where those are known. A frozen value.

    Attributes:
        sounds: n sources of samples.
        names: n addresses for messages: the file as found below the folder, or its name in the table.
        texts: what is said in each, as `TextRules` leaves it, or ``None``.
        speakers: who says it, or ``None``.
        columns: what else the table says of each (n rows, and no column where there is no table).
        test: indices, ascending, of the rows that the source sets aside for testing; often none.
        problems: what was not as expected, in the order of the source.

    Raises:
        ShapeError: not one name, text, speaker and row of columns for each sound.

    Example:
        >>> two = recordings_of_arrays([np.zeros(800), np.ones(400)], 8000, texts=["one", "two"])
        >>> two.seconds.tolist(), two.samples(0, 16000).shape
        ([0.1, 0.05], (1600,))
    """

    sounds: tuple[Sound, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...] | None
    speakers: tuple[str, ...] | None
    columns: pl.DataFrame
    test: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.sounds)
        for what, found in (("names", self.names), ("texts", self.texts), ("speakers", self.speakers)):
            if found is not None and len(found) != n:
                raise ShapeError(f"expected {n} {what}, one for each recording, found {len(found)}")
        if self.columns.width and self.columns.height != n:
            raise ShapeError(f"expected {n} rows of columns, one for each recording, found {self.columns.height}")

    @classmethod
    def of(
        cls,
        sounds: Sequence[Sound],
        *,
        names: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
        speakers: Sequence[str] | None = None,
        columns: pl.DataFrame | None = None,
        test: Iterable[int] = (),
        problems: Iterable[Problem] = (),
    ) -> Self:
        """Return recordings of sounds, named by their number where they have no names."""
        return cls(
            tuple(sounds),
            tuple(names) if names is not None else tuple(f"recording {row + 1}" for row in range(len(sounds))),
            None if texts is None else tuple(texts),
            None if speakers is None else tuple(speakers),
            pl.DataFrame() if columns is None else columns,
            np.array(sorted(test), dtype=np.int64),
            tuple(problems),
        )

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def rates(self) -> NDArray[np.int64]:
        """Samples a second of each, in its source (n,)."""
        return np.array([sound.rate for sound in self.sounds], dtype=np.int64)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each is (n,)."""
        return np.array([sound.frames / sound.rate for sound in self.sounds], dtype=np.float64)

    def samples(self, row: int, rate: int) -> Samples:
        """Return one recording, one channel, at ``rate`` samples a second: int16 (L,) within ±32,767."""
        return self.sounds[row].samples(rate)

    def take(self, rows: NDArray[np.int64]) -> Recordings:
        """Return the recordings at ``rows`` (m,), in that order."""
        return Recordings(
            tuple(self.sounds[row] for row in rows),
            tuple(self.names[row] for row in rows),
            None if self.texts is None else tuple(self.texts[row] for row in rows),
            None if self.speakers is None else tuple(self.speakers[row] for row in rows),
            self.columns[rows] if self.columns.width else self.columns,
            np.flatnonzero(np.isin(rows, self.test)),
            self.problems,
        )

    def digests(self) -> list[bytes]:
        """Return what tells each sound from all others: the SHA-256 of its file, or of its samples and rate."""
        return [sound.digest for sound in self.sounds]

    def in_canonical_order(self) -> Recordings:
        """Return the same recordings in an order that only what is said and how it sounds decide, not file names.

        Rows to learn from come before those set aside for testing; within each, rows are sorted by text, then by
        speaker and then by `digests`. What is split, shuffled and learnt by row is then the same for a folder and a
        table.
        """
        n = len(self)
        aside = np.isin(np.arange(n), self.test).tolist()
        keys = list(zip(aside, self.texts or ("",) * n, self.speakers or ("",) * n, self.digests(), strict=True))
        return self.take(np.array(sorted(range(n), key=keys.__getitem__), dtype=np.int64))

    def findings(self) -> list[str]:
        """Return the problems counted: one line for each kind, with the first few names."""
        return findings(self.problems)


def recordings_of_arrays(
    waves: Sequence[ArrayLike],
    rate: int,
    *,
    texts: Sequence[str] | None = None,
    speakers: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> Recordings:
    """Return recordings of arrays.

    Args:
        waves: n arrays (L,) of one channel: int16, or floating-point numbers of full scale ±1, which are cut off there.
        rate: samples a second.
        texts: n texts, which stay as they are.
        speakers: n speakers.
        names: n names; "recording 1" and so on if ``None``.

    Raises:
        ShapeError: an array of another shape or type, or without samples, or one with NaN or infinite numbers.

    Example:
        >>> recordings_of_arrays([np.array([0.5, -1.0])], 8000).samples(0, 8000).tolist()
        [16384, -32767]
    """
    sounds = [_array_sound(np.asarray(wave), rate, row) for row, wave in enumerate(waves)]
    return Recordings.of(sounds, names=names, texts=texts, speakers=speakers)


def _array_sound(wave: NDArray[np.generic], rate: int, row: int) -> ArraySound:
    integers = wave.dtype == np.int16
    if wave.ndim != 1 or not len(wave) or not (integers or wave.dtype.kind == "f"):
        raise ShapeError(
            f"recording {row + 1}: expected samples (L,), int16 or floating-point, found {wave.dtype} of shape "
            f"{wave.shape}; give one channel"
        )
    scaled = wave.astype(np.float64) * (1 if integers else FULL_SCALE)
    if not np.isfinite(scaled).all():
        raise ShapeError(f"recording {row + 1}: expected finite samples, found NaN or infinite ones; replace them")
    values = np.clip(np.rint(scaled), 1 - FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return ArraySound(values, rate, hashlib.sha256(f"{rate} ".encode() + values.tobytes()).digest())
