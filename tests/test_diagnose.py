"""Separation against brute force: every extreme ray of the cone of recession, enumerated."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

import likeliest as lk
from likeliest.diagnose import dependent_columns, diagnose, find_separation, margins, optimum_exists
from likeliest.glm import fit_linear
from likeliest.scaling import Scaling

ROUNDING = 1e-9


def extreme_rays(faces):
    """Directions d with faces · d ≥ 0 that span the cone, one by one, for small integer faces (m, q)."""
    rank = np.linalg.matrix_rank(faces)
    independent = faces[:, [j for j in range(faces.shape[1]) if j not in dependent_by_rank(faces)]]
    for active in combinations(range(len(faces)), rank - 1):
        _, spectrum, rows = np.linalg.svd(independent[list(active)].reshape(rank - 1, rank))
        if rank > 1 and spectrum[-1] < ROUNDING:
            continue
        for ray in (rows[-1], -rows[-1]):
            if (independent @ ray >= -ROUNDING).all():
                yield independent @ ray


def dependent_by_rank(matrix):
    ranks = [np.linalg.matrix_rank(matrix[:, : j + 1]) for j in range(matrix.shape[1])]
    return [j for j, rank in enumerate(ranks) if rank == (ranks[j - 1] if j else 0)]


def separation_by_enumeration(faces, rows):
    """None, "quasi" or "complete": the sum of all rays lies inside the cone, as far from its faces as can be."""
    total = sum(extreme_rays(faces), np.zeros(len(faces)))
    if (total <= ROUNDING).all():
        return None
    return "complete" if (total > ROUNDING).all() else "quasi"


def faces_of_classes(x, y, classes):
    """Of each row and other class k: (η_y − η_k) as a linear function of the coefficients, less those of class 0."""
    design = np.column_stack((x, np.ones(len(x))))
    faces = []
    for z, own in zip(design, y, strict=True):
        for k in set(range(classes)) - {own}:
            face = np.zeros((classes, design.shape[1]))
            face[own] += z
            face[k] -= z
            faces.append(face[1:].ravel())
    return np.array(faces)


def diagnosis(x, y, classes=2, **settings):
    family = lk.family("bernoulli" if classes == 2 else "categorical")
    return fit_linear(family, x.astype(float), y, outputs=1 if classes == 2 else classes, **settings).verdict


def agrees(verdict, expected):
    if expected is None:
        return verdict.kind in ("converged", "aliased")
    return verdict.kind == "separated" and verdict.evidence["complete"] == (expected == "complete")


INTEGERS = st.integers(-3, 3)


@settings(max_examples=200)
@given(st.lists(st.tuples(INTEGERS, INTEGERS, st.integers(0, 1)), min_size=2, max_size=9))
def test_two_classes_in_the_plane_are_separable_where_enumeration_says_so(points):
    *x, y = np.array(points).T
    x = np.column_stack(x)
    verdict = diagnosis(x, y)
    if len(set(y)) == 1:
        assert verdict.kind == "boundary"
    else:
        assert agrees(verdict, separation_by_enumeration(faces_of_classes(x, y, 2), len(x)))


@settings(max_examples=100)
@given(st.lists(st.tuples(INTEGERS, st.integers(0, 2)), min_size=3, max_size=7))
def test_three_classes_on_a_line_are_separable_where_enumeration_says_so(points):
    x, y = np.array(points).T
    verdict = diagnosis(x[:, None], y, classes=3)
    if len(set(y)) < 3:
        assert verdict.kind == "boundary"
    else:
        assert agrees(verdict, separation_by_enumeration(faces_of_classes(x[:, None], y, 3), len(x)))


def test_one_column_that_separates_alone_is_named():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = np.column_stack((rng.normal(size=40), y + rng.uniform(0, 0.5, 40), rng.normal(size=40)))
    verdict = diagnosis(x, y, names=("age", "dose", "height"))
    assert verdict.kind == "separated"
    assert verdict.evidence["complete"]
    assert verdict.evidence["alone"] == ["dose"]
    assert "column 'dose' does so alone" in verdict.message
    assert "l2=1" in verdict.message


def test_quasi_separation_by_a_level_that_only_one_class_has():
    rng = np.random.default_rng(1)
    level = np.repeat([1.0, 0.0], [8, 40])
    y = np.where(level == 1, 1, rng.integers(0, 2, 48))
    verdict = diagnosis(np.column_stack((rng.normal(size=48), level)), y, names=("x", "level"))
    assert verdict.kind == "separated"
    assert not verdict.evidence["complete"]
    assert verdict.evidence["columns"] == ["level"]
    assert verdict.evidence["alone"] == []


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris])
def test_the_direction_separates_real_data(load):
    x, y = load(return_X_y=True)
    classes = len(set(y))
    family = lk.family("bernoulli" if classes == 2 else "categorical")
    predictor = lk.Linear(x.shape[1], 1 if classes == 2 else classes)
    objective = lk.Objective(family, predictor, (x - x.mean(0)) / x.std(0), y)
    theta = fit_linear(family, objective.x, y, outputs=predictor.outputs).theta
    direction = find_separation(objective, theta).direction
    weight, bias = (part.numpy() for part in predictor.views(direction))
    eta = objective.x.numpy() @ weight + bias
    if classes == 2:
        gaps = (2 * y - 1) * eta[:, 0]
    else:
        gaps = np.array([np.delete(row[own] - row, own) for row, own in zip(eta, y, strict=True)])
    assert (gaps >= -1e-7 * np.abs(eta).max()).all()
    assert gaps.max() > 0
    assert bool((margins(objective, direction).numpy().max(1) > 0).any())


def test_overlapping_classes_have_an_optimum_and_need_no_program(monkeypatch):
    x, y = load_iris(return_X_y=True)
    x, y = x[y > 0], y[y > 0] - 1
    monkeypatch.setattr("scipy.optimize.linprog", None)
    assert diagnosis(x, y).kind == "converged"


def test_a_finite_optimum_is_not_claimed_far_from_it():
    x, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 1, 0, 1])
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y)
    at_optimum = lk.fit(objective, "newton").theta
    assert optimum_exists(objective, at_optimum)
    assert not optimum_exists(objective, at_optimum + 3)


def test_rows_without_weight_say_nothing():
    x, y = np.array([[0.0], [1.0], [2.0], [3.0], [2.5]]), np.array([0, 0, 1, 1, 0])
    assert diagnosis(x, y).kind == "converged"
    assert diagnosis(x, y, weight=[1.0, 1.0, 1.0, 1.0, 0.0]).kind == "separated"


def test_a_penalty_ends_all_questions():
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    assert diagnosis(x, y, l2=1e-3).kind == "converged"


def test_zero_counts_alone_and_in_one_level():
    level = np.repeat([0.0, 1.0], 10)[:, None]
    counts = np.random.default_rng(0).poisson(3.0, 20) + 1
    poisson = lk.family("poisson")
    assert fit_linear(poisson, level, counts).verdict.kind == "converged"
    assert fit_linear(poisson, level, counts * 0).verdict.kind == "boundary"
    only_first = fit_linear(poisson, level, counts * (level[:, 0] == 0), names=("treated",)).verdict
    assert only_first.kind == "separated"
    assert only_first.evidence["columns"] == ["treated"]


def test_a_class_without_rows_is_on_the_boundary():
    verdict = diagnosis(np.array([[0.0], [1.0], [2.0], [1.5]]), np.array([0, 1, 0, 1]), classes=3)
    assert verdict.kind == "boundary"
    assert verdict.evidence["columns_of_eta"] == [2]


def test_aliased_columns_are_named_in_their_order():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 30))
    x = np.column_stack((a, np.full(30, 7.0), b, a - 2 * b, 1e6 * b + 3))
    verdict = fit_linear(lk.family("normal"), x, rng.normal(size=30), names=("a", "one", "b", "c", "d")).verdict
    assert verdict.kind == "aliased"
    assert verdict.evidence["columns"] == ["one", "c", "d"]
    without = fit_linear(lk.family("normal"), x[:, :3], rng.normal(size=30), intercept=False).verdict
    assert without.kind == "converged"


def test_dependent_columns_of_badly_scaled_matrices():
    rng = np.random.default_rng(3)
    free = rng.normal(size=(20, 4)) * [1.0, 1e-8, 1e8, 1.0]
    matrix = np.column_stack((free, free[:, 0] + 1e-8 * free[:, 2], np.zeros(20)))
    assert dependent_columns(matrix) == [4, 5]
    assert dependent_columns(matrix[:, ::-1]) == [0, 5]


def test_a_net_and_a_sum_of_parts_are_not_judged():
    x, y = torch.arange(4.0).double()[:, None], torch.tensor([0.0, 0, 1, 1])
    net = lk.Objective(lk.family("bernoulli"), lk.MLP((1, 2, 1)), x, y)
    assert diagnose(net, torch.zeros(net.predictor.size).double()) is None
    both = lk.Objective(lk.family("normal"), lk.Columns(mean=lk.Linear(1), log_scale=lk.Linear(1)), x, y)
    assert diagnose(both, torch.zeros(4).double()) is None
    assert Scaling.of(both).centre.tolist() == [1.5]
