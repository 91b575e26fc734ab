"""Models of tables: a linear one, its penalty chosen on held-out rows, and a net that is stopped by them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.glm import LinearFit, fit_linear
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.model import Model
from likeliest.nets import NetFit, fit_net
from likeliest.progress import Callback
from likeliest.randomness import stream
from likeliest.rules import rule as rule_by_name
from likeliest.study.candidate import Candidate, finished, interrupted, mean_nll, regression_name
from likeliest.study.ground import Ground, Rows
from likeliest.study.said import Said

_ACTIVATION = "relu"


def fit_linear_model(ground: Ground, l2: float, name: str = "linear", *, relearn: bool = False) -> Candidate:
    """Fit the linear model on training rows, with a penalty on the coefficients of standardised columns.

    With ``relearn`` the model that is kept learns again from training and validation rows; the NLLs of both are those
    of before, when the validation rows were still held out.
    """
    began = time.perf_counter()
    found = _linear_fit(ground, ground.split.train, l2)
    title = f"{regression_name(ground.family)}, l2 = {l2:g}" + (" on standardised columns" if l2 else "")
    fitted = _candidate(
        ground, name, title, _linear(ground, found), l2, _linear_rule(found), found.fit.work, found.verdict, began
    )
    if not relearn or fitted.interrupted:
        return fitted
    again = _linear_fit(ground, ground.learning_rows, l2)
    model = replace(_linear(ground, again), notes={**fitted.model.notes, "verdict": again.verdict.to_json()})
    return replace(fitted, model=model, verdict=again.verdict, seconds=time.perf_counter() - began)


def _linear_fit(ground: Ground, rows: NDArray[np.int64], l2: float) -> LinearFit:
    x = ground.raw_x[rows]
    return fit_linear(
        ground.family,
        x,
        ground.y[rows],
        outputs=ground.outputs,
        l2=torch.from_numpy(l2 * x.var(0)) if l2 else 0.0,
        names=ground.raw_encoder.names,
    )


def _linear(ground: Ground, found: LinearFit) -> Model:
    return Model(ground.raw_encoder, ground.examples.target, ground.family, found.predictor, found.theta)


def choose_l2(ground: Ground) -> Candidate:
    """The penalty of the grid with the least held-out NLL; after Ctrl-C, of those tried by then.

    Where validation rows are few they all are held out in turn, with the training rows, fold by fold: one small set
    would choose by luck.
    """
    began, grid = time.perf_counter(), ground.plan.l2_grid
    folds, held_out = _folds(ground), dict[float, float]()
    for l2 in grid:
        try:
            held_out[l2] = _held_out_nll(ground, folds, l2)
        except KeyboardInterrupt:
            break
    best = fit_linear_model(ground, min(held_out, key=held_out.__getitem__, default=grid[0]), relearn=True)
    if len(held_out) < len(grid):
        message = f"stopped by the user at penalty {len(held_out) + 1} of {len(grid)}; the best is kept"
        best = interrupted(best, message)
    return replace(best, seconds=time.perf_counter() - began)


def _folds(ground: Ground) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows to fit on and rows held out; rows of equal y are dealt to the folds in turn."""
    split, plan = ground.split, ground.plan
    if len(split.validation) >= plan.enough_validation:
        return [(split.train, split.validation)]
    rows = stream(plan.seed, "folds").permutation(ground.learning_rows)
    rows = rows[np.argsort(ground.y[rows], kind="stable")]
    fold = np.arange(len(rows)) % plan.folds
    return [(np.sort(rows[fold != k]), np.sort(rows[fold == k])) for k in range(plan.folds)]


def _held_out_nll(ground: Ground, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]], l2: float) -> float:
    total = 0.0
    for rows, held_out in folds:
        model = _linear(ground, finished(_linear_fit(ground, rows, l2)))
        total += len(held_out) * mean_nll(model, ground.raw_x[held_out], ground.y[held_out])
    return total / sum(len(held_out) for _, held_out in folds)


def fit_net_model(ground: Ground, on_progress: Callback) -> Candidate:
    """Fit the net, stopped early on validation rows; then learn again from both for as many passes as were best."""
    began = time.perf_counter()
    plan, split, x = ground.plan, ground.split, ground.net_x
    found = _net_fit(
        ground, split.train, plan.net_passes, (x[split.validation], ground.y[split.validation]), on_progress
    )
    widths = "-".join(str(w) for w in (x.shape[1], *plan.hidden, ground.outputs))
    title, work = f"net {widths}, {_ACTIVATION}", found.fit.work
    fitted = _candidate(ground, "net", title, _net(ground, found), 0.0, plan.net_rule, work, found.verdict, began)
    passes = best_passes(found)
    if fitted.interrupted or passes == 0:
        return fitted
    again = _net_fit(ground, ground.learning_rows, passes, None, on_progress)
    if again.verdict.kind is VerdictKind.INTERRUPTED:
        return interrupted(fitted, again.verdict.message)
    model = replace(_net(ground, again), notes=fitted.model.notes)
    return replace(fitted, model=model, seconds=time.perf_counter() - began)


def best_passes(found: NetFit) -> float:
    """Passes over the rows after which the held-out NLL was least."""
    records = [r for r in found.fit.trace if r.validation is not None and np.isfinite(r.validation[0])]
    best = min(records, key=lambda r: float(np.asarray(r.validation)[0]), default=None)
    return best.work if best is not None else 0.0


def _net_fit(
    ground: Ground,
    rows: NDArray[np.int64],
    passes: float,
    validation: tuple[Rows, NDArray[Any]] | None,
    on_progress: Callback,
) -> NetFit:
    plan = ground.plan
    return fit_net(
        ground.family,
        ground.net_x[rows],
        ground.y[rows],
        rule=rule_by_name(plan.net_rule, lr=plan.net_lr),
        outputs=ground.outputs,
        hidden=plan.hidden,
        activation=_ACTIVATION,
        validation=validation,
        batch_size=plan.batch_for(len(rows)),
        budget=passes,
        patience=plan.patience,
        seed=plan.seed,
        callbacks=[on_progress],
    )


def _net(ground: Ground, found: NetFit) -> Model:
    return Model(ground.net_encoder, ground.examples.target, ground.family, found.predictor, found.theta)


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
        Said.of(model, x[split.validation], y[split.validation]),
        time.perf_counter() - began,
    )


def _linear_rule(found: LinearFit) -> str:
    return "newton" if "newton_decrement" in found.fit.state.evidence else "lbfgs"
