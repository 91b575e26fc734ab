"""From what a user names to pictures: a folder, a list of files, IDX, Parquet, NumPy, or the name of a known set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from likeliest.data.catalogue import catalogue, find_named
from likeliest.data.images.arrays import array_pictures
from likeliest.data.images.folders import find_pictures, is_picture
from likeliest.data.images.idx import idx_parts, idx_pictures, is_idx
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.data.images.reading import Encoded, Found, Progress, read_all
from likeliest.errors import SourceError

_ARRAYS = (".npz", ".npy")


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
        source: a folder with one folder for each class; IDX files (one of images, or a folder of MNIST's four, gzipped
            or not); ``.npz`` or ``.npy``; or the name of a catalogued set.
        target: the column of labels where the source is a table; found by its name if ``None``.
        labelled: whether labels are needed. Without, pictures may lie anywhere in a folder, and one picture will do.
        largest: pictures whose longer side has more pixels are shrunk to it, their proportions kept.
        progress: is told how many pictures are done, of how many.

    Raises:
        SourceError: there is nothing that can be read, or too much of it cannot; the message says what and why.
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
    if not path.exists() and str(source) in [entry.name for entry in catalogue("images")]:
        return _of_catalogue(str(source), labelled, largest)
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    if path.is_dir():
        return _of_folder(path, labelled, largest, progress)
    if path.suffix.lower() in _ARRAYS:
        return array_pictures(path, labelled=labelled, largest=largest)
    if is_idx(path):
        return idx_pictures(path, labelled=labelled, largest=largest)
    if not labelled and path.is_file() and is_picture(path):
        return read_all(Found(str(path), [Encoded.file(path, path.name)]), largest)
    raise SourceError(
        f"{source}: expected a folder of pictures, a CSV or Parquet file that lists or holds them, IDX or NumPy "
        f"files, or one of the sets {', '.join(entry.name for entry in catalogue('images'))}; found none of them"
    )


def _of_folder(folder: Path, labelled: bool, largest: int, progress: Progress | None) -> Pictures:
    if idx_parts(folder):
        return idx_pictures(folder, labelled=labelled, largest=largest)
    return read_all(find_pictures(folder, labelled=labelled), largest, progress)


def _of_catalogue(name: str, labelled: bool, largest: int) -> Pictures:
    entry = find_named(name, "images")
    assert entry.folder is not None  # what is not installed was refused
    pictures = idx_pictures(entry.folder, labelled=labelled, largest=largest)
    if not entry.classes or pictures.labels is None:
        return pictures
    return replace(pictures, labels=tuple(entry.classes[int(label)] for label in pictures.labels))
