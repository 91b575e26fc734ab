"""η at the ends of the number line and past them, y anywhere in the support, and everything that a family then says."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor

import likeliest as lk
from likeliest.errors import NotOnOfferError

LARGEST = {np.float64: 1.7976931348623157e308, np.float32: 3.4028234663852886e38}
ENDS = (math.inf, 1e308, 1e200, 1e155, 1e20, 1e4, 711.0, 89.0, 40.0, 2.0, 1.0, 0.5, 1e-9, 1e-160, 1e-308, 5e-324, 0.0)
"""Magnitudes of η, to be rounded to the nearest finite number where a dtype holds no such one."""

REALS = (0.0, 5e-324, 1e-300, 1e-8, 0.5, 1.0, 2.0, 1e4, 1e15, 1e155, 1e300, 1.7e308)
COUNTS = (0.0, 1.0, 2.0, 3.0, 17.0, 1e3, 1e6, 1e15)
LEVELS = (0.0, 1e-300, 1e-9, 0.05, 0.5, 0.95, 1 - 2**-53, 1.0)


def columns(family: lk.families.Family) -> int:
    return 3 if family.columns is None else len(family.columns)


def supported(family: lk.families.Family) -> list[tuple[float, ...]]:
    """Some y of every kind that the family takes, each a tuple of its numbers."""
    table: dict[str, list[tuple[float, ...]]] = {
        "bernoulli": [(y,) for y in (0.0, 1.0, 0.5, 1e-300, 1 - 2**-24)],
        "binomial": list(product(COUNTS, repeat=2)),
        "categorical": [(0.0,), (1.0,), (2.0,)],
        "ctc": [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (1.0, 2.0)],
        "poisson": [(y,) for y in (*COUNTS, 0.3, 1e-300, 1e300)],
        "negative_binomial": [(y,) for y in COUNTS],
        "gamma": [(y,) for y in REALS if y],
    }
    return table.get(family.name, [(sign * y,) for y in REALS for sign in (1.0, -1.0)])


def rounded(numbers: np.ndarray, dtype: type) -> np.ndarray:
    """Numbers in a dtype, the finite ones finite; a y above 0 stays above 0."""
    with np.errstate(over="ignore", under="ignore"):
        near = numbers.astype(dtype)
    near = np.where(np.isfinite(numbers) & ~np.isfinite(near), np.copysign(LARGEST[dtype], numbers), near)
    return np.where((numbers > 0) & (near == 0), np.finfo(dtype).smallest_subnormal, near).astype(dtype)


def tensors(
    family: lk.families.Family, eta: np.ndarray, y: np.ndarray, dtype: type
) -> tuple[lk.interfaces.Eta, Tensor]:
    """η (n, K) and y (n, what one takes) as the family wants them; a sequence is one frame long."""
    flat, y = torch.from_numpy(rounded(eta, dtype)), torch.from_numpy(rounded(y, dtype))
    y = y if y.shape[1] > 1 else y[:, 0]
    several = family.columns is not None and len(family.columns) > 1
    if family.event_dims > 1:
        flat = flat.unsqueeze(-2)
    return flat.unbind(-1) if several else flat, y.long() if family.columns is None else y


def every_end(family: lk.families.Family) -> tuple[np.ndarray, np.ndarray]:
    """All combinations of ends in the columns, each with every kind of y."""
    signed = [sign * end for end in ENDS for sign in (1, -1)][:-1]
    if columns(family) > 2:
        signed = [end for end in signed if abs(end) in (math.inf, 1e308, 1e4, 711.0, 1.0, 1e-308, 0.0)]
    if columns(family) > 3:
        signed = [end for end in signed if abs(end) in (math.inf, 1e308, 711.0, 1.0, 0.0)]
    cases = [(eta, y) for eta in product(signed, repeat=columns(family)) for y in supported(family)]
    return np.array([eta for eta, _ in cases]), np.array([y for _, y in cases])


def answers(
    family: lk.families.Family, eta: lk.interfaces.Eta, y: Tensor, but: Container[str] = ()
) -> Iterator[tuple[str, Tensor]]:
    """Everything on offer, by name, but for what is named, with η's columns last where there are any."""
    level = torch.tensor(LEVELS, dtype=_flat(eta).dtype)
    level = level[torch.arange(len(_flat(eta))) % len(level)]
    ones = tuple(map(torch.ones_like, eta)) if isinstance(eta, tuple) else torch.ones_like(eta)
    asked: dict[str, Callable[[], object]] = {
        "log_prob": lambda: family.log_prob(eta, y),
        "score": lambda: _flat(family.score(eta, y)),
        "log_prob in one": lambda: family.log_prob_and_score(eta, y)[0],
        "score in one": lambda: _flat(family.log_prob_and_score(eta, y)[1]),
        "mean": lambda: family.mean(eta),
        "fisher": lambda: family.fisher(eta).flatten(-2),
        "fisher_times": lambda: _flat(family.fisher_times(eta, ones)),
        "observed": lambda: family.observed(eta, y).flatten(-2),
        "observed_times": lambda: _flat(family.observed_times(eta, y, ones)),
        "deviation": lambda: family.deviation(eta),
        "cdf": lambda: family.cdf(eta, y),
        "quantile": lambda: family.quantile(eta, level),
        "deviance": lambda: family.deviance(eta, y),
    }
    for name, ask in asked.items():
        if name in but:
            continue
        try:
            yield name, ask()
        except NotOnOfferError:
            assert name != "fisher" or not family.has_fisher


def _flat(eta: lk.interfaces.Eta) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*eta), -1) if isinstance(eta, tuple) else eta


def undefined(
    family: lk.families.Family, eta: np.ndarray, y: np.ndarray, dtype: type, but: Container[str] = ()
) -> Iterator[tuple[str, int, str]]:
    """What came out as NaN: the question, how often, and the first case."""
    for name, answer in answers(family, *tensors(family, eta, y, dtype), but):
        bad = answer.isnan().reshape(len(eta), -1).any(-1) if answer.shape[:1] == (len(eta),) else answer.isnan()
        if bool(bad.any()):
            at = int(bad.nonzero()[0, 0])
            yield name, int(bad.sum()), f"{name} at η = {eta[at].tolist()}, y = {y[at].tolist()}"


def by_chance(family: lk.families.Family, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """N cases: each number an end, of any magnitude, or moderate, as the dice will."""
    shape = (n, columns(family))
    signs = rng.choice((-1.0, 1.0), shape)
    with np.errstate(under="ignore"):
        anywhere = 10 ** rng.uniform(-324, 308, shape)
    kinds = (rng.choice(ENDS, shape), anywhere, 10 ** rng.uniform(-3, 4, shape), np.abs(rng.normal(0, 2, shape)))
    eta = signs * np.choose(rng.integers(0, 4, shape), kinds)
    table = np.array(supported(family))
    y = table[rng.integers(len(table), size=n)]
    if not family.discrete:
        free = 10 ** rng.uniform(-300, 300, y.shape) * np.where(y < 0, -1.0, 1.0)
    elif family.name in ("bernoulli", "categorical", "ctc"):
        free = y
    else:
        free = np.round(10 ** rng.uniform(0, 15, y.shape))
    return eta, np.where(rng.random(y.shape) < 0.5, y, free)
