"""Tables of recordings: which column names the files, which says the text, which the speaker.

A column goes by its usual name (``file``, ``text``, ``speaker``) or, where there is just one such, by one of the names
that other sets use. A file is looked for beside the table, and in the folders ``clips``, ``wavs``, ``wav``,
``recordings`` and ``audio`` there; its suffix may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from likeliest.data.delimited import read_delimited
from likeliest.data.paths import LEARN, TEST, is_file, located
from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.data.sounds.found import Found, Listed
from likeliest.data.sounds.headers import SUFFIXES
from likeliest.data.tables import read_table
from likeliest.errors import SourceError, TableError, TargetError

TABLES = (".csv", ".tsv", ".parquet", ".pq")
UNKNOWN_SPEAKER = "unknown"
"""The speaker of rows that name none, in a table that names others."""

_FILES = ("file", "path", "filename", "file_name", "filepath", "audio", "audio_path", "audio_file", "wav", "recording")
_TEXTS = ("text", "transcript", "transcription", "sentence", "label", "word", "utterance", "target")
_SPEAKERS = ("speaker", "speaker_id", "client_id", "spk", "spk_id", "speaker_name", "reader")
_SETS = ("split", "set", "subset", "part", "partition")
_BELOW = ("clips", "wavs", "wav", "recordings", "audio")
_LEARN = LEARN | {"dev", "development"}
_HEAD = 1 << 16


def lists_sounds(path: Path) -> bool:
    """Whether a table names files of sound, by its first rows."""
    try:
        frame = _first_rows(path)
    except (OSError, TableError, pl.exceptions.PolarsError):
        return False
    columns = [column for column in frame.columns if column.strip().lower() in _FILES]
    names = [next((cell for cell in frame[column] if cell), "") for column in columns]
    return any(_with_suffix(path.parent, name).suffix.lower() in SUFFIXES for name in names)


def find_listed(path: Path, *, target: str | None = None, labelled: bool = True, test: bool = False) -> Found:
    """List the recordings of a table, in the order of its rows.

    Args:
        path: a CSV, TSV or Parquet file.
        target: the column of texts; found by its name if ``None``.
        labelled: whether texts are needed.
        test: whether all its rows are set aside for testing.

    Raises:
        TableError: it is no table, has no column of files, or several that could be it.
        TargetError: texts are needed, and no column or several could be them.
    """
    frame = _whole(path)
    files = _column(frame, _FILES, str(path))
    if files is None:
        raise TableError(f"{path}: expected a column of files (file or path), found {_shown(frame)}; rename it")
    text = _text_column(frame, path, target) if labelled else None
    speaker = _column(frame, _SPEAKERS, str(path))
    aside = [test] * frame.height if test else _aside(frame, str(path))
    others = [column for column in frame.columns if column not in (files, text, speaker)]
    found, seen = Found(str(path)), set()
    for row, cells in enumerate(frame.iter_rows(named=True)):
        name, said = cells[files], None if text is None else cells[text]
        if name is None:
            found.problems.append(Problem(f"{path.name} row {row + 1}", "without a file", LEFT_OUT))
        elif labelled and said is None:
            found.problems.append(Problem(name, "without a text", LEFT_OUT))
        elif (name, said) in seen:
            found.problems.append(Problem(name, "listed more than once with one text", "counted once"))
        else:
            seen.add((name, said))
            who = None if speaker is None else cells[speaker] or UNKNOWN_SPEAKER
            rest = {column: cells[column] for column in others}
            found.sounds.append(Listed(name, _with_suffix(path.parent, name), said, who, aside[row], rest))
            if who == UNKNOWN_SPEAKER:
                found.problems.append(Problem(name, "without a speaker", f"taken for one called {UNKNOWN_SPEAKER!r}"))
    return found


def _with_suffix(folder: Path, name: str) -> Path:
    """Return where a file lies that a table names, or where it should."""
    first = located(folder, name)
    places = (first, *(located(folder / below, name) for below in _BELOW))
    named = [path for path in places if is_file(path)]
    if named or first.suffix.lower() in SUFFIXES:
        return named[0] if named else first
    longer = (path.with_name(path.name + suffix) for path in places for suffix in SUFFIXES)
    return next((path for path in longer if is_file(path)), first)


def _whole(path: Path) -> pl.DataFrame:
    """Read a table whose cells are all texts: here "null" and "NA" are words, and only an empty cell is missing."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return read_table(path).select(pl.all().cast(pl.String, strict=False))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; see to its permissions") from error
    return _cells(content, path)


def _first_rows(path: Path) -> pl.DataFrame:
    if path.suffix.lower() in (".parquet", ".pq"):
        return pl.read_parquet(path, n_rows=5).select(pl.all().cast(pl.String, strict=False))
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return _cells(head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1], path)


def _cells(content: bytes, path: Path) -> pl.DataFrame:
    frame = read_delimited(content, str(path), "\t" if path.suffix.lower() == ".tsv" else None)[0]
    stripped = frame.select(pl.all().cast(pl.String).str.strip_chars())
    return stripped.select(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in stripped.columns)


def _text_column(frame: pl.DataFrame, path: Path, target: str | None) -> str:
    if target is not None and target not in frame.columns:
        raise TargetError(f"{path}: expected a column {target!r} of texts, found {_shown(frame)}")
    column = target or _column(frame, _TEXTS, str(path))
    if column is None:
        raise TargetError(
            f"{path}: expected a column of texts (text, transcript or sentence), found {_shown(frame)}; "
            "say which with --target"
        )
    return column


def _column(frame: pl.DataFrame, names: Sequence[str], place: str) -> str | None:
    """Return the column that goes by the first of the names, else by any other.

    Raises:
        TableError: several could be it.
    """
    known = {column: column.strip().lower() for column in frame.columns}
    usual = [column for column, name in known.items() if name == names[0]]
    columns = usual or [column for column, name in known.items() if name in names]
    if len(columns) > 1:
        raise TableError(
            f"{place}: expected one column such as {names[0]!r}, found {', '.join(map(repr, columns))}; "
            f"rename the one that is meant to {names[0]!r}"
        )
    return columns[0] if columns else None


def _aside(frame: pl.DataFrame, place: str) -> list[bool]:
    """Return for each row whether a column such as ``split`` says that it is for testing, if all its cells can."""
    column = _column(frame, _SETS, place)
    if column is not None:
        cells = [(cell or "").lower() for cell in frame[column]]
        if set(cells) <= _LEARN | TEST and set(cells) & _LEARN:
            return [cell in TEST for cell in cells]
    return [False] * frame.height


def _shown(frame: pl.DataFrame) -> str:
    return ", ".join(map(repr, frame.columns[:10]))
