"""What a planted training failure is, the data that failures are planted in, and a plain loop that shows them failing.

Nothing here knows how failures are explained: the truth of a case is what was planted.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import likeliest as lk
from likeliest.randomness import stream

CAUSES = frozenset({"learning_rate", "precision", "loss", "input", "target", "exploding_state", "start", "layer"})
PHASES = frozenset({"data", "forward", "likelihood", "backward", "update"})


@dataclass(frozen=True)
class Planted:
    """One failure.

    Attributes:
        name: unique, in snake_case.
        make: returns fresh arguments for `likeliest.fit`: objective, rule, batch_size, budget, seed, …
        layers: the names that are right for the first place: a submodule's as in ``named_modules``, "layer1" of an
            MLP, "x", "y", "weight", "log_prob", "score", "eta".
        phases: what is right of "data", "forward", "likelihood", "backward", "update".
        cause: one of `CAUSES`.
        sentence: what was planted.
        rows: all poisoned rows of the objective: those that are named must be some of them, and at least one. None
            where the batch goes as a whole, or no row is to blame.
        late: whether nothing is non-finite before step 65.
    """

    name: str
    make: Callable[[], dict[str, Any]]
    layers: frozenset[str]
    phases: frozenset[str]
    cause: str
    sentence: str
    rows: frozenset[int] | None = None
    late: bool = False

    def __post_init__(self) -> None:
        assert self.layers, self.name
        assert self.phases, self.name
        assert self.phases <= PHASES, self.name
        assert self.cause in CAUSES, self.name
        assert self.rows is None or self.rows, self.name

    def __str__(self) -> str:
        return self.name


# Data that a right net would learn from.


def inputs(n: int, p: int, seed: int = 0) -> np.ndarray:
    """Standard normal rows (n, p), in single precision."""
    return np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32)


def regression(n: int, p: int, seed: int = 0, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """Rows x (n, p) and a smooth function of it plus noise, (n,), about of unit scale."""
    x, rng = inputs(n, p, seed), np.random.default_rng((seed, 1))
    direction = rng.normal(size=p) / math.sqrt(p)
    y = np.sin(2 * x @ direction) + 0.5 * x[:, 0] + noise * rng.normal(size=n)
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))


def classes(n: int, p: int, k: int, seed: int = 0, apart: float = 1.0) -> tuple[Tensor, Tensor]:
    """Rows x (n, p) around the centre of its class, one of k, and the index of the class (n,)."""
    x, rng = inputs(n, p, seed), np.random.default_rng((seed, 1))
    y = rng.integers(k, size=n)
    x += (apart * rng.normal(size=(k, p))[y]).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y)


def outcomes(n: int, p: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows x (n, p) and 0 or 1 (n,) from a logistic regression."""
    x, rng = inputs(n, p, seed), np.random.default_rng((seed, 1))
    chance = 1 / (1 + np.exp(-2 * x @ rng.normal(size=p) / math.sqrt(p)))
    return torch.from_numpy(x), torch.from_numpy((rng.random(n) < chance).astype(np.float32))


def counts(n: int, p: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows x (n, p) and counts (n,) from a Poisson regression with a log link."""
    x, rng = inputs(n, p, seed), np.random.default_rng((seed, 1))
    rate = np.exp(1.0 + 0.5 * x @ rng.normal(size=p) / math.sqrt(p))
    return torch.from_numpy(x), torch.from_numpy(rng.poisson(rate).astype(np.float32))


def sequences(n: int, steps: int, channels: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows x (n, steps, channels) of noise, and the scaled mean over time of the first channel, plus noise, (n,)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, steps, channels)).astype(np.float32)
    y = math.sqrt(steps) * x[:, :, 0].mean(1) + 0.1 * rng.normal(size=n)
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))


# A plain loop.


@dataclass(frozen=True)
class Failure:
    """Where a plain loop first met a number that is not finite: the step from 1, its batch, what it was in, and θ."""

    step: int
    rows: Tensor
    what: str
    theta: Tensor


def batches(n: int, batch_size: int | None, seed: int) -> Iterator[Tensor]:
    """The batches of a fit, epoch after epoch: all rows where there is no batch size."""
    epoch = 0
    while True:
        order = (
            torch.arange(n) if batch_size is None else torch.from_numpy(stream(seed, "shuffle", epoch).permutation(n))
        )
        yield from order.split(batch_size or n)
        epoch += 1


def first_failure(
    objective: lk.Objective,
    rule: lk.Rule,
    *,
    batch_size: int | None = None,
    budget: Any = 100,
    seed: int = 0,
    theta: Tensor | None = None,
    **_: Any,
) -> Failure | None:
    """Step a rule by hand, look at every value, gradient and θ, and return the first that is not finite."""
    n = objective.n
    steps = budget.steps if isinstance(budget, lk.Budget) else budget * math.ceil(n / (batch_size or n))
    if theta is None:
        theta = objective.predictor.init([stream(seed, "init")], objective.dtype)[0]
    state = rule.init(theta, objective.predictor)
    state.steps = math.ceil(steps)
    for step, rows in enumerate(batches(n, batch_size, seed), 1):
        if step > steps:
            return None
        local = objective.at(theta, rows, rule.needs)
        for what, numbers in (("theta", theta), ("value", local.value), ("gradient", local.grad)):
            if not bool(torch.isfinite(numbers).all()):
                return Failure(step, rows, what, theta)
        theta = rule.step(local, state)
        state.step = step
    return None
