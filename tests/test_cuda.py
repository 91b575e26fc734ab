"""Fits on CUDA: as on the processor, captured as step by step, and the same again."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest import augment, capture
from likeliest.batches import Batches
from likeliest.checkpoint import Checkpoint
from likeliest.families import Automatic
from likeliest.interfaces import VerdictKind
from likeliest.predictors import Fixed
from likeliest.rules import SGD, Clipped, Decayed
from likeliest.rules.schedules import Cosine, OneCycle, Warmup

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

ROWS, BATCH, PASSES = 2_020, 64, 6


@pytest.fixture
def played(monkeypatch):
    """The number of steps that were played back, in a list of one."""
    count, step = [0], capture._Playback.step

    def counted(self, *given):
        count[0] += 1
        return step(self, *given)

    monkeypatch.setattr(capture._Playback, "step", counted)
    return count


@pytest.fixture
def one_by_one(monkeypatch):
    """A function that makes the fits after it take their steps one by one."""
    return lambda: monkeypatch.setattr(capture, "WORTH", 10**9)


def numbers(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, 12, generator=generator, dtype=torch.float64)
    y = (x[:, :3] + 0.5 * torch.randn(ROWS, 3, generator=generator, dtype=torch.float64)).argmax(1)
    weight = torch.rand(ROWS, generator=generator, dtype=torch.float64) + 0.5
    return x.to(dtype), y, weight.to(dtype)


def classes(predictor, device="cuda", dtype=torch.float32, **more):
    x, y, weight = numbers(dtype)
    return lk.Objective(lk.family("categorical"), predictor, x, y, weight, l2=0.1, device=device, **more)


def pictures(device="cuda", compute=None):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (ROWS, 8, 8, 1), generator=generator, dtype=torch.uint8)
    y = (x[:, :4].float().mean((1, 2, 3)) > x[:, 4:].float().mean((1, 2, 3))).long()
    chain = augment.Chain((augment.Shift(1), augment.Flip(), augment.Mixup(0.2, classes=2)))
    net = lk.ResidualNet((8, 8, 1), 2, channels=(8, 16), compute=compute)
    return lk.Objective(lk.family("categorical"), net, x, y, l2=0.1, transform=chain, device=device)


def mean_and_scale(device="cuda"):
    x, _, weight = numbers()
    columns = lk.Columns(mean=lk.MLP((11, 16, 1)), log_scale=lk.Constant())
    return lk.Objective(lk.family("normal"), columns, x[:, :11], x[:, 11] + x[:, 0] ** 2, weight, device=device)


def straight_line(device="cuda"):
    x, _, _ = numbers()
    columns = lk.Columns(mean=lk.Linear(12), log_scale=Fixed(0.0))
    return lk.Objective(lk.family("normal"), columns, x, x[:, 0] - x[:, 3], device=device)


MLP = (12, 24, 3)
OBJECTIVES = {
    "mlp": lambda device="cuda": classes(lk.MLP(MLP), device),
    "bfloat16": lambda device="cuda": classes(lk.MLP(MLP, compute="bfloat16"), device),
    "gelu": lambda device="cuda": classes(lk.MLP(MLP, activation="gelu"), device),
    "batch_norm": lambda device="cuda": classes(lk.MLP(MLP, batch_norm=True), device),
    "linear": lambda device="cuda": classes(lk.Linear(12, 3), device),
    "pictures": pictures,
    "pictures_bfloat16": lambda device="cuda": pictures(device, "bfloat16"),
    "mean_and_scale": mean_and_scale,
    "offset": lambda device="cuda": classes(lk.MLP(MLP), device, offset=numbers()[0][:, :3]),
}
RULES = {
    "sgd": lambda: lk.rule("sgd", lr=0.05),
    "momentum": lambda: lk.rule("momentum", lr=Cosine(0.02)),
    "nesterov": lambda: Clipped(lk.rule("nesterov", lr=OneCycle(0.05)), norm=0.5),
    "adagrad": lambda: lk.rule("adagrad", lr=0.02),
    "rmsprop": lambda: lk.rule("rmsprop", lr=1e-3),
    "adam": lambda: lk.rule("adam", lr=Warmup(20, Cosine(0.01))),
    "adamw": lambda: lk.rule("adamw", lr=0.01),
    "decayed": lambda: Decayed(lk.rule("adam", lr=0.01), 0.1),
    "delta_rule": lambda: lk.rule("delta_rule", lr=0.01),
}


def fitted(objective, rule, **more):
    return lk.fit(objective, rule, **({"batch_size": BATCH, "budget": PASSES, "seed": 3} | more))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_captured_equals_one_by_one(name, played, one_by_one):
    rule, more = lk.rule("adamw", lr=OneCycle(0.01)), {"average": 0.9}
    captured = fitted(OBJECTIVES[name](), rule, **more)
    assert played[0] > 150
    one_by_one()
    plain = fitted(OBJECTIVES[name](), rule, **more)
    assert played[0] < 200, "the second fit plays nothing back"
    assert torch.equal(captured.theta, plain.theta)
    assert captured.work == plain.work
    assert [r.value for r in captured.trace] == [r.value for r in plain.trace]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_captured_equals_one_by_one_and_the_processor(name, played, one_by_one):
    objective = straight_line if name == "delta_rule" else OBJECTIVES["mlp"]
    captured = fitted(objective(), RULES[name]())
    assert played[0] > 150
    one_by_one()
    assert torch.equal(captured.theta, fitted(objective(), RULES[name]()).theta)
    here = fitted(objective("cpu"), RULES[name]())
    assert here.work == captured.work
    torch.testing.assert_close(captured.theta.cpu(), here.theta, rtol=0.02, atol=0.02)
    assert float(captured.trace.records[-1].value[0]) == pytest.approx(float(here.trace.records[-1].value[0]), rel=1e-3)


def test_captured_adam_equals_torch_optim(played):
    x, y, _ = numbers()
    net = lk.MLP(MLP)
    objective = lk.Objective(lk.family("categorical"), net, x, y, device="cuda")
    theta = net.init([np.random.default_rng(0)])[0]
    found = fitted(objective, lk.rule("adam", lr=0.01), theta=theta)
    assert played[0] > 150
    peer = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3)).cuda()
    own = dict(zip(net.parts, net.views(theta), strict=True))
    with torch.no_grad():
        for i, layer in ((1, peer[0]), (2, peer[2])):
            layer.weight.copy_(own[f"layer{i}.weight"].mT)
            layer.bias.copy_(own[f"layer{i}.bias"])
    adam = torch.optim.Adam(peer.parameters(), lr=0.01)
    steps = PASSES * -(-ROWS // BATCH)
    for draw in itertools.islice(Batches(ROWS, BATCH, 3).after(0), steps):
        rows = draw.rows
        # The divisor is the batch's share of all weights, whatever the batch.
        loss = nn.functional.cross_entropy(peer(x[rows].cuda()), y[rows].cuda(), reduction="sum") / len(rows)
        adam.zero_grad()
        loss.backward()
        adam.step()
    there = dict(zip(net.parts, net.views(found.theta), strict=True))
    torch.testing.assert_close(there["layer1.weight"], peer[0].weight.mT, rtol=0.01, atol=0.01)
    torch.testing.assert_close(there["layer2.bias"], peer[2].bias, rtol=0.01, atol=0.01)


# What cannot be captured.


class Looking(Automatic):
    """A family that waits for a number of the device in the middle of a step."""

    def log_prob(self, eta, y):
        factor = 0.5 if float(y.abs().max()) > 0 else 1.0
        return -factor * (y - eta[..., 0]) ** 2


class Synchronising(Automatic):
    """A family that CUDA refuses to capture, and that nobody sees wait."""

    def log_prob(self, eta, y):
        torch.cuda.synchronize()
        return -0.5 * (y - eta[..., 0]) ** 2


class Halving(SGD):
    """A rule of one's own that reads the number of the step."""

    def step(self, local, state):
        return local.theta.sub_(local.grad, alpha=self.lr / (1 + state.step // 10))


class Forgetful(SGD):
    """A rule that counts on the processor."""

    def init(self, theta, predictor):
        state = super().init(theta, predictor)
        state.memory["count"] = 0
        return state

    def step(self, local, state):
        state.memory["count"] += 1
        return local.theta.sub_(local.grad, alpha=self.lr / state.memory["count"])


class Peeking(SGD):
    """A rule that asks for the batch at another θ."""

    def step(self, local, state):
        ahead = local.moved(local.theta - self.lr * local.grad).grad
        return local.theta.sub_(ahead, alpha=self.lr)


def own_family(family):
    x, _, _ = numbers()
    return lk.Objective(family, lk.MLP((12, 8, 1)), x, x[:, 0], device="cuda")


EAGER = {
    "dropout": lambda: fitted(classes(lk.MLP(MLP, dropout=0.3)), "adam"),
    "module": lambda: fitted(classes(lk.Module(nn.Linear(12, 3), outputs=3)), "adam"),
    "waits": lambda: fitted(own_family(Looking()), "adam"),
    "refused": lambda: fitted(own_family(Synchronising()), "adam"),
    "step": lambda: fitted(classes(lk.MLP(MLP)), Halving(lr=0.05)),
    "counts": lambda: fitted(classes(lk.MLP(MLP)), Forgetful(lr=0.05)),
    "peeks": lambda: fitted(classes(lk.MLP(MLP)), Peeking(lr=0.05)),
    "double": lambda: fitted(classes(lk.MLP(MLP), dtype=torch.float64), Peeking(lr=0.05)),
}


@pytest.mark.parametrize("name", EAGER)
def test_what_cannot_be_captured_is_stepped_one_by_one(name, played, one_by_one):
    found = EAGER[name]()
    assert played[0] == 0
    one_by_one()
    assert torch.equal(found.theta, EAGER[name]().theta)
    torch.rand(2, device="cuda")  # nothing is left as in a capture
    assert len(torch.empty(1 << 20, device="cuda")) == 1 << 20


def test_double_precision_is_captured_and_equals_the_processor(played):
    there = fitted(classes(lk.MLP(MLP), dtype=torch.float64), "adam")
    assert played[0] > 150
    here = fitted(classes(lk.MLP(MLP), "cpu", torch.float64), "adam")
    torch.testing.assert_close(there.theta.cpu(), here.theta, rtol=1e-8, atol=1e-8)
    assert there.verdict.kind == here.verdict.kind


# The same again.


@pytest.mark.parametrize("name", ["pictures", "pictures_bfloat16", "mlp"])
def test_the_same_seed_gives_the_same_bytes(name):
    first, second = (fitted(OBJECTIVES[name](), "adam").theta for _ in range(2))
    assert torch.equal(first, second)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("name", ["mlp", "pictures_bfloat16"])
@pytest.mark.parametrize("rule", ["adam", "nesterov", "rmsprop"])
def test_resumed_equals_uninterrupted(name, rule, tmp_path):
    def run(**more):
        objective = OBJECTIVES[name]()
        held_out = objective.held_out(objective.x[:200], objective.y[:200])
        return fitted(objective, RULES[rule](), validation=held_out, average=0.9, **more)

    def stop(progress):
        if progress.record.step > 80:
            raise StoppedError

    whole, checkpoint = run(), Checkpoint(tmp_path / "fit.checkpoint", every=7)
    with pytest.raises(StoppedError):
        run(checkpoint=checkpoint, callbacks=[stop])
    resumed = run(checkpoint=checkpoint)
    assert torch.equal(resumed.theta, whole.theta)
    assert resumed.work == whole.work
    assert [r.validation for r in resumed.trace] == [r.validation for r in whole.trace]


def test_runs_in_lockstep_with_rates_of_their_own():
    rule = lk.rule("adam", lr=torch.tensor([[1e-3], [1e-2]]))
    there, here = (fitted(classes(lk.MLP(MLP), device), rule).theta for device in ("cuda", "cpu"))
    torch.testing.assert_close(there.cpu(), here, rtol=0.01, atol=0.01)


# All else that a fit does.


def test_value_and_gradient_are_those_of_the_processor():
    x, y, weight = numbers(torch.float64)
    offset, l2 = torch.linspace(-1, 1, ROWS), torch.rand(lk.Linear(12).size) + 0.1
    theta = torch.linspace(-1, 1, lk.Linear(12).size).double()
    both = [
        lk.Objective(lk.family("bernoulli"), lk.Linear(12), x, (y == 1).double(), weight, offset, l2, device=device)
        for device in ("cpu", "cuda")
    ]
    here, there = both[0].at(theta), both[1].at(theta.cuda())
    assert there.grad.is_cuda
    torch.testing.assert_close(there.grad.cpu(), here.grad)
    torch.testing.assert_close(there.value.cpu(), here.value)
    torch.testing.assert_close(there.fisher_matrix().cpu(), here.fisher_matrix())
    part = both[1].subset(np.arange(50)).at(theta.cuda()).value
    torch.testing.assert_close(part.cpu(), both[0].subset(np.arange(50)).at(theta).value)


@pytest.mark.parametrize("rule", ["newton", "lbfgs", "gradient_descent"])
def test_full_batches(rule):
    x, y, _ = numbers(torch.float64)
    there, here = (
        lk.fit(lk.Objective(lk.family("bernoulli"), lk.Linear(12), x, (y == 1).double(), l2=1.0, device=device), rule)
        for device in ("cuda", "cpu")
    )
    assert there.theta.is_cuda
    assert there.verdict.kind == here.verdict.kind
    torch.testing.assert_close(there.theta.cpu(), here.theta, rtol=1e-5, atol=1e-6)


def test_separated_classes_are_named():
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]]).double()
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, (x[:, 0] > 0).double(), device="cuda")
    assert lk.fit(objective, "newton").verdict.kind is VerdictKind.SEPARATED


@pytest.mark.parametrize("captures", [True, False])
def test_a_poisoned_row_is_found_and_left_out(captures, one_by_one):
    if not captures:
        one_by_one()
    x, y, _ = numbers()
    x[137, 4] = torch.nan
    objective = lk.Objective(lk.family("categorical"), lk.MLP(MLP), x, y, device="cuda")
    found = fitted(objective, "adam", on_non_finite="continue")
    assert (found.autopsy.cause, found.autopsy.rows) == ("input", (137,))
    assert torch.isfinite(found.theta).all()
    assert fitted(objective, "adam").verdict.kind is VerdictKind.NON_FINITE


def test_a_learning_rate_that_is_too_large_is_halved():
    found = fitted(classes(lk.MLP(MLP)), lk.rule("sgd", lr=1e6), on_non_finite="continue")
    assert found.autopsy.cause == "learning_rate"
    assert torch.isfinite(found.theta).all()


def test_a_module_with_dropout_leaves_the_generators_alone():
    state = torch.cuda.get_rng_state()
    module = lk.Module(nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)), outputs=3)
    first, second = (fitted(classes(module), "adam", budget=1).theta for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.cuda.get_rng_state(), state)


def test_a_net_classifier_learns_there():
    x, y, _ = numbers()
    there, here = (
        lk.NetClassifier(hidden=(16,), budget=5, device=device).fit(x.numpy(), y.numpy()) for device in ("cuda", None)
    )
    np.testing.assert_allclose(there.predict_proba(x.numpy()), here.predict_proba(x.numpy()), atol=0.02)
