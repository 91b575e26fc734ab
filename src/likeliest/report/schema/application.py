"""Chapters 6 to 8: held-out results, conclusion, provenance."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from likeliest.report.schema.common import VerdictJson
from likeliest.report.schema.data import Cell


class CalibrationBin(TypedDict):
    """Top-label confidence and accuracy of one equal-mass bin; for a number, one nominal level and its coverage."""

    count: int
    """Rows in the bin (for a number: all test rows)."""
    confidence: float
    """Mean probability of the predicted class; for a number, the nominal share of rows below the predicted quantile."""
    observed: float
    """Share of rows predicted rightly; for a number, share of rows below that quantile."""
    low: float
    """Lower end of the 95 % Wilson interval of ``observed``."""
    high: float
    """Upper end."""


class Calibration(TypedDict):
    """Are the probabilities true?"""

    bins: list[CalibrationBin]
    """Fifteen equal-mass bins (fewer for few rows), in rising confidence."""
    ece: float
    """Expected calibration error: Σ count·|observed − confidence| / Σ count."""
    ece_expected: float
    """Mean ECE of a perfectly calibrated model with these confidences and this number of rows."""
    ece_interval: list[float]
    """[low, high]: the central 95 % of that model's ECE."""
    statement: str
    """A sentence: "as calibrated as 114 rows can show", or what is off."""


class Edits(TypedDict):
    """What went wrong in texts, word by word."""

    words: int
    """Words that were said."""
    substitutions: int
    """Words taken for others."""
    deletions: int
    """Words missed."""
    insertions: int
    """Words that nobody said."""


class Model(TypedDict):
    """One fitted model."""

    name: str
    """Key that other chapters refer to: "linear_unpenalised", "linear", "net"."""
    title: str
    """For people: "logistic regression, l2 = 0", "net 30-32-1, relu"."""
    parameters: int
    """P."""
    l2: float
    """The penalty's weight, in sums: Σ w·NLL + l2/2 ‖w‖²."""
    rule: str
    """Learning rule that fitted it."""
    work: float
    """Work spent, in passes over the training rows."""
    nll_train: float | None
    """Mean NLL on training rows; ``None``, here and below, where it is not finite."""
    nll_validation: float | None
    """Mean NLL on validation rows."""
    nll_judged: NotRequired[float | None]
    """The same with the calibrator fitted to other rows than each: what models are compared by."""
    nll_test: float | None
    """Mean NLL on test rows."""
    accuracy_test: NotRequired[float]
    """Share of test rows predicted rightly (classes)."""
    accuracy_interval: NotRequired[list[float]]
    """[low, high], 95 % Wilson."""
    rmse_test: NotRequired[float]
    """Root mean squared error on test rows, in the target's unit (a number)."""
    rmse_interval: NotRequired[list[float]]
    """[low, high], 95 % bootstrap over test rows."""
    nll_per_label_test: NotRequired[float | None]
    """NLL of all test texts over the number of their labels."""
    wer_test: NotRequired[float | None]
    """Word error rate on test rows (texts); ``None`` where they hold no words."""
    wer_interval: NotRequired[list[float] | None]
    """[low, high], 95 %, as ``interval_method`` says; ``None`` where there is none."""
    cer_test: NotRequired[float | None]
    """Character error rate on test rows (texts)."""
    cer_interval: NotRequired[list[float] | None]
    """[low, high], 95 %, likewise."""
    interval_method: NotRequired[str]
    """How the intervals of texts were made."""
    edits: NotRequired[Edits]
    """Of test texts, word by word."""
    calibration: Calibration
    """On test rows; of texts that of the words that were read."""
    verdict: VerdictJson
    """Why its fit ended."""
    seconds_fit: NotRequired[float]
    """Wall time of the fit."""


class BaseRate(TypedDict):
    """The model that knows no inputs: class frequencies, or mean and scale, of the training rows."""

    nll_test: float | None
    """Mean NLL on test rows."""
    accuracy_test: NotRequired[float]
    """Accuracy of always naming the commonest class."""
    rmse_test: NotRequired[float]
    """RMSE of always naming the mean."""
    wer_test: NotRequired[float]
    """Word error rate of the empty text, which misses every word."""


class Confusion(TypedDict):
    """Test rows by true and predicted class."""

    classes: list[str]
    """Class names."""
    counts: list[list[int]]
    """counts[true][predicted]."""


class Predictions(TypedDict):
    """Predicted and observed numbers of test rows."""

    predicted: list[float]
    """Predicted means of at most 400 test rows."""
    observed: list[float]
    """Their targets, in the same order."""
    sigma: float | None
    """The predicted standard deviation, where it is one number."""


class Surprise(TypedDict):
    """A test row that the model held for unlikely."""

    row: int
    """The row's number in the file (first data row = 1)."""
    observed: str
    """Its target as text."""
    predicted: str
    """The predicted class or mean as text."""
    p: float
    """p(y | η) of the observed target: a probability for classes and counts, a density for a number."""
    nll: float
    """−log p."""
    cells: list[Cell]
    """Three or so of its values: those that spoke loudest, or the first."""


class Application(TypedDict):
    """The recommended model on rows that nothing was chosen on."""

    model: str
    """``Model.name`` of the recommended model, whose calibration, confusion and surprises are shown."""
    rows: int
    """Number of test rows."""
    base_rate: BaseRate
    """What knowing no inputs gives."""
    confusion: Confusion | None
    """For classes."""
    predictions: Predictions | None
    """For a number."""
    surprises: list[Surprise]
    """The test rows of largest NLL, at most ten, the largest first."""


class Conclusion(TypedDict):
    """Which model to use, and why."""

    model: str
    """``Model.name``."""
    sentence: str
    """One sentence that names the model and the reason, with its numbers."""
    reasons: list[str]
    """Further reasons, one sentence each."""
    cautions: list[str]
    """What the study does not show, one sentence each."""


class Provenance(TypedDict):
    """All that is needed to repeat the study."""

    command: str
    """Command line (or call) that repeats it."""
    seed: int
    """Root of all randomness."""
    data_sha256: str
    """SHA-256 of the file's bytes, or of a catalogued table's canonical CSV."""
    versions: dict[str, str]
    """Python and the packages that numbers depend on: name → version."""
    threads: NotRequired[int]
    """Threads of the array engine."""
