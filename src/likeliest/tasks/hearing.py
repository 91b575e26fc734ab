"""The first chapter of a report on recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Split
from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.data.sounds import Recordings, SoundEncoder
from likeliest.tasks.base import Examples
from likeliest.tasks.dealing import are_strangers, heard

if TYPE_CHECKING:
    from likeliest.report.schema import (
        Cell,
        ClassCount,
        Data,
        Duplicates,
        Histogram,
        ProblemCount,
        SoundData,
        SpeakerCount,
        TextCounts,
    )

_BINS = 24
_NAMES = 3
_WORDS = 20


def glance(examples: Examples, split: Split, encoder: SoundEncoder) -> Data:
    """The recordings, who speaks in them, their words, and how they were dealt."""
    recordings: Recordings = examples.raw
    left_out = sum(problem.done == LEFT_OUT for problem in recordings.problems)
    return {
        "name": examples.name,
        "source": examples.source,
        "rows": len(examples) + left_out,
        "rows_dropped": left_out,
        "columns": [],
        "left_out": [],
        "inputs": encoder.samples or 0,
        "target": {
            "name": examples.target.name,
            "kind": "classes" if examples.alphabet is None else "texts",
            "explanation": examples.target.explanation,
            "classes": _classes(examples, split) if examples.alphabet is None else None,
            "histogram": None,
        },
        "split": {
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            "method": _method(examples, split),
        },
        "duplicates": _copies(examples, split),
        "sounds": sound_data(examples, split, encoder),
        "notes": [],
    }


def cells(examples: Examples, row: int) -> list[Cell]:
    """The recording's name, and who speaks."""
    at, speakers = int(examples.kept[row]), examples.raw.speakers
    named: list[Cell] = [{"name": "file", "value": examples.raw.names[at]}]
    return named if speakers is None else [*named, {"name": "speaker", "value": speakers[at]}]


def sound_data(examples: Examples, split: Split, encoder: SoundEncoder) -> SoundData:
    """Durations, rates, speakers, and what was not as expected."""
    recordings: Recordings = examples.raw
    rates = Counter(recordings.rates.tolist()).most_common()
    found: SoundData = {
        "rate": encoder.rate,
        "clip": None if encoder.samples is None else encoder.samples / encoder.rate,
        "duration": float(recordings.seconds.sum()),
        "durations": _durations(recordings.seconds),
        "rates": [{"rate": rate, "count": count} for rate, count in rates],
        "speakers": _speakers(recordings.speakers, split),
        "strangers": are_strangers(recordings.speakers, split),
        "problems": _counted(recordings.problems),
    }
    if examples.alphabet is not None:
        found["texts"] = _texts(recordings.texts or (), split)
    return found


def _texts(texts: Sequence[str], split: Split) -> TextCounts:
    """What is said, counted."""
    counts = Counter(word for text in texts for word in text.split())
    learnt = {word for row in (*split.train, *split.validation) for word in texts[row].split()}
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_WORDS]
    return {
        "different": len(set(texts)),
        "words": counts.total(),
        "vocabulary": len(counts),
        "commonest": [{"word": word, "count": count} for word, count in commonest],
        "longest": max(len(text.split()) for text in texts),
        "unseen": sum(word not in learnt for row in split.test for word in texts[row].split()),
    }


def _copies(examples: Examples, split: Split) -> Duplicates:
    """Held-out recordings that are one that is learnt from; of those with one text all but one were left out before."""
    digests = examples.raw.digests()
    learnt = {digests[examples.kept[row]]: int(row) for row in split.train[::-1]}
    held = np.concatenate((split.validation, split.test))
    pairs = [(int(row), learnt[digest]) for row in held if (digest := digests[examples.kept[row]]) in learnt]
    numbered = [[examples.row_number(row), examples.row_number(twin)] for row, twin in pairs]
    return {"count": len(pairs), "examples": numbered[:_NAMES]}


def _method(examples: Examples, split: Split) -> str:
    speakers = examples.raw.speakers
    aside = "the test recordings are those that the source sets aside, " if len(examples.aside) else ""
    each = "word by word" if examples.alphabet is None else "one by one"
    if speakers is None:
        return f"{aside}at random, {each}; no speakers are known"
    if not are_strangers(speakers, split):
        return f"{aside}at random, {each}; speakers of test recordings are learnt from too"
    tested, chosen = (len(heard(speakers, rows)) for rows in (split.test, split.validation))
    everyone = len(set(speakers))
    return f"{aside}by whole speakers: {tested} of {everyone} to test on, {chosen} to choose by"


def _classes(examples: Examples, split: Split) -> list[ClassCount]:
    names = examples.target.classes or ()
    train, validation, test = (np.bincount(examples.y[rows], minlength=len(names)).tolist() for rows in split)
    return [
        {"name": str(name), "train": train[k], "validation": validation[k], "test": test[k]}
        for k, name in enumerate(names)
    ]


def _speakers(speakers: Sequence[str] | None, split: Split) -> list[SpeakerCount] | None:
    if speakers is None:
        return None
    train, validation, test = (Counter(speakers[row] for row in rows) for rows in split)
    return [
        {"name": name, "train": train[name], "validation": validation[name], "test": test[name]}
        for name in sorted(set(speakers))
    ]


def _durations(seconds: NDArray[np.float64]) -> Histogram:
    counts, edges = np.histogram(seconds, bins=_BINS)
    return {"label": "all recordings", "edges": edges.tolist(), "counts": counts.tolist()}


def _counted(problems: Sequence[Problem]) -> list[ProblemCount]:
    kinds: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        kinds.setdefault((problem.reason, problem.done), []).append(problem.name)
    return [
        {"reason": reason, "done": done, "count": len(names), "names": names[:_NAMES]}
        for (reason, done), names in kinds.items()
    ]
