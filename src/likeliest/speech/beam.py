"""Prefix beam search: the beginnings of a text that are most probable so far, frame by frame.

For each beginning ℓ, log b(ℓ) and log u(ℓ) are the log-probabilities of all its alignments with the frames so far that
end in a blank, and in its last label. A frame with the log-probabilities e leads on as follows.

    stay     b′(ℓ) = (b(ℓ) + u(ℓ)) p(blank),    u′(ℓ) = u(ℓ) p(last label of ℓ)
    grow     u′(ℓk) = (b(ℓ) + u(ℓ)) p(k), without u(ℓ) if k is the last label of ℓ: a blank is between the two

Where ℓk is in the beam already both ways of reaching it are added. Beginnings are ranked by log(b + u) plus what the
grammar gains them. All pairs of a beginning and a label are one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeliest.speech.grammar import Grammar, State
from likeliest.speech.ngrams import Floats, Ints

Labels = tuple[int, ...]


class _Prefixes:
    """All beginnings that have been in the beam, as a tree; the empty one is number 0."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._numbers: dict[tuple[int, int], int] = {}
        self.parent, self.last, self.states = [-1], [0], [grammar.start]
        self.gain, self.gains = [0.0], [grammar.gains(grammar.start)]

    def child(self, prefix: int, label: int) -> int:
        """Return the number of the beginning that is longer by a label."""
        number = self._numbers.setdefault((prefix, label), len(self.states))
        if number == len(self.states):
            state = self._grammar.after(self.states[prefix], label)
            self.parent.append(prefix)
            self.last.append(label)
            self.states.append(state)
            self.gain.append(self._grammar.gain(state))
            self.gains.append(self._grammar.gains(state))
        return number

    def labels(self, prefix: int) -> Labels:
        """Return what a beginning is made of."""
        labels = []
        while prefix:
            labels.append(self.last[prefix])
            prefix = self.parent[prefix]
        return tuple(reversed(labels))

    def whole(self, prefix: int) -> int:
        """Return the beginning itself if it is a text, or the longest text that it begins with."""
        while prefix and self._grammar.end(self.states[prefix]) is None:
            prefix = self.parent[prefix]
        return prefix


@dataclass(slots=True)
class _Beam:
    """The beginnings kept.

    Attributes:
        numbers: (W,) theirs among all beginnings.
        blank: (W,) log b.
        label: (W,) log u.
    """

    numbers: list[int]
    blank: Floats
    label: Floats


def search(frames: Floats, grammar: Grammar, width: int) -> dict[Labels, State]:
    """Return the texts in the last beam: their labels, and the grammar's state at their end.

    A beginning that is no text, for its last word is none, stands for the longest text that it begins with.

    Args:
        frames: (T, K) log-probabilities.
        grammar: what may follow what, and the gain.
        width: beginnings kept at each frame.
    """
    prefixes, beam = _searched(frames, grammar, width)
    found = dict.fromkeys(map(prefixes.whole, beam.numbers))
    ends = {prefix: grammar.end(prefixes.states[prefix]) for prefix in found}
    return {prefixes.labels(prefix): end for prefix, end in ends.items() if end is not None}


def _searched(frames: Floats, grammar: Grammar, width: int) -> tuple[_Prefixes, _Beam]:
    prefixes = _Prefixes(grammar)
    beam = _Beam([0], np.zeros(1), np.full(1, -np.inf))
    for frame in frames:
        if not beam.numbers:  # no text has a probability
            break
        beam = _advanced(beam, frame, prefixes, width)
    return prefixes, beam


def _advanced(beam: _Beam, frame: Floats, prefixes: _Prefixes, width: int) -> _Beam:
    """Return the best beginnings one frame later."""
    numbers, n = beam.numbers, len(beam.numbers)
    last = np.array([prefixes.last[i] for i in numbers])
    total = np.logaddexp(beam.blank, beam.label)
    blank, label = total + frame[0], beam.label + frame[last]
    grown = total[:, None] + frame[1:]
    again = np.flatnonzero(last)
    grown[again, last[again] - 1] = beam.blank[again] + frame[last[again]]

    place = {number: i for i, number in enumerate(numbers)}
    parent = np.array([place.get(prefixes.parent[i], -1) for i in numbers])
    child = np.flatnonzero(parent >= 0)
    met = parent[child], last[child] - 1
    label[child] = np.logaddexp(label[child], grown[met])
    grown[met] = -np.inf

    gain = np.array([prefixes.gain[i] for i in numbers])
    scores = grown + gain[:, None] + np.stack([prefixes.gains[i] for i in numbers])
    chosen = _best(np.concatenate((np.logaddexp(blank, label) + gain, scores.ravel())), width)
    kept, new = chosen[chosen < n], chosen[chosen >= n] - n
    before, column = np.divmod(new, grown.shape[1])
    longer = [prefixes.child(numbers[i], k + 1) for i, k in zip(before.tolist(), column.tolist(), strict=True)]
    return _Beam(
        [numbers[i] for i in kept.tolist()] + longer,
        np.concatenate((blank[kept], np.full(len(new), -np.inf))),
        np.concatenate((label[kept], grown[before, column])),
    )


def _best(scores: Floats, width: int) -> Ints:
    """Return the places of the highest scores, at most ``width``, none of them −∞; the first of equal ones."""
    least = np.partition(scores, -width)[-width] if len(scores) > width else -np.inf
    places = np.flatnonzero((scores >= least) & (scores > -np.inf))
    return places[np.argsort(-scores[places], kind="stable")[:width]]
