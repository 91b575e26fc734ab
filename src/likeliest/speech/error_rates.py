"""Rates of wrong words and wrong characters, of all texts together and of each speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from likeliest.errors import ShapeError, UnknownNameError
from likeliest.speech.edits import Chunk, alignment
from likeliest.speech.intervals import Interval, rate_interval

Unit = Literal["word", "character"]
COMMONEST = 20
"""How many substitutions are named."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Edits of some texts.

    Attributes:
        hits: units of the references that were understood.
        substitutions: units taken for others.
        deletions: units missed.
        insertions: units that nobody said.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All edits: S + D + I."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def length(self) -> int:
        """Units of the references: H + S + D."""
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float | None:
        """(S + D + I) / (H + S + D), which insertions can raise above 1; None where the references have no units."""
        return self.errors / self.length if self.length else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: getattr(self, name) for name in (*Counts.__slots__, "errors", "length", "rate")}


@dataclass(frozen=True, slots=True)
class Substitution:
    """A unit that was taken for another, and how often."""

    reference: str
    hypothesis: str
    count: int


@dataclass(frozen=True, slots=True)
class ErrorRate(Counts):
    """Edits of all texts together.

    Attributes:
        unit: ``word`` or ``character``.
        utterances: how many texts.
        interval: of the rate; None where there is none: no units, or one text.
        by_group: of each group, in the order of their first texts; empty without groups.
        commonest: substitutions, the most frequent first, at most `COMMONEST`.
    """

    unit: Unit = "word"
    utterances: int = 0
    interval: Interval | None = None
    by_group: Mapping[str, Counts] = field(default_factory=dict)
    commonest: tuple[Substitution, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports and the notes of a model hold them."""
        return {
            **Counts.to_json(self),
            "unit": self.unit,
            "utterances": self.utterances,
            "interval": None if self.interval is None else self.interval.to_json(),
            "by_group": {name: counts.to_json() for name, counts in self.by_group.items()},
            "commonest": [asdict(substitution) for substitution in self.commonest],
        }


def units_of(text: str, unit: Unit) -> Sequence[str]:
    """Return the words of a text, or its characters: those between its ends' white space, spaces included.

    Raises:
        UnknownNameError: the unit is neither.

    Example:
        >>> units_of(" one  two", "word"), units_of(" a b ", "character")
        (['one', 'two'], 'a b')
    """
    if unit == "word":
        return text.split()
    if unit == "character":
        return text.strip()
    raise UnknownNameError(f"texts are compared by word or by character, found {unit!r}")


def error_rates(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    unit: Unit = "word",
    groups: Sequence[str] | None = None,
    level: float = 0.95,
) -> ErrorRate:
    """Return the rate of wrong words (WER) or characters (CER), with an interval, and that of each group.

    The rate is that of the corpus, the sum of the errors over the sum of the references' units: the mean of the texts'
    own rates would count a word of a short text for more. Texts are compared as they are, letter case, marks and all;
    `normalised` comes before. A reference without words counts what was inserted there, and no length. Where no
    reference has any the rate is None, however much was inserted.

    Args:
        references: what was said, n texts.
        hypotheses: what was understood, n texts.
        unit: ``word``, what white space separates; ``character``, spaces within a text included.
        groups: whose each text is: speakers. The interval is over them, for what is new next time is mostly a speaker.
        level: how often such intervals are to hold the true rate; see `rate_interval`.

    Raises:
        ShapeError: there are not as many of each.
        UnknownNameError: there is no such unit.

    Source: Levenshtein (1966), Binary codes capable of correcting deletions, insertions, and reversals; Morris, Maier
    and Green (2004), From WER and RIL to MER and WIL: improved evaluation measures for connected speech recognition.

    Example:
        >>> found = error_rates(["one two three", "four"], ["one too three", "for four"])
        >>> found.rate, found.substitutions, found.insertions, found.deletions
        (0.5, 1, 1, 0)
        >>> found.commonest
        (Substitution(reference='two', hypothesis='too', count=1),)
    """
    n = len(references)
    if len(hypotheses) != n or (groups is not None and len(groups) != n):
        raise ShapeError(
            f"error rates need a hypothesis and, if any, a group for each reference; found {n} references, "
            f"{len(hypotheses)} hypotheses and {'no' if groups is None else len(groups)} groups"
        )
    pairs = [(units_of(r, unit), units_of(h, unit)) for r, h in zip(references, hypotheses, strict=True)]
    aligned = [alignment(*pair) for pair in pairs]
    each = [_counts(chunks) for chunks in aligned]
    interval = rate_interval([c.errors for c in each], [c.length for c in each], groups, level=level)
    return ErrorRate(
        **asdict(_sum(each)),
        unit=unit,
        utterances=n,
        interval=interval,
        by_group=_by_group(each, groups),
        commonest=_commonest(pairs, aligned),
    )


def _counts(chunks: Iterable[Chunk]) -> Counts:
    """Return how many units the chunks of each kind hold."""
    sizes: Counter[str] = Counter()
    for chunk in chunks:
        sizes[chunk.kind] += max(chunk.end - chunk.start, chunk.hypothesis_end - chunk.hypothesis_start)
    return Counts(sizes["equal"], sizes["substitute"], sizes["delete"], sizes["insert"])


def _sum(each: Sequence[Counts]) -> Counts:
    """Return the counts of all together."""
    return Counts(*(sum(getattr(counts, name) for counts in each) for name in Counts.__slots__))


def _by_group(each: Sequence[Counts], groups: Sequence[str] | None) -> dict[str, Counts]:
    """Return the counts of each group."""
    members: dict[str, list[Counts]] = {}
    for counts, group in zip(each, groups or (), strict=groups is not None):
        members.setdefault(group, []).append(counts)
    return {group: _sum(own) for group, own in members.items()}


def _commonest(
    pairs: Iterable[tuple[Sequence[Hashable], Sequence[Hashable]]], aligned: Iterable[tuple[Chunk, ...]]
) -> tuple[Substitution, ...]:
    """Return the most frequent substitutions, equally frequent ones by their names."""
    seen = Counter(
        (str(r), str(h))
        for (reference, hypothesis), chunks in zip(pairs, aligned, strict=True)
        for chunk in chunks
        if chunk.kind == "substitute"
        for r, h in zip(
            reference[chunk.start : chunk.end], hypothesis[chunk.hypothesis_start : chunk.hypothesis_end], strict=True
        )
    )
    first = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:COMMONEST]
    return tuple(Substitution(r, h, count) for (r, h), count in first)
