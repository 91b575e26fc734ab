"""Reading a table from a CSV, TSV or Parquet file, or saying where and why it is none."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import polars as pl

from likeliest.data.delimited import read_delimited
from likeliest.data.inference import blank_missing, infer
from likeliest.errors import SourceError, TableError

_PARQUET = b"PAR1"
_PACKED = {
    b"PK\x03\x04": "a ZIP archive (or an Excel workbook); unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "a gzip file; unpack it with gunzip",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"SQLite format 3\0": "an SQLite database; export the table as CSV",
}
_SEPARATORS = {".tsv": "\t", ".tab": "\t"}
_PARQUET_SUFFIXES = (".parquet", ".pq")
_HEAD = 1 << 16


def read_table(path: str | Path, *, as_text: Collection[str] = ()) -> pl.DataFrame:
    r"""Read a table from a file: CSV, TSV or Parquet, told apart by content and then by suffix.

    A text file is UTF-8 with one header line. Its separator is a tab in a ``.tsv``, and otherwise the one of ``, ; tab
    |`` that cuts its first lines evenly. Missing cells are those of `likeliest.data.MISSING`. A column is integer,
    float, boolean, date or datetime (ISO 8601) where all its cells are, else text. Where semicolons separate, "1,5" is
    1.5.

    Args:
        path: the file.
        as_text: columns to leave as text although they look like numbers, such as the levels a model has learnt
            ("007" is not 7).

    Returns:
        At least one column and one row; missing cells are null.

    Raises:
        SourceError: no such file, a folder, or no permission to read it.
        TableError: the file is no table; the message names the line and the remedy.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
        >>> _ = path.write_text("name,age\nAda,36\nCarl,n/a\n")
        >>> read_table(path)["age"].to_list()
        [36, None]
    """
    frame, separator = read_cells(path)
    if separator is None:
        return frame
    return pl.DataFrame([c if c.name in as_text else infer(c, decimal_comma=separator == ";") for c in frame])


def read_cells(path: str | Path) -> tuple[pl.DataFrame, str | None]:
    """Read a table as `read_table` does, with the cells of a text file as they stand: texts, missing ones null.

    Returns:
        The table, and the separator of its cells; for Parquet, whose columns have types of their own, ``None``.

    Raises:
        SourceError: as `read_table`.
        TableError: as `read_table`.
    """
    path = Path(path)
    content = _content(path)
    if content.startswith(_PARQUET) or path.suffix.lower() in _PARQUET_SUFFIXES:
        return _read_parquet(content, str(path)), None
    for magic, what in _PACKED.items():
        if content.startswith(magic):
            raise TableError(f"{path}: expected CSV, TSV or Parquet, found {what}")
    texts, separator = read_delimited(content, str(path), _SEPARATORS.get(path.suffix.lower()))
    return texts.select(blank_missing(column) for column in texts), separator


def first_cells(path: Path, rows: int = 200) -> pl.DataFrame:
    """Return the first rows of a table, at most ``rows`` of them, cheaply: of a text file only the head is read.

    Raises:
        OSError: the file cannot be read.
        TableError: its head is no table.
        PolarsError: it is no Parquet file, though it is called one.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_PARQUET) or path.suffix.lower() in _PARQUET_SUFFIXES:
        return pl.read_parquet(path, n_rows=rows)
    whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    texts, _ = read_delimited(whole, str(path), _SEPARATORS.get(path.suffix.lower()))
    return texts.head(rows).select(blank_missing(column) for column in texts.head(rows))


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise SourceError(f"{path}: expected a CSV, TSV or Parquet file, found a folder; name the file inside it")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file; the current folder is {Path.cwd()}") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def _read_parquet(content: bytes, place: str) -> pl.DataFrame:
    if not content:
        raise TableError(f"{place}: expected a Parquet table, found an empty file; export it again")
    if not content.startswith(_PARQUET):
        raise TableError(
            f"{place}: expected a Parquet table, which begins with PAR1, found {content[:4]!r}; "
            "if it is a text file, give it the suffix .csv"
        )
    if not content.endswith(_PARQUET) or len(content) < 12:
        raise TableError(
            f"{place}: expected the closing mark of a Parquet table, found the file cut short after "
            f"{len(content)} bytes; copy or download it again"
        )
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError as error:
        why = str(error).partition("\n")[0]
        raise TableError(f"{place}: the Parquet table is damaged ({why}); copy or download it again") from error
    if table.height == 0 or table.width == 0:
        raise TableError(
            f"{place}: expected rows, found a table of {table.width} columns and {table.height} rows; export it again"
        )
    return table
