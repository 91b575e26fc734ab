"""The objective and its local view, against torch.distributions, autograd and sums written out."""

import numpy as np
import pytest
import torch
from torch import distributions, nn

import likeliest as lk
from likeliest.certify.reference import reference_eta
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError, SupportError
from likeliest.interfaces import Draw, Need
from likeliest.local import Meter
from likeliest.predictors import columns_of

F64 = torch.float64
N, P = 23, 3


def module(outputs):
    return lk.Module(nn.Sequential(nn.Linear(P, 4), nn.Tanh(), nn.Linear(4, outputs)).double(), outputs=outputs)


CASES = {
    "bernoulli linear": ("bernoulli", lambda: lk.Linear(P)),
    "bernoulli linear, no intercept": ("bernoulli", lambda: lk.Linear(P, intercept=False)),
    "bernoulli mlp": ("bernoulli", lambda: lk.MLP((P, 4, 1))),
    "bernoulli module": ("bernoulli", lambda: module(1)),
    "bernoulli columns": ("bernoulli", lambda: lk.Columns(mean=lk.Linear(P))),
    "categorical linear": ("categorical", lambda: lk.Linear(P, 4)),
    "categorical mlp": ("categorical", lambda: lk.MLP((P, 5, 4), activation="gelu")),
    "categorical module": ("categorical", lambda: module(4)),
    "poisson linear": ("poisson", lambda: lk.Linear(P)),
    "poisson mlp": ("poisson", lambda: lk.MLP((P, 4, 1), activation="tanh")),
    "poisson constant": ("poisson", lambda: lk.Constant()),
    "normal, one scale": ("normal", lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Constant())),
    "normal, scale known": ("normal", lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Fixed(0.4))),
    "normal, scale a line": ("normal", lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Linear(P))),
    "normal, one net": ("normal", lambda: lk.MLP((P, 4, 2), activation="logistic")),
    "normal, two models": ("normal", lambda: lk.Columns(mean=lk.MLP((P, 4, 1)), log_scale=lk.Constant())),
    "normal, constants": ("normal", lambda: lk.Columns(mean=lk.Constant(), log_scale=lk.Constant())),
}
LINEAR = [n for n in CASES if all(w not in n for w in ("mlp", "net", "models", "module"))]
OPTIONS = ["plain", "weight", "offset", "l2", "all"]

cases = pytest.mark.parametrize("name", CASES)
runs = pytest.mark.parametrize("runs", [None, 3])


def targets(family, g):
    if family == "categorical":
        return torch.randint(4, (N,), generator=g)
    if family == "bernoulli":
        return torch.randint(2, (N,), generator=g).double()
    if family == "poisson":
        return torch.randint(5, (N,), generator=g).double()
    return torch.randn(N, generator=g, dtype=F64)


def settings(family, option, g):
    given = {}
    if option in ("weight", "all"):
        given["weight"] = torch.rand(N, generator=g, dtype=F64) + 0.2
    if option in ("offset", "all"):
        offset = torch.randn(N, generator=g, dtype=F64)
        given["offset"] = torch.randn(N, 4, generator=g, dtype=F64) if family == "categorical" else offset
        if family == "normal":
            given["offset"] = {"mean": offset, "log_scale": offset / 3}
    if option in ("l2", "all"):
        given["l2"] = 1.7
    return given


def make(name, option="all", runs=None, seed=0, **kw):
    family, predictor = CASES[name]
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(N, P, generator=g, dtype=F64), targets(family, g)
    objective = lk.Objective(lk.family(family), predictor(), x, y, **settings(family, option, g), **kw)
    size = objective.predictor.size
    theta = 0.5 * torch.randn((size,) if runs is None else (runs, size), generator=g, dtype=F64)
    return objective, theta, 0.5 * torch.randn(theta.shape, generator=g, dtype=F64)


# The judge: one run, all rows at once, torch.distributions


def judged_eta(objective, theta):
    columns = columns_of(reference_eta(objective.predictor, theta, objective.x))
    offset = objective.offset
    if isinstance(offset, dict):
        return torch.stack([c + offset.get(k, 0.0) for k, c in enumerate(columns)], -1)
    return torch.stack(columns, -1) + (0.0 if offset is None else offset)


def judged_log_prob(objective, eta):
    kinds = {
        "bernoulli": lambda: distributions.Bernoulli(logits=eta[:, 0]),
        "categorical": lambda: distributions.Categorical(logits=eta),
        "poisson": lambda: distributions.Poisson(eta[:, 0].exp()),
        "normal": lambda: distributions.Normal(eta[:, 0], eta[:, 1].exp()),
    }
    return kinds[objective.family.name]().log_prob(objective.y)


def judged_weight(objective):
    return torch.ones(N, dtype=F64) if objective.weight is None else objective.weight


def judged_l2(objective, option):
    l2 = torch.zeros(objective.predictor.size, dtype=F64)
    for part in objective.predictor.parts.values():
        l2[part.slice] = 1.7 if part.penalised and option in ("l2", "all") else 0.0
    return l2


def judged_value(objective, option, theta, rows=None):
    w = judged_weight(objective)
    terms = w * -judged_log_prob(objective, judged_eta(objective, theta))
    batch = terms.sum() if rows is None else terms[rows].sum() * N / len(rows)
    return (batch + 0.5 * (judged_l2(objective, option) * theta**2).sum()) / w.sum()


def judged_information(family, eta):
    """E[score scoreᵀ] (n, K, K) from the textbook."""
    if family == "categorical":
        p = eta.softmax(-1)
        return torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    if family == "normal":
        return torch.diag_embed(torch.stack((torch.exp(-2 * eta[:, 1]), torch.full((N,), 2.0, dtype=F64)), -1))
    mean = eta.sigmoid() * (-eta).sigmoid() if family == "bernoulli" else eta.exp()
    return mean[:, :, None]


def judged_fisher(objective, option, theta):
    jacobian = torch.func.jacfwd(lambda t: judged_eta(objective, t))(theta)
    information = judged_information(objective.family.name, judged_eta(objective, theta))
    w = judged_weight(objective)
    total = torch.einsum("n,nkp,nkl,nlq->pq", w, jacobian, information, jacobian)
    return (total + judged_l2(objective, option).diag()) / w.sum()


def each_run(theta, f):
    return f(theta) if theta.ndim == 1 else torch.stack([f(t) for t in theta])


def assert_close(found, expected, tol=1e-11):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


@cases
@runs
@pytest.mark.parametrize("option", OPTIONS)
def test_value_and_gradient(name, runs, option):
    objective, theta, _ = make(name, option, runs)
    value = each_run(theta, lambda t: judged_value(objective, option, t))
    grad = each_run(theta, torch.func.grad(lambda t: judged_value(objective, option, t)))
    alone = objective.at(theta)
    assert_close(alone.value, value)
    assert_close(alone.grad, grad)
    together = objective.at(theta, needs=frozenset({Need.VALUE, Need.GRAD}))
    assert_close(together.grad, grad)
    assert_close(together.value, value)


@cases
@runs
def test_pullback_of_any_signal(name, runs):
    objective, theta, _ = make(name, "all", runs)

    def signal(eta, y):
        return tuple(c.sin() for c in eta) if isinstance(eta, tuple) else eta.sin()

    w = judged_weight(objective)

    def product(t):
        constant = judged_eta(objective, t).detach().sin()
        return torch.func.grad(lambda s: (w[:, None] * constant * judged_eta(objective, s)).sum() / w.sum())(t)

    assert_close(objective.at(theta).pullback(signal), each_run(theta, product))


@cases
@runs
@pytest.mark.parametrize("option", ["plain", "all"])
def test_fisher_products_and_matrix(name, runs, option):
    objective, theta, v = make(name, option, runs)
    matrix = each_run(theta, lambda t: judged_fisher(objective, option, t))
    assert_close(objective.at(theta).fisher_matrix(), matrix)
    assert_close(objective.at(theta).fisher(v), (matrix @ v[..., None])[..., 0])


@pytest.mark.parametrize("name", LINEAR)
@runs
@pytest.mark.parametrize("option", ["plain", "all"])
def test_hessian_products_and_matrix(name, runs, option):
    objective, theta, v = make(name, option, runs)
    matrix = each_run(theta, torch.func.hessian(lambda t: judged_value(objective, option, t)))
    assert_close(objective.at(theta).hessian_matrix(), matrix)
    assert_close(objective.at(theta).hessian(v), (matrix @ v[..., None])[..., 0])


@pytest.mark.parametrize("name", [n for n in CASES if n not in LINEAR])
def test_what_is_not_linear_offers_no_hessian(name):
    objective, theta, v = make(name)
    assert Need.HESSIAN not in objective.offers
    for read in (lambda: objective.at(theta).hessian_matrix(), lambda: objective.at(theta).hessian(v)):
        with pytest.raises(NotOnOfferError, match="not linear in θ; use the Fisher information"):
            read()


# Blocks, batches, weights


def everything(objective, theta, v, rows=None):
    """Each number that a view gives, from a fresh view each."""
    reads = {
        "value": lambda at: at.value,
        "grad": lambda at: at.grad.clone(),
        "pullback": lambda at: at.pullback(objective.family.score),
        "fisher": lambda at: at.fisher(v),
        "fisher_matrix": lambda at: at.fisher_matrix(),
    }
    if objective.predictor.linear:
        reads |= {"hessian": lambda at: at.hessian(v), "hessian_matrix": lambda at: at.hessian_matrix()}
    return {name: read(objective.at(theta, rows)) for name, read in reads.items()}


def assert_same(found, expected, tol=1e-12):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=tol, atol=tol, msg=lambda m, name=name: f"{name}: {m}")


@cases
@runs
def test_blocks_of_seven_rows_are_one_block(name, runs):
    (one, theta, v), (cut, _, _) = make(name, "all", runs), make(name, "all", runs, block=7)
    assert_same(everything(cut, theta, v), everything(one, theta, v))
    rows = torch.tensor([3, 1, 1, 20, 5, 7, 9, 11, 2])
    assert_same(everything(cut, theta, v, rows), everything(one, theta, v, rows))
    both = cut.at(theta, needs=frozenset({Need.VALUE, Need.GRAD}))
    assert_close(both.grad, one.at(theta).grad, 1e-12)
    assert_close(both.value, one.at(theta).value, 1e-12)


@cases
def test_a_batch_has_a_fixed_divisor(name):
    objective, theta, _ = make(name)
    rows = torch.tensor([4, 0, 17, 4])
    local = objective.at(theta, rows)
    assert local.n == 4
    assert_close(local.value, judged_value(objective, "all", theta, rows))
    assert_close(local.grad, torch.func.grad(lambda t: judged_value(objective, "all", t, rows))(theta))


@cases
@runs
def test_the_mean_over_equal_batches_is_the_whole(name, runs):
    # 23 rows in batches of one: weights differ, and the penalty is whole in each batch.
    objective, theta, _ = make(name, "all", runs)
    views = [objective.at(theta, torch.tensor([i])) for i in range(N)]
    assert_close(sum(v.grad.clone() for v in views) / N, objective.at(theta).grad)
    assert_close(sum(v.value for v in views) / N, objective.at(theta).value)


@cases
def test_weight_two_is_the_row_twice(name):
    objective, theta, v = make(name, "l2")
    twice = torch.cat((torch.arange(N), torch.arange(0, N, 2)))
    weight = 1.0 + (torch.arange(N) % 2 == 0).double()
    y = objective.y
    weighted = lk.Objective(objective.family, objective.predictor, objective.x, y, weight, l2=1.7)
    repeated = lk.Objective(objective.family, objective.predictor, objective.x[twice], y[twice], l2=1.7)
    assert_same(everything(weighted, theta, v), everything(repeated, theta, v))


@cases
def test_weight_zero_is_the_row_left_out(name):
    objective, theta, v = make(name, "all")
    weight = objective.weight.clone()
    weight[::3] = 0.0
    kept = torch.nonzero(weight)[:, 0]
    zero = lk.Objective(objective.family, objective.predictor, objective.x, objective.y, weight, given(objective), 1.7)
    assert_same(everything(zero, theta, v), everything(zero.subset(kept), theta, v))


def given(objective):
    """An objective's offset as its constructor takes it."""
    offset = objective.offset
    return {objective.family.columns[k]: o for k, o in offset.items()} if isinstance(offset, dict) else offset


@cases
def test_a_subset_is_an_objective_of_its_own(name):
    objective, theta, _ = make(name)
    rows = torch.tensor([2, 3, 5, 7, 11])
    w = judged_weight(objective)
    terms = w * -judged_log_prob(objective, judged_eta(objective, theta))
    expected = (terms[rows].sum() + 0.5 * (judged_l2(objective, "all") * theta**2).sum()) / w[rows].sum()
    assert_close(objective.subset(rows).at(theta).value, expected)
    assert_close(objective.subset(rows.numpy()).at(theta).value, expected)


def test_held_out_rows_have_no_penalty_and_replacing_keeps_the_rest():
    objective, theta, _ = make("bernoulli linear")
    held = objective.held_out(objective.x, objective.y, objective.weight, objective.offset)
    assert held.l2 is None
    assert_close(held.at(theta).value, judged_value(objective, "offset", theta))
    assert objective.replaced(l2=0.0).l2 is None
    assert_close(objective.replaced(x=objective.x).at(theta).value, objective.at(theta).value)
    assert_close(
        objective.replaced(l2=3.4).at(theta).value,
        objective.at(theta).value + objective.at(theta).value - held.at(theta).value,
    )


# Views


def test_a_view_computes_once_and_the_next_view_takes_the_buffer():
    objective, theta, v = make("categorical mlp")
    calls = []
    forward = objective.predictor.forward
    objective.predictor.forward = lambda *a: calls.append(1) or forward(*a)
    local = objective.at(theta)
    assert not calls
    first = local.grad
    assert local.grad is first
    kept = first.clone()
    local.value, local.fisher(v), local.pullback(objective.family.score)
    assert len(calls) == 1
    assert torch.equal(local.grad, kept)
    assert objective.at(theta + 1).grad.data_ptr() == first.data_ptr()


def test_theta_is_never_written_to():
    for name in CASES:
        objective, theta, v = make(name, "all", 3)
        kept = theta.clone()
        everything(objective, theta, v)
        assert torch.equal(theta, kept)


def test_moved_and_sampled_views():
    objective, theta, v = make("poisson linear")
    rows = torch.tensor([1, 2, 3])
    moved = objective.at(theta, rows).moved(theta + v)
    assert_close(moved.value, judged_value(objective, "all", theta + v, rows))
    sampled = objective.at(theta).sampled(10, seed=4)
    assert sampled.n == 10
    assert len(sampled.rows.unique()) == 10
    assert torch.equal(sampled.rows, objective.at(theta).sampled(10, seed=4).rows)
    assert not torch.equal(sampled.rows, objective.at(theta).sampled(10, seed=5).rows)
    assert objective.at(theta).sampled(10_000).n == N
    assert_close(sampled.value, judged_value(objective, "all", theta, sampled.rows))


def test_single_precision_data_compute_single_and_sum_double():
    objective, theta, _ = make("bernoulli mlp", "l2")
    single = lk.Objective(objective.family, objective.predictor, objective.x.float(), objective.y, l2=1.7)
    assert single.dtype == torch.float32
    for t in (theta, theta.float()):
        local = single.at(t)
        assert local.value.dtype == F64
        assert local.grad.dtype == t.dtype
        assert_close(local.value, objective.at(theta).value, 1e-6)
        assert_close(local.grad.double(), objective.at(theta).grad, 1e-6)


def test_the_meter_counts_row_gradients():
    objective, theta, v = make("bernoulli linear", "plain")

    def spent(read, **kw):
        meter = Meter()
        read(objective.at(theta, meter=meter, **kw))
        return meter.work / N

    both = frozenset({Need.VALUE, Need.GRAD})
    assert spent(lambda at: at.theta) == 0
    assert spent(lambda at: at.value) == pytest.approx(1 / 3)
    assert spent(lambda at: at.grad) == pytest.approx(1)
    assert spent(lambda at: (at.grad, at.value, at.grad)) == pytest.approx(1)
    assert spent(lambda at: (at.value, at.grad), needs=both) == pytest.approx(1)
    assert spent(lambda at: at.fisher(v)) == pytest.approx(1 / 3 + 2 / 3 + 2 / 3)
    assert spent(lambda at: (at.fisher(v), at.fisher(v))) == pytest.approx(1 / 3 + 8 / 3)
    assert spent(lambda at: at.grad, rows=torch.arange(5)) == pytest.approx(5 / N)
    assert spent(lambda at: at.moved(theta).value) == pytest.approx(1 / 3)
    # XᵀFX of p + 1 columns: (p + 1)² of products where a gradient has 2 (p + 1).
    assert spent(lambda at: at.fisher_matrix()) == pytest.approx(1 / 3 + (P + 1) / 2)


def test_blocks_that_are_not_kept_cost_a_forward_each_time():
    objective, theta, _ = make("bernoulli linear", "plain", block=7)
    meter = Meter()
    local = objective.at(theta, meter=meter)
    for read in ("value", "grad", "value"):
        getattr(local, read)
    assert meter.work / N == pytest.approx(1 / 3 + 1)


# Gauge


@pytest.mark.parametrize(("option", "directions"), [("plain", P + 1), ("l2", 1)])
def test_the_objective_never_changes_along_its_gauge(option, directions):
    objective, theta, _ = make("categorical linear", option)
    gauge = objective.at(theta).gauge
    assert gauge.shape == (objective.predictor.size, directions)
    assert_close(objective.at(theta + 3 * gauge.sum(1)).value, objective.at(theta).value)
    assert_close(gauge.mT @ objective.at(theta).grad, torch.zeros(directions, dtype=F64))
    spectrum = torch.linalg.eigvalsh(objective.at(theta).hessian_matrix())
    assert int((spectrum < 1e-12).sum()) == directions


def test_other_families_have_none():
    assert make("bernoulli linear", "plain")[0].gauge is None
    assert make("normal, one scale", "plain")[0].gauge is None


# What goes in


def test_arrays_lists_and_integers_go_in():
    x, y = np.arange(12).reshape(6, 2), [0, 1, 0, 1, 1, 0]
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(2), x, y, weight=np.ones(6), offset=[0.5] * 6)
    assert objective.dtype == torch.get_default_dtype()
    assert objective.total_weight == 6.0
    assert objective.names == ("x0", "x1")
    assert lk.Objective(lk.family("categorical"), lk.Linear(2, 2), x, np.array(y, np.int32)).y.dtype == torch.int64


def test_an_offset_of_a_single_column_may_be_named():
    objective, theta, v = make("bernoulli linear", "offset")
    one = lk.Objective(objective.family, objective.predictor, objective.x, objective.y, offset=objective.offset[:, 0])
    named = lk.Objective(
        objective.family, objective.predictor, objective.x, objective.y, offset={"mean": objective.offset[:, 0]}
    )
    assert_same(everything(one, theta, v), everything(named, theta, v))
    assert_same(everything(named.subset(torch.arange(N)), theta, v), everything(named, theta, v))


def test_class_probabilities_are_targets_too():
    objective, theta, v = make("categorical linear", "all")
    hot = nn.functional.one_hot(objective.y, 4).double()
    soft = lk.Objective(
        objective.family, objective.predictor, objective.x, hot, objective.weight, objective.offset, 1.7
    )
    assert_same(everything(soft, theta, v), everything(objective, theta, v))


def test_a_penalty_for_each_parameter():
    objective, theta, _ = make("bernoulli linear", "plain")
    l2 = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=F64)
    penalised = lk.Objective(objective.family, objective.predictor, objective.x, objective.y, l2=l2)
    assert_close(penalised.l2, l2)
    assert_close(penalised.at(theta).value - objective.at(theta).value, 0.5 * (l2 * theta**2).sum() / N)


@pytest.mark.parametrize(
    ("error", "message", "build"),
    [
        (ShapeError, "x has 4 rows and y has 3", {"y": [0.0, 1.0, 1.0]}),
        (ShapeError, "no rows", {"x": np.zeros((0, 2)), "y": []}),
        (ShapeError, "Linear takes rows of 2 inputs", {"x": np.zeros((4, 3))}),
        (ShapeError, r"weight needs one number a row, \(4,\); found \(2,\)", {"weight": [1.0, 1.0]}),
        (SpecificationError, "weights must be finite, at least 0", {"weight": [1.0, -1.0, 1.0, 1.0]}),
        (SpecificationError, "weights must be finite", {"weight": [1.0, np.nan, 1.0, 1.0]}),
        (SpecificationError, "not all 0", {"weight": [0.0] * 4}),
        (ShapeError, "offset needs one number a row", {"offset": [1.0, 1.0]}),
        (ShapeError, r"offset for \['log_scale'\]", {"offset": {"log_scale": np.ones(4)}}),
        (SpecificationError, "l2 must be at least 0", {"l2": -1.0}),
        (SpecificationError, "l2 must be at least 0", {"l2": float("nan")}),
        (ShapeError, "l2 needs one number, or one a parameter", {"l2": torch.ones(7)}),
        (SupportError, "row 2: bernoulli needs", {"y": [0.0, 1.0, 2.0, 1.0]}),
        (ShapeError, "one column of η; the predictor gives 2", {"predictor": lk.Linear(2, 2)}),
        (ShapeError, "one column of η; the predictor gives 3", {"predictor": lk.Module(nn.Linear(2, 3))}),
        (ShapeError, r"takes no rows of shape \(2,\)", {"predictor": lk.Module(nn.Linear(5, 1))}),
        (
            ShapeError,
            r"to give \(n, K\) for n rows, found \(2,\)",
            {"predictor": lk.Module(nn.Sequential(nn.Linear(2, 2), nn.Flatten(0)))},
        ),
        (
            ShapeError,
            r"to give \(n, 2\) for n rows, found \(1, 1\)",
            {"predictor": lk.Module(nn.Linear(2, 1), outputs=2)},
        ),
        (ShapeError, "none of them 'log_scale'", {"predictor": lk.Columns(log_scale=lk.Linear(2))}),
        (
            ShapeError,
            "pass the predictor itself",
            {"predictor": lk.Columns(mean=lk.Linear(2), log_scale=lk.Constant())},
        ),
    ],
)
def test_what_does_not_fit_is_refused(error, message, build):
    given = {
        "family": lk.family("bernoulli"),
        "predictor": lk.Linear(2),
        "x": np.ones((4, 2)),
        "y": [0.0, 1.0, 1.0, 0.0],
    }
    with pytest.raises(error, match=message):
        lk.Objective(**(given | build))


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        (lk.Linear(2), r"gives 1 of them. Write Columns\(mean=Linear\(p\), log_scale=Constant\(\)\)"),
        (lk.Columns(log_scale=lk.Constant(), mean=lk.Linear(2)), "'log_scale' stands where normal has 'mean'"),
    ],
)
def test_columns_are_matched_by_name_and_order(predictor, message):
    with pytest.raises(ShapeError, match=message):
        lk.Objective(lk.family("normal"), predictor, np.ones((3, 2)), [1.0, 2.0, 3.0])


def test_a_module_of_unknown_width_gives_the_same_curvature():
    known, theta, v = make("categorical module", "plain")
    unknown = lk.Objective(known.family, lk.Module(known.predictor.module), known.x, known.y)
    assert_close(unknown.at(theta).fisher(v), known.at(theta).fisher(v))
    assert_close(unknown.at(theta).fisher_matrix(), known.at(theta).fisher_matrix())


def test_a_theta_that_requires_grad_is_no_different():
    objective, theta, _ = make("categorical mlp")
    expected = objective.at(theta).grad.clone()
    assert_close(objective.at(theta.clone().requires_grad_()).grad, expected)


class Doubled:
    """A transform that learns from 2 x, and counts the rows that it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, x, y, weight, draw):
        assert x.dtype == torch.uint8
        self.seen.append(draw.rows)
        return x.to(torch.float32) * 2, y, weight


def test_a_transform_acts_under_a_draw_alone_and_sees_bytes():
    x, y = torch.randint(0, 256, (40, 3), dtype=torch.uint8), torch.arange(40) % 2
    transform = Doubled()
    objective = lk.Objective(lk.family("categorical"), lk.Linear(3, 2), x, y, transform=transform, block=8)
    plain = lk.Objective(lk.family("categorical"), lk.Linear(3, 2), x.float(), y)
    doubled = lk.Objective(lk.family("categorical"), lk.Linear(3, 2), 2 * x.float(), y)
    theta, rows = torch.linspace(-0.01, 0.01, 8), torch.arange(0, 40, 2)
    assert objective.x.dtype == torch.uint8
    torch.testing.assert_close(objective.at(theta, rows).grad, plain.at(theta, rows).grad)
    assert not transform.seen
    under_a_draw = objective.at(theta, rows, draw=Draw(0, 0, rows))
    torch.testing.assert_close(under_a_draw.grad, doubled.at(theta, rows).grad)
    assert torch.equal(torch.cat(transform.seen), rows), "each block's draw names that block's rows"


@runs
@cases
def test_a_gradient_by_the_jacobian_is_the_one_pulled_back(name, runs):
    objective, theta, _ = make(name, "all", runs)
    needs = frozenset({Need.VALUE, Need.GRAD})
    pulled = objective.at(theta, needs=needs).grad.clone()
    local = objective.at(theta, needs=needs)
    local.fisher_matrix()
    torch.testing.assert_close(local.grad, pulled, rtol=1e-12, atol=1e-13)
