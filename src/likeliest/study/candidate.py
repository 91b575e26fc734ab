"""A fitted model of a study, with what the report says of its fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from likeliest.calibration import Choice, Identity, calibrate
from likeliest.calibration.choice import CALIBRATORS
from likeliest.families import Family
from likeliest.interfaces import Trace, Verdict, VerdictKind
from likeliest.model import Model
from likeliest.study.said import Said


@dataclass(frozen=True)
class Candidate:
    """A fitted model with what the report says of its fit.

    ``said`` is what it says of the validation rows while they were held out, before any calibration; ``calibration``
    the calibrator that was then chosen on them, and ``trace`` what was measured while a net by a recipe learnt.
    """

    name: str
    title: str
    model: Model
    l2: float
    rule: str
    work: float
    verdict: Verdict
    nll_train: float
    said: Said
    seconds: float
    calibration: Choice | None = None
    trace: Trace | None = None

    @cached_property
    def uncalibrated(self) -> Model:
        """The model without its calibrator."""
        return replace(self.model, calibrator=Identity())

    @property
    def validation(self) -> NDArray[np.float64]:
        """Log p of the validation rows."""
        return self.said.log_prob

    @property
    def nll_validation(self) -> float:
        """Mean NLL of the validation rows, in nats, while they were held out."""
        return -float(self.validation.mean())

    @property
    def judged(self) -> NDArray[np.float64]:
        """Log p of the validation rows as the model is used: with its calibrator, fitted to other rows than each."""
        return self.validation if self.calibration is None else -self.calibration.nll

    @property
    def nll_judged(self) -> float:
        """Mean NLL of the validation rows, in nats, that models are compared by."""
        return -float(self.judged.mean())

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped the fit."""
        return self.verdict.kind is VerdictKind.INTERRUPTED


class _HasVerdict(Protocol):
    @property
    def verdict(self) -> Verdict: ...


Fitted = TypeVar("Fitted", bound=_HasVerdict)


def finished(fitted: Fitted) -> Fitted:
    """Pass on what was fitted, or Ctrl-C, which a fit turns into a verdict: half a study shows nothing.

    Raises:
        KeyboardInterrupt: the user stopped the fit.
    """
    if fitted.verdict.kind is VerdictKind.INTERRUPTED:
        raise KeyboardInterrupt
    return fitted


def interrupted(candidate: Candidate, message: str) -> Candidate:
    """The candidate as the user's Ctrl-C left it."""
    verdict = Verdict(VerdictKind.INTERRUPTED, message, candidate.verdict.evidence)
    notes = {**candidate.model.notes, "verdict": verdict.to_json()}
    return replace(candidate, verdict=verdict, model=replace(candidate.model, notes=notes))


def calibrated(candidate: Candidate, seed: int, kinds: tuple[str, ...] = tuple(CALIBRATORS)) -> Candidate:
    """The candidate with a calibrator of class probabilities of these kinds, if the validation rows call for one."""
    p = candidate.said.probabilities
    if p is None or candidate.interrupted:
        return candidate
    choice = calibrate(p, candidate.said.y, seed=seed, kinds=kinds)
    return replace(candidate, calibration=choice, model=replace(candidate.model, calibrator=choice.calibrator))


def mean_nll(model: Model, x: NDArray[Any], y: NDArray[Any]) -> float:
    """Mean negative log-likelihood of encoded rows, in nats; +∞ where a row has probability 0."""
    return -float(model.log_prob(x, y).mean())


def regression_name(family: Family) -> str:
    """What the field calls the family's linear model."""
    names = {"bernoulli": "logistic regression", "categorical": "softmax regression", "normal": "linear regression"}
    names["ctc"] = "CTC, linear frame by frame"
    return names.get(family.name, f"{family.name.capitalize()} regression")


def finite(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None
