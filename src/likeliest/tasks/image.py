"""Pictures: folders, one for each class; tables that list or hold them; IDX and NumPy files; and the named sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import Split, Target
from likeliest.data import split as split_rows
from likeliest.data.batch import Batch
from likeliest.data.images import FlatPixels, ImageEncoder, Pictures, read_pictures
from likeliest.data.images import is_pictures as names_pictures
from likeliest.data.images.blocks import picture_blocks
from likeliest.errors import TargetError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.model import Model
from likeliest.prediction import Encoder
from likeliest.predictors import Linear, Predictor, ResidualNet
from likeliest.tasks import glancing
from likeliest.tasks.base import Coding, Examples, Kind, Source
from likeliest.tasks.image_recipe import recipe_for
from likeliest.tasks.labelled import class_indices, sha256
from likeliest.tasks.recipe import Recipe

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Data

CLASS = "class"
"""What the target is called where nothing gives it a name."""
MOST_VALIDATION = 5_000
"""Rows held out to choose by, at most: more would only be missing to learn from."""
COMPARED_PIXELS = 196
"""Pixels that linear models see which are fitted only to be compared: raced, or shown beside the net."""
FAMILY = "categorical"


@dataclass(frozen=True)
class Image:
    """Labelled pictures; see `likeliest.tasks.base.Task` for what each method promises."""

    name: str = "image"

    def recognises(self, source: Source, target: str | None = None, family: str | None = None) -> bool:
        """A folder, a file of pictures or a table that lists them, or the name of a catalogued set."""
        return names_pictures(source)

    def load(self, source: Source, target: str | None, family: str | None, *, known: Model | None = None) -> Examples:
        """Read labelled pictures, in an order that pictures and labels alone decide.

        Raises:
            SourceError: there are no pictures, or too many that cannot be read.
            TargetError: pictures without labels, a family that is not one of classes, or a label that was not learnt.
        """
        if family is not None and family_by_name(family).name != FAMILY:
            raise TargetError(f"expected {FAMILY} for the classes of pictures, found --family {family}; leave it out")
        column = None if known is not None and target == CLASS else target
        pictures = read_pictures(source, target=column).in_canonical_order()
        assert pictures.labels is not None
        labels = pl.Series(target or CLASS, pictures.labels, dtype=pl.String)
        learnt = known.target if known is not None else _learnt(labels)
        y = _indices(pictures, learnt)
        rows = np.arange(len(pictures))
        name = Path(source).resolve().name or str(source)
        return Examples(name, str(source), pictures, rows, y, learnt, sha256(pictures.digests(), y), pictures.test)

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """Pictures, with or without labels, a thousand at a time."""
        assert isinstance(model.encoder, ImageEncoder | FlatPixels)
        images = model.encoder.images if isinstance(model.encoder, FlatPixels) else model.encoder
        yield from picture_blocks(source, largest=images.largest)

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """Class by class; test rows are those that the source sets aside, if it does.

        Raises:
            TargetError: no class has enough pictures, so that there would be none to choose by.
        """
        n, aside = len(examples), examples.aside
        learning = np.setdiff1d(np.arange(n), aside)
        held = fractions if not len(aside) else (fractions[0] + fractions[2], fractions[1] / 2, fractions[1] / 2)
        held = _at_most(held, MOST_VALIDATION / len(learning), several=bool(len(aside)))
        dealt = split_rows(len(learning), y=examples.y[learning], stratify=True, seed=seed, fractions=held)
        train, validation, rest = (learning[rows] for rows in dealt)
        if not len(validation):
            raise TargetError(
                f"{examples.source}: expected a class of three pictures or more, to learn from, to choose by and "
                f"to test on, found {len(examples.target.classes or ())} classes of one or two; add pictures"
            )
        if len(aside):
            return Split(train, np.sort(np.concatenate((validation, rest))), aside)
        return Split(train, validation, rest)

    def encoder(self, examples: Examples, rows: NDArray[np.int64], coding: Coding) -> Encoder:
        """Bytes of one size for the net; for linear models the same pixels as numbers from 0 to 1."""
        images = ImageEncoder.learn(examples.raw, rows)
        if coding == "net":
            return images
        return FlatPixels.learn(images) if coding == "linear" else FlatPixels.learn(images, COMPARED_PIXELS)

    def family(self, examples: Examples) -> Family:
        """The categorical family."""
        return family_by_name(examples.target.family)

    def predictor(
        self,
        model: Kind,
        family: Family,
        encoder: Encoder,
        inputs: tuple[int, ...],
        outputs: int,
        hidden: Sequence[int],
    ) -> Predictor:
        """A linear model of pixels, or a small residual net; the one that is trained in earnest is the recipe's."""
        if model == "linear":
            (width,) = inputs
            return Linear(width, outputs)
        return ResidualNet(inputs, outputs, channels=(8, 16))

    def recipe(
        self, examples: Examples, rows: NDArray[np.int64], encoder: Encoder, outputs: int, minutes: float, device: str
    ) -> Recipe | None:
        """A residual net sized by rows and budget, its augmentation by the pictures."""
        assert isinstance(encoder, ImageEncoder)
        return recipe_for(encoder, examples.raw.take(rows), examples.y[rows], outputs, minutes, device)

    def glance(self, examples: Examples, split: Split, encoder: Encoder) -> Data:
        """Sizes, samples, what was not as expected, and near copies across the split."""
        assert isinstance(encoder, FlatPixels)
        return glancing.glance(examples, split, encoder.images)

    def cells(self, examples: Examples, row: int, encoder: Encoder, size: NDArray[np.float64] | None) -> list[Cell]:
        """The picture's name."""
        return [{"name": "file", "value": examples.raw.names[int(examples.kept[row])]}]


def _learnt(labels: pl.Series) -> Target:
    """The classes, and why they are classes."""
    target = Target.learn(labels, FAMILY)
    count = len(target.classes or ())
    return replace(target, explanation=f"each picture is of one of {count} classes; the family is {FAMILY}.")


def _indices(pictures: Pictures, target: Target) -> NDArray[np.int64]:
    """The class of each as a number (n,)."""
    remedy = "move it, or learn again with pictures of that class"
    return class_indices(pictures.names, pictures.labels or (), target, learnt="classes", remedy=remedy)


def _at_most(fractions: tuple[float, float, float], most: float, *, several: bool) -> tuple[float, float, float]:
    """Give what the held-out part has above ``most`` to the training rows; ``several``: it is dealt in two parts."""
    _, held, rest = fractions
    if several:
        held = rest = min(held, most / 2)
    held = min(held, most)
    return 1 - held - rest, held, rest
