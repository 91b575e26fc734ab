"""Recordings to be predicted, block by block: each file is looked through once, and its samples are not kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from likeliest.data.batch import Batch, sorted_out
from likeliest.data.problems import also_found
from likeliest.data.sounds.found import Listed
from likeliest.data.sounds.reading import LONGEST
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.sounds.scanning import SILENT, Scanned, UnreadableError, scan
from likeliest.data.sounds.source import find_recordings
from likeliest.data.sounds.words import place_of
from likeliest.data.threads import in_threads
from likeliest.errors import SourceError

BLOCK = 256
_EACH = 4


def recording_blocks(source: str | Path, *, words: bool = False, block: int = BLOCK) -> Iterator[Batch]:
    """Yield the recordings of a source, which need no texts; what cannot be read is named and never stops the rest.

    Args:
        source: as `read_recordings` takes it, or one file of sound.
        words: whether each should be a single word. What is silent, or longer than a minute, holds none and is named
            too.
        block: recordings to a block.

    Raises:
        SourceError: there is nothing that could be a recording.
    """
    path = place_of(source)
    found = find_recordings(path, None, False)
    if not found.sounds:
        raise SourceError(f"{path}: expected recordings, found none{also_found(found.problems)}")
    for start in range(0, len(found.sounds), block):
        yield _read(found.sounds[start : start + block], len(found.sounds), words)


def _read(listed: list[Listed], of: int, words: bool) -> Batch:
    names = tuple(one.name for one in listed)
    results = list(in_threads(_attempt_word if words else _attempt, listed, block=_EACH))
    kept, unreadable = sorted_out(names, results, Scanned)
    read = Recordings.of([scanned.sound for _, scanned in kept], names=[name for name, _ in kept])
    return Batch(read, of, names, unreadable)


def _attempt(one: Listed) -> Scanned | str:
    try:
        return scan(one.path)
    except UnreadableError as error:
        return str(error)


def _attempt_word(one: Listed) -> Scanned | str:
    """Return the reason, too, where no single word can be heard."""
    found = _attempt(one)
    if isinstance(found, str):
        return found
    if found.sound.frames > LONGEST * found.sound.rate:
        return f"longer than {LONGEST:g} seconds: cut it into single words"
    return SILENT if found.silent else found
