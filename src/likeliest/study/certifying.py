"""Certificates of fitted models, on rows that say something and at a cost that a study can bear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from likeliest.certify import Certificate, certify_objective
from likeliest.families import Family
from likeliest.objective import Objective
from likeliest.predictors import ResidualNet
from likeliest.randomness import stream
from likeliest.scaling import Scaling
from likeliest.study.candidate import Candidate
from likeliest.study.ground import Ground

SIDE, PICTURES, LADDERS = 12, 8, 8
"""Pixels of a side, pictures, and parts whose ladder of steps is drawn, in the certificate of a convolutional net."""


def certify(ground: Ground, candidate: Candidate) -> Certificate:
    """The certificate of a model's gradient at its fitted θ, on some training rows; linear models in standard units."""
    model, rows, plan = candidate.model, ground.shown_rows, ground.plan
    x, y = ground.x_for(model.encoder)[rows], ground.y[rows]
    if isinstance(model.predictor, ResidualNet):
        return certify_net_of_pictures(model.family, model.predictor, model.theta, x, plan.seed)
    objective, theta = Objective(model.family, model.predictor, x, y), model.theta
    if model.predictor.linear:
        scaling = Scaling.of(objective)
        objective, theta = scaling.apply(objective).replaced(l2=candidate.l2), scaling.from_user(theta)
    return certify_objective(objective, theta, seed=plan.seed, rows=plan.certificate_rows)


def certify_net_of_pictures(
    family: Family, net: ResidualNet, theta: Tensor, x: NDArray[Any], seed: int, order: int = 1
) -> Certificate:
    """The certificate of a convolutional net at θ, on a few of the pictures x (n, H, W, C), averaged down.

    The same kernels slide over fewer places, through the same code, and differences of a value need not be taken of
    millions of activations. Labels are drawn at random: a net that knows its pictures by heart leaves no error to carry
    back, and so no gradient that could be told from rounding.
    """
    square = -(-min(net.shape[:2]) // SIDE)
    height, width = (side // square for side in net.shape[:2])
    kept = x[:, : height * square, : width * square].astype(np.float64)
    small = kept.reshape(len(x), height, square, width, square, -1).mean((2, 4))
    predictor = ResidualNet.from_json({**net.to_json(), "shape": list(small.shape[1:])})
    labels = stream(seed, "certified labels").integers(net.outputs, size=len(x))
    objective = Objective(family, predictor, small, labels)
    found = certify_objective(objective, theta, seed=seed, rows=PICTURES, order=order)
    shrunk = f", on pictures averaged down to {width} × {height} pixels" if square > 1 else ""
    message = f"{found.message} Labels were drawn at random, so that there is an error to carry back{shrunk}."
    shown = {part.part for part in sorted(found.parts, key=lambda part: -part.worst)[:LADDERS]}
    return replace(found, message=message, curves=tuple(curve for curve in found.curves if curve.part in shown))
