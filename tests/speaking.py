"""Connected speech of tones: strings of the words that `tones` makes, by each of its speakers."""

from __future__ import annotations

from pathlib import Path

from likeliest.data import Recordings, write_recordings
from likeliest.data.sounds import join_recordings

from .tones import tones


def sentences(count: int, seed: int = 0, words: tuple[int, int] = (2, 4)) -> Recordings:
    """So many utterances of all speakers in turn."""
    return join_recordings(tones(3, seed), count=count, words=words, seed=seed)


def write_sentences(folder: Path, count: int, seed: int = 0) -> None:
    """Write them as WAV files with transcripts.csv."""
    write_recordings(sentences(count, seed), folder)
