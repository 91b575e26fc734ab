"""Some rows of a source at a time, for predictions: what could be read, and why the rest could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some raw rows to be predicted, in the order of their source.

    Attributes:
        raw: what a model's ``predict`` takes: those of the rows that could be read.
        of: rows in the whole source.
        files: names of all of them, readable or not, where rows are files; else None.
        unreadable: name → why it could not be read.
    """

    raw: Any
    of: int
    files: tuple[str, ...] | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)


def sorted_out(
    names: Sequence[str], results: Sequence[Read | str], kind: type[Read]
) -> tuple[list[tuple[str, Read]], dict[str, str]]:
    """Return what was read, with its name, and the reason for each that was not; a result is one or the other.

    Example:
        >>> sorted_out(["a", "b"], [7, "an empty file"], int)
        ([('a', 7)], {'b': 'an empty file'})
    """
    pairs = list(zip(names, results, strict=True))
    return [(name, r) for name, r in pairs if isinstance(r, kind)], {name: r for name, r in pairs if isinstance(r, str)}
