"""Held-out results: how good each model is on rows that nothing was chosen on, and where the best one was surprised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.calibration import quantile_calibration, rmse_interval, top_label_calibration, wilson_interval
from likeliest.families import Family
from likeliest.interfaces import Eta
from likeliest.model import Model
from likeliest.randomness import stream
from likeliest.study.candidate import Candidate, finite
from likeliest.study.ground import Ground
from likeliest.study.said import Said
from likeliest.study.texts import application_of_texts, judge_texts

if TYPE_CHECKING:
    from likeliest.report.schema import Application
    from likeliest.report.schema import Model as ModelJson
    from likeliest.report.schema.application import BaseRate, Confusion, Predictions, Surprise

_SURPRISES = 10
_PREDICTIONS = 400


def model_json(ground: Ground, candidate: Candidate) -> ModelJson:
    """One fitted model's entry in the report."""
    fitted = {
        "name": candidate.name,
        "title": candidate.title,
        "parameters": candidate.model.predictor.size,
        "l2": candidate.l2,
        "rule": candidate.rule,
        "work": candidate.work,
        "nll_train": finite(candidate.nll_train),
        "nll_validation": finite(candidate.nll_validation),
        "nll_judged": finite(candidate.nll_judged),
        "verdict": candidate.verdict.to_json(),
        "seconds_fit": candidate.seconds,
    }
    test = ground.split.test
    judged = judge(candidate.model, ground.said(candidate.model, test), ground.plan.seed, ground.speakers(test))
    return cast("ModelJson", fitted | judged)


def judge(model: Model, said: Said, seed: int, speakers: Sequence[str] | None = None) -> dict[str, Any]:
    """NLL, accuracy, RMSE or rates of wrong words and characters with their intervals, and calibration."""
    nll = {"nll_test": finite(said.nll)}
    if said.frames is not None:
        return nll | judge_texts(model, said, speakers, seed)
    if said.probabilities is not None:
        right, rows = int(said.right.sum()), len(said.y)
        return nll | {
            "accuracy_test": right / rows,
            "accuracy_interval": list(wilson_interval(right, rows)),
            "calibration": top_label_calibration(said.probabilities, said.y, seed=seed).to_json(),
        }
    assert said.mean is not None
    return nll | {
        "rmse_test": float(np.sqrt(np.square(said.y - said.mean).mean())),
        "rmse_interval": list(rmse_interval(said.y, said.mean, seed=seed)),
        "calibration": quantile_calibration(_levels(model, said, seed), seed=seed).to_json(),
    }


def application(ground: Ground, candidate: Candidate) -> Application:
    """The recommended model on test rows."""
    if ground.examples.alphabet is not None:
        return application_of_texts(ground, candidate)
    said = ground.said(candidate.model, ground.split.test)
    classes = ground.examples.target.classes
    return {
        "model": candidate.name,
        "rows": len(said.y),
        "base_rate": base_rate(ground),
        "confusion": _confusion(classes, said) if classes is not None else None,
        "predictions": _predictions(candidate.model.family, said) if classes is None else None,
        "surprises": _surprises(ground, candidate, said),
    }


def base_rate(ground: Ground) -> BaseRate:
    """What the model without inputs gives on test rows; a class that training never showed gets probability 0."""
    y_train, y = (torch.as_tensor(ground.y[rows]) for rows in (ground.split.train, ground.split.test))
    null = ground.family.null_eta(y_train, outputs=ground.outputs)
    several = ground.family.columns is not None and len(ground.family.columns) > 1
    eta = tuple(null[:, None].unbind(0)) if several else null.expand(len(y), -1)
    nll = finite(-float(ground.family.log_prob(eta, y).mean()))
    if ground.examples.target.classes is not None:
        commonest = int(np.bincount(ground.y[ground.split.train]).argmax())
        return {"nll_test": nll, "accuracy_test": float((y == commonest).double().mean())}
    spread = (y.double() - y_train.double().mean()).square().mean().sqrt()
    return {"nll_test": nll, "rmse_test": float(spread)}


def _eta(family: Family, said: Said) -> Eta:
    """η as the family takes it."""
    eta = torch.from_numpy(said.eta)
    return tuple(eta.unbind(-1)) if family.columns is not None and len(family.columns) > 1 else eta


def _levels(model: Model, said: Said, seed: int) -> NDArray[np.float64]:
    """F(y) of each row (n,); for a count drawn between F(y − 1) and F(y), so that it is uniform if F is true."""
    eta, observed = _eta(model.family, said), torch.as_tensor(said.y, dtype=torch.float64)
    upper = np.asarray(model.family.cdf(eta, observed))
    if not model.family.discrete:
        return upper
    lower = np.asarray(model.family.cdf(eta, observed - 1))
    between: NDArray[np.float64] = stream(seed, "transform").uniform(lower, upper)
    return between


def _confusion(classes: Sequence[Any], said: Said) -> Confusion:
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (said.y, said.predicted), 1)
    return {"classes": [str(c) for c in classes], "counts": counts.tolist()}


def _predictions(family: Family, said: Said) -> Predictions:
    assert said.mean is not None
    deviation = np.unique(np.asarray(family.deviation(_eta(family, said))))
    sigma = float(deviation[0]) if deviation.size == 1 else None
    observed = np.asarray(said.y[:_PREDICTIONS], dtype=float)
    return {"predicted": said.mean[:_PREDICTIONS].tolist(), "observed": observed.tolist(), "sigma": sigma}


def _surprises(ground: Ground, candidate: Candidate, said: Said) -> list[Surprise]:
    """The test rows of largest NLL, with the values of the inputs that weigh most."""
    loudness = _loudness(ground, candidate)
    return [_surprise(ground, candidate, said, i, loudness) for i in most_surprising(said)]


def most_surprising(said: Said, count: int = _SURPRISES) -> NDArray[np.int64]:
    """The rows of largest NLL, the largest first."""
    return np.argsort(said.log_prob, kind="stable")[:count]


def _surprise(
    ground: Ground, candidate: Candidate, said: Said, i: int, loudness: NDArray[np.float64] | None
) -> Surprise:
    row, classes = int(ground.split.test[i]), ground.examples.target.classes
    predicted = said.mean[i] if said.mean is not None else None
    return {
        "row": ground.examples.row_number(row),
        "observed": f"{said.y[i]:.6g}" if classes is None else str(classes[said.y[i]]),
        "predicted": f"{predicted:.6g}" if classes is None else str(classes[said.predicted[i]]),
        "p": float(np.exp(said.log_prob[i])),
        "nll": float(min(-said.log_prob[i], np.finfo(float).max)),
        "cells": ground.task.cells(ground.examples, row, candidate.model.encoder, loudness),
    }


def _loudness(ground: Ground, candidate: Candidate) -> NDArray[np.float64] | None:
    """The size of each input's part in η, (p,): first-layer weights times deviations; None for pictures."""
    x = ground.x_for(candidate.model.encoder)
    if x.ndim != 2:
        return None
    part = next(p for name, p in candidate.model.predictor.parts.items() if name.endswith("weight"))
    weight = candidate.model.theta[part.slice].view(part.shape).abs().amax(1).numpy()
    size: NDArray[np.float64] = weight * x[ground.split.train].std(0)
    return size
