"""The fewest edits that make one sequence of another, and which ones."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

Kind = Literal["equal", "substitute", "delete", "insert"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of one kind of edit: ``reference[start:end]`` became ``hypothesis[hypothesis_start:hypothesis_end]``.

    Attributes:
        kind: ``equal``; ``substitute``, of as many for as many; ``delete``, of the reference's; ``insert``.
        start: first position in the reference.
        end: the position after the last.
        hypothesis_start: the same in the hypothesis.
        hypothesis_end: the same in the hypothesis.
    """

    kind: Kind
    start: int
    end: int
    hypothesis_start: int
    hypothesis_end: int


def alignment(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[Chunk, ...]:
    """Return the chunks of a shortest way from the reference to the hypothesis.

    The number of edits is the distance of Levenshtein (1966): substitutions, deletions and insertions count one each.
    Several ways can be shortest. What both sequences begin with is equal here, then what both end with; between them
    the way is read from its end: a deletion where one is on a shortest way, else an insertion where the hypothesis is
    nearer without its last symbol, else both step back. jiwer reads it in the same way, so that counts and chunks are
    its own (but for pairs of some thousand symbols each, which it divides to save memory: there only the number of
    edits is the same).

    The differences of neighbouring distances are ±1 or 0 and stand as bits of whole numbers, a column at a time:
    Myers (1999), A fast bit-vector algorithm for approximate string matching based on dynamic programming; Hyyrö
    (2004), A note on bit-parallel alignment computation.

    Args:
        reference: what was said: words, or a text for its characters.
        hypothesis: what was understood.

    Example:
        >>> words = alignment("one two three".split(), "one too three four".split())
        >>> [(chunk.kind, chunk.start, chunk.end) for chunk in words]
        [('equal', 0, 1), ('substitute', 1, 2), ('equal', 2, 3), ('insert', 3, 3)]
    """
    shorter = min(len(reference), len(hypothesis))
    head = next((i for i in range(shorter) if reference[i] != hypothesis[i]), shorter)
    shorter -= head
    tail = next((i for i in range(shorter) if reference[-1 - i] != hypothesis[-1 - i]), shorter)
    middle = _steps(reference[head : len(reference) - tail], hypothesis[head : len(hypothesis) - tail])
    same: list[Kind] = ["equal"]
    return _chunks(same * head + middle + same * tail)


def right(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[bool]:
    """Return of each symbol of the hypothesis whether its alignment has it equal to one of the reference.

    Example:
        >>> right(["one", "two"], ["one", "too", "two"])
        [True, False, True]
    """
    found = [False] * len(hypothesis)
    for chunk in alignment(reference, hypothesis):
        if chunk.kind == "equal":
            found[chunk.hypothesis_start : chunk.hypothesis_end] = [True] * (chunk.end - chunk.start)
    return found


def _steps(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[Kind]:
    """Return the kinds of the steps of a shortest way, symbol by symbol."""
    rises, falls = _differences(reference, hypothesis)
    steps: list[Kind] = []
    i, j = len(reference), len(hypothesis)
    kind: Kind
    while i or j:
        last = 1 << (i - 1) if i else 0
        if rises[j] & last:
            i, kind = i - 1, "delete"
        elif not i or falls[j - 1] & last:
            j, kind = j - 1, "insert"
        else:
            i, j = i - 1, j - 1
            kind = "equal" if reference[i] == hypothesis[j] else "substitute"
        steps.append(kind)
    return steps[::-1]


def _differences(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """Return where D(i, j) − D(i − 1, j) is 1, and where it is −1, as bit i − 1 of a number for each j = 0 … V.

    D(i, j) is the distance of the first i symbols of the reference from the first j of the hypothesis.
    """
    places: dict[Hashable, int] = {}
    for i, symbol in enumerate(reference):
        places[symbol] = places.get(symbol, 0) | 1 << i
    every = (1 << len(reference)) - 1
    rise, fall = every, 0
    rises, falls = [rise], [fall]
    for symbol in hypothesis:
        same = places.get(symbol, 0)
        # D(i, j) = D(i − 1, j − 1): at an equal symbol, below a fall, and, by the carry, along rises below these.
        level = (((same & rise) + rise) ^ rise) | same | fall
        dearer = (fall | ~(level | rise)) << 1 | 1  # D(i − 1, j) − D(i − 1, j − 1) is 1; in row 0 it always is
        cheaper = (level & rise) << 1  # … is −1
        rise, fall = (cheaper | ~(level | dearer)) & every, dearer & level & every
        rises.append(rise)
        falls.append(fall)
    return rises, falls


def _chunks(steps: list[Kind]) -> tuple[Chunk, ...]:
    """Return runs of equal steps as chunks."""
    chunks: list[Chunk] = []
    i = j = 0
    for kind, run in groupby(steps):
        length = sum(1 for _ in run)
        down, along = (kind != "insert") * length, (kind != "delete") * length
        chunks.append(Chunk(kind, i, i + down, j, j + along))
        i, j = i + down, j + along
    return tuple(chunks)
