"""One look through a file of sound before anything is learnt from it: can all of it be read, and is it as it should be.

The samples are decoded block by block and not kept. What is wrong is either a reason to leave the recording out, or is
handled and told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds.decoding import FULL_SCALE, FileSound, decoded, soundfile
from likeliest.data.sounds.headers import CUT_SHORT, looks_like_sound, wave_fault, what_else

SHORTEST = 0.05
"""Seconds: no word is shorter."""
LOWEST, HIGHEST = 1_000, 1_000_000
"""Rates, in Hz, between which a header can be believed."""
MOST_NOT_FINITE = 0.1
"""A recording with a larger share of samples that are no numbers is left out."""
CLIPPED_RUN = 3
"""So many samples in a row at full scale are a peak that was cut off."""
DEAD = 1e-3
"""A channel that moves less than this share of the loudest one (−60 dB) carries no sound."""
SILENT = "silence only"

_FEWEST = {"MP3": 0.95}
"""What share of the samples that it claims a format must give; MP3's claim is an estimate."""
_STEPS = {"PCM_U8": 128, "PCM_S8": 128, "ULAW": 4096, "ALAW": 4096}


class UnreadableError(Exception):
    """A recording that cannot be used; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file that can be read, and (reason, done) pairs of what was not as expected."""

    sound: FileSound
    silent: bool
    remarks: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Tally:
    """What is found in the samples so far."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    full: float
    before: NDArray[np.bool_]
    frames: int = 0
    not_finite: int = 0
    clipped: bool = False

    @classmethod
    def of(cls, channels: int, step: float) -> _Tally:
        edge = np.full(channels, np.inf, dtype=np.float32)
        return cls(edge, -edge, 1 - step, np.zeros((CLIPPED_RUN - 1, channels), dtype=np.bool_))

    def add(self, block: NDArray[np.float32]) -> None:
        finite = np.isfinite(block)
        if not finite.all():
            self.not_finite += int((~finite.all(1)).sum())
            block = np.where(finite, block, np.float32(0))
        self.frames += len(block)
        channels = np.ascontiguousarray(block.T)  # along a row of memory the extremes are found fifty times faster
        self.low, self.high = np.minimum(self.low, channels.min(1)), np.maximum(self.high, channels.max(1))
        if not self.clipped and max(float(self.high.max()), -float(self.low.min())) >= self.full:
            self._look_for_clipping(block)

    def _look_for_clipping(self, block: NDArray[np.float32]) -> None:
        at_full = np.concatenate([self.before, np.abs(block) >= self.full])
        runs = np.lib.stride_tricks.sliding_window_view(at_full, CLIPPED_RUN, axis=0)
        self.clipped, self.before = bool(runs.all(-1).any()), at_full[1 - CLIPPED_RUN :]


def scan(path: Path) -> Scanned:
    """Look through a file.

    Raises:
        UnreadableError: it is no sound, is damaged, or holds nothing that could be heard as a word.
        SourceError: the package that decodes is not installed.
    """
    try:
        return _scan(path)
    except PermissionError as error:
        raise UnreadableError("no permission to read it") from error
    except FileNotFoundError as error:
        raise UnreadableError("no such file") from error
    except OSError as error:
        raise UnreadableError(f"cannot be opened ({error.strerror})") from error


def _scan(path: Path) -> Scanned:
    if path.exists() and not path.is_file():
        raise UnreadableError("no ordinary file")  # a pipe would wait for ever
    with path.open("rb") as file:
        head = file.read(64)
        if not looks_like_sound(head):
            raise UnreadableError(f"no sound, but {what_else(head)}" if head else "an empty file")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").digest()
    if fault := wave_fault(path):
        raise UnreadableError(fault)
    library = soundfile()
    try:
        with library.SoundFile(str(path)) as file:
            rate, claimed, subtype, form = file.samplerate, file.frames, file.subtype, file.format
            step = 1 / _STEPS.get(subtype, FULL_SCALE)
            tally = _Tally.of(file.channels, step)
        if not LOWEST <= rate <= HIGHEST:
            raise UnreadableError(f"a sample rate of {rate:,} Hz, which no recording has")
        for block in decoded(path):
            tally.add(block)
    except library.LibsndfileError as error:
        raise UnreadableError("damaged") from error
    _refuse(tally, rate, claimed * _FEWEST.get(form, 1))
    return _judged(tally, path, rate, step, subtype, digest)


def _refuse(tally: _Tally, rate: int, wanted: float) -> None:
    if tally.frames < wanted:
        raise UnreadableError(CUT_SHORT)
    if not tally.frames:
        raise UnreadableError("no samples")
    if tally.frames < SHORTEST * rate:
        raise UnreadableError(f"shorter than {SHORTEST:g} seconds")
    if tally.not_finite > MOST_NOT_FINITE * tally.frames:
        raise UnreadableError("samples that are no numbers (NaN or infinite)")


def _judged(tally: _Tally, path: Path, rate: int, step: float, subtype: str, digest: bytes) -> Scanned:
    """Return the file's channels and gain, with what was handled."""
    moved = tally.high - tally.low
    alive = moved > max(2 * step, DEAD * float(moved.max()))
    silent = not alive.any()
    channels = tuple(range(len(moved))) if silent else tuple(map(int, np.flatnonzero(alive)))
    peak = max(float(tally.high.max()), -float(tally.low.min()))
    beyond = subtype in ("FLOAT", "DOUBLE") and peak > 1
    remarks = []
    if tally.not_finite:
        remarks.append(("some samples that are no numbers (NaN or infinite)", "set to silence"))
    if beyond:
        remarks.append(("floating-point samples beyond ±1", "scaled down to ±1"))
    elif tally.clipped:
        remarks.append(("clipped: peaks cut off at full scale", "kept"))
    if len(channels) < len(moved):
        remarks.append(("a channel without sound", "the others used"))
    sound = FileSound(path, rate, tally.frames, channels, 1 / peak if beyond else 1.0, digest)
    return Scanned(sound, silent, tuple(remarks))
