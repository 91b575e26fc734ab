"""What a study of pictures adds: pictures themselves, the net's way, and what it looks at.

Every ``png`` is the base64 text of a small PNG file.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Shot(TypedDict):
    """One picture, or several side by side, with a few words."""

    png: str
    """The picture."""
    lines: list[str]
    """What stands under it, line by line."""


class SizeCount(TypedDict):
    """How many pictures have one size in the source."""

    size: str
    """Width × height, in pixels."""
    count: int
    """Number of pictures."""


class ProblemCount(TypedDict):
    """One kind of thing that was not as expected."""

    reason: str
    """What was found."""
    done: str
    """What was done about it: "left out", …"""
    count: int
    """How often."""
    names: list[str]
    """The first few names."""


class NearPair(TypedDict):
    """A held-out picture and one of an earlier part that are all but the same."""

    held_out: Shot
    """The validation or test picture, with its class."""
    earlier: Shot
    """The one it resembles, with its class."""
    likeness: float
    """Correlation of their pixels: 1 where one is the other, brighter or of more contrast perhaps."""


class PictureData(TypedDict):
    """The pictures at a glance."""

    height: int
    """Pixels down, as the models see a picture."""
    width: int
    """Pixels across."""
    channels: int
    """1 for grey, 3 for colour."""
    sizes: list[SizeCount]
    """Sizes in the source, the commonest first, at most eight."""
    other_sizes: int
    """Pictures of sizes not listed."""
    problems: list[ProblemCount]
    """What was not as expected, kind by kind."""
    samples: list[Shot]
    """One strip of training pictures a class, for at most twenty classes."""
    near: list[NearPair]
    """Held-out pictures that are all but copies of earlier ones, the likest first, at most six."""
    near_count: int
    """How many there are."""
    near_limit: float
    """The likeness from which on two pictures count as near copies."""


class Recorded(TypedDict):
    """One measurement while a net learnt."""

    passes: float
    """Work spent, in passes over the training rows."""
    nll_train: float | None
    """Mean NLL of a sample of training rows, without augmentation; ``None``, here and below, where not finite."""
    nll_validation: float | None
    """Mean NLL of the validation rows."""
    seconds: float
    """Wall time of the steps so far."""


class Training(TypedDict):
    """How the net learnt."""

    model: str
    """``Model.name``."""
    records: list[Recorded]
    """From the start to the end."""
    recipe: list[list[str]]
    """What was done, in pairs of a word and its value."""
    flops: int
    """Floating-point operations of one row's forward pass."""
    work: float
    """Floating-point operations spent: three forward passes for each row and pass."""


class ClassReport(TypedDict):
    """How one class fared on test rows."""

    name: str
    """The class."""
    rows: int
    """Test rows of it."""
    recall: float | None
    """Share of them named rightly; ``None`` where there are none."""
    precision: float | None
    """Share of the rows named so that are of it; ``None`` where none were named so."""
    given: float
    """Mean probability that all test rows gave to it."""
    share: float
    """Share of the test rows that are of it: what ``given`` should be."""
    ece: float
    """Calibration error of its probability, against the rest."""
    ece_interval: list[float]
    """[low, high]: the central 95 % of a perfectly calibrated model's."""
    mistaken_for: str | None
    """The class that its rows were most often taken for, if any."""


class CalibrationTrial(TypedDict):
    """One calibrator in cross-validation on the validation rows."""

    kind: str
    """Its name; "none" leaves probabilities as they are."""
    nll: float
    """Mean NLL of rows that it was not fitted on."""
    gain: float
    """How much lower that is than without."""
    standard_error: float
    """Of the gain, row by row."""


class Calibrated(TypedDict):
    """Which calibrator was chosen, and what it changed on test rows."""

    kind: str
    """Its name."""
    statement: str
    """Why, in a sentence."""
    rows: int
    """Validation rows that it was chosen and fitted on."""
    trials: list[CalibrationTrial]
    """The candidates."""
    nll_before: float | None
    """Mean NLL of test rows without it; ``None``, here and below, where not finite."""
    nll_after: float | None
    """With it."""
    ece_before: float
    """Top-label calibration error on test rows without it."""
    ece_after: float
    """With it."""


class Look(TypedDict):
    """What the net looks at in one test picture."""

    picture: Shot
    """The picture, with its class and the probability that the net gives to the class it names."""
    map: Shot
    """The same with a map over it: red where hiding a patch lowers log p of the class named, blue where not."""
    lowest: float
    """The largest fall of log p by hiding one patch, in nats, as a number below 0."""


class Suspects(TypedDict):
    """Held-out rows whose label the net holds for all but impossible."""

    limit: float
    """Rows whose label has a probability below this are counted."""
    count: int
    """How many of the validation and test rows."""
    rows: int
    """Validation and test rows."""
    examples: list[Shot]
    """The least probable labels, at most twelve: row and name, label, what the net says instead."""


class PicturePages(TypedDict):
    """What the report shows of pictures beyond the common pages."""

    weights: list[Shot]
    """The linear model's weights as a picture for each class, at most twenty: red raises its η, blue lowers it."""
    surprises: list[Shot]
    """The pictures of ``Application.surprises``, in the same order."""
    looks: list[Look]
    """Right and wrong test pictures, at most eight."""
    patch: int
    """Side of the patch that was hidden, in pixels."""
    suspects: Suspects
    """Labels that may be wrong."""
    note: NotRequired[str]
    """Anything to be said aloud."""
