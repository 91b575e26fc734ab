"""What a study of sounds adds: how long recordings are, who speaks in them, what was misheard, and by how much.

Every ``png`` is the base64 text of a small PNG file. Times are seconds from a recording's beginning.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

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


class WordCount(TypedDict):
    """How often one word stands in the texts."""

    word: str
    """The word."""
    count: int
    """How often."""


class TextCounts(TypedDict):
    """The texts of recordings of connected speech."""

    different: int
    """Number of different texts."""
    words: int
    """Words in all."""
    vocabulary: int
    """Different words."""
    commonest: list[WordCount]
    """The commonest words, at most twenty."""
    longest: int
    """Words of the longest text."""
    unseen: int
    """Words of test texts that stand in no text learnt from, each time counted."""


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
    texts: NotRequired[TextCounts]
    """Of connected speech; single words are the target's classes."""


class Spectrogram(TypedDict):
    """The log-mel power of a stretch of sound over time and frequency."""

    png: str
    """Time to the right, frequency upwards; the darker the louder."""
    extent: list[float]
    """[left edge, right edge], in s."""
    hertz: list[float]
    """[lower edge, upper edge]; between them rows are even in mels, m = 2595 log₁₀(1 + f / 700)."""


class Guess(TypedDict):
    """A word and how probable it is."""

    word: str
    """The word."""
    p: float
    """Its probability."""


class LabelCurve(TypedDict):
    """How probable one label is, frame by frame."""

    label: str
    """The label: a character, a word, "␣" for a space."""
    p: list[float]
    """(frames,) its probability."""


class Span(TypedDict):
    """A label and its frames on the most probable path."""

    label: str
    """The label: a character, a word, "␣" for a space."""
    start: float
    """Where its first frame begins."""
    end: float
    """Where its last one ends."""
    kind: str
    """"equal", "substitute", "delete" (in what was said alone) or "insert" (in what was understood alone)."""


class Frames(TypedDict):
    """What a model says of an utterance over time."""

    times: list[float]
    """(frames,) the middle of each frame."""
    curves: list[LabelCurve]
    """The labels of both texts that are probable somewhere, at most ten."""
    observed: list[Span]
    """The text that was said, on its most probable path; empty where it has none."""
    understood: list[Span]
    """The text that was understood, likewise."""


class Heard(TypedDict):
    """One test recording, and what the recommended model makes of it."""

    row: int
    """As in ``Application.surprises``."""
    file: str
    """The recording's name."""
    speaker: str | None
    """Who speaks, if known."""
    observed: str
    """What was said."""
    understood: str
    """What the model understood."""
    nll: float
    """−log p of what was said, in nats."""
    spectrogram: Spectrogram
    """The recording, or a stretch of a long one."""
    guesses: list[Guess]
    """Of single words the likeliest three; empty for texts."""
    frames: Frames | None
    """Of texts; ``None`` for single words."""


class Listening(TypedDict):
    """Which stretches of a word the net relies on."""

    file: str
    """The recording's name."""
    observed: str
    """What was said."""
    understood: str
    """What the net names, whose log-probability is followed."""
    p: float
    """Its probability."""
    spectrogram: Spectrogram
    """The clip."""
    times: list[float]
    """(places,) the middle of the stretch that was silenced."""
    falls: list[float]
    """(places,) how log p of the word named changes, in nats; below 0 where the net relied on the stretch."""


class ReadingTrial(TypedDict):
    """One way to read texts from frames, on validation recordings."""

    name: str
    """What helped: "frames alone", "lexicon", …"""
    weight: float
    """Of a language model's log-probabilities; 0 without one."""
    errors: int
    """Wrong, missing and added words."""
    words: int
    """Words that were said."""


class Reading(TypedDict):
    """How texts are read from frames."""

    chosen: str
    """The trial's name that was chosen: the fewest errors, the simplest first."""
    rows: int
    """Validation recordings that it was chosen by."""
    trials: list[ReadingTrial]
    """The ways that were tried, the simplest first."""
    plain_wer: float | None
    """Word error rate on test rows of the frames alone; ``None`` where nothing was said."""
    plain_interval: list[float] | None
    """[low, high], 95 %; ``None`` where there is none."""


class SpeakerScore(TypedDict):
    """How often one speaker of the test recordings was misunderstood."""

    name: str
    """Who speaks."""
    recordings: int
    """Test recordings."""
    errors: int
    """Wrong recordings of single words; wrong, missing and added words of texts."""
    length: int
    """What could be wrong: recordings, or words that were said."""
    rate: float | None
    """Errors over length; ``None`` where nothing was said."""
    interval: list[float] | None
    """[low, high]: 95 %, as ``method`` of the whole says; ``None`` where there is none."""


class SpeakerScores(TypedDict):
    """How far errors depend on who speaks."""

    unit: str
    """What errors are counted in: "recording" or "word"."""
    speakers: list[SpeakerScore]
    """Those of the test recordings, the best understood first."""
    method: str
    """How each speaker's interval was made."""
    rate: float
    """Of single words the mean of the speakers' rates; of texts all errors over all words."""
    interval: list[float] | None
    """[low, high]: 95 % of the rate of speakers like these; ``None`` with fewer than two."""
    interval_method: str
    """How that interval was made."""


class SizePoint(TypedDict):
    """A net that learnt from a part of the training rows."""

    rows: int
    """How many it learnt from."""
    passes: float
    """Passes over them: as many steps as from all rows."""
    nll: float | None
    """Mean NLL of the test rows; ``None`` where not finite."""
    nll_interval: list[float] | None
    """[low, high]: 95 %, over speakers where they are known; ``None`` where there is none."""
    error: float
    """Share of test recordings that were named wrongly; of texts the word error rate."""
    error_interval: list[float] | None
    """[low, high]: 95 %, likewise."""


class SizeCurve(TypedDict):
    """What more data would bring: the net's recipe on less of it, with a small budget."""

    unit: str
    """What errors are counted in: "recording" or "word"."""
    work: float
    """Share of the study's own budget for the net that each point was given."""
    method: str
    """How intervals were made."""
    points: list[SizePoint]
    """From few rows to all."""


class SoundPages(TypedDict):
    """What the report shows of sounds beyond the common pages."""

    surprises: list[Heard]
    """The most surprising test recordings, at most six; of one word taken for another at most two."""
    listening: list[Listening]
    """Single words, right and wrong, at most six."""
    stretch: float | None
    """How long a stretch was silenced for ``listening``; ``None`` for texts."""
    reading: Reading | None
    """``None`` for single words."""
    speakers: SpeakerScores | None
    """``None`` where no speakers are known."""
    sizes: SizeCurve | None
    """``None`` where the budget has no room for it."""
