"""The gradients that no certificate may accuse are right: differences of the function in float64 say so."""

from __future__ import annotations

import numpy as np
import pytest

from .right import needles, right_gradients
from .test_planted_cases import Problem, one_sided

STEP = 1e-6
KINKS = ("kink", "empty_rows", "dead_units", "_zero", "winner", "relu_as_torch", "lasso", "largest")


@pytest.fixture(scope="module")
def everything():
    return list(right_gradients())


def test_there_are_a_thousand_and_a_third_is_in_single_precision(everything):
    names = [name for name, _ in everything]
    assert len(names) == len(set(names)) == 1000
    assert 300 <= sum("float32" in name for name in names) <= 400


def test_off_kinks_they_agree_with_differences_along_a_random_direction(everything):
    random = np.random.default_rng(0)
    smooth = [(name, arguments) for name, arguments in everything if not any(kink in name for kink in KINKS)]
    assert len(smooth) > 700
    for name, arguments in smooth[::2]:
        problem = Problem(**arguments)
        for part, got in problem.gradient(problem.theta).items():
            at = problem.theta[part]
            direction = random.choice([-1.0, 1.0], at.shape) * np.where(at == 0, 1e-3, np.minimum(np.abs(at), 1))
            ahead, behind = (problem.value({**problem.theta, part: at + s * direction}) for s in (STEP, -STEP))
            terms, noise = np.sum(np.abs(got * direction)), abs(ahead) * (1e-7 if "float32" in name else 1e-9)
            tolerance = (2e-3 if "float32" in name else 1e-4) * terms + noise
            assert np.sum(got * direction) == pytest.approx((ahead - behind) / (2 * STEP), rel=0, abs=tolerance), name


def test_on_the_kinks_of_a_convex_loss_they_lie_between_the_slopes_of_both_sides(everything):
    convex = [(name, arguments) for name, arguments in everything if "on_kink" in name and "numpy-linear" in name]
    assert len(convex) > 10
    for name, arguments in convex:
        problem = Problem(**arguments)
        for part, got in problem.gradient(problem.theta).items():
            for index, g in enumerate(got.reshape(-1)):
                low, high = sorted(one_sided(problem.value, problem.theta, part, index))
                assert low - 1e-4 <= g <= high + 1e-4, name


def test_a_needle_differs_from_the_right_gradient_in_one_component_by_its_parts_median():
    for _, arguments, part, index in needles(draws=2):
        problem = Problem(**arguments)
        assert sum(a.size for a in problem.theta.values()) >= 1_000_000
        got = problem.gradient(problem.theta)[part]
        low, high = one_sided(problem.value, problem.theta, part, np.ravel_multi_index(index, got.shape))
        off = got[index] - (low + high) / 2
        others = np.abs(np.delete(got.reshape(-1), np.ravel_multi_index(index, got.shape)))
        assert abs(off) == pytest.approx(np.median(others), rel=0.02)
