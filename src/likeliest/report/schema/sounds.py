"""What a study of sounds adds: how long recordings are, who speaks, and what was not as expected."""

from __future__ import annotations

from typing import TypedDict

from likeliest.report.schema.common import Histogram
from likeliest.report.schema.pictures import ProblemCount


class RateCount(TypedDict):
    """How many recordings have one rate in the source."""

    rate: int
    """Samples a second."""
    count: int
    """Number of recordings."""


class SpeakerCount(TypedDict):
    """One speaker's recordings by role."""

    name: str
    """Who speaks."""
    train: int
    """Training rows."""
    validation: int
    """Validation rows."""
    test: int
    """Test rows."""


class SoundData(TypedDict):
    """The recordings at a glance."""

    rate: int
    """Samples a second, as the models hear a recording."""
    clip: float | None
    """How long each is to the net, in s; ``None`` where recordings keep their length."""
    duration: float
    """Of all recordings together, in s."""
    durations: Histogram
    """Of each recording, in s."""
    rates: list[RateCount]
    """Rates in the source, the commonest first."""
    speakers: list[SpeakerCount] | None
    """Those known, by name; ``None`` where none are."""
    strangers: bool
    """Whether no test row is of a speaker who was learnt from, so far as speakers are known."""
    problems: list[ProblemCount]
    """What was not as expected, kind by kind."""
