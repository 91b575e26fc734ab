"""Explanations of wrong gradients, on gradients that are made wrong in every way that has a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from likeliest.certify.causes import diagnose
from likeliest.certify.suspect import Cause, Diagnosis, Suspect

SHAPES = [(6,), (25,), (4, 4), (6, 9), (7, 3), (4, 2, 3, 3), (5, 1, 3)]
SEEDS = 4
NOISE = {"float64": 1e-11, "float32": 3e-7}

Bug = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray | None]
"""The right gradient, θ and draws → the wrong one; None where the shape does not allow it."""


def suspect(expected, got, theta=None, dtype="float64", **known):
    allowed = 4 * NOISE[dtype] * np.abs(expected).max()
    return Suspect("theta", expected, got, allowed, theta if theta is not None else 0 * expected, dtype=dtype, **known)


def a_block(shape, draws):
    """A random run of whole rows, or of entries of a vector, that is not everything."""
    length = max(shape)
    start = int(draws.integers(0, length - 2))
    where = [slice(None)] * len(shape)
    where[shape.index(length)] = slice(start, start + int(draws.integers(2, length - start)) if start else length - 2)
    return tuple(where)


def on_a_block(change: Callable[[np.ndarray], np.ndarray]) -> Bug:
    def bug(g, theta, draws):
        wrong = g.copy()
        where = a_block(g.shape, draws)
        wrong[where] = change(wrong[where])
        return wrong

    return bug


def longest(g):
    return int(np.argmax(g.shape))


def derangement(length, draws):
    """An order that moves something, that is no shift and no reversal."""
    plain = [np.roll(np.arange(length), by) for by in range(length)]
    while True:
        order = draws.permutation(length)
        if not any((order == p).all() or (order == p[::-1]).all() for p in plain):
            return order


def slipped(g, theta, draws):
    axis = longest(g)
    wrong = np.roll(g, 1, axis)
    np.moveaxis(wrong, axis, 0)[0] = 0
    return wrong


def scattered_sign(g, theta, draws):
    chosen = draws.random(g.shape) < 0.4
    return None if chosen.all() or not chosen.any() else np.where(chosen, -g, g)


def threshold(g, theta, draws):
    return np.where(np.abs(g) < np.quantile(np.abs(g), 0.6), 0.0, g)


BUGS: dict[str, tuple[Cause, Bug]] = {
    "sign": (Cause.SIGN, lambda g, t, d: -g),
    "sign of a block": (Cause.SIGN, on_a_block(lambda g: -g)),
    "sign here and there": (Cause.SIGN, scattered_sign),
    "twice": (Cause.SCALE, lambda g, t, d: 2 * g),
    "batch size": (Cause.SCALE, lambda g, t, d: 32 * g),
    "one over the batch size": (Cause.SCALE, lambda g, t, d: g / 32),
    "any factor": (Cause.SCALE, lambda g, t, d: d.uniform(-5, 5) * g),
    "twice in a block": (Cause.SCALE, on_a_block(lambda g: 2 * g)),
    "zero": (Cause.ZEROED, lambda g, t, d: 0 * g),
    "zero in a block": (Cause.ZEROED, on_a_block(lambda g: 0 * g)),
    "transposed": (Cause.TRANSPOSED, lambda g, t, d: g.T.reshape(g.shape) if g.squeeze().ndim > 1 else None),
    "shifted": (Cause.SHIFTED, lambda g, t, d: np.roll(g, 1, longest(g))),
    "shifted, zeros move in": (Cause.SHIFTED, slipped),
    "permuted": (
        Cause.PERMUTED,
        lambda g, t, d: np.take(g, derangement(max(g.shape), d), longest(g)) if max(g.shape) > 3 else None,
    ),
    "flipped": (Cause.PERMUTED, lambda g, t, d: np.flip(g, longest(g))),
    "in another order": (Cause.PERMUTED, lambda g, t, d: d.permutation(g.reshape(-1)).reshape(g.shape)),
    "sum for each": (Cause.BROADCAST, lambda g, t, d: 0 * g + g.sum(longest(g), keepdims=True)),
    "mean for all": (Cause.BROADCAST, lambda g, t, d: 0 * g + g.mean()),
    "no penalty": (Cause.MISSING_TERM, lambda g, t, d: g - d.uniform(0.5, 3) * t),
    "no penalty on sizes": (Cause.MISSING_TERM, lambda g, t, d: g - d.uniform(0.5, 3) * np.sign(t)),
    "not a number": (Cause.NONFINITE, lambda g, t, d: np.where(np.abs(g) == np.abs(g).max(), np.nan, g)),
    "infinite": (Cause.NONFINITE, lambda g, t, d: np.where(np.abs(g) == np.abs(g).max(), -np.inf, g)),
    "rounded to quarters": (Cause.PRECISION, lambda g, t, d: np.round(4 * g) / 4),
    "rounded to decimals": (Cause.PRECISION, lambda g, t, d: np.round(g, 1)),
    "cut off below": (Cause.PRECISION, threshold),
    "noise": (Cause.UNKNOWN, lambda g, t, d: g + np.abs(g).max() * d.standard_normal(g.shape)),
    "squared": (Cause.UNKNOWN, lambda g, t, d: 3 * g**2),
}  # fmt: skip


def made(cause: str, shape, seed, dtype) -> tuple[Suspect, Cause] | None:
    draws = np.random.default_rng([seed, len(cause), *map(ord, cause[:8]), *shape])
    expected, theta = draws.standard_normal((2, *shape))
    wanted, bug = BUGS[cause]
    got = bug(expected, theta, draws)
    if got is None:
        return None
    if not cause.startswith(("rounded", "cut", "zero")):
        got = got + NOISE[dtype] * np.abs(got).max(where=np.isfinite(got), initial=0) * draws.uniform(-1, 1, shape)
    return suspect(expected, got, theta, dtype, sizes={"batch size": 32}), wanted


def all_made() -> Iterator[tuple[str, Suspect, Cause]]:
    for name in BUGS:
        for shape in SHAPES:
            for seed in range(SEEDS):
                for dtype in NOISE:
                    if (case := made(name, shape, seed, dtype)) is not None:
                        yield name, *case


def test_causes_are_not_confused():
    seen = Counter((name, wanted, diagnose(s).cause) for name, s, wanted in all_made())
    confused = {key: count for key, count in seen.items() if key[1] is not key[2]}
    assert sum(confused.values()) <= 0.02 * seen.total(), confused
    assert {wanted for _, wanted, _ in seen} >= set(Cause) - {
        Cause.STALE, Cause.NONLINEARITY, Cause.KINK, Cause.NONDETERMINISTIC,
    }  # fmt: skip


def told(change, shape=(6, 5), **known) -> Diagnosis:
    draws = np.random.default_rng(5)
    expected, theta = draws.standard_normal((2, *shape))
    return diagnose(suspect(expected, change(expected), theta, **known))


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (32, "the batch size: divide by it"),
        (1 / 32, "one over the batch size"),
        (2, "a square's derivative is one too many"),
        (0.5, "a square's derivative is missing"),
        (2 / 32, "two over the batch size"),
        (-32, "with the sign turned round"),
        (5, "the length of axis 1"),
        (41, "perhaps the number of rows"),
        (0.137, "a constant factor is left out"),
    ],
)
def test_a_factor_is_named(factor, said):
    found = told(lambda g: factor * g, sizes={"batch size": 32})
    assert found.cause is Cause.SCALE
    assert found.factor == pytest.approx(factor, rel=1e-9)
    assert said in found.detail


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (slice(2, 5), slice(None), "only rows 2 to 4:"),
        (slice(1, 2), slice(None), "only row 1:"),
        (slice(None), [0, 3], "only columns 0, 3:"),
        (slice(4, 6), slice(2, 3), "only rows 4 and 5, column 2:"),
    ],
)
def test_the_wrong_rows_and_columns_are_named(rows, columns, said):
    def change(g):
        wrong = g.copy()
        wrong[rows, columns] *= -1
        return wrong

    found = told(change)
    assert found.cause is Cause.SIGN
    assert said in found.detail


@pytest.mark.parametrize(
    ("change", "cause", "said"),
    [
        (lambda g: np.roll(g, 2, 0), Cause.SHIFTED, "by 2 along axis 0"),
        (lambda g: g[[1, 0, 2, 3, 4, 5]], Cause.PERMUTED, "rows are in another order: 0 and 1"),
        (lambda g: g[:, ::-1], Cause.PERMUTED, "turned round along axis 1"),
        (lambda g: g[[3, 4, 5, 0, 1, 2]], Cause.PERMUTED, "rows"),
        (lambda g: g.T.reshape(6, 5), Cause.TRANSPOSED, "forced back into the shape (6, 5)"),
        (lambda g: 0 * g + g.mean(0), Cause.BROADCAST, "the same along axis 0, the mean"),
        (lambda g: g[[0, 1, 1, 1, 4, 5]], Cause.BROADCAST, "1 come more than once"),
        (lambda g: g - g.mean(0), Cause.MISSING_TERM, "the same along axis 0"),
    ],
)
def test_a_rearrangement_is_described(change, cause, said):
    found = told(change)
    assert found.cause is cause
    assert said in found.detail


def test_a_part_that_holds_the_gradient_of_another_is_recognised():
    one, other = np.random.default_rng(0).standard_normal((2, 4, 3))
    found = diagnose(suspect(one, other, others={"W2": (other, one)}))
    assert found.cause is Cause.PERMUTED
    assert "W2" in found.detail


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_number_is_explained_only_by_a_factor_that_has_a_name(shape):
    expected = np.full(shape, 0.731)
    causes = [diagnose(suspect(expected, f * expected)).cause for f in (0, -1, 2, 0.5, 1.37)]
    assert causes == [Cause.ZEROED, Cause.SIGN, Cause.SCALE, Cause.SCALE, Cause.UNKNOWN]


def test_an_entry_that_is_alone_wrong_is_explained_only_by_a_factor_that_has_a_name():
    expected = np.random.default_rng(0).standard_normal((4, 3))
    chosen = np.arange(12).reshape(4, 3) == 7
    causes = [diagnose(suspect(expected, np.where(chosen, f * expected, expected))).cause for f in (0, -1, 2, 1.37)]
    assert causes == [Cause.ZEROED, Cause.SIGN, Cause.SCALE, Cause.UNKNOWN]


def test_one_wrong_entry_among_many_is_no_other_order():
    expected = np.random.default_rng(0).standard_normal((200, 150))
    got = expected.copy()
    got[70, 3] += 0.6
    assert diagnose(suspect(expected, got, dtype="float32")).cause is Cause.UNKNOWN


@pytest.mark.parametrize(("factor", "cause"), [(1.0002, Cause.UNKNOWN), (1.01, Cause.SCALE), (0.5, Cause.SCALE)])
def test_a_factor_of_about_one_is_no_scale(factor, cause):
    expected = np.random.default_rng(0).standard_normal((6, 5))
    assert diagnose(suspect(expected, factor * expected)).cause is cause


def test_what_is_off_by_little_more_than_the_round_off_is_explained_by_nothing():
    draws = np.random.default_rng(0)
    expected = draws.uniform(-1, 1, (5, 4))
    got = expected + draws.uniform(-1.5, 1.5, (5, 4))
    assert diagnose(Suspect("W", expected, got, 1.0, 0 * expected)).cause is Cause.UNKNOWN


def test_what_is_known_of_a_large_part_is_enough_for_a_factor():
    draws = np.random.default_rng(0)
    expected = draws.standard_normal((300, 40))
    got = -expected
    expected[draws.random(expected.shape) < 0.99] = np.nan
    found = diagnose(Suspect("W", expected, got, 1e-9, 0 * got))
    assert found.cause is Cause.SIGN


def test_in_an_activation_a_factor_for_each_entry_is_its_derivative():
    draws = np.random.default_rng(0)
    z, u = draws.standard_normal((2, 8, 5))
    right = u * (1 - np.tanh(z) ** 2)
    for got in (u, u * (1 - np.tanh(z)), np.where(z > 0, right, 0)):
        assert diagnose(suspect(right, got, z, elementwise=True)).cause is Cause.NONLINEARITY
    assert diagnose(suspect(right, -right, z, elementwise=True)).cause is Cause.SIGN


@pytest.mark.parametrize("left_out", ["mean", "variance", "both"])
def test_what_batch_norm_sends_back_by_way_of_its_statistics(left_out):
    draws = np.random.default_rng(0)
    x, u = draws.standard_normal((2, 12, 5))
    z, s = (x - x.mean(0)) / x.std(0), x.std(0)
    mean, variance = u.mean(0), z * (u * z).mean(0)
    right = (u - mean - variance) / s
    got = right + {"mean": mean, "variance": variance, "both": mean + variance}[left_out] / s
    assert diagnose(suspect(right, got, x)).cause is Cause.MISSING_TERM


def test_a_label_that_is_left_out_of_a_softmax_s_gradient():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    y = np.eye(4)[np.arange(9) % 4]
    found = diagnose(suspect((p - y) / 9, p / 9, np.log(p)))
    assert found.cause is Cause.MISSING_TERM
    assert "9 of 36 entries are too large by the same number, 1/9" in found.detail


class Net:
    """x + tanh(x W1 + b1) W2 or the like, by hand, with a place for a bug; autograd says what is right."""

    def __init__(self, activation="tanh", skip=False, bug="", scale=0.7):
        draws = np.random.default_rng(1)
        self.x, self.y = draws.standard_normal((2, 12, 4))
        self.activation, self.skip, self.bug = activation, skip, bug
        shapes = {"W0": (4, 4), "W1": (4, 6), "b1": (6,), "W2": (6, 4), "b2": (4,)}
        self.theta = {name: scale * draws.standard_normal(shape) for name, shape in shapes.items()}
        self.old = {name: a + draws.standard_normal(a.shape) for name, a in self.theta.items()}
        self.first, self.draws = None, draws

    def right(self, theta):
        tensors = {name: torch.tensor(a, requires_grad=True) for name, a in theta.items()}
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        h = x @ tensors["W0"]
        z = h @ tensors["W1"] + tensors["b1"]
        out = getattr(torch, self.activation)(z) @ tensors["W2"] + tensors["b2"] + (h if self.skip else 0)
        grads = torch.autograd.grad(((out - y) ** 2).sum() / (2 * len(y)), list(tensors.values()))
        return {name: g.numpy() for name, g in zip(theta, grads, strict=True)}

    def forward(self, theta):
        h = self.x @ theta["W0"]
        z = h @ theta["W1"] + theta["b1"]
        a = {"tanh": np.tanh(z), "sigmoid": 1 / (1 + np.exp(-z)), "relu": z.clip(0)}[self.activation]
        return h, z, a, a @ theta["W2"] + theta["b2"] + (h if self.skip else 0)

    def slope(self, z, a):
        if self.bug == "left out":
            return np.ones_like(z)
        if self.bug == "of the wrong argument":
            return 1 - z**2
        if self.bug == "of another function":
            return a * (1 - a)
        if self.bug == "2 at the kink":
            return np.where(z == 0, 2.0, z > 0)
        return {"tanh": 1 - a**2, "sigmoid": a * (1 - a), "relu": z > 0}[self.activation]

    def got(self, theta):
        if self.bug == "first call":
            self.first = self.first or theta
            theta = self.first
        h, z, a, out = self.forward(theta)
        r = (out - self.y) / len(self.y)
        if self.bug == "half precision":
            r = ((out - self.y + 3e4).astype(np.float32).astype(np.float64) - 3e4) / len(self.y)
        if self.bug == "dropout":
            r = r * self.draws.integers(0, 2, r.shape)
        back = r @ (self.old if self.bug == "old W2" else theta)["W2"].T
        d = back * self.slope(z, a)
        dh = d @ theta["W1"].T
        if self.skip and self.bug != "no skip":
            dh = dh + r
        if self.bug == "only skip":
            dh = r
        kept = self.forward(self.old)[2] if self.bug == "old activations" else a
        grads = {"W0": self.x.T @ dh, "W1": h.T @ d, "b1": d.sum(0), "W2": kept.T @ r, "b2": r.sum(0)}
        if self.bug == "one number":
            grads["W1"][2, 3] += 1e-3
        if self.bug == "noise":
            grads["W1"] = grads["W1"] + np.random.default_rng(3).standard_normal((4, 6))
        return grads

    def suspect(self, name):
        expected, got = self.right(self.theta), self.got(self.theta)
        return Suspect(
            name, expected[name], got[name], 1e-12, self.theta[name],
            others={n: (expected[n], got[n]) for n in expected if n != name},
            theta_all=self.theta,
            probe=lambda theta: (self.right(theta), self.got(theta)),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "cause", "net"),
    [
        ("b1", Cause.NONLINEARITY, Net(bug="left out")),
        ("W1", Cause.NONLINEARITY, Net(bug="left out")),
        ("W1", Cause.NONLINEARITY, Net("sigmoid", bug="left out")),
        ("W1", Cause.NONLINEARITY, Net("relu", bug="left out")),
        ("W1", Cause.NONLINEARITY, Net(bug="of the wrong argument")),
        ("W1", Cause.NONLINEARITY, Net(bug="of another function")),
        ("W1", Cause.NONLINEARITY, Net(skip=True, bug="left out")),
        ("W0", Cause.MISSING_TERM, Net(skip=True, bug="no skip")),
        ("W0", Cause.MISSING_TERM, Net(skip=True, bug="only skip")),
        ("W0", Cause.MISSING_TERM, Net("relu", skip=True, bug="no skip")),
        ("b1", Cause.STALE, Net(bug="old W2")),
        ("W1", Cause.STALE, Net("sigmoid", bug="old W2")),
        ("W2", Cause.STALE, Net(bug="old activations")),
        ("W2", Cause.STALE, Net("relu", bug="old activations")),
        ("b1", Cause.NONDETERMINISTIC, Net(bug="dropout")),
        ("W1", Cause.UNKNOWN, Net(bug="noise")),
    ],
)
def test_an_experiment_tells_what_the_numbers_do_not(part, cause, net):
    found = diagnose(net.suspect(part))
    assert found.cause is cause, found


def test_a_gradient_that_stays_at_the_first_call_is_stale():
    net = Net(bug="first call")
    net.got(net.theta)
    net.theta = {name: 1.3 * a + 0.1 for name, a in net.theta.items()}
    assert diagnose(net.suspect("b2")).cause is Cause.STALE


def test_what_is_wrong_at_a_kink_alone_is_told_as_a_kink():
    net = Net("relu", bug="2 at the kink")
    net.theta = net.theta | {"W0": 0 * net.theta["W0"], "b1": 0 * net.theta["b1"]}
    assert diagnose(net.suspect("b1")).cause is Cause.KINK


def test_digits_that_fall_off_are_told_as_precision():
    net = Net(bug="half precision", scale=0.02)
    net.y = 1e-3 * net.y
    for part in ("b2", "W2"):
        assert diagnose(net.suspect(part)).cause is Cause.PRECISION


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_number_that_is_added_everywhere_is_no_staircase_and_no_lost_path(dtype):
    net = Net(bug="one number")
    net.theta = {name: a.astype(dtype).astype(float) for name, a in net.theta.items()}
    exact = net.suspect("W1")

    def probe(theta):
        return exact.probe({name: a.astype(dtype).astype(float) for name, a in theta.items()})

    found = diagnose(replace(exact, dtype=np.dtype(dtype).name, allowed=1e-6, probe=probe))
    assert found.cause is Cause.UNKNOWN
    assert "the same at every θ:" in found.detail


def test_without_a_probe_nothing_is_claimed_of_other_places():
    found = diagnose(replace(Net(bug="left out").suspect("W1"), probe=None))
    assert found.cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("change", "cause", "said"),
    [
        (lambda g: g.astype(np.float16).astype(np.float64), Cause.PRECISION, "every entry is a float16 number"),
        (lambda g: g.clip(-0.5, 0.5), Cause.UNKNOWN, "no entry is larger than 1/2"),
        (lambda g: g * np.arange(1.5, 7)[:, None], Cause.SCALE, "rows are off by a factor of their own each, from 1.5"),
        (lambda g: g - np.outer(np.arange(6) ** 2 - 3, np.arange(5) - 1.5), Cause.MISSING_TERM, "one outer product"),
    ],
)
def test_what_else_numbers_tell(change, cause, said):
    found = told(change)
    assert found.cause is cause
    assert said in found.detail
