"""The contract of every predictor, over a table of them: autograd, finite differences and the adjoint identity judge.

The judge's forward is written here once more for each predictor, in plain torch, and shares no code with the package.
"""

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import likeliest as lk
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors import (
    ACTIVATIONS,
    ConditionalVolatility,
    ExponentialGarch,
    LinearVariance,
    Predictor,
    Term,
    columns_of,
    from_json,
    layers,
)
from likeliest.randomness import stream

F64 = torch.float64
N, P = 7, 4
_H = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid, "gelu": nn.functional.gelu}


def conv_net():
    layers = (nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))
    return nn.Sequential(nn.Unflatten(1, (1, 2, 2)), *layers).double()


TABLE = {
    "linear": lambda: lk.Linear(P, 3),
    "linear, one output": lambda: lk.Linear(P),
    "linear, no intercept": lambda: lk.Linear(P, 3, intercept=False),
    **{f"mlp, {h}, {len(s) - 2} hidden": lambda h=h, s=s: lk.MLP(s, activation=h)
       for h in ACTIVATIONS for s in [(P, 3), (P, 5, 3), (P, 6, 5, 2)]},
    "mlp, batch norm": lambda: lk.MLP((P, 5, 4, 3), activation="tanh", batch_norm=True),
    "mlp, dropout": lambda: lk.MLP((P, 5, 3), dropout=0.5),
    "layered": lambda: lk.Layered((P,), {
        "in": layers.Dense(P, 5), "squash": layers.Activation("logistic"), "norm": layers.BatchNorm(5),
        "around": layers.Residual({"dense": layers.Dense(5, 5), "h": layers.Activation("gelu")}),
        "out": layers.Dense(5, 2)}),
    "constant": lambda: lk.Constant(3, start=0.5),
    "fixed": lambda: lk.Fixed(0.5, -1.0),
    "columns, named": lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Constant()),
    "columns, each a model": lambda: lk.Columns(mean=lk.MLP((P, 3, 1), activation="tanh"), log_scale=lk.Linear(P)),
    "columns, batch norm": lambda: lk.Columns(mean=lk.MLP((P, 3, 1), batch_norm=True), log_scale=lk.Constant()),
    "columns, two from one": lambda: lk.Columns(lk.MLP((P, 5, 2), activation="gelu"), log_df=lk.Constant()),
    "columns, fixed first": lambda: lk.Columns(lk.Fixed(1.0), log_scale=lk.Linear(P, intercept=False)),
    "columns, fixed last": lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Fixed(0.3)),
    "columns, constants": lambda: lk.Columns(lk.Constant(2), log_df=lk.Constant()),
    "columns, module": lambda: lk.Columns(lk.Module(conv_net(), outputs=2), log_df=lk.Constant()),
    "garch": lambda: LinearVariance([Term("square")], 1, presample=0.7),
    "gjr": lambda: LinearVariance([Term("gain"), Term("loss"), Term("square", 2), Term("loss", 3)], 2, presample=0.7),
    "arch on a regression": lambda: LinearVariance([Term("square")], 0, mean=lk.Linear(P - 1), presample=0.7),
    "har": lambda: LinearVariance([Term("square", 1, w) for w in (1, 3)], 0, presample=0.7),
    "har, measured": lambda: LinearVariance(
        [Term("square"), Term("measure", 1, 2), Term("measure", 2, 3)], 1, mean=lk.Fixed(0.1), presample=0.7),
    "ewma": lambda: LinearVariance([Term("square")], 1, presample=0.7, integrated=True),
    "columns, garch": lambda: lk.Columns(LinearVariance([Term("square")], 1, presample=0.7), log_df=lk.Constant()),
    "egarch": lambda: ExponentialGarch(2, 1, 2, presample=0.7),
    "egarch on a regression": lambda: ExponentialGarch(1, 2, 0, mean=lk.Linear(P - 1), presample=0.7),
    "module, conv net": lambda: lk.Module(conv_net(), outputs=2),
    "module, mlp": lambda: lk.Module(nn.Sequential(nn.Linear(P, 5), nn.ReLU(), nn.Linear(5, 3)).double(), outputs=3),
}  # fmt: skip
LINEAR = [n for n in TABLE if n.startswith(("linear", "constant", "fixed")) or "0 hidden" in n] + [
    "columns, named", "columns, fixed first", "columns, fixed last", "columns, constants"]  # fmt: skip
SAVED = [n for n in TABLE if "module" not in n]

VOLATILE = [n for n in TABLE if any(kind in n for kind in ("arch", "gjr", "har", "ewma"))]

predictors = pytest.mark.parametrize("name", TABLE)
runs = pytest.mark.parametrize("runs", [None, 3])


def reference(p: Predictor, theta: Tensor, x: Tensor) -> Tensor:
    """η (n, K) of one run, by the book."""
    own = {n: theta[q.start : q.start + q.size].reshape(q.shape) for n, q in p.parts.items()}
    own = {n: t if p.parts[n].learnt else t.detach() for n, t in own.items()}
    pieces = list(own.values())
    if isinstance(p, lk.Columns):
        sizes = [c.size for c in p.components.values()]
        split = zip(p.components.values(), theta.split(sizes), strict=True)
        return torch.cat([reference(c, t, x) for c, t in split], -1)
    if isinstance(p, ConditionalVolatility):
        return volatility(p, theta, x)
    if isinstance(p, lk.Linear):
        return x @ pieces[0] + (pieces[1] if p.intercept else 0)
    if isinstance(p, lk.Constant):
        return torch.ones(len(x), 1, dtype=F64) * theta
    if isinstance(p, lk.Fixed):
        return torch.ones(len(x), 1, dtype=F64) * torch.tensor(p.values, dtype=F64)
    if isinstance(p, lk.Module):
        return torch.func.functional_call(p.module, dict(zip(p.parts, pieces, strict=True)), (x,))
    if not isinstance(p, lk.MLP):
        a = normed(own, "norm", torch.sigmoid(dense_layer(own, "in", x)))
        return dense_layer(own, "out", a + nn.functional.gelu(dense_layer(own, "around.dense", a)))
    depth, a = len(p.sizes) - 1, x
    for i in range(1, depth):
        a = dense_layer(own, f"layer{i}", a)
        a = _H[p.activation](normed(own, f"norm{i}", a) if p.batch_norm else a)
    return dense_layer(own, f"layer{depth}", a)


def volatility(p: ConditionalVolatility, theta: Tensor, x: Tensor) -> Tensor:
    """μ and log σ of a series, day by day; a past before the first day has the presample's variance."""
    mean = reference(p.mean, theta[: p.mean.size], x[:, 1 + p.measures :]).expand(N, 1)[:, 0]
    own = {n: theta[q.start : q.start + q.size] for n, q in p.parts.items()}
    e, n_shared = x[:, 0] - mean, len(own.get("shares", [])) + 1
    total = 1.0 if "persistence" not in own else torch.sigmoid(own["persistence"])
    shares = total * torch.softmax(torch.cat((own.get("shares", theta[:0]), torch.zeros(1, dtype=F64))), 0)
    log_scale = exponential if isinstance(p, ExponentialGarch) else linear
    assert n_shared == len(shares)
    return torch.stack((mean, log_scale(p, own, shares, e, x)), -1)


def exponential(p, own, beta, e, x):
    past, z, out = math.log(0.7), [], []
    beta = beta if p.q else beta[:0]
    for t in range(N):
        level = own["intercept"][0]
        for i in range(p.p):
            level = level + (own["alpha"][i] * (z[t - 1 - i].abs() - math.sqrt(2 / math.pi)) if t > i else 0.0)
        for i in range(p.o):
            level = level + (own["gamma"][i] * z[t - 1 - i] if t > i else 0.0)
        for j in range(p.q):
            level = level + beta[j] * (out[t - 1 - j] if t > j else past)
        out.append(level)
        z.append(e[t] * torch.exp(-level / 2))
    return torch.stack(out) / 2


def linear(p, own, shares, e, x):
    inside = [t for t in p.terms if t.shock != "measure"]
    weights = [share * (2 if t.half else 1) for t, share in zip(inside, shares, strict=False)]
    weights += [w.exp() for w in own.get("log_weights", [])]
    counts = {"square": lambda v: 1.0, "gain": lambda v: float(v >= 0), "loss": lambda v: float(v < 0)}
    h = []

    def shock(term, t):
        if t < 0:
            return 0.7 / 2 if term.half else 0.7
        return x[t, 1] if term.shock == "measure" else e[t] ** 2 * counts[term.shock](e[t])

    for t in range(N):
        total = own["log_intercept"][0].exp() if "log_intercept" in own else 0.0
        for w, term in zip(weights, p.terms, strict=True):
            total = total + w * sum(shock(term, t - term.lag - i) for i in range(term.window)) / term.window
        for j in range(p.feedback):
            total = total + shares[len(inside) + j] * (h[t - 1 - j] if t > j else 0.7)
        h.append(total)
    return torch.log(torch.stack(h)) / 2


def dense_layer(parts, name, x):
    return x @ parts[f"{name}.weight"] + parts[f"{name}.bias"]


def normed(parts, name, x):
    scale, shift, mean, variance = (parts[f"{name}.{own}"] for own in ("scale", "shift", "mean", "variance"))
    return nn.functional.batch_norm(x, mean, variance, scale, shift)


def judged(p: Predictor, theta: Tensor, x: Tensor) -> Tensor:
    return reference(p, theta, x) if theta.ndim == 1 else torch.stack([reference(p, t, x) for t in theta])


def dense(eta, theta: Tensor) -> Tensor:
    """η in any of its layouts as (…, n, K)."""
    stacked = torch.stack(torch.broadcast_tensors(*eta), -1) if isinstance(eta, tuple) else eta
    return stacked.expand(*theta.shape[:-1], N, stacked.shape[-1])


def like(eta, u: Tensor):
    """A dense u in the layout in which objectives hand it to a pullback: its own columns, spread over rows."""
    return tuple(c.clone() for c in u.unbind(-1)) if isinstance(eta, tuple) else u.clone()


def case(name, runs, seed=0):
    p, g = TABLE[name](), torch.Generator().manual_seed(seed)
    shape = (p.size,) if runs is None else (runs, p.size)
    theta = torch.randn(shape, generator=g, dtype=F64)
    x = torch.randn(N, P, generator=g, dtype=F64)
    if name in VOLATILE:
        x[:, 1].abs_()  # a measure of variance
        theta.mul_(0.25)  # an exponential of an exponential soon overflows
    u = torch.randn(*shape[:-1], N, p.outputs, generator=g, dtype=F64)
    v = torch.randn(shape, generator=g, dtype=F64)
    for place, part in p.parts.items():
        if place.endswith("variance"):
            theta[..., part.slice].abs_()
        if not part.learnt:
            v[..., part.slice] = 0.0
    return p, theta, x, u, v


def close(found, expected, tol=1e-12):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


@predictors
@runs
def test_forward_is_the_formula(name, runs):
    p, theta, x, _, _ = case(name, runs)
    close(dense(p.forward(theta, x)[0], theta), judged(p, theta, x))


@predictors
@runs
def test_pullback_is_autograds(name, runs):
    p, theta, x, u, _ = case(name, runs)
    leaf = theta.clone().requires_grad_()
    product = (judged(p, leaf, x) * u).sum() + 0 * leaf.sum()  # a predictor may have no parameters
    expected = torch.autograd.grad(product, leaf)[0]
    eta, tape = p.forward(theta, x)
    out = torch.full_like(theta, math.nan)
    p.pullback(theta, tape, like(eta, u), out)
    close(out, expected)
    p.pullback(theta, tape, like(eta, u), out)
    close(out, expected)  # the tape can be used again, and out is overwritten


@predictors
@runs
def test_pushforward_is_autograds(name, runs):
    p, theta, x, _, v = case(name, runs)
    _, expected = torch.func.jvp(lambda t: judged(p, t, x), (theta,), (v,))
    _, tape = p.forward(theta, x)
    close(dense(p.pushforward(theta, tape, v), theta), expected.expand(*theta.shape[:-1], N, p.outputs))


@predictors
def test_pushforward_is_the_difference_quotient(name):
    p, theta, x, _, v = case(name, None)
    h = 1e-6
    ahead, behind = (dense(p.forward(theta + s * h * v, x)[0], theta) for s in (1, -1))
    pushed = dense(p.pushforward(theta, p.forward(theta, x)[1], v), theta)
    torch.testing.assert_close(pushed, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


@predictors
@runs
def test_pullback_and_pushforward_are_adjoint(name, runs):
    p, theta, x, u, v = case(name, runs)
    eta, tape = p.forward(theta, x)
    pushed = dense(p.pushforward(theta, tape, v), theta)
    out = torch.zeros_like(theta)
    p.pullback(theta, tape, like(eta, u), out)
    close((u * pushed).sum((-2, -1)), (out * v).sum(-1))


@predictors
@runs
def test_jacobian_is_the_identity_pushed_forward(name, runs):
    p, theta, x, _, _ = case(name, runs)
    _, tape = p.forward(theta, x)
    jacobian = p.jacobian(theta, tape)
    assert len(jacobian) == p.outputs
    assert tuple(len(index) for _, index in jacobian) == p.jacobian_widths
    full = torch.zeros(*theta.shape[:-1], N, p.outputs, p.size, dtype=F64)
    for k, (matrix, index) in enumerate(jacobian):
        full[..., k, index] = matrix
    for j in range(p.size):
        unit = torch.zeros_like(theta)
        unit[..., j] = 1.0
        close(full[..., j], dense(p.pushforward(theta, tape, unit), theta))


@predictors
def test_linear_says_whether_it_is(name):
    p, theta, x, _, v = case(name, None)
    assert p.linear is (name in LINEAR)
    ahead, here, zero = (dense(p.forward(t, x)[0], theta) for t in (theta + v, theta, torch.zeros_like(theta)))
    if p.linear:
        pushed = dense(p.pushforward(theta, p.forward(theta, x)[1], v), theta)
        close(ahead, here + pushed)
    else:
        assert not torch.allclose(ahead - here, dense(p.forward(v, x)[0], theta) - zero)


@predictors
def test_parts_tile_theta_and_only_weights_are_penalised(name):
    p = TABLE[name]()
    at = 0
    for part in p.parts.values():
        assert part.start == at
        at += part.size
    assert at == p.size
    for place, part in p.parts.items():
        assert part.penalised is place.endswith("weight")


# Initial parameters and runs


@predictors
def test_run_i_never_depends_on_how_many_there_are(name):
    p = TABLE[name]()
    three = p.init([stream(0, "init", i) for i in range(3)], F64)
    assert three.shape == (3, p.size)
    for i in range(3):
        assert torch.equal(p.init([stream(0, "init", i)], F64)[0], three[i])
    assert p.init([stream(0, "init")]).dtype == torch.float32


@predictors
def test_runs_in_lockstep_are_the_runs_alone(name):
    p, theta, x, u, v = case(name, 3)
    eta, tape = p.forward(theta, x)
    out = torch.zeros_like(theta)
    p.pullback(theta, tape, like(eta, u), out)
    pushed = dense(p.pushforward(theta, tape, v), theta)
    for i in range(3):
        alone, own = p.forward(theta[i], x)
        close(dense(eta, theta)[i], dense(alone, theta[i]))
        g = torch.zeros_like(theta[i])
        p.pullback(theta[i], own, like(alone, u[i]), g)
        close(out[i], g)
        close(pushed[i], dense(p.pushforward(theta[i], own, v[i]), theta[i]))


@pytest.mark.parametrize("h", ACTIVATIONS)
def test_initial_variances_are_those_of_the_papers(h):
    p = lk.MLP((400, 300, 200), activation=h)
    theta = p.init([stream(0, "init")], F64)[0]
    first, last = (theta[p.parts[f"layer{i}.weight"].slice] for i in (1, 2))
    gain = 2.0 if h in ("relu", "gelu") else 1.0
    assert float(first.var()) == pytest.approx(gain / 400, rel=0.03)
    assert float(last.var()) == pytest.approx(1 / 300, rel=0.03)
    assert not theta[p.parts["layer1.bias"].slice].any()


def test_linear_models_start_at_zero_and_constants_where_told():
    assert not lk.Linear(P, 3).init([stream(0, "init")]).any()
    assert lk.Constant(2, start=0.25).init([stream(0, "init")]).tolist() == [[0.25, 0.25]]


def test_a_module_starts_anew_or_as_given_and_leaves_the_global_generator_alone():
    module = nn.Linear(P, 2).double()
    given = torch.cat([q.detach().flatten() for q in module.parameters()])
    assert torch.equal(lk.Module(module, outputs=2, start="given").init([stream(0, "init")], F64)[0], given)
    reset, other = (lk.Module(nn.Linear(P, 2).double(), outputs=2) for _ in range(2))
    state = torch.random.get_rng_state()
    a, b = (reset.init([stream(s, "init")], F64)[0] for s in (0, 1))
    assert not torch.equal(a, b)
    assert torch.equal(a, other.init([stream(0, "init")], F64)[0])
    assert torch.equal(state, torch.random.get_rng_state())


# Views of θ


@pytest.mark.parametrize("name", ["linear", "mlp, relu, 1 hidden", "columns, two from one"])
def test_views_are_right_when_theta_is_allocated_anew(name):
    p, _, x, _, _ = case(name, None)
    for seed in range(40):  # storage of one turn is free for the next
        theta = torch.randn(p.size, generator=torch.Generator().manual_seed(seed), dtype=F64)
        close(dense(p.forward(theta, x)[0], theta), judged(p, theta, x))
        wide = theta.repeat(2, 1)
        close(dense(p.forward(wide, x)[0], wide), judged(p, wide, x))
        close(dense(p.forward(wide[1], x)[0], theta), judged(p, theta, x))
        close(dense(p.forward(wide[:1], x)[0], wide[:1]), judged(p, wide[:1], x))
        single = theta.float()
        close(dense(p.forward(single, x.float())[0], single).double(), judged(p, theta, x), 1e-4)


def test_views_see_a_theta_that_changes_in_place_and_are_made_once():
    p, theta, x, _, _ = case("mlp, tanh, 1 hidden", None)
    first = p.views(theta)
    theta.mul_(-0.5)
    assert p.views(theta) is first
    close(p.forward(theta, x)[0], judged(p, theta, x))


# What else a predictor promises


@pytest.mark.parametrize("name", [n for n in TABLE if "module" not in n and n not in VOLATILE])
@runs
def test_reexpressed_theta_gives_the_same_eta_on_other_columns(name, runs):
    p, theta, x, _, _ = case(name, runs)
    scale = torch.tensor([0.1, 2.0, 30.0, 1.0], dtype=F64)
    centre = torch.tensor([1.0, -2.0, 50.0, 0.0], dtype=F64) if p.has_intercepts else torch.zeros(P, dtype=F64)
    moved = p.reexpress(theta, centre, scale)
    close(judged(p, moved, x), judged(p, theta, (x - centre) / scale), 1e-10)
    torch.testing.assert_close(theta, case(name, runs)[1], rtol=0, atol=0)  # left as it was


@pytest.mark.parametrize(
    "name", [n for n in TABLE if n.startswith(("mlp", "constant"))] + ["linear", "linear, one output"]
)
@runs
def test_eta_can_be_scaled_and_shifted(name, runs):
    p, theta, x, _, _ = case(name, runs)
    close(judged(p, p.affine_output(theta, 3.0, -0.5), x), 3.0 * judged(p, theta, x) - 0.5)
    torch.testing.assert_close(theta, case(name, runs)[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["columns, named", "module, mlp", "linear, no intercept"])
def test_what_cannot_scale_and_shift_its_eta_says_so(name):
    p, theta, _, _, _ = case(name, None)
    with pytest.raises(NotOnOfferError, match="cannot absorb a scale and shift of η"):
        p.affine_output(theta, 3.0, -0.5)


@pytest.mark.parametrize("name", ["columns, module", "module, mlp"])
def test_what_keeps_no_form_under_scaling_says_so(name):
    p, theta, _, _, _ = case(name, None)
    with pytest.raises(NotOnOfferError, match="cannot be fitted on implicitly standardised inputs"):
        p.reexpress(theta, torch.zeros(P), torch.ones(P))


@pytest.mark.parametrize("intercept", [True, False])
def test_gauge_directions_shift_all_columns_alike_in_every_row(intercept):
    p = lk.Linear(P, 3, intercept=intercept)
    gauge = p.gauge()
    close(gauge.mT @ gauge, torch.eye(P + intercept, dtype=F64))
    x = case("linear", None)[2]
    for direction in gauge.mT:
        eta = p.forward(direction.contiguous(), x)[0]
        close(eta, eta[:, :1].expand_as(eta))
    # and there are no others: the columns' differences have full rank in what is left
    left = torch.linalg.svd(torch.stack([(lambda e: (e - e.mean(-1, keepdim=True)).flatten())(
        p.forward(d.contiguous(), x)[0]) for d in torch.eye(p.size, dtype=F64)]))[1]  # fmt: skip
    assert int((left < 1e-10).sum()) == gauge.shape[1]


@pytest.mark.parametrize("name", SAVED)
def test_json_makes_the_same_predictor(name):
    p, theta, x, _, _ = case(name, None)
    again = from_json(json.loads(json.dumps(p.to_json())))
    assert type(again) is type(p)
    assert again.parts == p.parts
    close(dense(again.forward(theta, x)[0], theta), dense(p.forward(theta, x)[0], theta), 0.0)
    streams = [[stream(0, "init")] for _ in range(2)]
    assert torch.equal(again.init(streams[0], F64), p.init(streams[1], F64))


@predictors
def test_rows_of_another_length_are_refused(name):
    p = TABLE[name]()
    if p.inputs is not None:
        with pytest.raises(ShapeError, match=rf"takes rows of {P} inputs, found x of shape \(5, 9\)"):
            p.check_inputs(torch.zeros(5, 9))
    p.check_inputs(torch.zeros(5, P))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(SpecificationError, match="at least two widths"):
        lk.MLP((4,))
    with pytest.raises(SpecificationError, match="of 1 or more"):
        lk.MLP((4, 0, 2))
    with pytest.raises(UnknownNameError, match="no activation 'swish'"):
        lk.MLP((4, 2), activation="swish")
    with pytest.raises(SpecificationError, match="at least one predictor"):
        lk.Columns()
    with pytest.raises(SpecificationError, match="'mean' is one column"):
        lk.Columns(mean=lk.Linear(4, 2))
    with pytest.raises(SpecificationError, match="column '0': say how many columns it fills"):
        lk.Columns(lk.Module(nn.Linear(4, 1)), log_scale=lk.Constant())
    with pytest.raises(UnknownNameError, match="no predictor of kind 'tree'"):
        from_json({"kind": "tree"})


# Modules


def test_a_module_is_code_and_is_not_saved_but_loaded_into():
    module = nn.Linear(P, 2).double()
    p = lk.Module(module, outputs=2)
    with pytest.raises(SpecificationError, match="holds no code"):
        p.to_json()
    theta = torch.arange(p.size, dtype=F64)
    x = torch.randn(3, P, dtype=F64)
    close(p.load_into(theta)(x).detach(), p.forward(theta, x)[0])


def test_a_module_trains_under_a_draw_alone_and_keeps_its_own_parameters():
    module = nn.Sequential(nn.Linear(P, 200), nn.Dropout(0.5), nn.Linear(200, 1)).double()
    p = lk.Module(module, outputs=1)
    kept = [q.clone() for q in module.parameters()]
    theta, x = torch.randn(p.size, dtype=F64), torch.randn(N, P, dtype=F64)
    still = p.forward(theta, x)[0]
    assert torch.equal(still, p.forward(theta, x)[0])
    assert not torch.allclose(p.forward(theta, x, Draw(0, 0, torch.arange(N)))[0], still)
    assert torch.equal(still, p.forward(theta, x)[0])
    assert all(torch.equal(a, b) for a, b in zip(kept, module.parameters(), strict=True))


def test_a_module_needs_no_grad_mode_of_the_caller():
    p = lk.Module(nn.Linear(P, 2).double(), outputs=2)
    theta, x, out = torch.randn(p.size, dtype=F64), torch.randn(N, P, dtype=F64), torch.empty(p.size, dtype=F64)
    with torch.no_grad():
        eta, tape = p.forward(theta, x)
        p.pullback(theta, tape, torch.ones_like(eta), out)
    assert not eta.requires_grad
    close(out[p.parts["bias"].slice], torch.full((2,), float(N), dtype=F64))


def test_columns_of_eta_are_the_same_in_both_layouts():
    eta = torch.arange(6.0).reshape(3, 2)
    assert all(torch.equal(a, b) for a, b in zip(columns_of(eta), columns_of((eta[:, 0], eta[:, 1])), strict=True))


def test_streams_make_numpy_generators():
    assert isinstance(stream(0, "init"), np.random.Generator)


def test_a_modules_running_averages_stand_on_theta_and_are_not_learnt():
    """As torch's own training has them, step by step; the module itself is never written to."""
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    predictor, theirs = lk.Module(module, outputs=2, start="given"), copy.deepcopy(module)
    theta = predictor.init([stream(0, "init")], torch.float64)[0]
    for epoch in range(3):
        x = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(epoch))
        eta, tape = predictor.forward(theta, x, Draw(0, epoch, torch.arange(20)))
        torch.testing.assert_close(eta, theirs.train()(x).detach())
        out = torch.full_like(theta, 7.0)
        predictor.pullback(theta, tape, torch.ones_like(eta), out)
        for part in predictor.parts.values():
            assert part.learnt or not out[part.slice].any()
    torch.testing.assert_close(predictor.forward(theta, x)[0], theirs.eval()(x).detach())
    predictor.pullback(theta, predictor.forward(theta, x)[1], torch.ones_like(eta), out)
    assert not out[predictor.parts["1.running_var"].slice].any()
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items() if v.is_floating_point())


def test_weight_decay_leaves_alone_what_is_not_learnt():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    x, y = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 2
    objective = lk.Objective(lk.family("categorical"), lk.Module(module, outputs=2), x, y)
    with_decay, without = (
        lk.fit(objective, lk.rule("adamw", lr=1e-9, weight_decay=d), batch_size=16, budget=3).theta for d in (1e7, 0.0)
    )
    parts = objective.predictor.parts
    for name in ("1.running_mean", "1.running_var"):
        assert bool((with_decay[parts[name].slice] != 0).any())
    assert float(with_decay[parts["0.weight"].slice].norm()) < 0.95 * float(without[parts["0.weight"].slice].norm())
