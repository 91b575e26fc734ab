"""Recordings to a folder that `read_recordings` reads back: one WAV each, and a table of what is said in them."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import polars as pl

from likeliest.data.sounds.recordings import Recordings
from likeliest.errors import OutputError
from likeliest.files import atomic_write

TABLE = "transcripts.csv"


def write_recordings(recordings: Recordings, folder: str | Path, *, rate: int | None = None) -> None:
    """Write each recording to ``folder/number.wav``, its number that of its row, and then ``transcripts.csv``.

    Files are WAV of 16 bits and one channel. The table has the columns file, text and speaker (where they are known)
    and all further ones, and ``split`` where rows are set aside for testing.

    Args:
        recordings: n of them.
        folder: is made if it is not there; files of the same names are replaced.
        rate: samples a second; that of each recording's source if ``None``.

    Raises:
        OutputError: a file cannot be written.
    """
    digits = len(str(len(recordings)))
    names = [f"{row + 1:0{digits}}.wav" for row in range(len(recordings))]
    for row, name in enumerate(names):
        at = rate or recordings.sounds[row].rate
        _write(Path(folder) / name, recordings.samples(row, at), at)
    atomic_write(Path(folder) / TABLE, _table(recordings, names).write_csv().encode())


def _table(recordings: Recordings, names: list[str]) -> pl.DataFrame:
    known = {"file": names, "text": recordings.texts, "speaker": recordings.speakers}
    columns = [pl.Series(name, values, dtype=pl.String) for name, values in known.items() if values is not None]
    aside = np.isin(np.arange(len(names)), recordings.test)
    if aside.any():
        columns.append(pl.Series("split", np.where(aside, "test", "train").tolist()))
    taken = {column.name for column in columns}
    return pl.DataFrame([*columns, *(column for column in recordings.columns if column.name not in taken)])


def _write(path: Path, samples: np.ndarray, rate: int) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
