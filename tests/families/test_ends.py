"""At the ends of η no NaN comes out where none went in, and outside a link's domain the score points back into it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import likeliest as lk

from ..exact.ends import columns, every_end, supported, tensors, undefined

F64, INF = np.float64, math.inf
EVERY = pytest.mark.parametrize("family", lk.families(), ids=lambda family: f"{family.name}-{family.link}")
TRIALS = pytest.mark.parametrize("name", [n for n in ("bernoulli", "binomial") if n in {f.name for f in lk.families()}])


@EVERY
@pytest.mark.parametrize("dtype", [F64, np.float32], ids=["f64", "f32"])
def test_no_nan_comes_out_at_any_end(family, dtype):
    found = list(undefined(family, *every_end(family), dtype))
    assert not found, "\n".join(f"{count} times NaN, first {case}" for _, count, case in found)


@EVERY
@settings(max_examples=40)
@given(st.data())
def test_no_nan_comes_out_anywhere(family, data):
    row = st.tuples(*[st.floats(allow_nan=False)] * columns(family))
    eta = np.array(data.draw(st.lists(row, min_size=1, max_size=8)))
    y = np.array([data.draw(st.sampled_from(supported(family))) for _ in eta])
    assert not list(undefined(family, eta, y, F64))


@EVERY
def test_a_probability_is_at_most_one(family):
    if family.discrete:
        eta, y = tensors(family, *every_end(family), F64)
        assert bool((family.log_prob(eta, y) <= 0).all())


def asked(name, link, eta, successes, failures=0.0):
    """Log p and score of one trial, or of so many."""
    family = lk.family(name, link)
    y = torch.tensor([[successes, failures]]) if name == "binomial" else torch.tensor([successes])
    at = torch.tensor([[eta]], dtype=torch.float64)
    return float(family.log_prob(at, y.double())), float(family.score(at, y.double()))


# log p and score of a success, then of a failure, as η goes to −∞ and to +∞.
LIMITS = {
    "logit": ((-INF, 1), (0, 0), (0, 0), (-INF, -1)),
    "probit": ((-INF, INF), (0, 0), (0, 0), (-INF, -INF)),
    "cloglog": ((-INF, 1), (0, 0), (0, 0), (-INF, -INF)),
    "loglog": ((-INF, INF), (0, 0), (0, 0), (-INF, -1)),
    "cauchit": ((-INF, 0), (0, 0), (0, 0), (-INF, 0)),
}


@TRIALS
@pytest.mark.parametrize("link", LIMITS)
def test_probabilities_have_their_limits(name, link):
    low_success, low_failure, high_success, high_failure = LIMITS[link]
    assert asked(name, link, -INF, 1.0, 0.0) == low_success
    assert asked(name, link, -INF, 0.0, 1.0) == low_failure
    assert asked(name, link, INF, 1.0, 0.0) == high_success
    assert asked(name, link, INF, 0.0, 1.0) == high_failure


@TRIALS
@pytest.mark.parametrize("y", [(1.0, 0.0), (0.0, 1.0)], ids=["success", "failure"])
@pytest.mark.parametrize(("link", "eta", "back"), [
    *[("log", eta, -INF) for eta in (5e-324, 1e-9, 1.0, 1e308, INF)],
    *[("identity", eta, INF) for eta in (-5e-324, -0.3, -1e308, -INF)],
    *[("identity", eta, -INF) for eta in (1 + 2**-52, 1.5, 1e308, INF)],
])  # fmt: skip
def test_outside_the_domain_the_score_points_back_into_it(name, link, eta, y, back):
    assert asked(name, link, eta, *y) == (-INF, back)


@TRIALS
@pytest.mark.parametrize(("link", "eta", "success", "failure"), [
    ("log", 0.0, (0, 1), (-INF, -INF)),
    ("log", -INF, (-INF, 1), (0, 0)),
    ("identity", 0.0, (-INF, INF), (0, -1)),
    ("identity", 1.0, (0, 1), (-INF, -INF)),
])  # fmt: skip
def test_on_the_edge_of_the_domain_stands_the_limit_from_inside(name, link, eta, success, failure):
    assert asked(name, link, eta, 1.0, 0.0) == success
    assert asked(name, link, eta, 0.0, 1.0) == failure


@pytest.mark.parametrize("link", ["inverse", "identity"])
@pytest.mark.parametrize("eta", [0.0, -5e-324, -1.0, -1e308, -INF])
@pytest.mark.parametrize("y", [1e-300, 1.0, 1e300])
def test_a_mean_below_zero_is_pushed_up(link, eta, y):
    family, y = lk.family("gamma", link), torch.tensor([y], dtype=torch.float64)
    at = (torch.tensor([eta], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    assert float(family.log_prob(at, y)) == -INF
    assert float(family.score(at, y)[0]) == INF


@EVERY
def test_the_docstring_states_the_conventions_in_a_table_or_says_where_it_stands(family):
    text = type(family).__doc__
    assert "ends" in text
    assert text.count("==========") >= 6 or (family.name == "binomial" and "`Bernoulli` lists" in text)
