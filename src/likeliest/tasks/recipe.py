"""How a net of pictures or of sounds is trained within a budget of work: values chosen before anything is fitted.

Work is counted in floating-point operations: a step costs three forward passes for each row. A budget in minutes is
worth so many operations at a nominal speed, whatever the machine does in that time: the same budget gives the same θ.
"""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.augment import Views
from likeliest.calibration.choice import CALIBRATORS
from likeliest.interfaces import Transform
from likeliest.predictors import Layered
from likeliest.rules import Rule

SHARE = 0.75
"""Of a budget that goes into the steps of the net; the rest is for everything else that a study does."""
BACKWARD = 3
"""Forward passes that a step costs: its own, and two for the gradient."""


@dataclass(frozen=True)
class Recipe:
    """How a net is trained.

    Attributes:
        net: what the net is called.
        inputs: what the linear model beside it sees.
        predictor: the net.
        rule: with its schedule.
        batch_size: rows to a step.
        passes: over the training rows.
        transform: augmentation of training batches.
        average: decay of the moving average of θ; None where the last θ is kept.
        views: test-time augmentation; None asks about each row as it is.
        described: pairs of a word and its value, for the report.
        nominal: how many times the predictor's nominal row a training row is, on average.
        calibrators: kinds of those that may be chosen on the validation rows; see `likeliest.calibration`.
        relearn: whether the net that is kept learns again from training and validation rows, once it was judged on the
            validation rows.
    """

    net: str
    inputs: str
    predictor: Layered
    rule: Rule
    batch_size: int
    passes: float
    transform: Transform | None
    average: float | None
    views: Views | None
    described: tuple[tuple[str, str], ...] = ()
    calibrators: tuple[str, ...] = tuple(CALIBRATORS)
    relearn: bool = False
    nominal: float = 1.0

    def work(self, rows: int) -> float:
        """Floating-point operations that training on so many rows takes."""
        return BACKWARD * self.predictor.flops * self.nominal * rows * self.passes
