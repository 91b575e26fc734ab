"""The models of a study: a linear one without penalty, one whose penalty was chosen on validation rows, and a net."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.data import Split, TableEncoder
from likeliest.families import Family
from likeliest.glm import LinearFit, fit_linear
from likeliest.interfaces import Record, Verdict, VerdictKind
from likeliest.model import Model
from likeliest.nets import NetFit, fit_net
from likeliest.rules import rule as rule_by_name
from likeliest.study.plan import Plan
from likeliest.tasks import Examples, Task

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """What all models of a study stand on: examples, split, codings, family."""

    task: Task
    examples: Examples
    split: Split
    plan: Plan

    @cached_property
    def family(self) -> Family:
        """The probability function."""
        return self.task.family(self.examples)

    @cached_property
    def outputs(self) -> int:
        """Columns of η that the location takes: one, or one a class."""
        classes = self.examples.target.classes
        return len(classes) if classes is not None and self.family.columns is None else 1

    @cached_property
    def raw_encoder(self) -> TableEncoder:
        """The coding of linear models."""
        return self.task.encoder(self.examples, self.split.train, standardise=False)

    @cached_property
    def standard_encoder(self) -> TableEncoder:
        """The coding of nets."""
        return self.task.encoder(self.examples, self.split.train, standardise=True)

    @cached_property
    def raw_x(self) -> Matrix:
        """All rows for linear models, (n, p)."""
        return self.raw_encoder.encode(self.examples.raw)[self.examples.kept]

    @cached_property
    def standard_x(self) -> Matrix:
        """All rows for nets, (n, p′)."""
        return self.standard_encoder.encode(self.examples.raw)[self.examples.kept]

    @property
    def y(self) -> NDArray[Any]:
        """All targets."""
        return self.examples.y

    def x_for(self, encoder: TableEncoder) -> Matrix:
        """All rows in a coding."""
        return self.standard_x if encoder is self.standard_encoder else self.raw_x


@dataclass(frozen=True)
class Candidate:
    """A fitted model with what the report says of its fit."""

    name: str
    title: str
    model: Model
    l2: float
    rule: str
    work: float
    verdict: Verdict
    nll_train: float
    nll_validation: float
    seconds: float
    net: NetFit | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped the fit."""
        return self.verdict.kind is VerdictKind.INTERRUPTED


class _HasVerdict(Protocol):
    @property
    def verdict(self) -> Verdict: ...


Fitted = TypeVar("Fitted", bound=_HasVerdict)


def fit_candidates(
    ground: Ground, progress: Callable[[str], None], on_record: Callable[[Record], None]
) -> list[Candidate]:
    """Fit all models of the plan, in the order in which they are shown."""
    progress("linear model at l2 = 0")
    unpenalised = finished(fit_linear_model(ground, 0.0, "linear_unpenalised"))
    progress("linear model, l2 chosen on validation rows")
    chosen = finished(choose_l2(ground))
    progress("net")
    return [unpenalised, chosen, finished(fit_net_model(ground, on_record))]


def finished(fitted: Fitted) -> Fitted:
    """Pass on what was fitted, or Ctrl-C, which a fit turns into a verdict: half a study shows nothing.

    Raises:
        KeyboardInterrupt: the user stopped the fit.
    """
    if fitted.verdict.kind is VerdictKind.INTERRUPTED:
        raise KeyboardInterrupt
    return fitted


def fit_linear_model(ground: Ground, l2: float, name: str = "linear") -> Candidate:
    """Fit the linear model with a penalty on the coefficients of standardised columns."""
    began = time.perf_counter()
    train = ground.split.train
    x = ground.raw_x[train]
    found = fit_linear(
        ground.family,
        x,
        ground.y[train],
        outputs=ground.outputs,
        l2=torch.from_numpy(l2 * x.var(0)) if l2 else 0.0,
        names=ground.raw_encoder.names,
    )
    title = f"{regression_name(ground.family)}, l2 = {l2:g}" + (" on standardised columns" if l2 else "")
    model = Model(ground.raw_encoder, ground.examples.target, ground.family, found.predictor, found.theta)
    return _candidate(ground, name, title, model, l2, _linear_rule(found), found.fit.work, found.verdict, began)


def choose_l2(ground: Ground) -> Candidate:
    """The penalty of the grid with the least validation NLL; after Ctrl-C, of those tried by then."""
    began, grid = time.perf_counter(), ground.plan.l2_grid
    tried: list[Candidate] = []
    for l2 in grid:
        tried.append(fit_linear_model(ground, l2))
        if tried[-1].interrupted:
            break
    best = min(tried, key=lambda c: c.nll_validation)
    if tried[-1].interrupted:
        best = _interrupted(best, f"stopped by the user at penalty {len(tried)} of {len(grid)}; the best is kept")
    return replace(best, work=sum(c.work for c in tried), seconds=time.perf_counter() - began)


def _interrupted(candidate: Candidate, message: str) -> Candidate:
    verdict = Verdict(VerdictKind.INTERRUPTED, message, candidate.verdict.evidence)
    notes = {**candidate.model.notes, "verdict": verdict.to_json()}
    return replace(candidate, verdict=verdict, model=replace(candidate.model, notes=notes))


def fit_net_model(ground: Ground, on_record: Callable[[Record], None]) -> Candidate:
    """Fit the net, stopped early on validation rows."""
    began = time.perf_counter()
    plan, split, x = ground.plan, ground.split, ground.standard_x
    found = fit_net(
        ground.family,
        x[split.train],
        ground.y[split.train],
        rule=rule_by_name(plan.net_rule, lr=plan.net_lr),
        outputs=ground.outputs,
        hidden=plan.hidden,
        validation=(x[split.validation], ground.y[split.validation]),
        batch_size=plan.batch_size,
        budget=plan.net_passes,
        patience=plan.patience,
        seed=plan.seed,
        progress=on_record,
    )
    widths = "-".join(str(w) for w in (x.shape[1], *plan.hidden, ground.outputs))
    model = Model(ground.standard_encoder, ground.examples.target, ground.family, found.predictor, found.theta)
    fitted = _candidate(
        ground, "net", f"net {widths}, relu", model, 0.0, plan.net_rule, found.fit.work, found.verdict, began
    )
    return replace(fitted, net=found)


def _candidate(
    ground: Ground,
    name: str,
    title: str,
    model: Model,
    l2: float,
    rule: str,
    work: float,
    verdict: Verdict,
    began: float,
) -> Candidate:
    x, y, split = ground.x_for(model.encoder), ground.y, ground.split
    notes = {"name": name, "title": title, "l2": l2, "rule": rule, "verdict": verdict.to_json()}
    return Candidate(
        name,
        title,
        replace(model, notes=notes),
        l2,
        rule,
        work,
        verdict,
        mean_nll(model, x[split.train], y[split.train]),
        mean_nll(model, x[split.validation], y[split.validation]),
        time.perf_counter() - began,
    )


def mean_nll(model: Model, x: Matrix, y: NDArray[Any]) -> float:
    """Mean negative log-likelihood of encoded rows, in nats; +∞ where a row has probability 0."""
    return -float(model.log_prob(x, y).mean())


def regression_name(family: Family) -> str:
    """What the field calls the family's linear model."""
    names = {"bernoulli": "logistic regression", "categorical": "softmax regression", "normal": "linear regression"}
    return names.get(family.name, f"{family.name.capitalize()} regression")


def _linear_rule(found: LinearFit) -> str:
    return "newton" if "newton_decrement" in found.fit.state.evidence else "lbfgs"


def finite(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None
