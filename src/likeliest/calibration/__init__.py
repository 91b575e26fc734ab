"""Are the probabilities true, and what makes them truer?

::

    diagram        a reliability diagram: bins, error, what perfect calibration would show  ┐
    reliability    of class probabilities                                                    ├─ looking
    levels         of predicted distributions of a number                                    ┘
    base           what a calibrator is; none                     ┐
    temperature    one parameter                                  │
    beta           three a class             ┐ one_against_rest   ├─ choice: calibrate
    isotonic       any rising curve          │                    │
    venn_abers     with the row itself in it ┘                    ┘
    priors         from the priors of training to those of the world
"""

from likeliest.calibration.base import Calibrator, Identity
from likeliest.calibration.beta import Beta, BetaCurve
from likeliest.calibration.choice import CALIBRATORS, Choice, Trial, calibrate, from_json
from likeliest.calibration.diagram import Bin, Calibration, wilson_interval
from likeliest.calibration.isotonic import Isotonic, RisingCurve
from likeliest.calibration.levels import (
    central_coverage,
    normal_calibration,
    pit,
    pit_histogram,
    quantile_calibration,
    rmse_interval,
)
from likeliest.calibration.priors import correct_priors
from likeliest.calibration.reliability import class_calibration, ece_interval, top_label_calibration
from likeliest.calibration.temperature import Temperature
from likeliest.calibration.venn_abers import Steps, VennAbers, VennAbersCurve

__all__ = [
    "CALIBRATORS",
    "Beta",
    "BetaCurve",
    "Bin",
    "Calibration",
    "Calibrator",
    "Choice",
    "Identity",
    "Isotonic",
    "RisingCurve",
    "Steps",
    "Temperature",
    "Trial",
    "VennAbers",
    "VennAbersCurve",
    "calibrate",
    "central_coverage",
    "class_calibration",
    "correct_priors",
    "ece_interval",
    "from_json",
    "normal_calibration",
    "pit",
    "pit_histogram",
    "quantile_calibration",
    "rmse_interval",
    "top_label_calibration",
    "wilson_interval",
]
