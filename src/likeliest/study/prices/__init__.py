"""Studies of prices: walked forward through time, never split at random.

::

    plan        what will be done: refits, window, horizon, cost          ─┐
    market      one asset, its days and features, the folds of the walk    ├─ run: study_prices
    pages       numbers → the values of report.json                        │
    conclusion  … and words that they bear out                            ─┘
    single      the other verbs: fit, predict, evaluate, check
"""

from likeliest.study.prices.market import are_prices
from likeliest.study.prices.plan import AS_USUAL, Walk
from likeliest.study.prices.run import PriceStudy, study_prices
from likeliest.study.prices.single import (
    check_features,
    evaluate_prices,
    fit_prices,
    tomorrow,
    tomorrow_frame,
)

__all__ = [
    "AS_USUAL",
    "PriceStudy",
    "Walk",
    "are_prices",
    "check_features",
    "evaluate_prices",
    "fit_prices",
    "study_prices",
    "tomorrow",
    "tomorrow_frame",
]
