"""One file of sound to samples: decoded block by block, mixed to one channel, resampled, on the scale of 16 bits.

No more than a block is held at the file's own rate, however long the recording is. libsndfile (through soundfile)
decodes; soxr resamples, by its band-limited filter "HQ": flat to 0.91 of the lower Nyquist frequency, with what would
fold back 100 dB down and more.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import SourceError

Samples = NDArray[np.int16]
FULL_SCALE = 32_768
"""What ±1 is on the scale of samples; they stop one short of it on both sides, for −32,768 marks an end."""

_BLOCK = 1 << 18


class Sound(Protocol):
    """One recording, wherever its samples come from."""

    @property
    def rate(self) -> int:
        """Samples a second, in the source."""
        ...

    @property
    def frames(self) -> int:
        """Samples of each channel, in the source."""
        ...

    @property
    def digest(self) -> bytes:
        """What no other sound shares."""
        ...

    def samples(self, rate: int) -> Samples:
        """All of it, one channel, at ``rate`` samples a second: int16 (`resampled_length`,), no −32,768."""
        ...


@dataclass(frozen=True, slots=True)
class FileSound:
    """A file that was looked through by `scan`, and is decoded anew whenever its samples are asked for.

    Attributes:
        path: where it lies.
        rate: samples a second.
        frames: samples of each channel.
        channels: those that carry sound; their mean is what is heard.
        gain: what samples are multiplied by: less than 1 where floating-point samples go beyond ±1.
        digest: SHA-256 of the file's bytes.
    """

    path: Path
    rate: int
    frames: int
    channels: tuple[int, ...]
    gain: float
    digest: bytes

    def samples(self, rate: int) -> Samples:
        """Decode, mix and resample.

        Raises:
            SourceError: the file has changed since it was looked through, and can no longer be read.
        """
        try:
            return resampled(self._mono(), self.frames, self.rate, rate)
        except (OSError, RuntimeError) as error:
            raise SourceError(
                f"{self.path}: cannot be read any longer ({error}); leave files as they are while they are learnt from"
            ) from error

    def _mono(self) -> Iterator[NDArray[np.float32]]:
        for block in decoded(self.path):
            heard = block[:, 0] if block.shape[1] == 1 else block.T[list(self.channels)].mean(0)
            np.nan_to_num(heard, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            yield heard * np.float32(self.gain) if self.gain != 1 else heard


@dataclass(frozen=True, slots=True, eq=False)
class ArraySound:
    """Samples in memory, int16 (L,)."""

    values: Samples
    rate: int
    digest: bytes

    @property
    def frames(self) -> int:
        """Samples."""
        return len(self.values)

    def samples(self, rate: int) -> Samples:
        """Resample."""
        if rate == self.rate:
            return self.values
        return resampled([self.values.astype(np.float32) / np.float32(FULL_SCALE)], self.frames, self.rate, rate)


def decoded(path: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a file as blocks (m, channels), full scale ±1, until it ends."""
    with soundfile().SoundFile(str(path)) as file:
        most = max(_BLOCK // file.channels, 1)
        while len(block := file.read(most, dtype="float32", always_2d=True)):
            yield block


def resampled(blocks: Any, frames: int, rate: int, wanted: int) -> Samples:
    """Return blocks (m,) of one channel, ``frames`` samples in all, as int16 at another rate.

    Args:
        blocks: an iterable of float32 arrays, full scale ±1.
        frames: samples in all blocks; what is missing at the end is silence.
        rate: samples a second of the blocks.
        wanted: samples a second of the result.
    """
    out = np.zeros(resampled_length(frames, rate, wanted), dtype=np.int16)
    done = 0
    for block in blocks if rate == wanted else _converted(blocks, rate, wanted):
        piece = block[: len(out) - done]
        out[done : done + len(piece)] = as_int16(piece)
        done += len(piece)
    return out


def resampled_length(frames: int, rate: int, wanted: int) -> int:
    """Return how many samples ``frames`` at one rate are at another: rounded, at least one."""
    return max((2 * frames * wanted + rate) // (2 * rate), 1)


def as_int16(values: NDArray[np.float32]) -> Samples:
    """Return samples of full scale ±1 on the scale of 16 bits: v · 32,768, rounded, within ±32,767."""
    return np.clip(np.rint(values * FULL_SCALE), 1 - FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def soundfile() -> Any:
    """Return the package that decodes.

    Raises:
        SourceError: it is not installed.
    """
    return _needed("soundfile")


def _converted(blocks: Any, rate: int, wanted: int) -> Iterator[NDArray[np.float32]]:
    stream = _needed("soxr").ResampleStream(rate, wanted, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:
        raise SourceError(
            f"recordings are read with the package {package}, which is not installed; get it with: "
            'pip install "likeliest[speech]"'
        ) from error
