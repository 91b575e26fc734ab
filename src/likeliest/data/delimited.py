"""Text files of separated values: from bytes to a table of texts whose shape has been checked, line by line.

Python's csv module decides what a record is (RFC 4180 and its looser relatives) and knows the line it stands on; polars
then reads the very same records, fast. Where the two could differ (quotation marks, blank lines, old line ends), polars
is given the records written out afresh.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import polars as pl

from likeliest.errors import TableError

SEPARATORS = (",", ";", "\t", "|")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GLANCE = 20


def read_delimited(content: bytes, place: str, separator: str | None = None) -> tuple[pl.DataFrame, str]:
    """Return the table with all cells as text, and the separator.

    Args:
        content: the bytes of the file.
        place: the file's name, for messages.
        separator: one character; found from the first lines when ``None``.

    Raises:
        TableError: with the line and the remedy, where the bytes are no table.
    """
    text = decode(content, place)
    separator = separator or find_separator(text)
    _, header = next(_records(text, separator, place), (0, []))
    if not header:
        raise TableError(f"{place}: expected a header line and rows, found an empty file; export it again")
    names = column_names(header, place)
    text = _checked(text, separator, names, place)
    return pl.read_csv(text.encode(), separator=separator, new_columns=names, infer_schema=False), separator


def decode(content: bytes, place: str) -> str:
    """Return the text of UTF-8 bytes, a byte order mark taken off.

    Raises:
        TableError: the bytes are UTF-16 or in another encoding, or one of them is NUL; with the line.
    """
    if content.startswith(_UTF16) or (content[:4].count(0) == 2 and b"\0\0" not in content[:4]):
        raise TableError(
            f"{place}: expected UTF-8 text, found UTF-16; save it as UTF-8, "
            "for example with: iconv -f UTF-16 -t UTF-8 OLD.csv > NEW.csv"
        )
    if (nul := content.find(b"\0")) >= 0:
        raise TableError(
            f"{place} line {_line(content, nul)}: expected text, found a NUL byte; the file is damaged or "
            "is no text: export it again, or remove the bytes with: tr -d '\\000' < OLD.csv > NEW.csv"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{place} line {_line(content, error.start)}: expected UTF-8 text, found the byte "
            f"0x{content[error.start]:02x}; if the file is in an older encoding, convert it, for example "
            "with: iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv"
        ) from error


def find_separator(text: str) -> str:
    """Return the separator that cuts the first lines into the most cells of equal number, or else the header's."""
    lines = list(islice(io.StringIO(text.lstrip("\r\n"), newline=""), _GLANCE))

    def evenness(separator: str) -> tuple[int, int]:
        try:
            counts = {len(record) for record in csv.reader(lines, delimiter=separator) if record}
        except csv.Error:
            counts = set()
        even = len(counts) == 1 and counts != {1}
        return max(counts) if even else 0, "".join(lines[:1]).count(separator)

    return max(SEPARATORS, key=evenness)


def column_names(header: list[str], place: str) -> list[str]:
    """Return the header's names, blanks stripped; a column without a name is called by its position.

    Raises:
        TableError: a name stands twice.
    """
    names = [name.strip() or f"unnamed_{i}" for i, name in enumerate(header, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        where = "; ".join(
            f"{name!r} is column {' and '.join(str(i) for i, n in enumerate(names, 1) if n == name)}" for name in twice
        )
        raise TableError(f"{place}: expected every column to have a name of its own, found {where}; rename one of them")
    return names


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _records(text: str, separator: str, place: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of every record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{place} line {line}: expected separated values, found a cell that cannot be read ({error}); "
            'look for a quotation mark that is never closed; inside a cell, write it twice: ""'
        ) from error


def _checked(text: str, separator: str, names: list[str], place: str) -> str:
    """Return the text of records that all have as many cells as there are names; rewritten where readers could differ.

    Raises:
        TableError: a record has more or fewer cells, with its line; or there is no record.
    """
    count = -1
    for line, record in _records(text, separator, place):
        if len(record) != len(names):
            raise TableError(
                f"{place} line {line}: expected {len(names)} cells as in the header, found {len(record)}; "
                f"correct the line, or put quotation marks around a cell that holds {separator!r}"
            )
        count += 1
    if count == 0:
        listed = ", ".join([*names[:5], *(["…"] if len(names) > 5 else [])])
        raise TableError(
            f"{place}: expected rows below the header, found the header alone ({len(names)} columns: {listed}); "
            "export it again with its rows"
        )
    plain = '"' not in text and text.count("\r") == text.count("\r\n")
    lines = text.count("\n") + (not text.endswith("\n"))
    return text if plain and lines == count + 1 else _rewritten(text, separator, place)


def _rewritten(text: str, separator: str, place: str) -> str:
    out = io.StringIO(newline="")  # the writer quotes what occurs in its line ends, and a lone \r must be quoted too
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows(
        r for _, r in _records(text, separator, place)
    )
    return out.getvalue()
