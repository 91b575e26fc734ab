"""The encoder of pictures: which size and how many channels was learnt, and from it, pictures as one array of bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.images.arrays import pictures_of_arrays
from likeliest.data.images.decoding import as_image, as_pixels, resized
from likeliest.data.images.pictures import Picture, Pictures
from likeliest.data.images.reading import in_threads
from likeliest.errors import ModelFileError, ShapeError

_BLOCK = 4096
_WHITE = 255


@dataclass(frozen=True)
class ImageEncoder:
    """A learnt size: pictures → uint8 (n, H, W, C). A value: it lives in the model file as JSON.

    Pictures of that size pass as they are, byte for byte. Another one is scaled, its proportions kept, until it just
    fits, and lies in the middle; the bars beside it have the median colour of its own edge, so that they look like more
    background. Nothing is cut off, because what a picture shows may lie at its edge. Colour turns grey (ITU-R 601 luma)
    where all pictures learnt from were grey.

    Attributes:
        height: H, pixels: that of the pictures learnt from if they agree, else their median.
        width: W, likewise.
        channels: C: 1 if all pictures learnt from were grey, else 3.
        mean: of each channel over the pictures learnt from, in units where white is 1. For the predictor, which
            normalises; the bytes stay as they are.
        scale: standard deviation of each channel in the same units (divisor n), 1 where it is 0.
        largest: the longest side of a picture that `read_pictures` should leave.

    Example:
        >>> pictures = Pictures.of(np.arange(32, dtype=np.uint8).reshape(2, 4, 4), labels=["a", "b"])
        >>> encoder = ImageEncoder.learn(pictures)
        >>> encoder.shape, encoder.encode(pictures).dtype
        ((4, 4, 1), dtype('uint8'))
    """

    kind: ClassVar[str] = "image"

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    largest: int

    @classmethod
    def learn(cls, pictures: Pictures, rows: NDArray[np.int64] | None = None) -> Self:
        """Learn from pictures, or from some of their rows: the training rows.

        Raises:
            ShapeError: there is no picture to learn from.
        """
        known = pictures if rows is None else pictures.take(rows)
        if not len(known):
            raise ShapeError("expected pictures to learn from, found none; give at least one row")
        shapes = np.array([picture.shape for picture in known.pixels])
        height, width = (_median(shapes[:, side]) for side in (0, 1))
        grey = (1.0,) * int(shapes[:, 2].max())
        encoder = cls(height, width, len(grey), grey, grey, known.largest)
        mean, scale = _moments(encoder.encode(known))
        return dataclasses.replace(encoder, mean=mean, scale=scale)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.height, self.width, self.channels

    @property
    def names(self) -> tuple[str, ...]:
        """One name a byte: row and column of its pixel, counted from 1, and its colour if it has one."""
        colours = ("",) if self.channels == 1 else (" red", " green", " blue")
        places = ((i, j) for i in range(1, self.height + 1) for j in range(1, self.width + 1))
        return tuple(f"pixel {i},{j}{colour}" for i, j in places for colour in colours)

    @property
    def described(self) -> str:
        """What rows are to a model, in words."""
        return f"on pixels from 0 to 255, {self.width} × {self.height}"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Pictures have no columns."""
        return ()

    def encode(self, raw: Pictures | NDArray[Any]) -> NDArray[np.uint8]:
        """Return pictures, or what `pictures_of_arrays` takes, as uint8 (n, H, W, C); without a copy where they fit."""
        pixels = (raw if isinstance(raw, Pictures) else pictures_of_arrays(raw, largest=self.largest)).pixels
        if isinstance(pixels, np.ndarray) and pixels.shape[1:] == self.shape:
            return pixels
        coded = np.empty((len(pixels), *self.shape), dtype=np.uint8)
        for row, picture in enumerate(in_threads(self._one, list(pixels))):
            coded[row] = picture
        return coded

    def _one(self, picture: Picture) -> Picture:
        """Return one picture (h, w, c) as (H, W, C)."""
        if self.channels == 1 and picture.shape[2] == 3:
            picture = np.array(as_image(picture).convert("L"))[..., None]
        return boxed(picture, self.height, self.width)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file."""
        return dataclasses.asdict(self) | {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_json` wrote.

        Raises:
            ModelFileError: the value is no encoder, or one of a newer version.
        """
        try:
            return cls(**{**value, "mean": tuple(value["mean"]), "scale": tuple(value["scale"])})
        except (KeyError, TypeError) as error:
            raise ModelFileError(
                f"the encoder in the model file cannot be read ({error!r}); the file is damaged, or "
                "was written by a newer version of likeliest"
            ) from error


def boxed(picture: Picture, height: int, width: int) -> Picture:
    """Return a picture (h, w, c) as (height, width, c): scaled until it fits, amid bars of the colour of its edge."""
    h, w, channels = picture.shape
    if (h, w) == (height, width):
        return picture
    if w * height >= h * width:  # wider than the box: bars above and below
        inner = (width, max((2 * h * width + w) // (2 * w), 1))
    else:
        inner = (max((2 * w * height + h) // (2 * h), 1), height)
    box = np.empty((height, width, channels), dtype=np.uint8)
    box[:] = _edge_colour(picture)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    box[top : top + inner[1], left : left + inner[0]] = as_pixels(resized(as_image(picture), inner))
    return box


def _edge_colour(picture: Picture) -> Picture:
    """Return the median (c,) of the pixels along the four edges."""
    edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    middle = (len(edges) - 1) // 2
    colour: Picture = np.partition(edges, middle, axis=0)[middle]
    return colour


def _median(values: NDArray[np.int64]) -> int:
    """Return the lower median: a value that is there."""
    return int(np.partition(values, (len(values) - 1) // 2)[(len(values) - 1) // 2])


def _moments(pixels: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel of (n, H, W, C), by exact sums of integers."""
    counts = sum((_histograms(block) for block in _blocks(pixels)), np.zeros((pixels.shape[3], 256), dtype=np.int64))
    levels, n = np.arange(256), pixels[..., 0].size
    first, second = (counts * levels).sum(1), (counts * levels**2).sum(1)
    mean = [int(s) / (n * _WHITE) for s in first]
    scale = [float(np.sqrt(n * int(q) - int(s) ** 2)) / (n * _WHITE) for s, q in zip(first, second, strict=True)]
    return tuple(mean), tuple(s if s > 0 else 1.0 for s in scale)


def _histograms(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.stack([np.bincount(pixels[..., c].reshape(-1), minlength=256) for c in range(pixels.shape[3])])


def _blocks(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(pixels), _BLOCK):
        yield pixels[start : start + _BLOCK]
