"""What a finding says agrees with itself: how many entries are wrong, which, and where the error starts."""

from __future__ import annotations

import numpy as np
import pytest

from likeliest.certify import check_gradient

DRAWS = np.random.default_rng(1)
X, Y = DRAWS.normal(size=(40, 6)), DRAWS.normal(size=(40, 3))
THETA = {
    "W1": DRAWS.normal(size=(6, 8)) / 2,
    "b1": DRAWS.normal(size=8) / 4,
    "W2": DRAWS.normal(size=(8, 3)) / 2,
    "b2": DRAWS.normal(size=3) / 4,
}


def loss(t):
    return np.mean((np.tanh(X @ t["W1"] + t["b1"]) @ t["W2"] + t["b2"] - Y) ** 2)


def by_differences_alone(t):
    """A float drops the imaginary part, so that no complex step can be taken."""
    return float(loss({n: np.real(a) for n, a in t.items()}))


def grad(t):
    a = np.tanh(X @ t["W1"] + t["b1"])
    u = 2 * (a @ t["W2"] + t["b2"] - Y) / Y.size
    inner = u @ t["W2"].T * (1 - a**2)
    return {"W1": X.T @ inner, "b1": inner.sum(0), "W2": a.T @ u, "b2": u.sum(0)}


def spoilt(part, spoil):
    def wrong(t):
        g = grad(t)
        spoil(g[part])
        return g

    return wrong


def negate_column(g):
    g[:, 3] *= -1


def double_row(g):
    g[2] *= 2


def zero_entry(g):
    g[1, 1] = 0


@pytest.mark.parametrize("fun", [loss, by_differences_alone])
@pytest.mark.parametrize(("spoil", "wrong"), [(negate_column, 6), (double_row, 8), (zero_entry, 1)])
def test_only_entries_that_are_off_by_more_than_is_resolved_are_counted(fun, spoil, wrong):
    (finding,) = check_gradient(fun, spoilt("W1", spoil), THETA).findings
    assert f"; {wrong} of 48 entries are wrong." in finding.message


def test_the_origin_is_the_part_nearest_to_the_output_and_the_rest_may_follow():
    def wrong(t):
        return {n: 3 * g for n, g in grad(t).items()}

    findings = check_gradient(loss, wrong, THETA).findings
    assert [f.part for f in findings] == ["W2", "b2", "b1", "W1"]
    assert findings[0].factor == pytest.approx(3)
    assert all("May follow from the error in W2: mend that first." in f.message for f in findings[1:])
    assert [str(f.cause) for f in findings] == ["scale", "scale", "unknown", "unknown"]


def test_two_numbers_that_differ_late_are_told_apart():
    message = check_gradient(loss, spoilt("b2", lambda g: g.__imul__(1 + 1e-8)), THETA).findings[0].message
    expected, got = message.split("expected ")[1].split(";")[0].split(", got ")
    assert expected != got
    assert float(got) / float(expected) == pytest.approx(1 + 1e-8, abs=2e-9)


def test_entries_that_are_not_finite_are_counted():
    def spoil(g):
        g[2, :3] = np.inf

    (finding,) = check_gradient(loss, spoilt("W1", spoil), THETA).findings
    assert (finding.index, finding.cause) == ((2, 0), "nonfinite")
    assert "3 of 48 entries are not finite" in finding.message
