"""Pictures that are arrays already: NumPy's, in memory or in .npy and .npz files."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.data.images.decoding import as_image, as_pixels, fitted, resized
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.data.images.reading import in_threads
from likeliest.errors import ShapeError, SourceError

_X = ("x", "images", "image", "pictures", "data", "arr_0")
_Y = ("y", "labels", "label", "targets", "target", "classes", "arr_1")


def pictures_of_arrays(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    place: str = "x",
    names: Sequence[str] | None = None,
    test: Sequence[int] = (),
    largest: int = LARGEST,
) -> Pictures:
    """Return pictures of an array, and labels of another.

    Args:
        x: (n, H, W), (n, H, W, C) or (n, C, H, W), C 1 or 3; integers in [0, 255], floats in [0, 1], or booleans.
        y: (n,) labels, any type.
        place: what to call ``x`` in messages and in names of rows.
        names: n names; "``place`` row 1" and so on if ``None``.
        test: rows set aside for testing.
        largest: pictures with a longer side are shrunk to it.

    Raises:
        ShapeError: an array of another shape, or not one label for each picture.
        SourceError: values that are no pixels.

    Example:
        >>> pictures_of_arrays(np.zeros((5, 8, 8)), [0, 1, 0, 1, 1]).labels
        ('0', '1', '0', '1', '1')
    """
    given = _bytes(_channels_last(np.asarray(x), place), place)
    n, (height, width) = len(given), given.shape[1:3]
    labels = None if y is None else [str(label) for label in np.asarray(y).tolist()]
    if labels is not None and (len(labels) != n or np.asarray(y).ndim != 1):
        raise ShapeError(f"{place}: expected {n} labels, one for each picture, found shape {np.asarray(y).shape}")
    small, pixels = fitted((width, height), largest), list(given)
    if small != (width, height):
        pixels = list(in_threads(lambda picture: as_pixels(resized(as_image(picture), small)), pixels))
    sizes = np.tile(np.array([height, width], dtype=np.int64), (n, 1))
    rows = names if names is not None else [f"{place} row {row + 1}" for row in range(n)]
    kept = given if small == (width, height) else pixels
    return Pictures.of(kept, names=rows, labels=labels, sizes=sizes, test=test, largest=largest)


def array_pictures(path: Path, *, labelled: bool, largest: int = LARGEST) -> Pictures:
    """Read a .npy file of pictures, or a .npz file with pictures and labels, and with a test set of its own if it has.

    Names are x and y, or images and labels; with a test set x_train, y_train, x_test and y_test.

    Raises:
        SourceError: the file is damaged, or lacks what is needed.
        ShapeError: the arrays do not fit together.
    """
    arrays = _load(path)
    if "x_train" in arrays and "x_test" in arrays:
        return _with_test(arrays, path, labelled, largest)
    x = next((arrays[name] for name in _X if name in arrays), None)
    y = next((arrays[name] for name in _Y if name in arrays), None)
    if x is None or (labelled and y is None):
        missing = "pictures (x or images)" if x is None else "labels (y or labels)"
        raise SourceError(
            f"{path}: expected {missing}, found {', '.join(sorted(arrays)) or 'nothing'}; save them by name"
        )
    return pictures_of_arrays(x, y if labelled else None, place=path.name, largest=largest)


def _with_test(arrays: dict[str, NDArray[Any]], path: Path, labelled: bool, largest: int) -> Pictures:
    if labelled and not {"y_train", "y_test"} <= set(arrays):
        raise SourceError(f"{path}: expected labels (y_train and y_test), found {', '.join(sorted(arrays))}; save them")
    parts = ("train", "test")
    sizes = [len(arrays[f"x_{part}"]) for part in parts]
    try:
        x = np.concatenate([arrays[f"x_{part}"] for part in parts])
        y = np.concatenate([arrays[f"y_{part}"].reshape(-1) for part in parts]) if labelled else None
    except ValueError as error:
        raise ShapeError(f"{path}: expected x_train and x_test of one size of picture; {error}") from error
    test = range(sizes[0], sum(sizes))
    return pictures_of_arrays(x, y, place=path.name, test=test, largest=largest)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {"x": held} | _beside(path)
        with held:
            return dict(held)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(
            f"{path}: expected arrays saved by NumPy, without objects ({error}); save it again"
        ) from error


def _beside(path: Path) -> dict[str, NDArray[Any]]:
    """Return the labels in the .npy file beside one of pictures: labels.npy beside images.npy, y.npy beside x.npy."""
    for mine, theirs in (("images", "labels"), ("image", "label"), ("x", "y"), ("X", "y")):
        other = path.with_name(path.name.replace(mine, theirs, 1))
        if other != path and other.is_file():
            return {"y": np.asarray(np.load(other, allow_pickle=False))}
    return {}


def _channels_last(x: NDArray[Any], place: str) -> NDArray[Any]:
    if x.ndim == 3:
        return x[..., None]
    if x.ndim == 4 and x.shape[3] in (1, 3):
        return x
    if x.ndim == 4 and x.shape[1] in (1, 3):
        return x.transpose(0, 2, 3, 1)
    raise ShapeError(
        f"{place}: expected pictures of shape (n, H, W), (n, H, W, 1) or (n, H, W, 3), found {x.shape}; reshape it"
    )


def _bytes(x: NDArray[Any], place: str) -> NDArray[np.uint8]:
    """Return pixels as bytes: floats of [0, 1] times 255, and booleans, rounded."""
    if x.dtype == np.uint8 and x.size:
        return np.ascontiguousarray(x)
    if x.size and x.dtype.kind in "biuf":
        top = 255 if x.dtype.kind in "iu" else 1
        if np.isfinite(x).all() and x.min() >= 0 and x.max() <= top:
            return np.rint(x.astype(np.float64) * (255 // top)).astype(np.uint8)
        found = f"{x.min():g} to {x.max():g}"
    else:
        found = f"type {x.dtype}" if x.size else f"an array of shape {x.shape}"
    raise SourceError(f"{place}: expected integers in [0, 255] or floats in [0, 1], found {found}; scale them first")
