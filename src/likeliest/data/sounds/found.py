"""What a source of recordings lists, before any of them is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from likeliest.data.problems import Problem


@dataclass(frozen=True, slots=True)
class Listed:
    """A recording still to be looked through.

    Attributes:
        name: for messages.
        path: where it should lie.
        text: as the source has it.
        speaker: likewise.
        test: whether the source sets it aside for testing.
        columns: what else the source says of it.
    """

    name: str
    path: Path
    text: str | None = None
    speaker: str | None = None
    test: bool = False
    columns: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What a source holds: recordings in its own order, and what was not as expected."""

    place: str
    sounds: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def columns_of(self, kept: list[Listed]) -> pl.DataFrame:
        """Return the further columns of some of the recordings, as texts, in the order in which they were met."""
        names = list(dict.fromkeys(name for one in kept for name in one.columns))
        return pl.DataFrame({name: [one.columns.get(name) for one in kept] for name in names}).cast(pl.String)
