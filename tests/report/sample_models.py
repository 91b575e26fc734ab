"""Small models in plain torch for the sample reports: real numbers that no part of likeliest has touched."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

RULES = {
    "gradient_descent": (torch.optim.SGD, {}, (0.1, 0.3, 1.0, 3.0)),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}, (0.01, 0.03, 0.1, 0.3)),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}, (0.01, 0.03, 0.1, 0.3)),
    "adagrad": (torch.optim.Adagrad, {}, (0.01, 0.03, 0.1, 0.3)),
    "rmsprop": (torch.optim.RMSprop, {}, (0.0003, 0.001, 0.003, 0.01)),
    "adam": (torch.optim.Adam, {}, (0.001, 0.003, 0.01, 0.03)),
    "adamw": (torch.optim.AdamW, {}, (0.001, 0.003, 0.01, 0.03)),
    "lbfgs": (torch.optim.LBFGS, {"max_iter": 1, "line_search_fn": "strong_wolfe"}, (1.0,)),
}


def nll(kind: str, eta: Tensor, y: Tensor, sigma: float = 1.0) -> Tensor:
    """−log p(y | η) of each row."""
    if kind == "bernoulli":
        return functional.binary_cross_entropy_with_logits(eta[:, 0], y, reduction="none")
    if kind == "categorical":
        return functional.cross_entropy(eta, y.long(), reduction="none")
    return 0.5 * ((y - eta[:, 0]) / sigma) ** 2 + math.log(sigma) + 0.5 * math.log(2 * math.pi)


def mean(kind: str, eta: Tensor) -> Tensor:
    """The mean of y, or the class probabilities."""
    return {"bernoulli": torch.sigmoid, "categorical": lambda e: e.softmax(1), "normal": lambda e: e}[kind](eta)


def linear(inputs: int, outputs: int) -> nn.Sequential:
    """A linear predictor that starts at zero."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer)


def net(inputs: int, hidden: int, outputs: int, seed: int) -> nn.Sequential:
    """One hidden layer of rectifiers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def fit_linear(model: nn.Sequential, kind: str, x: Tensor, y: Tensor, l2: float) -> nn.Sequential:
    """Full-batch L-BFGS on Σ NLL + l2/2 ‖w‖²."""
    rule = torch.optim.LBFGS(model.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_change=0)

    def closure() -> Tensor:
        rule.zero_grad()
        value = nll(kind, model(x), y).sum() + 0.5 * l2 * (model[0].weight ** 2).sum()
        value.backward()
        return value

    rule.step(closure)
    return model


def train(model: nn.Sequential, name: str, lr: float, kind: str, sets: dict, passes: int, seed: int) -> list[float]:
    """Validation NLL after each pass of mini-batches of 32 (L-BFGS: of the full batch)."""
    (x, y), (xv, yv) = sets["train"], sets["validation"]
    make, options, _ = RULES[name]
    rule, draw = make(model.parameters(), lr=lr, **options), torch.Generator().manual_seed(seed)
    losses = [float(nll(kind, model(xv), yv).detach().mean())]
    for _ in range(passes):
        order = torch.randperm(len(x), generator=draw).split(len(x) if name == "lbfgs" else 32)
        for rows in order:

            def closure(rows: Tensor = rows) -> Tensor:
                rule.zero_grad()
                value = nll(kind, model(x[rows]), y[rows]).mean()
                value.backward()
                return value

            rule.step(closure)
        losses.append(float(nll(kind, model(xv), yv).detach().mean()))
    return losses


def fit_net(model: nn.Sequential, kind: str, sets: dict, passes: int = 60) -> nn.Sequential:
    """Adam with the best pass restored."""
    best, kept = math.inf, copy.deepcopy(model)
    for epoch in range(passes // 3):
        loss = train(model, "adam", 0.003, kind, sets, 3, epoch)[-1]
        if loss < best:
            best, kept = loss, copy.deepcopy(model)
    return kept


def gradients(model: nn.Sequential, kind: str, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Mean-NLL gradients by autograd, part by part."""
    model.zero_grad()
    nll(kind, model(x), y).mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def error(kind: str, eta: Tensor, y: Tensor) -> Tensor:
    """μ − y, like η."""
    shaped = functional.one_hot(y.long(), eta.shape[1]).double() if kind == "categorical" else y[:, None]
    return mean(kind, eta) - shaped


def by_hand(model: nn.Sequential, kind: str, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradients of ``gradients``, by the chain rule written out."""
    with torch.no_grad():
        u = error(kind, model(x), y) / len(x)
        hidden = model[:-1](x)
        grads = {f"{len(model) - 1}.weight": u.T @ hidden, f"{len(model) - 1}.bias": u.sum(0)}
        if len(model) > 1:
            back = (u @ model[-1].weight) * (hidden > 0)
            grads |= {"0.weight": back.T @ x, "0.bias": back.sum(0)}
        return grads


def certified_part(label: str, model: nn.Sequential, kind: str, x: Tensor, y: Tensor) -> dict:
    """Central differences in f64 at a few entries of one part, and autograd at all."""
    step, p = 6e-6, dict(model.named_parameters())[label]
    hand, auto = by_hand(model, kind, x, y)[label].reshape(-1), gradients(model, kind, x, y)[label].reshape(-1)
    flat, scale, worst = p.data.view(-1), float(hand.abs().max()), 0.0
    chosen = np.random.default_rng(0).choice(flat.numel(), min(20, flat.numel()), replace=False)
    for i in chosen:
        kept, values = float(flat[i]), []
        for sign in (1, -1):
            flat[i] = kept + sign * step
            values.append(float(nll(kind, model(x), y).detach().mean()))
        flat[i] = kept
        worst = max(worst, abs((values[0] - values[1]) / (2 * step) - float(hand[i])) / scale)
    layer = "" if len(model) == 1 else f"layer {int(label[0]) // 2 + 1} "
    return {
        "part": layer + ("weight" if "weight" in label else "intercept"),
        "size": flat.numel(),
        "checked": len(chosen),
        "worst": worst,
        "worst_autograd": float((hand - auto).abs().max()) / scale,
        "resolution": 20 * 2.2e-16 * max(abs(values[0]), 1) / step / scale + step**2,
        "passed": True,
    }


def certificate(name: str, model: nn.Sequential, kind: str, x: Tensor, y: Tensor) -> dict:
    """All parts of a model, beside its optimum, where the gradient would be nothing but rounding."""
    model, draw = copy.deepcopy(model), torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.data += 0.1 * torch.randn(p.shape, generator=draw, dtype=p.dtype)
    parts = [certified_part(label, model, kind, x, y) for label, _ in model.named_parameters()]
    worst, resolution = max(p["worst"] for p in parts), max(p["resolution"] for p in parts)
    return {
        "model": name,
        "passed": all(p["worst"] < p["resolution"] for p in parts),
        "worst": worst,
        "resolution": resolution,
        "parts": parts,
        "message": f"Compared beside the fitted weights on {len(x)} training rows.",
    }
