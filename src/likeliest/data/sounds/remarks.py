"""What only all recordings together show: the same sound twice, a word heard once, one speaker alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.data.sounds.recordings import Recordings

_ONCE = "a word with one recording"
_ALONE = "the only speaker"
_COPY = "the same sound as another recording, with the same text"
_CONFLICT = "the same sound under two texts, of which one is wrong"


def remarked(recordings: Recordings) -> Recordings:
    """Leave out all but the first of sounds that are the same and say the same, and add what was found to the problems.

    Where their texts differ both are kept, for one is wrong and only the user knows which.
    """
    rows, copies = _without_copies(recordings)
    kept = recordings.take(rows) if len(rows) < len(recordings) else recordings
    return replace(kept, problems=(*kept.problems, *copies, *_words(kept), *_speakers(kept)))


def _without_copies(recordings: Recordings) -> tuple[np.ndarray, list[Problem]]:
    texts = recordings.texts or ("",) * len(recordings)
    first: dict[bytes, int] = {}
    rows, problems = [], []
    for row, digest in enumerate(recordings.digests()):
        twin = first.setdefault(digest, row)
        copy = twin != row and texts[twin] == texts[row]
        if twin != row:
            pair = f"{recordings.names[row]} = {recordings.names[twin]}"
            problems.append(Problem(pair, _COPY, LEFT_OUT) if copy else Problem(pair, _CONFLICT, "kept under both"))
        if not copy:
            rows.append(row)
    return np.array(rows, dtype=np.int64), problems


def _words(recordings: Recordings) -> list[Problem]:
    """Name the words that are heard once, where recordings are of single words: most texts come again."""
    counts = Counter(recordings.texts)
    single = sorted(text for text, count in counts.items() if count == 1)
    if len(single) > len(recordings) / 2:
        return []
    return [Problem(text, _ONCE, "kept; it cannot be tested") for text in single]


def _speakers(recordings: Recordings) -> list[Problem]:
    if len(set(recordings.speakers or ())) != 1:
        return []
    assert recordings.speakers is not None
    return [Problem(recordings.speakers[0], _ALONE, "kept; what is measured holds for this speaker alone")]
