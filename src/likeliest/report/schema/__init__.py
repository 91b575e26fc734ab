"""What ``report.json`` holds: one typed dictionary per object, one docstring per field.

There are two kinds: `Report` of a study of rows, and `PriceReport` of a study of prices, whose ``kind`` says so.

Rules that hold everywhere:

* every number is finite, or ``None`` where the docstring says so: JSON has no NaN and no ∞;
* timings stand only under keys that begin with ``seconds``; everything else repeats byte for byte;
* NLLs are natural-log nats per row, constants included; work is in passes over the training rows;
* strings are plain text: whoever renders them escapes them;
* a chapter typed ``NotRequired`` may be left out, and its page is then left out too.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from likeliest.report.schema.application import (
    Application,
    BaseRate,
    Calibration,
    CalibrationBin,
    Conclusion,
    Confusion,
    Edits,
    Model,
    Predictions,
    Provenance,
    Surprise,
)
from likeliest.report.schema.common import (
    Certificate,
    CertifiedPart,
    Curve,
    GradientFinding,
    Histogram,
    LadderCurve,
    VerdictJson,
)
from likeliest.report.schema.data import (
    Cell,
    ClassCount,
    Column,
    Data,
    Duplicates,
    LeftOut,
    Split,
    Target,
)
from likeliest.report.schema.learning import (
    Comparison,
    LearningRule,
    OneUpdate,
    Output,
    Race,
    RaceCurve,
    RaceRow,
    Skipped,
    UpdatedPart,
    Weighted,
)
from likeliest.report.schema.pictures import (
    Calibrated,
    CalibrationTrial,
    ClassReport,
    Look,
    NearPair,
    PictureData,
    PicturePages,
    ProblemCount,
    Recorded,
    Shot,
    SizeCount,
    Suspects,
    Training,
)
from likeliest.report.schema.prices import (
    Coverage,
    Difference,
    ExceedanceChart,
    Extreme,
    Fan,
    LookAheadJson,
    ParameterJson,
    PriceConclusion,
    PriceData,
    PriceModel,
    PriceReport,
    Protocol,
    ReturnSummary,
    RiskRow,
    ScoreCurve,
    Tomorrow,
    TransformChart,
    Trend,
    TrendModel,
    VolatilityChart,
)
from likeliest.report.schema.probability import (
    Family,
    Gradient,
    GradientFormula,
    Probability,
)
from likeliest.report.schema.sounds import (
    Frames,
    Guess,
    Heard,
    LabelCurve,
    Listening,
    RateCount,
    Reading,
    ReadingTrial,
    SizeCurve,
    SizePoint,
    SoundData,
    SoundPages,
    Span,
    SpeakerCount,
    SpeakerScore,
    SpeakerScores,
    Spectrogram,
    TextCounts,
    WordCount,
)

__all__ = [
    "Application",
    "BaseRate",
    "Calibrated",
    "Calibration",
    "CalibrationBin",
    "CalibrationTrial",
    "Cell",
    "Certificate",
    "CertifiedPart",
    "ClassCount",
    "ClassReport",
    "Column",
    "Comparison",
    "Conclusion",
    "Confusion",
    "Coverage",
    "Curve",
    "Data",
    "Difference",
    "Duplicates",
    "Edits",
    "ExceedanceChart",
    "Extreme",
    "Family",
    "Fan",
    "Frames",
    "Gradient",
    "GradientFinding",
    "GradientFormula",
    "Guess",
    "Heard",
    "Histogram",
    "LabelCurve",
    "LadderCurve",
    "LearningRule",
    "LeftOut",
    "Listening",
    "Look",
    "LookAheadJson",
    "Model",
    "NearPair",
    "OneUpdate",
    "Output",
    "ParameterJson",
    "PictureData",
    "PicturePages",
    "Predictions",
    "PriceConclusion",
    "PriceData",
    "PriceModel",
    "PriceReport",
    "Probability",
    "ProblemCount",
    "Protocol",
    "Provenance",
    "Race",
    "RaceCurve",
    "RaceRow",
    "RateCount",
    "Reading",
    "ReadingTrial",
    "Recorded",
    "Report",
    "ReturnSummary",
    "RiskRow",
    "ScoreCurve",
    "Shot",
    "SizeCount",
    "SizeCurve",
    "SizePoint",
    "Skipped",
    "SoundData",
    "SoundPages",
    "Span",
    "SpeakerCount",
    "SpeakerScore",
    "SpeakerScores",
    "Spectrogram",
    "Split",
    "Surprise",
    "Suspects",
    "Target",
    "TextCounts",
    "Tomorrow",
    "Training",
    "TransformChart",
    "Trend",
    "TrendModel",
    "UpdatedPart",
    "VerdictJson",
    "VolatilityChart",
    "Weighted",
    "WordCount",
]


class Report(TypedDict):
    """The whole of ``report.json``."""

    likeliest: str
    """Version of likeliest that wrote the file."""
    data: Data
    """Chapter 1: what the table holds and how it was split."""
    family: Family
    """The probability function that the target called for."""
    probability: NotRequired[Probability]
    """Chapter 2: the probability function's plot, with this data's η under it."""
    gradient: NotRequired[Gradient]
    """Chapter 3: the gradient of exactly these models; its evidence stands in ``certificates``."""
    certificates: list[Certificate]
    """One a model: the analytic gradient against central differences and autograd."""
    learning_rule: NotRequired[LearningRule]
    """Chapter 4: one update by hand, and update against error."""
    race: NotRequired[Race]
    """Chapter 5: learning rules under one protocol."""
    models: list[Model]
    """Every model that was fitted, in the order to be shown: linear at l2 = 0, linear with chosen l2, net."""
    application: NotRequired[Application]
    """Chapter 6: the recommended model on held-out rows."""
    training: NotRequired[Training]
    """Chapter 6: how the net of a study of pictures learnt."""
    classes: NotRequired[list[ClassReport]]
    """Chapter 6: how each class fared on test rows, for at most a hundred classes."""
    calibrated: NotRequired[Calibrated]
    """Chapter 6: the recommended model before and after its calibrator."""
    pictures: NotRequired[PicturePages]
    """Chapters 4 and 6: what only a study of pictures can show."""
    sounds: NotRequired[SoundPages]
    """Chapter 6: what only a study of recordings can show."""
    conclusion: Conclusion
    """Chapter 7: which model to use, and why."""
    provenance: Provenance
    """Chapter 8: all that is needed to repeat the study."""
    plan: dict[str, Any]
    """The frozen ``Plan``: split, models, rules, work budget, as plain values."""
    seconds: dict[str, float]
    """Wall time by stage ("load", "fit", "certify", "race", "total", …), in seconds."""
