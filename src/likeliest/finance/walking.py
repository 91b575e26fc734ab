"""A walk through time: every model learns, forecasts the next days, moves on, and learns again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from likeliest.finance.days import Days
from likeliest.finance.distributions import DistributionModel, Fitted
from likeliest.finance.fitting import reached
from likeliest.finance.forecast import Forecast
from likeliest.finance.walk_forward import Fold


@dataclass(frozen=True)
class Walked:
    """What one model said of each day, before it.

    Attributes:
        model: who said it.
        forecast: of all days from the first that was forecast to the last.
        last: the last fit.
        refits: how often it learnt.
        failed: how often no maximum was reached.
        seconds: wall time.
    """

    model: DistributionModel
    forecast: Forecast
    last: Fitted
    refits: int
    failed: int
    seconds: float


def walk(
    model: DistributionModel, days: Days, folds: Sequence[Fold], tell: Callable[[int], Any] = lambda done: None
) -> Walked:
    """Return what a model says of each day of the folds, learning as often as it does.

    A model that is slow to learn is fitted in every few folds, and forecasts those between from what it learnt last.

    Args:
        model: what learns.
        days: of one asset.
        folds: see `likeliest.finance.walk_forward`, with a horizon of one day.
        tell: called with the number of folds done.

    Example:
        >>> import numpy as np
        >>> from likeliest.data import PriceSeries
        >>> from likeliest.finance.distributions import MODELS
        >>> from likeliest.finance.walk_forward import walk_forward
        >>> dates = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-01-01"))
        >>> close = 100 * np.exp(np.random.default_rng(0).normal(0, 0.01, len(dates)).cumsum())
        >>> days = Days.of(PriceSeries("A", dates, close))
        >>> walked = walk(MODELS["ewma"], days, list(walk_forward(len(days), first=300, every=30)))
        >>> len(walked.forecast), walked.refits
        (65, 3)
    """
    began, fitted, refits, failed = time.perf_counter(), None, 0, 0
    said = []
    for turn, fold in enumerate(folds):
        if fitted is None or turn % model.refit_every == 0:
            fitted = model.fit(days, fold.learnt, fitted)
            refits += 1
            failed += not reached(fitted.verdict)
        said.append(fitted.forecast(days, fold.forecast))
        tell(turn + 1)
    assert fitted is not None
    return Walked(model, Forecast.joined(said), fitted, refits, failed, time.perf_counter() - began)
