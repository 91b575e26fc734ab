"""The planted bugs are themselves tested: the right gradient is right, the wrong one as wrong as it says, and where."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from .planted import ARCHITECTURES, CAUSES, Planted, planted

Arrays = Mapping[str, np.ndarray]
CASES = planted(held_out=False) + planted(held_out=True)
STEP = 1e-5
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Problem:
    """The arguments of ``check_gradient`` as functions of named arrays."""

    def __init__(self, fun=None, grad=None, theta=None, module=None, loss=None, batch=None, seed=0):
        self.module, self.loss, self.batch = module, loss, batch
        self.fun, self.grad, self.like = fun, grad, theta
        self.theta: Arrays = named(dict(module.named_parameters()) if module is not None else theta)
        self.twin = copy.deepcopy(module).double() if module is not None else None

    def value(self, at: Arrays) -> float:
        """The function in float64."""
        if self.module is None:
            return float(self.fun(shaped_like(self.like, at, double=True)))
        x, y = (b.double() if b.is_floating_point() else b for b in self.batch)
        with torch.no_grad():
            output = torch.func.functional_call(self.twin, {n: torch.tensor(a) for n, a in at.items()}, (x,))
            return float(self.loss(output, y))

    def gradient(self, at: Arrays) -> Arrays:
        """The gradient as it is offered, bug included, in the dtype of θ."""
        if self.module is None:
            return named(self.grad(shaped_like(self.like, at)))
        parameters = dict(self.module.named_parameters())
        with torch.no_grad():
            for name, p in parameters.items():
                p.copy_(torch.tensor(at[name]))
        self.module.zero_grad()
        self.loss(self.module(self.batch[0]), self.batch[1]).backward()
        return named({n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in parameters.items()})


def named(theta: Any) -> dict[str, np.ndarray]:
    items = theta.items() if isinstance(theta, Mapping) else [("theta", theta)]
    return {n: (a.detach().double().numpy() if isinstance(a, Tensor) else np.array(a, float)).copy() for n, a in items}


def shaped_like(theta: Any, at: Arrays, double: bool = False) -> Any:
    if isinstance(theta, Mapping):
        return {n: shaped_like(t, {"theta": at[n]}, double) for n, t in theta.items()}
    if isinstance(theta, Tensor):
        return torch.tensor(at["theta"], dtype=torch.float64 if double else theta.dtype)
    return at["theta"].astype(np.float64 if double else theta.dtype)


def moved(value: Callable[[Arrays], float], at: Arrays, name: str, index: int, step: float) -> float:
    part = at[name].copy()
    part.reshape(-1)[index] += step
    return value({**at, name: part})


def slope(value: Callable[[Arrays], float], at: Arrays, name: str, index: int) -> float:
    """A central difference for one entry of one part."""
    return (moved(value, at, name, index, STEP) - moved(value, at, name, index, -STEP)) / (2 * STEP)


def one_sided(value: Callable[[Arrays], float], at: Arrays, name: str, index: int) -> tuple[float, float]:
    """The slopes to the left and to the right, sorted."""
    here = value(at)
    left, right = (here - moved(value, at, name, index, -STEP)), (moved(value, at, name, index, STEP) - here)
    return min(left, right) / STEP, max(left, right) / STEP


@cache
def seen(case: Planted) -> tuple[Arrays, Arrays]:
    """The gradient as a fresh problem offers it first, and the right one."""
    problem = Problem(**case.build())
    return problem.gradient(problem.theta), case.right()


def error(got: np.ndarray, right: np.ndarray) -> float:
    return float(np.max(np.abs(got - right))) if np.isfinite(got).all() else np.inf


def worst_errors(case: Planted) -> dict[str, float]:
    """By part, the largest error over the median of what is right."""
    got, right = seen(case)
    errors = {n: error(got[n], right[n]) for n in right}
    if case.cause in ("nondeterministic", "stale"):
        problem = Problem(**case.build())
        problem.gradient(problem.theta)
        again = problem.gradient(problem.theta)
        errors = {n: max(errors[n], error(again[n], right[n])) for n in right}
    scales = {n: np.median(np.abs(r)) for n, r in right.items()}
    if case.cause == "stale" and not any(errors[n] >= scales[n] for n in case.parts & errors.keys()):
        return worst_errors_elsewhere(problem)
    return {n: errors[n] / max(scales[n], 1e-300) for n in right}


def worst_errors_elsewhere(problem: Problem) -> dict[str, float]:
    """The same at a second θ, where what was stored at the first one is stale."""
    problem.value(problem.theta)
    second = {n: 1.5 * a + 0.5 for n, a in problem.theta.items()}
    got, worst = problem.gradient(second), {}
    for n, a in second.items():
        right = np.array([slope(problem.value, second, n, i) for i in range(a.size)]).reshape(a.shape)
        worst[n] = error(got[n], right) / np.median(np.abs(right))
    return worst


def test_names_are_unique():
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("held_out", [False, True])
def test_every_cause_and_every_architecture_occur(held_out):
    cases = planted(held_out)
    assert {case.cause for case in cases} == set(CAUSES)
    assert {case.architecture for case in cases} == set(ARCHITECTURES)


@every_case
def test_the_right_gradient_is_right(case):
    problem, right = Problem(**case.build()), seen(case)[1]
    assert list(right) == list(problem.theta)
    random = np.random.default_rng(0)
    for name, expected in right.items():
        assert expected.shape == problem.theta[name].shape
        sample = random.permutation(expected.size)[: expected.size if case.cause == "kink" else 5]
        tolerance = 1e-4 * np.max(np.abs(expected)) + 1e-9
        for index in sample:
            found = expected.reshape(-1)[index]
            if case.cause == "kink":  # any subgradient is right
                low, high = one_sided(problem.value, problem.theta, name, index)
                assert low - tolerance <= found <= high + tolerance
            else:
                found_by_differences = slope(problem.value, problem.theta, name, index)
                assert found == pytest.approx(found_by_differences, rel=0, abs=tolerance)


@every_case
def test_the_named_part_is_wrong_by_its_median_and_all_after_it_are_right(case):
    worst = worst_errors(case)
    names = list(worst)
    wrong = [n for n in names if n in case.parts]
    if wrong:  # else the fault lies in a layer without parameters
        assert max(worst[name] for name in wrong) >= 1.0
        assert min(worst[name] for name in wrong) >= 0.1
    last = max((names.index(n) for n in wrong), default=len(names))
    assert all(worst[n] < 1e-2 for n in names[last + 1 :])


@every_case
def test_the_cause_is_what_it_says(case):
    problem, (got, right) = Problem(**case.build()), seen(case)
    assert (case.factor is not None) == (case.cause == "scale")
    for name in case.parts & got.keys():
        g, r = got[name], right[name]
        close = 1e-3 * np.max(np.abs(r))
        wrong = ~(np.abs(g - r) <= close)
        match case.cause:
            case "sign":
                np.testing.assert_allclose(g[wrong], -r[wrong], rtol=0, atol=close)
            case "scale":
                np.testing.assert_allclose(g, case.factor * r, rtol=0, atol=close * max(1, abs(case.factor)))
            case "zeroed":
                assert not np.any(g[wrong])
            case "permuted":
                np.testing.assert_allclose(np.sort(g, None), np.sort(r, None), rtol=0, atol=close)
            case "kink":
                for index in np.flatnonzero(wrong):
                    low, high = one_sided(problem.value, problem.theta, name, index)
                    assert not low - close <= g.reshape(-1)[index] <= high + close
            case "nondeterministic":
                problem.gradient(problem.theta)
                assert error(problem.gradient(problem.theta)[name], g) > close
            case "nonfinite":
                assert not np.isfinite(g).all()
            case _:
                assert np.isfinite(g).all()


@every_case
def test_no_simpler_cause_explains_it(case):
    got, right = seen(case)
    for name in case.parts & got.keys():
        g, r = got[name], right[name]
        close = 1e-3 * np.max(np.abs(r))
        if r.size < 3 or not np.isfinite(g).all() or error(g, r) <= close:
            continue
        if case.cause != "zeroed":
            assert not np.all(np.abs(g[np.abs(g - r) > close]) <= 1e-6 * close)
        if case.cause not in ("zeroed", "sign", "scale"):
            assert error(g, np.vdot(g, r) / np.vdot(r, r) * r) > close
        if case.cause not in ("shifted", "zeroed"):
            assert all(error(g, np.roll(r, by, axis)) > close for axis in range(r.ndim) for by in (-1, 1))
