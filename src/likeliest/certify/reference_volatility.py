"""Volatilities once more, day by day as their papers write them, for autograd to differentiate."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from likeliest.predictors import ConditionalVolatility, ExponentialGarch, LinearVariance, Term


def reference_log_scale(predictor: ConditionalVolatility, theta: Tensor, error: Tensor, x: Tensor) -> Tensor | None:
    """Return log σ (n,) of one run, from the volatility's own θ and ε (n,); None for one that is not known here."""
    parts = {name: part for name, part in predictor.parts.items() if not name.startswith("mean.")}
    own = {name: theta[p.start - predictor.mean.size :][: p.size] for name, p in parts.items()}
    before = float(predictor.presample)
    if isinstance(predictor, LinearVariance):
        return 0.5 * _linear(predictor, own, error, x, before).log()
    if isinstance(predictor, ExponentialGarch):
        return 0.5 * _exponential(predictor, own, error, math.log(before))
    return None


def _shares(own: dict[str, Tensor], count: int, like: Tensor) -> list[Tensor]:
    """What comes back of each shock and each variance before: the persistence times a softmax whose last logit is 0."""
    logits = torch.cat((own.get("shares", like[:0]), like.new_zeros(1)))[-count:] if count else like[:0]
    persistence = own["persistence"].sigmoid() if "persistence" in own else like.new_ones(1)
    return list((persistence * logits.softmax(0)).unbind()) if count else []


def _linear(predictor: LinearVariance, own: dict[str, Tensor], error: Tensor, x: Tensor, before: float) -> Tensor:
    inside = [term for term in predictor.terms if term.shock != "measure"]
    shares = _shares(own, len(inside) + predictor.feedback, error)
    weights = [2 * share if term.half else share for term, share in zip(inside, shares, strict=False)]
    weights += list(own["log_weights"].exp().unbind()) if "log_weights" in own else []
    base = own["log_intercept"].exp().squeeze() if "log_intercept" in own else error.new_zeros(())
    shocks = [_shocks(term, error, x, before) for term in predictor.terms]
    variance: list[Tensor] = []
    for t in range(len(error)):
        total = base
        for weight, term, shock in zip(weights, predictor.terms, shocks, strict=True):
            total = total + weight * shock[t : t + term.window].mean()
        for j, share in enumerate(shares[len(inside) :]):
            total = total + share * (variance[t - 1 - j] if t > j else before)
        variance.append(total)
    return torch.stack(variance)


def _shocks(term: Term, error: Tensor, x: Tensor, before: float) -> Tensor:
    """What the term is the mean of: entries t to t + window − 1 are those of day t."""
    past = error.new_full((term.lag + term.window - 1,), before / 2 if term.half else before)
    if term.shock == "measure":
        return torch.cat((past, x[:, 1]))
    counts = {"square": torch.ones_like(error), "gain": (error >= 0).to(error), "loss": (error < 0).to(error)}
    return torch.cat((past, error.square() * counts[term.shock].detach()))


def _exponential(predictor: ExponentialGarch, own: dict[str, Tensor], error: Tensor, before: float) -> Tensor:
    beta = _shares(own, predictor.q, error)
    shocks: list[Tensor] = []
    levels: list[Tensor] = []
    for t in range(len(error)):
        level = own["intercept"].squeeze()
        for i in range(min(predictor.p, t)):
            level = level + own["alpha"][i] * (shocks[t - 1 - i].abs() - math.sqrt(2 / math.pi))
        for i in range(min(predictor.o, t)):
            level = level + own["gamma"][i] * shocks[t - 1 - i]
        for j, b in enumerate(beta):
            level = level + b * (levels[t - 1 - j] if t > j else before)
        levels.append(level)
        shocks.append(error[t] * (-0.5 * level).exp())
    return torch.stack(levels)
