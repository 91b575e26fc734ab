"""From what a user names to recordings: a folder, a table of files, one file, or the name of a known set."""

from __future__ import annotations

from pathlib import Path

from likeliest.data.catalogue import catalogue, find_named
from likeliest.data.paths import is_file, part_of
from likeliest.data.sounds.digits import find_digits
from likeliest.data.sounds.folders import add_unlisted, find_sounds, is_sound, mostly_sounds
from likeliest.data.sounds.found import Found, Listed
from likeliest.data.sounds.listing import TABLES, find_listed, lists_sounds
from likeliest.data.sounds.reading import LONGEST, read_all
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.sounds.texts import TextRules
from likeliest.data.threads import Progress
from likeliest.errors import SourceError

_USUAL = "transcripts"


def read_recordings(
    source: str | Path,
    *,
    target: str | None = None,
    labelled: bool = True,
    rules: TextRules | None = None,
    longest: float = LONGEST,
    progress: Progress | None = None,
) -> Recordings:
    """Read which recordings there are and what is said in each, in the order of the source.

    Every file is looked through once, block by block, and none is kept; its samples are decoded when they are asked
    for. What cannot be used is left out and told in ``problems``.

    Args:
        source: a folder with a table ``transcripts.csv`` (columns file and text, and speaker where it is known) or
            with one folder for each word; such a table; or the name of a catalogued set. Without labels, a file too.
        target: the column of texts where the source is a table; found by its name if ``None``.
        labelled: whether texts are needed. Without, recordings may lie anywhere in a folder, and last any time.
        rules: how texts are spelt; `TextRules` as they stand if ``None``.
        longest: seconds; a longer recording is left out where texts are needed.
        progress: is told how many recordings are done, of how many.

    Raises:
        SourceError: there is nothing that can be read, or too much of it cannot; or soundfile is not installed.
        TableError: a table cannot be read as one, or several of its columns could name the files.
        TargetError: texts are missing.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from likeliest.data.sounds import recordings_of_arrays, write_recordings
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> tones = [np.sin(np.arange(800) / k) for k in (2, 3)]
        >>> write_recordings(recordings_of_arrays(tones, 8000, texts=["low", "high"]), folder)
        >>> read_recordings(folder).texts
        ('low', 'high')
    """
    path = Path(source)
    if not path.exists() and is_catalogued(source):
        folder = find_named(str(source), "sounds").folder
        assert folder is not None  # what is not installed was refused
        path = folder
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    try:
        found = find_recordings(path, target, labelled)
    except OSError as error:
        raise SourceError(
            f"{error.filename or path}: cannot be read: {error.strerror}; see to its permissions"
        ) from error
    return read_all(found, labelled, rules or TextRules(), longest if labelled else float("inf"), progress)


def is_recordings(source: str | Path) -> bool:
    """Whether a path or a name is a source of recordings; names and a table's first rows are looked at, no sounds.

    A file is, if it is a sound or a table that names sounds; a folder, if it holds such a table or if most of its
    files are sounds.
    """
    path = Path(source)
    if path.is_file():
        return lists_sounds(path) if path.suffix.lower() in TABLES else is_sound(path)
    if path.is_dir():
        return bool(_tables(path)) or mostly_sounds(path)
    return is_catalogued(source)


def is_catalogued(source: str | Path) -> bool:
    """Whether a source is the name of a catalogued set of recordings."""
    return str(source) in [entry.name for entry in catalogue("sounds")]


def find_recordings(path: Path, target: str | None, labelled: bool) -> Found:
    """List what is still to be looked through."""
    if path.is_dir():
        return _in_folder(path, target, labelled)
    if path.suffix.lower() in TABLES:
        return find_listed(path, target=target, labelled=labelled)
    if not labelled and is_sound(path):
        return Found(str(path), [Listed(path.name, path)])
    raise SourceError(
        f"{path}: expected a folder of recordings, a table that lists them with what is said in each, or one of the "
        f"sets {', '.join(entry.name for entry in catalogue('sounds'))}; found none of them"
    )


def _in_folder(folder: Path, target: str | None, labelled: bool) -> Found:
    tables = _chosen(folder, _tables(folder)) if labelled else []
    if not tables:
        return (find_digits(folder) if labelled else None) or find_sounds(folder, labelled=labelled)
    learn = [table for table in tables if part_of(table.name) != "test"]
    several = [find_listed(table, target=target) for table in learn or tables]
    several += [find_listed(table, target=target, test=True) for table in tables if learn and table not in learn]
    found = Found(str(folder), [s for f in several for s in f.sounds], [p for f in several for p in f.problems])
    add_unlisted(found, folder)
    return found


def _tables(folder: Path) -> list[Path]:
    """Return the tables of recordings in a folder; one of the usual name is, whatever is wrong with it."""
    files = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES and path.name[0] != ".")
    return [path for path in files if is_file(path) and (path.stem.lower() == _USUAL or lists_sounds(path))]


def _chosen(folder: Path, tables: list[Path]) -> list[Path]:
    """Return the table that goes by the usual name, or the only one, or those that are called train and test.

    Raises:
        SourceError: there are several, and their names do not say which is for what.
    """
    usual = [path for path in tables if path.stem.lower() == _USUAL]
    if len(usual) == 1 or len(tables) < 2:
        return usual or tables
    if all(part_of(path.name) for path in tables):
        return tables
    raise SourceError(
        f"{folder}: expected one table of recordings, found {', '.join(path.name for path in tables)}; name one"
    )
