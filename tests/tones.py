"""Small recordings that are quickly told apart: tones low, high and rising, each speaker's a little off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Recordings, recordings_of_arrays, write_recordings

WORDS = ("high", "low", "rise")
SPEAKERS = ("ada", "carl", "emmy", "olga")
RATE = 8_000


def tone(word: str, speaker: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """One word: 0.15 to 0.25 s of a tone and its overtone, at the speaker's own pitch, level and noise."""
    t = np.arange(int(RATE * draws.uniform(0.15, 0.25))) / RATE
    pitch = (1 + 0.08 * speaker) * draws.uniform(0.95, 1.05)
    low, high = {"high": (1500, 1500), "low": (500, 500), "rise": (500, 1500)}[word]
    phase = 2 * np.pi * pitch * np.cumsum(np.linspace(low, high, len(t))) / RATE
    wave = np.sin(phase) + 0.4 * np.sin(2 * phase)
    return draws.uniform(0.05, 0.3) * wave * np.hanning(len(t)) + draws.normal(0, 0.01, len(t))


def tones(count: int, seed: int = 0, speakers: tuple[str, ...] = SPEAKERS) -> Recordings:
    """So many takes of each word by each speaker."""
    draws = np.random.default_rng(seed)
    said = [(word, k) for k in range(len(speakers)) for word in WORDS for _ in range(count)]
    waves = [tone(word, k, draws) for word, k in said]
    return recordings_of_arrays(waves, RATE, texts=[word for word, _ in said], speakers=[speakers[k] for _, k in said])


def write_tones(folder: Path, count: int, seed: int = 0) -> None:
    """Write them as WAV files with transcripts.csv."""
    write_recordings(tones(count, seed), folder)
