"""From what a user names to pictures: a folder, a list of files, IDX, Parquet, NumPy, or the name of a known set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from likeliest.data.catalogue import catalogue, find_named
from likeliest.data.images.arrays import array_pictures
from likeliest.data.images.folders import find_pictures, is_picture
from likeliest.data.images.idx import idx_parts, idx_pictures, is_idx
from likeliest.data.images.listing import PARQUET, TABLES, find_listed, lists_pictures
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.data.images.reading import Encoded, Found, read_all
from likeliest.data.paths import part_of
from likeliest.data.problems import Problem
from likeliest.data.threads import Progress
from likeliest.errors import SourceError

ARRAYS = (".npz", ".npy")
"""Suffixes of files of arrays."""
_SINGLE = "a class of one picture"
_COPY = "the same pixels twice in one class"
_CONFLICT = "the same pixels under two labels, of which one is wrong"


def read_pictures(
    source: str | Path,
    *,
    target: str | None = None,
    labelled: bool = True,
    largest: int = LARGEST,
    progress: Progress | None = None,
) -> Pictures:
    """Read pictures and their labels, in the order of the source.

    Args:
        source: a folder with one folder for each class; a CSV of files and labels, or a folder with one; Parquet of
            encoded pictures; IDX files (one of images, or a folder of MNIST's four, gzipped or not); ``.npz`` or
            ``.npy``; or the name of a catalogued set.
        target: the column of labels where the source is a table; found by its name if ``None``.
        labelled: whether labels are needed. Without, pictures may lie anywhere in a folder, and one picture will do.
        largest: pictures whose longer side has more pixels are shrunk to it, their proportions kept.
        progress: is told how many pictures are done, of how many.

    Raises:
        SourceError: there is nothing that can be read, or too much of it cannot; the message says what and why.
        TableError: a table cannot be read as one.
        ShapeError: an array is of a shape that no pictures have.
        TargetError: labels are missing.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from likeliest.data import write_folder
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> dots = Pictures.of(np.eye(4, dtype=np.uint8).reshape(4, 2, 2), labels=["a", "a", "b", "b"])
        >>> write_folder(dots, folder)
        >>> read_pictures(folder).labels
        ('a', 'a', 'b', 'b')
    """
    path = Path(source)
    if not path.exists() and is_catalogued(source):
        return _remarked(_of_catalogue(str(source), labelled, largest))
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    try:
        return _remarked(_read(path, target, labelled, largest, progress))
    except OSError as error:
        raise SourceError(
            f"{error.filename or path}: cannot be read: {error.strerror}; see to its permissions"
        ) from error


def _read(path: Path, target: str | None, labelled: bool, largest: int, progress: Progress | None) -> Pictures:
    if path.suffix.lower() in ARRAYS and path.is_file():
        return array_pictures(path, labelled=labelled, largest=largest)
    if idx_parts(path) if path.is_dir() else is_idx(path):
        return idx_pictures(path, labelled=labelled, largest=largest)
    return read_all(find_encoded(path, target, labelled), largest, progress)


def is_pictures(source: str | Path) -> bool:
    """Whether a path or a name is a source of pictures: any folder is, and a table that lists or holds pictures."""
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() in ARRAYS or _lists(path) or is_idx(path) or is_picture(path)
    return path.is_dir() or is_catalogued(source)


def is_catalogued(source: str | Path) -> bool:
    """Whether a source is the name of a catalogued set of pictures."""
    return str(source) in [entry.name for entry in catalogue("images")]


def _lists(path: Path) -> bool:
    return path.suffix.lower() in (*TABLES, *PARQUET) and lists_pictures(path)


def find_encoded(path: Path, target: str | None, labelled: bool) -> Found:
    """List what is still to be decoded."""
    if path.is_dir():
        tables = _tables(path, labelled)
        if not tables:
            return find_pictures(path, labelled=labelled)
        return _joined(path, [find_listed(t, target=target, labelled=labelled, test=test) for t, test in tables])
    if _lists(path):
        return find_listed(path, target=target, labelled=labelled)
    if not labelled and is_picture(path):
        return Found(str(path), [Encoded.file(path, path.name)])
    raise SourceError(
        f"{path}: expected a folder of pictures, a CSV or Parquet file that lists or holds them, IDX or NumPy files, "
        f"or one of the sets {', '.join(entry.name for entry in catalogue('images'))}; found none of them"
    )


def _tables(folder: Path, labelled: bool) -> list[tuple[Path, bool]]:
    """Return the tables of pictures in a folder, those to learn from first, and whether each is for testing.

    Raises:
        SourceError: there are several tables of files, and their names do not say train and test.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    parquet = [path for path in files if path.suffix.lower() in PARQUET and _lists(path)]
    listed = [path for path in files if path.suffix.lower() in TABLES and _lists(path)] if labelled else []
    tables = listed or parquet
    parts = [part_of(path.name) for path in tables]
    if len(listed) > 1 and None in parts:
        raise SourceError(
            f"{folder}: expected one table of pictures, found {', '.join(path.name for path in listed)}; name one"
        )
    aside = "learn" in parts
    both = [(path, aside and part == "test") for path, part in zip(tables, parts, strict=True)]
    return sorted(both, key=lambda one: one[1])


def _joined(folder: Path, several: list[Found]) -> Found:
    pictures = [picture for found in several for picture in found.pictures]
    return Found(str(folder), pictures, [problem for found in several for problem in found.problems])


def _of_catalogue(name: str, labelled: bool, largest: int) -> Pictures:
    entry = find_named(name, "images")
    assert entry.folder is not None  # what is not installed was refused
    pictures = idx_pictures(entry.folder, labelled=labelled, largest=largest)
    if not entry.classes or pictures.labels is None:
        return pictures
    return replace(pictures, labels=tuple(entry.classes[int(label)] for label in pictures.labels))


def _remarked(pictures: Pictures) -> Pictures:
    """Add to the problems what only all pictures together show: classes of one, and copies."""
    if pictures.labels is None:
        return pictures
    counts = Counter(pictures.labels)
    single = [Problem(name, _SINGLE, "kept; it cannot be tested") for name in sorted(counts) if counts[name] == 1]
    return replace(pictures, problems=(*pictures.problems, *single, *_copies(pictures, pictures.labels)))


def _copies(pictures: Pictures, labels: Sequence[str]) -> Iterator[Problem]:
    """Name each picture that equals an earlier one of the source, pixel by pixel.

    All are kept. Where the labels differ one of them is wrong, and only the user knows which.
    """
    first: dict[bytes, int] = {}
    for row, digest in enumerate(pictures.digests()):
        twin = first.setdefault(digest, row)
        if twin != row:
            pair = f"{pictures.names[row]} = {pictures.names[twin]}"
            alike = labels[row] == labels[twin]
            yield Problem(pair, _COPY, "both kept") if alike else Problem(pair, _CONFLICT, "kept under both")
