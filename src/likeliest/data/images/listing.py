"""Tables of pictures: a CSV of files and labels, or Parquet that holds encoded pictures and labels.

A column of pictures is one of bytes, or of records with a field ``bytes`` (as Hugging Face's data sets have it), or one
of file names, relative to the table's folder. A column of labels is known by its name, or by being the only other one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from likeliest.data.cells import texts
from likeliest.data.delimited import read_delimited
from likeliest.data.images.decoding import SUFFIXES, looks_like_picture
from likeliest.data.images.reading import Encoded, Found, Opener
from likeliest.data.paths import located
from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.data.tables import read_table
from likeliest.errors import TableError, TargetError

TABLES = (".csv", ".tsv")
PARQUET = (".parquet", ".pq")

_FILES = ("file", "path", "image", "filename", "file_name", "filepath", "image_path", "img", "picture")
_LABELS = ("label", "class", "target", "labels", "category", "y", "fine_label")
_HEAD = 1 << 16
_CLASS_NAMES = "huggingface"


def lists_pictures(path: Path) -> bool:
    """Whether a CSV or Parquet file has a column of pictures, by its first rows."""
    try:
        return picture_column(_first_rows(path)) is not None
    except (OSError, TableError, pl.exceptions.PolarsError):
        return False


def picture_column(frame: pl.DataFrame) -> str | None:
    """Return the column that holds encoded pictures, or names their files."""
    for column in frame.get_columns():
        if _bytes_of(column) is not None and any(looks_like_picture(cell) for cell in _bytes_of(column)[:5] if cell):
            return column.name
    for name in _named(frame, _FILES):
        cells = frame[name].drop_nulls()
        if cells.dtype == pl.String and len(cells) and Path(str(cells[0])).suffix.lower() in SUFFIXES:
            return name
    return None


def find_listed(path: Path, *, target: str | None, labelled: bool, test: bool = False) -> Found:
    """List the pictures of a table, in the order of its rows.

    Raises:
        TableError: it is no table, or has no column of pictures.
        TargetError: labels are wanted, and it has no such column.
    """
    frame = _whole(path)
    name = picture_column(frame)
    if name is None:
        raise TableError(
            f"{path}: expected a column of pictures or of their files (file, path or image), found "
            f"{', '.join(map(repr, frame.columns[:10]))}; rename it"
        )
    labels = _labels(path, frame, name, target) if labelled else None
    content = _bytes_of(frame[name])
    held = _listed(path, frame[name].to_list()) if content is None else _held(path, content.to_list())
    found, seen = Found(str(path)), set()
    for row, (shown, opened) in enumerate(held):
        label = None if labels is None else labels[row]
        if labels is not None and label is None:
            found.problems.append(Problem(shown, "without a label", LEFT_OUT))
        elif opened is None:
            found.problems.append(Problem(shown, "without a file", LEFT_OUT))
        elif (shown, label) in seen:
            found.problems.append(Problem(shown, "listed more than once with one label", "counted once"))
        else:
            seen.add((shown, label))
            found.pictures.append(Encoded(shown, label, test, opened))
    return found


def _listed(path: Path, files: Sequence[Any]) -> Iterator[tuple[str, Opener | None]]:
    """Give each file's name and how to open it; there may be none."""
    for row, name in enumerate(files):
        if name is None:
            yield f"{path.name} row {row + 1}", None
        else:
            yield str(name), Encoded.file(located(path.parent, str(name)), str(name)).open


def _held(path: Path, contents: Sequence[bytes | None]) -> Iterator[tuple[str, Opener | None]]:
    """Give each row's address and how to open what it holds."""
    for row, content in enumerate(contents):
        yield f"{path.name} row {row + 1}", partial(BytesIO, content or b"")


def _whole(path: Path) -> pl.DataFrame:
    """Read a table; the cells of a text file as texts, so that the label "007" stays itself."""
    if path.suffix.lower() in PARQUET:
        return read_table(path)
    return read_table(path, as_text=read_table(path).columns)


def _first_rows(path: Path) -> pl.DataFrame:
    if path.suffix.lower() in PARQUET:
        return pl.read_parquet(path, n_rows=5)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    return read_delimited(whole, str(path), "\t" if path.suffix.lower() == ".tsv" else None)[0]


def _bytes_of(column: pl.Series) -> Any:
    """Return the encoded pictures in a column, as a column of bytes, or None if it holds none."""
    if isinstance(column.dtype, pl.Struct) and "bytes" in column.struct.fields:
        column = column.struct.field("bytes")
    return column if column.dtype == pl.Binary else None


def _labels(path: Path, frame: pl.DataFrame, pictures: str, target: str | None) -> Sequence[str | None]:
    others = [column for column in frame.columns if column != pictures]
    if target is not None and target not in others:
        raise TargetError(f"{path}: expected a column {target!r} of labels, found {', '.join(map(repr, others[:10]))}")
    known = [target] if target is not None else _named(frame.select(others), _LABELS) or others
    if target is None and len(known) != 1 and not _named(frame.select(others), _LABELS):
        raise TargetError(
            f"{path}: expected a column of labels (label, class or target), found "
            f"{', '.join(map(repr, others[:10])) or 'none'}; say which with --target"
        )
    column = frame[known[0]]
    names = _class_names(path, column.name) if column.dtype.is_integer() else []
    labels = texts(column).to_list()
    return [names[int(x)] if x is not None and 0 <= int(x) < len(names) else x for x in labels] if names else labels


def _class_names(path: Path, column: str) -> list[str]:
    """Return the names of classes that a Parquet file keeps for a column of integers, if it does."""
    if path.suffix.lower() not in PARQUET:
        return []
    try:
        features = json.loads(pl.read_parquet_metadata(path)[_CLASS_NAMES])["info"]["features"]
        return [str(name) for name in features[column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _named(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns that go by one of the names, the first name first."""
    return sorted(
        (column for column in frame.columns if column.lower() in names), key=lambda column: names.index(column.lower())
    )
