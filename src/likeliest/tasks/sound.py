"""Recordings of single words: folders with transcripts or one folder for each word, tables, and the named sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import Split, Target
from likeliest.data.batch import Batch
from likeliest.data.sounds import (
    MeanSpectra,
    Recordings,
    SoundEncoder,
    is_recordings,
    read_recordings,
    recording_blocks,
    says_single_words,
)
from likeliest.errors import TargetError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.model import Model
from likeliest.prediction import Encoder
from likeliest.predictors import Linear, Predictor, SoundNet
from likeliest.tasks import hearing
from likeliest.tasks.base import Coding, Examples, Kind, Source
from likeliest.tasks.dealing import deal
from likeliest.tasks.labelled import class_indices, sha256
from likeliest.tasks.recipe import Recipe
from likeliest.tasks.sound_recipe import recipe_for

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Data

WORD = "word"
"""What the target is called where nothing gives it a name."""
FAMILY = "categorical"
LEVEL = 16_000
"""Of the loudest sample of a clip: half the full scale, so that augmentation can make it louder."""


@dataclass(frozen=True)
class Words:
    """Recordings of few words, told apart; see `likeliest.tasks.base.Task` for what each method promises."""

    name: str = "words"

    def recognises(self, source: Source, target: str | None = None, family: str | None = None) -> bool:
        """A source of recordings whose texts are few words, unless a family says how they are taken."""
        if not is_recordings(source):
            return False
        return says_single_words(source, target) if family is None else family_by_name(family).name != "ctc"

    def load(self, source: Source, target: str | None, family: str | None, *, known: Model | None = None) -> Examples:
        """Read recordings with their words, in an order that sounds and words alone decide.

        Raises:
            SourceError: there are no recordings, or too many that cannot be used.
            TargetError: recordings without texts, a family that is not one of words, or a word that was not learnt.
        """
        if family is not None and family_by_name(family).name != FAMILY:
            raise TargetError(
                f"expected {FAMILY} for words, or ctc for texts, found --family {family}; leave it out, or name one"
            )
        column = None if known is not None and target == WORD else target
        recordings = read_recordings(source, target=column).in_canonical_order()
        words = pl.Series(target or WORD, recordings.texts, dtype=pl.String)
        learnt = known.target if known is not None else _learnt(words, recordings)
        y = _indices(recordings, learnt)
        rows, name = np.arange(len(recordings)), Path(source).resolve().name or str(source)
        return Examples(
            name, str(source), recordings, rows, y, learnt, sha256(recordings.digests(), y), recordings.test
        )

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """Recordings, with or without texts, some hundreds at a time; those in which no word can be are named."""
        yield from recording_blocks(source, words=True)

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """Whole speakers where they are known, else word by word; see `likeliest.tasks.dealing.deal`.

        Raises:
            TargetError: no word has enough recordings, so that there would be none to choose by.
        """
        dealt = deal(examples, seed, fractions, classes=True)
        if not len(dealt.validation):
            raise TargetError(
                f"{examples.source}: expected a word with three recordings or more, to learn from, to choose by and to "
                f"test on, found {len(examples.target.classes or ())} words with one or two; add recordings"
            )
        return dealt

    def encoder(self, examples: Examples, rows: NDArray[np.int64], coding: Coding) -> Encoder:
        """Clips of one length for the net; for linear models mean spectra of a few stretches of time."""
        sounds = replace(SoundEncoder.learn(examples.raw, rows), level=LEVEL)
        if coding == "net":
            return sounds
        return MeanSpectra(sounds) if coding == "linear" else MeanSpectra.to_compare(sounds)

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
        """A linear model of mean spectra, or a small net; the one that is trained in earnest is the recipe's."""
        (width,) = inputs
        if model == "linear":
            return Linear(width, outputs)
        assert isinstance(encoder, SoundEncoder)
        return SoundNet(encoder.rate, width, outputs, channels=(8, 16), bins=20, dropout=0.0)

    def recipe(
        self, examples: Examples, rows: NDArray[np.int64], encoder: Encoder, outputs: int, minutes: float, device: str
    ) -> Recipe | None:
        """A convolutional net on spectrograms, sized by rows and budget."""
        assert isinstance(encoder, SoundEncoder)
        return recipe_for(encoder, len(rows), outputs, minutes, device)

    def glance(self, examples: Examples, split: Split, encoder: Encoder) -> Data:
        """Durations, speakers, words, and what was not as expected."""
        assert isinstance(encoder, MeanSpectra)
        return hearing.glance(examples, split, encoder.sounds)

    def cells(self, examples: Examples, row: int, encoder: Encoder, size: NDArray[np.float64] | None) -> list[Cell]:
        """The recording's name, and who speaks."""
        return hearing.cells(examples, row)


def _learnt(words: pl.Series, recordings: Recordings) -> Target:
    """The words as classes, and why they are classes.

    Raises:
        TargetError: there is but one word, or none is said twice.
    """
    different = len(set(recordings.texts or ()))
    if different == len(recordings) > 1:
        raise TargetError(
            f"expected words that are said again, found {different} texts that all differ; leave out --family {FAMILY}"
        )
    if different == 1:
        raise TargetError(f"expected recordings of two words or more, found only {words[0]!r}; add those of another")
    target = Target.learn(words, FAMILY)
    count = len(target.classes or ())
    explanation = (
        f"each of {len(recordings):,} recordings is of one of {count} words; the family is {FAMILY}; --family ctc "
        "reads them as texts"
    )
    return replace(target, explanation=explanation)


def _indices(recordings: Recordings, target: Target) -> NDArray[np.int64]:
    """The class of each as a number (n,)."""
    remedy = "leave it out, or learn again with recordings of that word"
    return class_indices(recordings.names, recordings.texts or (), target, learnt="words", remedy=remedy)
