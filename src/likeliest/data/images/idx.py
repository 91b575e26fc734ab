"""IDX files, the format of MNIST: a header of sizes, then bytes; as they are or gzipped.

LeCun, Cortes and Burges (1998), The MNIST database of handwritten digits: two zero bytes, 8 for unsigned bytes, the
number of dimensions, each dimension as four bytes, the largest first.
"""

from __future__ import annotations

import gzip
import re
import zlib
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from likeliest.data.images.arrays import pictures_of_arrays
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.errors import SourceError

_UNSIGNED_BYTES = b"\0\0\x08"
_GZIP = b"\x1f\x8b"
_MOST_PACKED = 1032  # no gzip file unpacks to more times its size, whatever an IDX header claims
_IMAGES = re.compile(r"(train|t10k|test)-images[.-]idx[34]-ubyte(\.gz)?")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes.

    Raises:
        SourceError: it cannot be read, is no such file, is cut short, or goes on after its end.
    """
    try:
        with _opened(path) as file:
            shape = _shape(file, path)
            content = bytearray(file.read(min(prod(shape), _MOST_PACKED * path.stat().st_size) + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: cannot be read ({error}); copy or download it again") from error
    if len(content) != prod(shape):
        found = f"{len(content):,}" if len(content) < prod(shape) else "more"
        raise SourceError(
            f"{path}: expected {prod(shape):,} bytes after the header, for {' × '.join(map(str, shape))}, found {found}"
            "; copy or download it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def is_idx(path: Path) -> bool:
    """Whether a file begins as an IDX file of unsigned bytes with three dimensions or more, gzipped or not."""
    try:
        with _opened(path) as file:
            head = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return head[:3] == _UNSIGNED_BYTES and head[3] >= 3


def idx_parts(folder: Path) -> list[tuple[Path, bool]]:
    """Return the image files with MNIST's names in a folder, training first, and whether each is the test set."""
    found = {m[1] != "train": path for path in sorted(folder.iterdir()) if (m := _IMAGES.fullmatch(path.name))}
    return [(found[test], test) for test in sorted(found)]


def idx_pictures(source: Path, *, labelled: bool, largest: int = LARGEST) -> Pictures:
    """Read an images file with the labels file beside it, or a folder of MNIST's four files with their own test set.

    Raises:
        SourceError: a file is missing or damaged, or there are not as many labels as images.
    """
    parts = idx_parts(source) if source.is_dir() else [(source, False)]
    learn = any(not test for _, test in parts)
    names: list[str] = []
    test_rows: list[int] = []
    x, labels = [], []
    for path, test in parts:
        images = read_idx(path)
        if test and learn:
            test_rows += range(len(names), len(names) + len(images))
        names += [f"{path.name} row {row + 1}" for row in range(len(images))]
        x.append(images)
        if labelled:
            labels.append(_labels(path, len(images)))
    if len({images.shape[1:] for images in x}) > 1:
        raise SourceError(f"{source}: expected images of one size in training and test, found several; check the files")
    return pictures_of_arrays(
        np.concatenate(x) if len(x) > 1 else x[0],
        np.concatenate(labels) if labelled else None,
        place=str(source),
        names=names,
        test=test_rows,
        largest=largest,
    )


def _labels(images: Path, expected: int) -> NDArray[np.uint8]:
    stem = re.sub(r"idx[34]", "idx1", images.name.replace("images", "labels")).removesuffix(".gz")
    beside = [path for path in (images.with_name(stem), images.with_name(f"{stem}.gz")) if path.is_file()]
    if not beside or stem == images.name.removesuffix(".gz"):
        raise SourceError(f"{images}: expected its labels beside it, in {stem} or {stem}.gz, found neither; add them")
    labels = read_idx(beside[0])
    if labels.shape != (expected,):
        raise SourceError(
            f"{beside[0]}: expected {expected:,} labels, one for each image of {images.name}, found "
            f"{' × '.join(f'{side:,}' for side in labels.shape)}; check that the two files belong together"
        )
    return labels


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _shape(file: IO[bytes], path: Path) -> tuple[int, ...]:
    head = file.read(4)
    if head[:3] != _UNSIGNED_BYTES or len(head) < 4:
        raise SourceError(
            f"{path}: expected an IDX file of bytes, which begins 00 00 08, found {head.hex(' ')}; name another"
        )
    sizes = file.read(4 * head[3])
    return tuple(int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4"))
