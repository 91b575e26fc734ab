"""How far errors depend on who speaks: each speaker's rate, and that of speakers like these, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likeliest.calibration import wilson_interval
from likeliest.speech.error_rates import error_rates
from likeliest.speech.intervals import Interval, rate_interval

if TYPE_CHECKING:
    from likeliest.report.schema import SpeakerScore, SpeakerScores

WILSON = "Wilson's, over the speaker's recordings"
STUDENT = "t of the log rate, over the speaker's recordings; without errors a binomial bound"
NONE = "none: one speaker"


def scores_of_words(speakers: Sequence[str], wrong: NDArray[np.bool_]) -> SpeakerScores:
    """Return how often recordings of single words were named wrongly.

    Args:
        speakers: of n recordings.
        wrong: which of them were (n,).
    """
    found = [_words(name, wrong[rows]) for name, rows in _members(speakers)]
    return _whole("recording", found, WILSON, rate_interval(wrong, np.ones(len(wrong)), speakers))


def scores_of_texts(speakers: Sequence[str], said: Sequence[str], understood: Sequence[str]) -> SpeakerScores:
    """Return how many words of texts were misunderstood.

    Args:
        speakers: of n recordings.
        said: what they say, n texts.
        understood: what a model makes of them, n texts.
    """
    found = []
    for name, rows in _members(speakers):
        own = error_rates([said[i] for i in rows], [understood[i] for i in rows])
        found.append(_score(name, len(rows), own.errors, own.length, _ends(own.interval)))
    every = error_rates(said, understood, groups=speakers)
    return _whole("word", found, STUDENT, every.interval)


def _members(speakers: Sequence[str]) -> list[tuple[str, NDArray[np.int64]]]:
    """Return each speaker with their rows."""
    names = np.asarray(speakers, dtype=object)
    return [(str(name), np.flatnonzero(names == name)) for name in sorted(set(speakers))]


def _words(name: str, wrong: NDArray[np.bool_]) -> SpeakerScore:
    errors, rows = int(wrong.sum()), len(wrong)
    return _score(name, rows, errors, rows, list(wilson_interval(errors, rows)))


def _score(name: str, recordings: int, errors: int, length: int, interval: list[float] | None) -> SpeakerScore:
    rate = errors / length if length else None
    return {
        "name": name,
        "recordings": recordings,
        "errors": errors,
        "length": length,
        "rate": rate,
        "interval": interval,
    }


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _whole(unit: str, found: list[SpeakerScore], method: str, interval: Interval | None) -> SpeakerScores:
    errors, length = (sum(score[key] for score in found) for key in ("errors", "length"))
    several = interval if len(found) > 1 else None
    return {
        "unit": unit,
        "speakers": sorted(found, key=lambda score: (score["rate"] or 0.0, score["name"])),
        "method": method,
        "rate": errors / length if length else 0.0,
        "interval": _ends(several),
        "interval_method": NONE if several is None else several.method,
    }
