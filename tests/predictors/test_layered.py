"""Nets of layers as predictors: bfloat16, running averages on θ, rows and their neighbours, threads, probes, JSON."""

import json

import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError, UnknownNameError
from likeliest.predictors import layers
from likeliest.randomness import stream

F64, F32 = torch.float64, torch.float32
BF16 = torch.finfo(torch.bfloat16).eps


def drawn(what, *shape):
    return torch.from_numpy(stream(0, what).normal(size=shape))


def pixels(n, *shape):
    return torch.from_numpy(stream(0, "pixels").integers(0, 256, (n, *shape))).to(torch.uint8)


def residual(**kw):
    return lk.ResidualNet((8, 8, 1), 3, **{"channels": (8, 16, 16), "pool": "mean", **kw})


NETS = {
    "mlp": lambda **kw: lk.MLP((20, 30, 30, 3), **kw),
    "mlp, tanh": lambda **kw: lk.MLP((20, 30, 30, 3), activation="tanh", **kw),
    "mlp, gelu": lambda **kw: lk.MLP((20, 30, 3), activation="gelu", **kw),
    "mlp, batch norm and dropout": lambda **kw: lk.MLP((20, 30, 3), batch_norm=True, dropout=0.2, **kw),
    "residual net": residual,
}
every_net = pytest.mark.parametrize("name", NETS)


def case(name, n=64, dtype=F32, **kw):
    net = NETS[name](**kw)
    x = pixels(n, *net.shape).to(dtype) if len(net.shape) == 3 else drawn("x", n, *net.shape).to(dtype)
    return net, net.init([stream(0, "init")], dtype)[0], x, lk.Draw(0, 0, torch.arange(n))


def gradient(net, theta, x, draw):
    theta = theta.clone()
    eta, tape = net.forward(theta, x, draw)
    u = drawn("u", *eta.shape).to(eta.dtype) / len(x)
    out = torch.full_like(theta, torch.nan)
    net.pullback(theta, tape, u, out)
    return eta, out


# bfloat16


def relative(found, exact):
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    ("name", "kinks"),
    [("mlp", True), ("mlp, tanh", False), ("mlp, gelu", False), ("mlp, batch norm and dropout", True),
     ("residual net", True), ("residual net, tanh", False)],
)  # fmt: skip
def test_bfloat16_is_float32_to_its_own_resolution(name, kinks):
    """The error of each of L layers is about ε of its output, and they add up like random numbers: ε √L.

    A relu's or a maximum's derivative jumps where the input is within ε of a tie: for a share ε of the numbers in each
    layer it is altogether wrong, which makes √(ε L) of the gradient.
    """
    smooth = {"activation": "tanh"} if name.endswith("net, tanh") else {}
    net, theta, x, draw = case(name.removesuffix(", tanh") if smooth else name, **smooth)
    coarse, *_ = case(name.removesuffix(", tanh") if smooth else name, compute="bfloat16", **smooth)
    eta, grad = gradient(net, theta, x, draw)
    eta_coarse, grad_coarse = gradient(coarse, theta, x, draw)
    assert eta_coarse.dtype == grad_coarse.dtype == F32
    depth = sum(1 for _ in net.probe(theta, x))
    assert 0 < relative(eta_coarse, eta) < 2 * BF16 * depth**0.5
    bound = (BF16 * depth) ** 0.5 if kinks else 2 * BF16 * depth**0.5
    learnt = {place: part.slice for place, part in net.parts.items() if part.learnt}
    # Behind a batch norm of the batch an intercept has no gradient but round-off.
    seen = {place: s for place, s in learnt.items() if float(grad[s].norm()) > 1e-5 * float(grad.norm())}
    assert len(seen) >= len(learnt) - 1
    for place, s in seen.items():
        assert relative(grad_coarse[s], grad[s]) < bound, place
    assert not any(bool(grad_coarse[part.slice].any()) for part in net.parts.values() if not part.learnt)


@every_net
def test_evaluation_and_double_precision_are_never_coarse(name):
    net, theta, x, draw = case(name, n=9)
    coarse, *_ = case(name, compute="bfloat16")
    assert torch.equal(coarse.forward(theta, x)[0], net.forward(theta, x)[0])
    fine = theta.double()
    assert torch.equal(coarse.forward(fine.clone(), x, draw)[0], net.forward(fine.clone(), x, draw)[0])


def test_a_tape_in_bfloat16_is_good_after_another_theta_was_cast():
    net, theta, x, draw = case("mlp", compute="bfloat16")
    _, expected = gradient(net, theta, x, draw)
    for again in (net, lk.MLP(net.sizes, compute="bfloat16", dropout=1e-30)):  # by the loop, and layer by layer
        eta, tape = again.forward(theta, x, draw)
        _, other = again.forward(-theta, x, draw)
        u = drawn("u", *eta.shape).float() / len(x)
        out, aside = torch.empty_like(theta), torch.empty_like(theta)
        again.pullback(-theta, other, u, aside)
        again.pullback(theta, tape, u, out)
        torch.testing.assert_close(out, expected, rtol=0, atol=0)
        assert not torch.allclose(aside, expected)


def test_the_loop_of_a_plain_net_is_its_layers():
    for compute in (None, "bfloat16"):
        net, theta, x, draw = case("mlp", compute=compute)
        eta, grad = gradient(net, theta, x, draw)
        by_layers = lk.Layered(net.shape, net.layers.layers, compute=compute)
        assert by_layers.parts == net.parts
        eta_too, grad_too = gradient(by_layers, theta, x, draw)
        torch.testing.assert_close(eta, eta_too, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(grad, grad_too, rtol=1e-6, atol=1e-7)


# Running averages


@every_net
def test_a_draw_moves_what_is_not_learnt_and_nothing_else(name):
    net, theta, x, draw = case(name)
    before = theta.clone()
    net.forward(theta, x)
    assert torch.equal(theta, before)
    net.forward(theta, x, draw)
    for place, part in net.parts.items():
        assert torch.equal(theta[part.slice], before[part.slice]) is part.learnt, place
    list(net.probe(theta, x, draw))
    moved = theta.clone()
    list(net.probe(theta, x, draw))
    assert torch.equal(theta, moved)  # a probe leaves θ alone


def test_learnt_weights_come_first_and_averages_last():
    kinds = [(part.penalised, part.learnt) for part in residual().parts.values()]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {(True, True), (False, True), (False, False)}


def test_a_fit_carries_the_averages_to_its_best_theta():
    net, _, x, _ = case("residual net", n=96)
    y = torch.from_numpy(stream(0, "y").integers(0, 3, 96))
    found = lk.fit(lk.Objective(lk.family("categorical"), net, x, y), "adam", batch_size=32, budget=3)
    averages = torch.cat([found.theta[p.slice] for n, p in net.parts.items() if n.endswith("mean")])
    assert averages.any()
    assert torch.isfinite(found.theta).all()


# Rows and their neighbours


@every_net
@pytest.mark.parametrize(("dtype", "tol"), [(F32, 1e-4), (F64, 1e-12)])
def test_a_rows_eta_is_the_same_in_any_batch(name, dtype, tol):
    net, theta, x, draw = case(name, n=33, dtype=dtype)
    net.forward(theta, x, draw)
    whole = net.forward(theta, x)[0]
    for rows in ([5], [32, 0, 7], list(range(20))):
        torch.testing.assert_close(net.forward(theta, x[rows])[0], whole[rows], rtol=tol, atol=tol)


def test_bytes_and_numbers_are_one_picture():
    net, theta, x, _ = case("residual net", n=5)
    assert torch.equal(net.forward(theta, x.to(torch.uint8))[0], net.forward(theta, x)[0])


@pytest.mark.parametrize("kw", [{}, {"dropout": 0.3}, {"compute": "bfloat16"}], ids=str)
def test_one_thread_and_two_give_a_dense_net_the_same_bytes(kw):
    """Batch norm and the gradients of convolutions come from kernels that add up by thread."""
    x, y = drawn("x", 2048, 200).float(), torch.from_numpy(stream(0, "y").integers(0, 3, 2048))
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            objective = lk.Objective(lk.family("categorical"), lk.MLP((200, 256, 64, 3), **kw), x, y)
            found.append(lk.fit(objective, "adam", batch_size=512, budget=2).theta)
        finally:
            torch.set_num_threads(1)
    assert torch.equal(*found)


# Probes


@every_net
@pytest.mark.parametrize("in_training", [False, True])
def test_a_probe_gives_every_layers_output_and_eta_last(name, in_training):
    net, theta, x, draw = case(name)
    draw = draw if in_training else None
    seen = [(path, output.clone()) for path, output in net.probe(theta, x, draw)]
    names = [path for path, _ in seen]
    assert len(set(names)) == len(names)
    assert names[-1] == "eta"
    assert {place.rpartition(".")[0] for place in net.parts} < set(names)
    torch.testing.assert_close(seen[-1][1], net.forward(theta.clone(), x, draw)[0], rtol=1e-5, atol=1e-5)


def test_a_probe_shows_the_layers_own_numbers():
    net, theta, x, _ = case("mlp, tanh", dtype=F64)
    seen = dict(net.probe(theta, x))
    w1, w2, w3, b1, b2, b3 = net.views(theta)
    first = x @ w1 + b1
    torch.testing.assert_close(seen["layer1"], first)  # as it was before tanh
    torch.testing.assert_close(seen["activation1"], first.tanh())
    torch.testing.assert_close(seen["layer2"], first.tanh() @ w2 + b2)
    torch.testing.assert_close(seen["eta"], (first.tanh() @ w2 + b2).tanh() @ w3 + b3)
    assert [path for path, _ in lk.Linear(20, 3).probe(torch.zeros(63), x.float())] == ["eta"]


# By the inputs


def test_the_derivative_by_the_inputs_is_autograds():
    for name in NETS:
        net, theta, x, _ = case(name, n=4, dtype=F64)
        eta, tape = net.forward(theta, x)
        u = drawn("u", *eta.shape)
        found = net.pullback_to_inputs(theta, tape, u)
        h, way = 1e-4, drawn("way", *x.shape)
        ahead, behind = (net.forward(theta, x + s * h * way)[0] for s in (1, -1))
        expected = ((ahead - behind) * u).sum() / (2 * h)
        torch.testing.assert_close((found * way).sum(), expected, rtol=1e-5, atol=1e-7)


# Layouts, files, settings


@every_net
def test_json_makes_the_same_net(name):
    net, theta, x, draw = case(name, compute="bfloat16")
    again = lk.predictors.from_json(json.loads(json.dumps(net.to_json())))
    assert type(again) is type(net)
    assert (again.parts, again.compute, again.flops) == (net.parts, net.compute, net.flops)
    assert torch.equal(again.forward(theta.clone(), x, draw)[0], net.forward(theta.clone(), x, draw)[0])
    as_layers = lk.Layered(net.shape, net.layers.layers)
    again = lk.predictors.from_json(json.loads(json.dumps(as_layers.to_json())))
    assert torch.equal(again.forward(theta, x)[0], net.forward(theta, x)[0])


def test_a_plain_nets_json_and_layout_are_those_of_older_files():
    net = lk.predictors.from_json({"kind": "mlp", "sizes": [4, 5, 3], "activation": "tanh"})
    assert net.to_json() == {"kind": "mlp", "sizes": [4, 5, 3], "activation": "tanh"}
    assert list(net.parts) == ["layer1.weight", "layer2.weight", "layer1.bias", "layer2.bias"]


@pytest.mark.parametrize(("side", "pools"), [(28, 3), (8, 2), (4, 1), (3, 0), (1, 0)])
def test_pooling_stops_before_a_side_is_below_2(side, pools):
    net = lk.ResidualNet((side, side + 1, 3), 2)
    assert sum(path.startswith("stage") and path.endswith("pool") for path, _ in net.layers.leaves("")) == pools
    theta = net.init([stream(0, "init")])[0]
    assert net.forward(theta, pixels(2, side, side + 1, 3))[0].shape == (2, 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"layer b: Dense\(4, 2\) takes rows of 4 numbers, found \(3,\)"):
        lk.Layered((5,), {"a": layers.Dense(5, 3), "b": layers.Dense(4, 2)})
    with pytest.raises(ShapeError, match="flatten or pool"):
        lk.Layered((5, 5, 1), {"a": layers.Normalise((0.5,), (0.5,))})
    with pytest.raises(UnknownNameError, match="no compute precision 'float8'; there are bfloat16 and None"):
        lk.MLP((3, 2), compute="float8")
    with pytest.raises(SpecificationError, match=r"such as \(28, 28, 1\); found \(28, 28\)"):
        lk.ResidualNet((28, 28), 10)
    with pytest.raises(ShapeError, match=r"takes rows of shape \(8, 8, 1\), found x of shape \(2, 9, 8, 1\)"):
        residual().check_inputs(torch.zeros(2, 9, 8, 1))
    with pytest.raises(NotOnOfferError, match="probed at one θ"):
        list(residual().probe(torch.zeros(2, residual().size), torch.zeros(1, 8, 8, 1)))


def test_a_residual_net_is_the_one_of_torch_nn():
    """The whole of it once more from torch.nn's modules, trained and evaluated."""

    def convolved(i, o, *pool):
        return [nn.Conv2d(i, o, 3, padding=1, bias=False), *pool, nn.BatchNorm2d(o), nn.ReLU()]

    class Around(nn.Module):
        def __init__(self, *f):
            super().__init__()
            self.f = nn.Sequential(*f)

        def forward(self, x):
            return x + self.f(x)

    def stage(i, o):
        return [*convolved(i, o, nn.MaxPool2d(2)), Around(*convolved(o, o), *convolved(o, o))]

    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3)]
    judge = nn.Sequential(*convolved(1, 8), *stage(8, 16), *stage(16, 16), *end).double()
    net, theta, x, draw = case("residual net", n=6, dtype=F64)
    for place, part in net.parts.items():  # generic, but for the averages
        theta[part.slice] += 0.1 * drawn(place, part.size) if part.learnt else 0.0
    ours = {place: theta[p.slice].view(p.shape) for place, p in net.parts.items()}
    pairs = paired(judge, ours)
    for theirs, turned in pairs:
        theirs.data.copy_(turned(ours))
    normalised = ((x / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    u, v = drawn("u", 6, 3), drawn("v", net.size)
    for given in (None, draw):
        judge.train(given is not None).zero_grad()
        expected = judge(normalised)
        (expected * u).sum().backward()
        eta, tape = net.forward(theta, x, given)
        out = torch.full_like(theta, torch.nan)
        net.pullback(theta, tape, u, out)
        close(eta, expected.detach())
        grads = {place: out[p.slice].view(p.shape) for place, p in net.parts.items()}
        for theirs, turned in pairs:
            close(turned(grads), theirs.grad if theirs.grad is not None else torch.zeros_like(theirs))
        close((net.pushforward(theta, tape, v) * u).sum(), (out * v).sum())  # ⟨Jv, u⟩ = ⟨v, Jᵀu⟩
    for theirs, turned in pairs:
        close(turned(ours), theirs.detach())  # the averages as well


def paired(judge, ours):
    """Torch's tensors, each with how it comes out of a mapping from our places to tensors."""
    kinds = {
        nn.Conv2d: {"weight": ("weight", lambda t: t.permute(0, 3, 1, 2))},
        nn.BatchNorm2d: {"weight": ("scale", None), "bias": ("shift", None), "running_mean": ("mean", None),
                         "running_var": ("variance", None)},
        nn.Linear: {"weight": ("weight", lambda t: t.mT), "bias": ("bias", None)},
    }  # fmt: skip
    of_kind = {nn.Conv2d: "conv", nn.BatchNorm2d: "norm", nn.Linear: "head"}
    pairs = []
    for kind, parts in kinds.items():
        modules = [m for m in judge.modules() if isinstance(m, kind)]
        for theirs, (own, turned) in parts.items():
            places = [place for place in ours if of_kind[kind] in place and place.endswith(f".{own}")]
            for module, place in zip(modules, places, strict=True):
                pairs.append((getattr(module, theirs), lambda m, p=place, f=turned: m[p] if f is None else f(m[p])))
    return pairs


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("able", "flops", "wanted"),
    [
        ({"avx512_bf16": True}, None, "bfloat16"),
        ({"amx_bf16": True}, 1e9, "bfloat16"),
        ({"avx512_bf16": True}, 1e6, None),
        ({"avx2": True}, 1e9, None),
        ({}, None, None),
    ],
)
def test_bfloat16_is_preferred_where_the_processor_has_it_and_the_work_is_worth_it(able, flops, wanted, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert lk.preferred_compute(flops) == wanted


def test_many_pictures_are_evaluated_in_pieces_and_give_the_same(monkeypatch):
    net, theta, x, _ = case("residual net", n=11, dtype=F64)
    monkeypatch.setattr("likeliest.predictors.layered._NUMBERS", 4 * net.layers.numbers(net.shape))
    pieces = residual()
    u, v = drawn("u", 11, 3), drawn("v", net.size)
    found = []
    for p in (net, pieces):
        eta, tape = p.forward(theta, x)
        out = torch.full_like(theta, torch.nan)
        p.pullback(theta, tape, u, out)
        found.append((eta, out, p.pushforward(theta, tape, v), p.pullback_to_inputs(theta, tape, u)))
    assert [len(piece) for piece in tape] == [4, 4, 3]
    for whole, in_pieces in zip(*found, strict=True):
        close(in_pieces, whole)


def test_a_net_of_pictures_knows_how_many_numbers_it_makes():
    net, theta, x, _ = case("residual net", n=1)
    made = sum(y.numel() for path, y in net.probe(theta, x) if path != "eta")
    assert net.layers.numbers(net.shape) == made
