"""Certificates of nets of layers: every learnt part, by differences and by autograd through a forward of its own.

What is not learnt (running averages) is no target of gradients and stands in no certificate.
"""

import pytest
import torch

import likeliest as lk
from likeliest.certify import certify_objective
from likeliest.predictors import layers
from likeliest.randomness import stream

F64 = torch.float64
N = 16


def drawn(what, *shape):
    return torch.from_numpy(stream(0, what).normal(size=shape))


def trained(predictor, x):
    """An initial θ whose running averages are those of some batches and whose every entry is generic."""
    theta = predictor.init([stream(0, "init")], F64)[0]
    for part in predictor.parts.values():
        if part.learnt:
            theta[part.slice] += 0.1 * drawn(f"part {part.start}", part.size)
    for epoch in range(5):
        predictor.forward(theta, x, lk.Draw(0, epoch, torch.arange(len(x))))
    return theta


def pictures(*shape):
    return torch.from_numpy(stream(0, "pixels").integers(0, 256, (N, *shape))).to(torch.uint8)


NETS = {
    "mlp, batch norm": (lambda: lk.MLP((3, 5, 4, 2), activation="tanh", batch_norm=True), lambda: drawn("x", N, 3)),
    "mlp, batch norm and dropout": (
        lambda: lk.MLP((3, 6, 2), activation="gelu", batch_norm=True, dropout=0.3),
        lambda: drawn("x", N, 3),
    ),
    "residual net": (
        lambda: lk.ResidualNet((5, 4, 1), 2, channels=(2, 2), activation="tanh", pool="mean"),
        lambda: pictures(5, 4, 1),
    ),
    "residual net, relu and maxima": (
        lambda: lk.ResidualNet((4, 4, 3), 3, channels=(2, 2), dropout=0.2),
        lambda: pictures(4, 4, 3),
    ),
}


def objective_of(name):
    make, rows = NETS[name]
    predictor, x = make(), rows()
    y = torch.from_numpy(stream(0, "y").integers(0, predictor.outputs, N))
    return lk.Objective(lk.family("categorical"), predictor, x, y, l2=0.3), trained(predictor, x.double())


@pytest.mark.parametrize("name", NETS)
def test_every_learnt_part_is_certified_by_two_witnesses(name):
    objective, theta = objective_of(name)
    certificate = certify_objective(objective, theta, order=2 if name == "mlp, batch norm" else 1)
    assert certificate.passed, certificate
    learnt = [name for name, part in objective.predictor.parts.items() if part.learnt]
    assert [p.part for p in certificate.parts] == learnt
    assert len(learnt) < len(objective.predictor.parts)
    assert certificate.worst <= certificate.resolution <= 1e-5
    assert all(p.worst_autograd is not None and p.worst_autograd < 1e-11 for p in certificate.parts)


@pytest.mark.parametrize("kind", [layers.Conv2d, layers.BatchNorm, layers.Dense])
def test_a_layer_whose_pullback_is_off_is_found(kind, monkeypatch):
    objective, theta = objective_of("residual net")
    right = kind.pullback

    def spoilt(self, views, tape, u, grads, further=True):
        back = right(self, views, tape, u, grads, further)
        grads[0].mul_(1 + 1e-4)
        return back

    monkeypatch.setattr(kind, "pullback", spoilt)
    certificate = certify_objective(objective, theta)
    suffix = {"conv2d": "conv", "batch_norm": "norm", "dense": "head"}[kind.kind]
    wrong = {f.part for f in certificate.findings}
    ends = ".scale" if kind is layers.BatchNorm else ".weight"
    assert wrong == {n for n in objective.predictor.parts if suffix in n and n.endswith(ends)}


def test_columns_of_nets_are_certified_without_their_averages():
    predictor = lk.Columns(
        mean=lk.MLP((3, 4, 1), activation="tanh", batch_norm=True),
        log_scale=lk.MLP((3, 3, 1), activation="tanh", batch_norm=True),
    )
    x = drawn("x", N, 3)
    objective = lk.Objective(lk.family("normal"), predictor, x, drawn("y", N))
    certificate = certify_objective(objective, trained(predictor, x))
    assert certificate.passed, certificate
    assert [p.part for p in certificate.parts] == [n for n, p in predictor.parts.items() if p.learnt]
    assert not any(p.part.endswith((".mean", ".variance")) for p in certificate.parts)
