"""Recordings dealt to training, validation and test rows: by whole speakers, where it is known who speaks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Split, split_by_group
from likeliest.data import split as split_rows
from likeliest.tasks.base import Examples

Fractions = tuple[float, float, float]


def deal(examples: Examples, seed: int, fractions: Fractions, *, classes: bool) -> Split:
    """Whole speakers where they are known, else at random; test rows are those that the source sets aside.

    Where it does, rows to choose by are as those: of speakers who are not learnt from, if no test row is of one who is.

    Args:
        examples: recordings.
        seed: the user's seed.
        fractions: of training, validation and test rows.
        classes: whether y are classes, of which every part gets its share.

    Raises:
        TableError: there are too few recordings.
    """
    aside, speakers = examples.aside, examples.raw.speakers
    everything = np.arange(len(examples))
    if not len(aside):
        return _dealt(examples, everything, seed, fractions, speakers, classes)
    rest = np.setdiff1d(everything, aside)
    strangers = speakers if speakers is not None and not heard(speakers, aside) & heard(speakers, rest) else None
    train, validation, more = _dealt(examples, rest, seed, fractions, strangers, classes)
    if strangers is not None and len(heard(strangers, rest)) == 2:
        validation, more = more, validation  # of two speakers one is held out
    return Split(np.sort(np.concatenate((train, more))), validation, aside)


def _dealt(
    examples: Examples,
    rows: NDArray[np.int64],
    seed: int,
    fractions: Fractions,
    speakers: Sequence[str] | None,
    classes: bool,
) -> Split:
    """Some of the rows in three parts, by whole speakers if there are any."""
    y = examples.y[rows] if classes else None
    if speakers is None:
        parts = split_rows(len(rows), y=y, stratify=classes, seed=seed, fractions=fractions)
    else:
        parts = split_by_group([speakers[row] for row in rows], y=y, seed=seed, fractions=fractions).parts
    return Split(*(rows[part] for part in parts))


def heard(speakers: Sequence[str], rows: NDArray[np.int64]) -> set[str]:
    """Who speaks in some rows."""
    return {speakers[row] for row in rows}


def are_strangers(speakers: Sequence[str] | None, split: Split) -> bool:
    """Whether nobody who speaks in the test rows speaks in any other; not where no speakers are known."""
    learnt = np.concatenate((split.train, split.validation))
    return speakers is not None and not heard(speakers, split.test) & heard(speakers, learnt)
