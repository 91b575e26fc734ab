"""Models of pictures and of sounds: a linear one, cheaply, and a net by its recipe, within the work of the plan."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.fit import Fit, fit
from likeliest.interfaces import Trace, VerdictKind
from likeliest.model import Model
from likeliest.objective import Objective
from likeliest.predictors import Predictor
from likeliest.progress import Callback, Progress
from likeliest.randomness import stream
from likeliest.sequences import rows_of
from likeliest.study.candidate import Candidate, interrupted, regression_name
from likeliest.study.ground import Ground, taken
from likeliest.tasks import Recipe

LINEAR_ROWS, LINEAR_STEPS = 20_000, 60
"""Training rows that the linear model learns from, at most, and passes over them."""
SHORT, SHORT_ROWS = 5.0, 8_000
"""With a budget of fewer minutes it learns from at most so many."""
TEXTS = 400
"""Of recordings of texts, of which each has hundreds of frames, at most so many."""
LINEAR_L2 = 1.0
WATCHED_ROWS = 1_000
"""Validation rows, and training rows, on which a net is watched while it learns."""
MEASUREMENTS = 16
WATCHED_TEXTS, JUDGED_TEXTS = 100, 200
"""As `WATCHED_ROWS` and `JUDGED_ROWS`, of recordings of texts."""
JUDGED_ROWS = 2_048
"""Training rows on which the NLL of training is taken, at most."""


def fit_in_few_steps(ground: Ground, recipe: Recipe) -> Candidate:
    """The linear model beside the net, by L-BFGS, on a sample of the training rows; its best step by validation rows.

    Few steps on correlated inputs act as a penalty of their own: the optimum is neither reached nor wanted.
    """
    began = time.perf_counter()
    most = LINEAR_ROWS if ground.plan.minutes >= SHORT else SHORT_ROWS
    most = most if ground.examples.alphabet is None else TEXTS
    rows, held = ground.sample(ground.split.train, most), ground.sample(ground.split.validation, most // 4)
    x, y = ground.raw_x, ground.y
    predictor = ground.task.predictor("linear", ground.family, ground.raw_encoder, x.shape[1:], ground.outputs, ())
    objective = Objective(ground.family, predictor, taken(x, rows), y[rows], l2=LINEAR_L2)
    found = fit(
        objective,
        "lbfgs",
        theta=torch.zeros(predictor.size),
        budget=LINEAR_STEPS,
        seed=ground.plan.seed,
        validation=objective.held_out(taken(x, held), y[held]),
    )
    model = _model(ground, predictor, found, coding="linear")
    title = f"{regression_name(ground.family)} on {recipe.inputs}, l2 = {LINEAR_L2:g}"
    return _candidate(ground, "linear", title, model, LINEAR_L2, "lbfgs", found, began)


def fit_by_recipe(ground: Ground, recipe: Recipe, on_progress: Callback) -> Candidate:
    """The net by its recipe, watched on some validation rows while it learns.

    The last θ is kept, at the end of the learning rate's cycle: an earlier one may have the lower held-out NLL, being
    less sure, but names fewer rows rightly, and how sure to be is what the calibrator sees to.

    Where the recipe says so the net that is kept then learns again, from training and validation rows; what is said of
    the validation rows stays that of before, when they were still held out.
    """
    began, trace = time.perf_counter(), Trace()
    found = trained(ground, recipe, ground.split.train, on_progress, trace)
    title = f"{recipe.net}, {recipe.predictor.size:,} parameters"
    net = _candidate(ground, "net", title, net_of(ground, recipe, found), 0.0, recipe.rule.name, found, began)
    net = replace(net, trace=trace)
    if not recipe.relearn or net.interrupted:
        return net
    again = trained(ground, recipe, ground.learning_rows, on_progress)
    if again.verdict.kind is VerdictKind.INTERRUPTED:
        return interrupted(net, again.verdict.message)
    model = replace(net_of(ground, recipe, again), notes={**net.model.notes, "verdict": again.verdict.to_json()})
    return replace(net, model=model, verdict=again.verdict, seconds=time.perf_counter() - began)


def net_of(ground: Ground, recipe: Recipe, found: Fit) -> Model:
    """The model of a net that was trained by its recipe."""
    return replace(_model(ground, recipe.predictor, found, coding="net"), views=recipe.views)


def trained(
    ground: Ground, recipe: Recipe, rows: NDArray[np.int64], on_progress: Callback, trace: Trace | None = None
) -> Fit:
    """The net by its recipe on some rows; a trace takes what is measured of it on validation rows."""
    x, y, device = ground.net_x, ground.y, ground.device
    watched = ground.sample(ground.split.validation, watched_rows(ground))
    objective = Objective(
        ground.family,
        recipe.predictor,
        taken(x, rows).to(device),
        torch.from_numpy(y[rows]).to(device),
        transform=recipe.transform,
    )
    held = objective.held_out(taken(x, watched).to(device), torch.from_numpy(y[watched]).to(device))

    def watch(seen: Progress) -> bool | None:
        if trace is None:
            return on_progress(seen)
        value = held.at(seen.theta).value.detach().double().cpu().numpy().reshape(-1)
        trace.records.append(seen.record._replace(validation=value))
        return on_progress(seen.replaced(record=trace.records[-1]))

    theta = recipe.predictor.init([stream(ground.plan.seed, "init")], objective.dtype)[0]
    return fit(
        objective,
        recipe.rule,
        theta=theta.to(device),
        batch_size=recipe.batch_size,
        budget=recipe.passes,
        seed=ground.plan.seed,
        measure_every=max(1.0, recipe.passes / MEASUREMENTS),
        measured_rows=watched_rows(ground),
        average=recipe.average,
        callbacks=[watch],
    )


def watched_rows(ground: Ground) -> int:
    """Validation rows, and training rows, on which a net is watched."""
    return WATCHED_ROWS if ground.examples.alphabet is None else WATCHED_TEXTS


def _model(ground: Ground, predictor: Predictor, found: Fit, coding: str) -> Model:
    encoder = ground.net_encoder if coding == "net" else ground.raw_encoder
    return Model(encoder, ground.examples.target, ground.family, predictor, found.theta.cpu().double())


def _candidate(
    ground: Ground, name: str, title: str, model: Model, l2: float, rule: str, found: Fit, began: float
) -> Candidate:
    notes = {"name": name, "title": title, "l2": l2, "rule": rule, "verdict": found.verdict.to_json()}
    model = replace(model, notes=notes)
    judged: NDArray[Any] = ground.sample(
        ground.split.train, JUDGED_ROWS if ground.examples.alphabet is None else JUDGED_TEXTS
    )
    log_prob = model.log_prob(rows_of(ground.x_for(model.encoder), judged), ground.y[judged])
    validation = ground.said(model, ground.split.validation)
    seconds = time.perf_counter() - began
    train = -float(np.mean(log_prob))
    return Candidate(name, title, model, l2, rule, found.work, found.verdict, train, validation, seconds)
