"""Held-out results: how good each model is on rows that nothing was chosen on, and where the best one was surprised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.calibration import quantile_calibration, rmse_interval, top_label_calibration, wilson_interval
from likeliest.model import Model
from likeliest.randomness import stream
from likeliest.study.candidates import Candidate, finite, mean_nll
from likeliest.study.ground import Ground, Rows

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
        "verdict": candidate.verdict.to_json(),
        "seconds_fit": candidate.seconds,
    }
    return cast("ModelJson", fitted | judge(candidate.model, *_test(ground, candidate), ground.plan.seed))


def judge(model: Model, x: Rows, y: NDArray[Any], seed: int) -> dict[str, Any]:
    """NLL, accuracy or RMSE with its interval, and calibration, on encoded rows."""
    nll = {"nll_test": finite(mean_nll(model, x, y))}
    if model.target.classes is not None:
        probabilities = model.probabilities(x)
        right = int((probabilities.argmax(1) == y).sum())
        return nll | {
            "accuracy_test": right / len(y),
            "accuracy_interval": list(wilson_interval(right, len(y))),
            "calibration": top_label_calibration(probabilities, y, seed=seed).to_json(),
        }
    mean = model.mean(x)
    return nll | {
        "rmse_test": float(np.sqrt(np.square(y - mean).mean())),
        "rmse_interval": list(rmse_interval(y, mean, seed=seed)),
        "calibration": quantile_calibration(_levels(model, x, y, seed), seed=seed).to_json(),
    }


def application(ground: Ground, candidate: Candidate) -> Application:
    """The recommended model on test rows."""
    x, y = _test(ground, candidate)
    classes = ground.examples.target.classes
    return {
        "model": candidate.name,
        "rows": len(y),
        "base_rate": base_rate(ground),
        "confusion": _confusion(candidate, x, y) if classes is not None else None,
        "predictions": _predictions(candidate, x, y) if classes is None else None,
        "surprises": _surprises(ground, candidate, x, y),
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


def _test(ground: Ground, candidate: Candidate) -> tuple[Rows, NDArray[Any]]:
    rows = ground.split.test
    return ground.x_for(candidate.model.encoder)[rows], ground.y[rows]


def _levels(model: Model, x: Rows, y: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """F(y) of each row (n,); for a count drawn between F(y − 1) and F(y), so that it is uniform if F is true."""
    eta, observed = model.eta(x), torch.as_tensor(y, dtype=torch.float64)
    upper = np.asarray(model.family.cdf(eta, observed))
    if not model.family.discrete:
        return upper
    lower = np.asarray(model.family.cdf(eta, observed - 1))
    between: NDArray[np.float64] = stream(seed, "transform").uniform(lower, upper)
    return between


def _confusion(candidate: Candidate, x: Rows, y: NDArray[Any]) -> Confusion:
    classes = candidate.model.target.classes or ()
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (y, candidate.model.probabilities(x).argmax(1)), 1)
    return {"classes": [str(c) for c in classes], "counts": counts.tolist()}


def _predictions(candidate: Candidate, x: Rows, y: NDArray[Any]) -> Predictions:
    mean = candidate.model.mean(x)[:_PREDICTIONS]
    eta = candidate.model.eta(x)
    deviation = np.asarray(candidate.model.family.deviation(eta))
    sigma = float(deviation[0]) if deviation.size == 1 else None
    return {"predicted": mean.tolist(), "observed": np.asarray(y[:_PREDICTIONS], dtype=float).tolist(), "sigma": sigma}


def _surprises(ground: Ground, candidate: Candidate, x: Rows, y: NDArray[Any]) -> list[Surprise]:
    """The test rows of largest NLL, with the values of the inputs that weigh most."""
    log_prob = candidate.model.log_prob(x, y)
    classes = ground.examples.target.classes
    predicted = candidate.model.probabilities(x).argmax(1) if classes is not None else candidate.model.mean(x)
    loudness = _loudness(ground, candidate)
    surprises: list[Surprise] = []
    for i in np.argsort(log_prob, kind="stable")[:_SURPRISES]:
        row = int(ground.split.test[i])
        surprises.append(
            {
                "row": ground.examples.row_number(row),
                "observed": str(classes[y[i]]) if classes is not None else f"{y[i]:.6g}",
                "predicted": str(classes[predicted[i]]) if classes is not None else f"{predicted[i]:.6g}",
                "p": float(np.exp(log_prob[i])),
                "nll": float(min(-log_prob[i], np.finfo(float).max)),
                "cells": ground.task.cells(ground.examples, row, candidate.model.encoder, loudness),
            }
        )
    return surprises


def _loudness(ground: Ground, candidate: Candidate) -> NDArray[np.float64] | None:
    """The size of each input's part in η, (p,): first-layer weights times deviations; None for pictures."""
    x = ground.x_for(candidate.model.encoder)
    if x.ndim != 2:
        return None
    part = next(p for name, p in candidate.model.predictor.parts.items() if name.endswith("weight"))
    weight = candidate.model.theta[part.slice].view(part.shape).abs().amax(1).numpy()
    size: NDArray[np.float64] = weight * x[ground.split.train].std(0)
    return size
