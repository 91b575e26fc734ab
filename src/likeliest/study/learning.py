"""One gradient step on one row, for three models, with every number that it takes to check it by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.glm import fit_linear
from likeliest.objective import Objective
from likeliest.predictors import MLP, Columns, Fixed, Layered, Linear, Predictor, columns_of
from likeliest.study.candidate import Candidate, finished, regression_name
from likeliest.study.ground import Ground

if TYPE_CHECKING:
    from likeliest.report.schema import Curve, LearningRule, OneUpdate
    from likeliest.report.schema.learning import Output, UpdatedPart, Weighted

_SHOWN_INPUTS = 5
_SHOWN_OUTPUTS = 10
_TRIED_POWERS = 8


class Learner(NamedTuple):
    """One of the three models at the point where the update starts, with the row as it sees it."""

    name: str
    family: Family
    predictor: Predictor
    theta: Tensor
    x: Tensor
    y: Tensor
    shown: int
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def learning_rule(ground: Ground, candidates: list[Candidate]) -> LearningRule:
    """The report's fourth chapter."""
    linear = next(c for c in candidates if c.name == "linear")
    net = next(c for c in candidates if c.name == "net")
    row, reason = _instructive_row(ground, linear)
    learners = _learners(ground, linear, net, row)
    target, coded = ground.examples.target, ground.standard_encoder.described
    return {
        "row": ground.examples.row_number(row),
        "reason": reason,
        "target": str(target.classes[ground.y[row]] if target.classes is not None else ground.y[row]),
        "start": f"at the fitted weights, {coded}, l2 = {max(linear.l2, 1.0):g} for the linear models",
        "updates": [_update(learner) for learner in learners],
        "curves": _update_curves(),
    }


def _instructive_row(ground: Ground, linear: Candidate) -> tuple[int, str]:
    """A training row on which the models have something left to learn, so that the step can be seen."""
    rows = ground.shown_rows
    log_prob = linear.model.log_prob(ground.raw_x[rows], ground.y[rows])
    if ground.examples.target.classes is not None:
        at = int(np.abs(np.exp(log_prob) - 0.5).argmin())
        return int(
            rows[at]
        ), "the training row to whose class the linear model gives the probability nearest to one half"
    typical = np.quantile(log_prob, 0.25, method="nearest")
    at = int(np.abs(log_prob - typical).argmin())
    return int(rows[at]), "the training row at the lower quartile of log-likelihood: its error is larger than most"


def _learners(ground: Ground, linear: Candidate, net: Candidate, row: int) -> list[Learner]:
    rows = ground.shown_rows
    x, l2 = ground.standard_x[rows].astype(np.float64), max(linear.l2, 1.0)
    y, y_row = ground.y[rows], torch.as_tensor(ground.y[row])
    x_row, x_net = (torch.from_numpy(r[row].astype(np.float64)) for r in (ground.standard_x, ground.net_x))
    inputs = ground.standard_encoder.names
    normal, unit_scale = family_by_name("normal"), Fixed(0.0)
    names = _output_names(ground)
    shown = int(ground.y[row]) if ground.outputs > 1 else 0
    shift, scale = (y.mean(), y.std() or 1.0) if ground.family.name == "normal" else (0.0, 1.0)
    if ground.outputs > 1:
        regressed, regressed_row = (y == shown).astype(float), torch.tensor(1.0)
    else:
        regressed, regressed_row = (y - shift) / scale, (y_row - shift) / scale
    least_squares = finished(fit_linear(normal, x, regressed, l2=l2))
    theta = torch.cat((least_squares.weight.flatten(), least_squares.bias))
    regression = Columns(mean=Linear(x.shape[1]), log_scale=unit_scale)
    learners = [
        Learner("linear regression", normal, regression, theta, x_row, regressed_row, 0, (names[shown],), inputs)
    ]
    if ground.family.name == "normal":
        mean, theta_net = _mean_of(net, shift, scale)
        columns = Columns(mean=mean, log_scale=unit_scale)
        return [*learners, Learner("net", normal, columns, theta_net, x_net, regressed_row, 0, names, inputs)]
    own = finished(fit_linear(ground.family, x, y, outputs=ground.outputs, l2=l2))
    name = (
        "logistic regression" if ground.family.name in ("bernoulli", "categorical") else regression_name(ground.family)
    )
    learners.append(Learner(name, ground.family, own.predictor, own.theta, x_row, y_row, shown, names, inputs))
    model = net.model
    return [*learners, Learner("net", model.family, model.predictor, model.theta, x_net, y_row, shown, names, inputs)]


def _mean_of(net: Candidate, shift: float, scale: float) -> tuple[MLP, Tensor]:
    """The net's mean as that of (y − shift)/scale, the unit in which the linear regression beside it is shown."""
    assert isinstance(net.model.predictor, Columns)
    (mean, theta), *_ = net.model.predictor.split(net.model.theta)
    assert isinstance(mean, MLP)
    return mean, mean.affine_output(theta, 1 / scale, -shift / scale)


def _output_names(ground: Ground) -> tuple[str, ...]:
    target = ground.examples.target
    if ground.outputs > 1:
        return tuple(str(c) for c in target.classes or ())
    return (f"{target.name} = {target.classes[1]}" if target.classes is not None else target.name,)


def _update(learner: Learner) -> OneUpdate:
    """Take one step on one row and write down what happened."""
    objective = Objective(learner.family, learner.predictor, learner.x[None], learner.y[None])
    before = objective.at(learner.theta)
    inputs, squared_norm = _last_inputs(learner)
    lr = _downhill_rate(objective, learner.theta, squared_norm)
    gradient = before.grad.clone()
    after = objective.at(learner.theta - lr * gradient)
    weights, slopes = _last_weights(learner, learner.theta), _last_weights(learner, gradient)
    order = torch.argsort(inputs[:-1].abs(), descending=True, stable=True)[:_SHOWN_INPUTS].tolist()
    hidden = isinstance(_location(learner.predictor), Layered)
    labels = [f"hidden {j + 1}" for j in range(len(inputs) - 1)] if hidden else list(learner.inputs)
    listed: list[Weighted] = [
        {
            "name": "intercept" if j == len(inputs) - 1 else labels[j],
            "x": float(inputs[j]),
            "weight": float(weights[j]),
            "gradient": float(slopes[j]),
            "change": -lr * float(slopes[j]),
        }
        for j in [*order, len(inputs) - 1]
    ]
    outputs = _outputs(learner, objective, learner.theta, learner.theta - lr * gradient)
    return {
        "model": learner.name,
        "formula": _nll_formula(learner.family),
        "lr": lr,
        "outputs": outputs[:_SHOWN_OUTPUTS],
        "outputs_left": max(0, len(outputs) - _SHOWN_OUTPUTS),
        "inputs": listed,
        "inputs_left": len(inputs) - len(listed),
        "eta_rest": outputs[0]["eta"] - sum(i["x"] * i["weight"] for i in listed),
        "squared_norm": squared_norm,
        "parts": _parts(learner, gradient, lr) if hidden else [],
        "nll_before": float(before.value),
        "nll_after": float(after.value),
    }


def _downhill_rate(objective: Objective, theta: Tensor, squared_norm: float) -> float:
    """The largest power of ten below 1/Σx² at which the step lowers the NLL: a net moves more than its last layer."""
    before = objective.at(theta)
    gradient, power = before.grad.clone(), math.floor(math.log10(1.0 / squared_norm))
    for k in range(_TRIED_POWERS):
        if objective.at(theta - 10.0 ** (power - k) * gradient).value < before.value:
            return float(10.0 ** (power - k))
    return float(10.0**power)


def _nll_formula(family: Family) -> str:
    """The NLL of one row on one line; the linear learners' scale is 1."""
    if family.name == "normal":
        return "(y − μ)²/2 + ½ log 2π"
    return f"−({family.log_prob_formula.split(' = ', 1)[1]})"


def _location(predictor: Predictor) -> Predictor:
    """The predictor of the location."""
    return next(iter(predictor.components.values())) if isinstance(predictor, Columns) else predictor


def _last_inputs(learner: Learner) -> tuple[Tensor, float]:
    """What the last layer multiplies its weights with, the intercept's 1 at the end; and Σ of squares."""
    location = _location(learner.predictor)
    inputs = learner.x
    if isinstance(location, Layered):
        _, tape = location.forward(learner.theta[: location.size], learner.x[None])
        inputs = tape.layers[-1][0]  # what the last layer took
    inputs = torch.cat((inputs, inputs.new_ones(1)))
    return inputs, float(inputs.square().sum())


def _last_weights(learner: Learner, theta: Tensor) -> Tensor:
    """The shown output's weights and intercept in the last layer."""
    location = _location(learner.predictor)
    last = f"{list(location.layers.layers)[-1]}." if isinstance(location, Layered) else ""
    weight, bias = location.parts[f"{last}weight"], location.parts[f"{last}bias"]
    column = theta[weight.slice].view(weight.shape)[:, learner.shown]
    return torch.cat((column, theta[bias.slice][learner.shown : learner.shown + 1]))


def _outputs(learner: Learner, objective: Objective, theta: Tensor, moved: Tensor) -> list[Output]:
    """η's columns, the shown one first."""
    eta, eta_after = (objective.predictor.forward(t, objective.x)[0] for t in (theta, moved))
    mean, mean_after = (learner.family.mean(e).flatten() for e in (eta, eta_after))
    columns, columns_after = columns_of(eta), columns_of(eta_after)
    many = len(learner.outputs) > 1
    order = [learner.shown, *[k for k in range(len(learner.outputs)) if k != learner.shown]]
    scores = [float(c[0]) for c in columns_of(learner.family.score(eta, objective.y))]
    outputs: list[Output] = []
    for k in order:
        y = float(learner.y == k) if many else float(learner.y)
        output: Output = {
            "name": learner.outputs[k],
            "eta": float(columns[k][0]),
            "mean": float(mean[k]),
            "y": y,
            "error": y - float(mean[k]),
            "eta_after": float(columns_after[k][0]),
            "mean_after": float(mean_after[k]),
        }
        if not math.isclose(scores[k], output["error"], rel_tol=1e-9, abs_tol=1e-12):
            output["score"] = scores[k]
        outputs.append(output)
    return outputs


def _parts(learner: Learner, gradient: Tensor, lr: float) -> list[UpdatedPart]:
    rows: list[UpdatedPart] = []
    learnt = {name: part for name, part in learner.predictor.parts.items() if part.learnt}
    for name, part in learnt.items():
        norm = float(gradient[part.slice].norm())
        rows.append({"part": name, "size": part.size, "gradient_norm": norm, "change_norm": lr * norm})
    return rows


def _update_curves() -> list[Curve]:
    """What three rules make of the same η for a row with y = 1."""
    eta = np.linspace(-4, 4, 161)
    rules: dict[str, Any] = {
        "delta rule": 1 - eta,
        "perceptron": 1.0 - (eta > 0),
        "logistic rule": 1 / (1 + np.exp(eta)),
    }
    return [{"label": label, "x": eta.tolist(), "y": np.asarray(y).tolist()} for label, y in rules.items()]
