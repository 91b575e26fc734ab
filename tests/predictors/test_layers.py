"""Every layer against torch.nn: forward, autograd's backward and forward-mode derivative, in double precision."""

import math

import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError
from likeliest.predictors import layers
from likeliest.predictors.layers import from_json
from likeliest.randomness import stream

F64 = torch.float64
N = 6
DRAW = lk.Draw(3, 1, torch.tensor([4, 0, 9, 2, 7, 5]))


def drawn(what, *shape):
    return torch.from_numpy(stream(0, what).normal(size=shape))


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


class Judge(nn.Module):
    """The same function from torch.nn; ``names`` are its parameters' names and how ours turn into them."""

    def __init__(self, module, **names):
        super().__init__()
        self.module, self.names = module.double(), names
        module.num_batches_tracked = None  # which forward mode may not count

    def forward(self, x):
        return self.module(x)

    def given(self, parts):
        """Our parts as the module's parameters and buffers."""
        turned = {
            "weight": lambda t: t.mT,
            "filter": lambda t: t.permute(0, 3, 1, 2),
            "channel": lambda t: t.mT[:, None],
        }
        return {n: turned.get(how, lambda t: t)(parts[own]) for n, (own, how) in self.names.items()}


def dense_judge():
    return Judge(nn.Linear(4, 3), weight=("weight", "weight"), bias=("bias", ""))


def norm_judge(kind):
    names = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
    return Judge(kind(3), **{n: (own, "") for n, own in names.items()})


def depthwise_judge(size, **kw):
    return Judge(Sequences(nn.Conv1d(3, 3, size, groups=3, bias=False, **kw)), **{"f.weight": ("weight", "channel")})


def norm_of_frames_judge():
    names = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
    judge = Judge(Sequences(nn.BatchNorm1d(3)), **{f"f.{n}": (own, "") for n, own in names.items()})
    judge.module.f.num_batches_tracked = None
    return judge


def conv_judge(*given, **kw):
    return Judge(nn.Conv2d(*given, bias=False, **kw), weight=("weight", "filter"))


class Sequences(nn.Module):
    """A module that takes (n, C, T), for rows (T, C)."""

    def __init__(self, module):
        super().__init__()
        self.f = module

    def forward(self, x):
        return self.f(x.mT).mT


class MeansAndMaxima(nn.Module):
    def forward(self, x):
        return torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1)


class OfBins(nn.Module):
    def forward(self, x):
        return torch.cat((x.mean(3), x.amax(3)), 1).mT


class ByTime(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, :, t].mT.reshape(len(x), -1) for t in range(x.shape[2])], 1)


class GRUJudge(Judge):
    """torch's has two intercepts for each gate, of which only the sum matters but for g's."""

    def __init__(self, both_ways):
        super().__init__(nn.GRU(3, 4, batch_first=True, bidirectional=both_ways))

    def forward(self, x):
        return self.module(x)[0]

    def given(self, parts):
        found = {}
        for d, suffix in enumerate(("", "_reverse")[: len(parts["bias"])]):
            found[f"weight_ih_l0{suffix}"] = parts["input_weight"][d].mT
            found[f"weight_hh_l0{suffix}"] = parts["state_weight"][d].mT
            found[f"bias_ih_l0{suffix}"] = parts["bias"][d]
            found[f"bias_hh_l0{suffix}"] = torch.cat((torch.zeros(8, dtype=F64), parts["state_bias"][d]))
        return found


class Pixels(nn.Module):
    def forward(self, x):
        m, s = x.new_tensor([0.2, 0.4, 0.5]), x.new_tensor([0.3, 0.2, 0.6])
        return ((x / 255 - m) / s).movedim(-1, 1)


class Around(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return x + self.f(x)


def picture(c, h, w):
    return lambda: channels_last(drawn("x", N, c, h, w))


TABLE = {
    "dense": (lambda: layers.Dense(4, 3), dense_judge, lambda: drawn("x", N, 4)),
    **{
        f"activation, {h}": (lambda h=h: layers.Activation(h), lambda m=m: Judge(m), lambda: drawn("x", N, 4))
        for h, m in {"relu": nn.ReLU(), "tanh": nn.Tanh(), "logistic": nn.Sigmoid(), "gelu": nn.GELU()}.items()
    },
    "batch norm": (lambda: layers.BatchNorm(3), lambda: norm_judge(nn.BatchNorm1d), lambda: drawn("x", N, 3)),
    "batch norm of pictures": (
        lambda: layers.BatchNorm(3),
        lambda: norm_judge(nn.BatchNorm2d),
        picture(3, 4, 2),
    ),
    "convolution": (lambda: layers.Conv2d(3, 2), lambda: conv_judge(3, 2, 3, padding=1), picture(3, 5, 4)),
    "convolution of grey": (lambda: layers.Conv2d(1, 2), lambda: conv_judge(1, 2, 3, padding=1), picture(1, 5, 4)),
    "convolution with strides": (
        lambda: layers.Conv2d(3, 2, 2, 2, 0),
        lambda: conv_judge(3, 2, 2, stride=2),
        picture(3, 5, 4),
    ),
    "convolution, 1 × 1": (lambda: layers.Conv2d(3, 2, 1), lambda: conv_judge(3, 2, 1), picture(3, 2, 3)),
    "convolution with two strides": (
        lambda: layers.Conv2d(3, 2, 3, (2, 1)),
        lambda: conv_judge(3, 2, 3, stride=(2, 1), padding=1),
        picture(3, 5, 4),
    ),
    "dense, by frames": (lambda: layers.Dense(4, 3), dense_judge, lambda: drawn("x", N, 5, 4)),
    "batch norm of frames": (lambda: layers.BatchNorm(3), norm_of_frames_judge, lambda: drawn("x", N, 5, 3)),
    "depthwise convolution": (
        lambda: layers.DepthwiseConv(3, 5),
        lambda: depthwise_judge(5, padding=2),
        lambda: drawn("x", N, 7, 3),
    ),
    "depthwise convolution with strides and gaps": (
        lambda: layers.DepthwiseConv(3, 3, 2, 2),
        lambda: depthwise_judge(3, stride=2, dilation=2, padding=2),
        lambda: drawn("x", N, 8, 3),
    ),
    "gru": (lambda: layers.GRU(3, 4), lambda: GRUJudge(False), lambda: drawn("x", N, 5, 3)),
    "gru, both ways": (lambda: layers.GRU(3, 4, True), lambda: GRUJudge(True), lambda: drawn("x", N, 5, 3)),
    "means and maxima": (layers.MeanMaxPool, lambda: Judge(MeansAndMaxima()), picture(3, 5, 4)),
    "means and maxima of bins": (layers.PoolBins, lambda: Judge(OfBins()), picture(3, 5, 4)),
    "as a picture": (layers.AsPicture, lambda: Judge(nn.Unflatten(1, (1, 5))), lambda: drawn("x", N, 5, 3)),
    "as a sequence": (layers.AsSequence, lambda: Judge(ByTime()), picture(3, 5, 4)),
    "in frames": (lambda: layers.InFrames(3), lambda: Judge(nn.Unflatten(1, (4, 3))), lambda: drawn("x", N, 12)),
    "ending": (layers.Ending, lambda: Judge(nn.Identity()), lambda: drawn("x", N, 5, 3)),
    "maxima": (lambda: layers.MaxPool(2), lambda: Judge(nn.MaxPool2d(2)), picture(3, 5, 4)),
    "global maxima": (
        lambda: layers.GlobalPool("max"),
        lambda: Judge(nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())),
        picture(3, 5, 4),
    ),
    "global means": (
        lambda: layers.GlobalPool("mean"),
        lambda: Judge(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
        picture(3, 5, 4),
    ),
    "flatten": (lambda: layers.Flatten(), lambda: Judge(nn.Flatten()), picture(3, 2, 2)),
    "normalise": (
        lambda: layers.Normalise((0.2, 0.4, 0.5), (0.3, 0.2, 0.6)),
        lambda: Judge(Pixels()),
        lambda: 100 + 50 * drawn("x", N, 4, 2, 3),
    ),
    "residual": (
        lambda: layers.Residual({"conv": layers.Conv2d(2, 2), "tanh": layers.Activation("tanh")}).placed("", True),
        lambda: Judge(Around(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.Tanh())),
                      **{"f.0.weight": ("conv.weight", "filter")}),
        picture(2, 4, 3),
    ),
    "residual that begins with a relu": (
        lambda: layers.Residual({"relu": layers.Activation("relu"), "conv": layers.Conv2d(2, 2)}).placed("", True),
        lambda: Judge(Around(nn.Sequential(nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1, bias=False))),
                      **{"f.1.weight": ("conv.weight", "filter")}),
        picture(2, 4, 3),
    ),
    "sequential": (
        lambda: layers.Sequential({"dense": layers.Dense(4, 3), "relu": layers.Activation(),
                                   "last": layers.Dense(3, 2)}).placed("", False),
        lambda: Judge(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)),
                      **{"0.weight": ("dense.weight", "weight"), "0.bias": ("dense.bias", ""),
                         "2.weight": ("last.weight", "weight"), "2.bias": ("last.bias", "")}),
        lambda: drawn("x", N, 4),
    ),
}  # fmt: skip

every_layer = pytest.mark.parametrize("name", TABLE)
in_training = pytest.mark.parametrize("draw", [None, DRAW], ids=["evaluated", "trained"])


def named_parts(layer):
    return {f"{path}.{n}".lstrip("."): part for path, leaf in layer.leaves("") for n, part in leaf.parts.items()}


def case(name):
    """The layer, its judge, its parts as leaves of autograd, and x."""
    layer, judge, x = (make() for make in TABLE[name])
    parts = {n: 0.5 * drawn(n, *p.shape) + n.endswith(("scale", "variance")) for n, p in named_parts(layer).items()}
    for n, p in named_parts(layer).items():
        parts[n] = parts[n].abs() if not p.learnt and n.endswith("variance") else parts[n]
    return layer, judge, parts, x


def judged(judge, parts, x, draw):
    """What torch.nn gives; its buffers are written to copies."""
    judge.train(draw is not None)
    given = {f"module.{n}": t for n, t in judge.given(parts).items()}
    given = {n: t.detach().clone() if "running" in n else t for n, t in given.items()}
    return torch.func.functional_call(judge, given, (x,)), given


def close(found, expected, tol=1e-12):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


def passed(layer, parts, x, draw):
    views = layer.nested(iter([p.clone() for p in parts.values()]))
    return views, *layer.forward(views, x.clone(memory_format=torch.preserve_format), draw)


@every_layer
@in_training
def test_forward_is_torchs(name, draw):
    layer, judge, parts, x = case(name)
    _, y, _ = passed(layer, parts, x, draw)
    expected, _ = judged(judge, parts, x, draw)
    close(y, expected)
    assert tuple(y.shape[1:]) == layer.shape_after(tuple(x.shape[1:]))


@every_layer
@in_training
def test_pullback_is_autograds(name, draw):
    layer, judge, parts, x = case(name)
    learnt = {n: parts[n].clone().requires_grad_() for n, p in named_parts(layer).items() if p.learnt}
    leaf = x.clone().requires_grad_()
    y, _ = judged(judge, parts | learnt, leaf, draw)
    u = drawn("u", *y.shape)
    *expected, x_back = torch.autograd.grad((y * u).sum(), [*learnt.values(), leaf])

    views, _, tape = passed(layer, parts, x, draw)
    kept = u.clone()
    for _ in range(2):  # the tape can be used again
        flat = [torch.full_like(p, math.nan) for p in parts.values()]
        back = layer.pullback(views, tape, u, layer.nested(iter(flat)))
        close(back, x_back)
        found = dict(zip(parts, flat, strict=True))
        for n, grad in zip(learnt, expected, strict=True):
            close(found[n], grad)
    close(u, kept, 0.0)  # u belongs to the caller
    layer.pullback(views, tape, u, layer.nested(iter(flat)), further=False)
    for n, grad in zip(learnt, expected, strict=True):
        close(found[n], grad)


@every_layer
@in_training
@pytest.mark.parametrize("x_moves", [True, False])
def test_pushforward_is_autograds(name, draw, x_moves):
    layer, judge, parts, x = case(name)
    learnt = [n for n, p in named_parts(layer).items() if p.learnt]
    moves = {n: drawn(f"moving {n}", *p.shape) for n, p in parts.items()}
    dx = drawn("dx", *x.shape) if x_moves else torch.zeros_like(x)

    def function(x, *values):
        return judged(judge, parts | dict(zip(learnt, values, strict=True)), x, draw)[0]

    _, expected = torch.func.jvp(function, (x, *(parts[n] for n in learnt)), (dx, *(moves[n] for n in learnt)))
    views, _, tape = passed(layer, parts, x, draw)
    found = layer.pushforward(views, tape, layer.nested(iter(moves.values())), dx if x_moves else None)
    close(torch.zeros_like(expected) if found is None else found, expected)


@every_layer
def test_json_makes_the_same_layer(name):
    layer, _, parts, x = case(name)
    again = from_json(layer.to_json()).placed("", False)
    assert again.to_json() == layer.to_json()
    close(passed(again, parts, x, None)[1], passed(layer, parts, x, None)[1], 0.0)


def test_outputs_of_pictures_lie_channels_last_in_memory():
    net = lk.ResidualNet((8, 8, 1), 3, channels=(4, 8), dropout=0.5, compute="bfloat16")
    theta = net.init([stream(0, "init")])[0]
    for draw in (None, lk.Draw(0, 0, torch.arange(5))):
        for path, y in net.probe(theta, torch.zeros(5, 8, 8, 1), draw):
            assert y.ndim == 2 or y.is_contiguous(memory_format=torch.channels_last), path


# Batch norm


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm1d, (N, 3)), (nn.BatchNorm2d, (N, 3, 4, 2))])
def test_running_averages_are_torchs_batch_after_batch(kind, shape):
    ours, theirs = layers.BatchNorm(3), kind(3).double()
    views = [t.detach().clone() for t in (theirs.weight, theirs.bias, theirs.running_mean, theirs.running_var)]
    for batch in range(4):
        x = 2.0 + drawn(f"batch {batch}", *shape)
        close(ours.forward(views, x, DRAW)[0], theirs(x).detach())
        close(views[2], theirs.running_mean)
        close(views[3], theirs.running_var)
    theirs.eval()
    x = drawn("new", *shape)
    close(ours.forward(views, x, None)[0], theirs(x).detach())
    close(views[2], theirs.running_mean)


def test_a_batch_of_one_number_a_channel_is_taken_by_the_running_averages():
    layer, views = layers.BatchNorm(3), [torch.ones(3), torch.zeros(3), torch.ones(3), 4 * torch.ones(3)]
    x = torch.tensor([[3.0, 1.0, -1.0]])
    y, tape = layer.forward(views, x, lk.Draw(0, 0, torch.tensor([7])))
    close(y, (x - 1) / 2, 1e-5)
    close(views[3], 4 * torch.ones(3), 0.0)
    grads = [torch.empty(3) for _ in range(4)]
    assert torch.isfinite(layer.pullback(views, tape, torch.ones(1, 3), grads)).all()


# Dropout


def dropped(rate, rows, x, seed=0, epoch=0, path="drop"):
    layer = layers.Dropout(rate).placed(path, False)
    return layer.forward([], x, lk.Draw(seed, epoch, torch.as_tensor(rows)))[0]


def test_a_rows_mask_belongs_to_the_row_whatever_its_batch():
    x = torch.ones(5, 40)
    whole = dropped(0.4, [0, 1, 2, 3, 4], x)
    close(dropped(0.4, [3, 1], x[:2]), whole[[3, 1]], 0.0)
    close(dropped(0.4, [3, 1], x.expand(7, 5, 40)[:, :2]), whole[[3, 1]].expand(7, 2, 40), 0.0)  # runs share it
    for other in (
        dropped(0.4, range(5), x, seed=1),
        dropped(0.4, range(5), x, epoch=1),
        dropped(0.4, range(5), x, path="b"),
    ):
        assert 0.3 < float((other == whole).float().mean()) < 0.7


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rate_is_kept_and_so_is_the_mean(rate, dtype):
    n = 200_000
    y = dropped(rate, torch.arange(n // 100), torch.ones(n // 100, 100, dtype=dtype)).double()
    error = math.sqrt(rate * (1 - rate) / n)
    assert abs(float((y == 0).double().mean()) - rate) <= 4 * error
    kept = y[y != 0]
    close(kept, torch.full_like(kept, 1 / (1 - rate)), torch.finfo(dtype).eps)
    assert abs(float(y.mean()) - 1) <= 4 * error / (1 - rate) + torch.finfo(dtype).eps


def test_dropouts_derivatives_have_its_mask_and_evaluation_has_none():
    layer, x, u = layers.Dropout(0.5).placed("a", False), drawn("x", N, 2, 3, 4), drawn("u", N, 2, 3, 4)
    y, tape = layer.forward([], x, DRAW)
    mask = y / x
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    close(layer.pullback([], tape, u, []), u * mask)
    close(layer.pushforward([], tape, [], u), u * mask)
    y, tape = layer.forward([], x, None)
    assert y is x
    close(layer.pullback([], tape, u, []), u)


def test_two_dropouts_of_a_net_draw_numbers_of_their_own():
    net = lk.MLP((3, 50, 50, 1), dropout=0.5)
    theta = torch.ones(net.size)
    seen = dict(net.probe(theta, torch.ones(N, 3), DRAW))
    first, second = (seen[f"dropout{i}"] == 0 for i in (1, 2))
    assert 0.3 < float((first == second).float().mean()) < 0.7


# What cannot be


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (layers.Dense(4, 2), (5,), r"takes rows of 4 numbers, found \(5,\)"),
        (layers.BatchNorm(3), (4, 2, 2), "takes rows of 3 channels"),
        (layers.Conv2d(3, 2), (1, 5, 5), "takes pictures of 3 channels"),
        (layers.Conv2d(3, 2, 7, 1, 0), (3, 5, 5), "a window of 7 does not fit"),
        (layers.MaxPool(2), (3, 1, 5), "of that size or more"),
        (layers.GlobalPool(), (3,), "takes pictures"),
        (layers.Normalise((0.5,), (0.25,)), (5, 5, 3), r"takes pictures \(H, W, 1\)"),
        (layers.MeanMaxPool(), (3,), "takes pictures"),
        (layers.PoolBins(), (3, 4), "takes pictures"),
        (layers.Dense(4, 2), (5, 4, 4), "takes rows of 4 numbers"),
        (layers.BatchNorm(3), (3, 4), "takes rows of 3 channels"),
        (layers.DepthwiseConv(3, 5), (7, 4), r"takes sequences \(T, 3\), found \(7, 4\)"),
        (layers.GRU(3, 5), (3,), r"takes sequences \(T, 3\)"),
        (layers.AsPicture(), (3,), "takes sequences"),
        (layers.AsSequence(), (3, 4), "takes pictures"),
        (layers.InFrames(3), (7,), "takes rows of frames of 3 numbers"),
        (layers.Ending(), (3,), "takes sequences"),
        (layers.Residual({"a": layers.Dense(4, 2)}), (4,), r"needs its shape, \(4,\)"),
    ],
)
def test_rows_that_do_not_fit_are_named_with_the_layer(layer, shape, said):
    with pytest.raises(ShapeError, match=said):
        layer.shape_after(shape)
    with pytest.raises(ShapeError, match="layer second: .*" + said):
        layers.Sequential({"first": layers.Activation(), "second": layer}).shape_after(shape)


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(SpecificationError, match=r"lies in \[0, 1\), found 1"):
        layers.Dropout(1.0)
    with pytest.raises(SpecificationError, match="one mean and one scale > 0 a channel"):
        layers.Normalise((0.5,), (0.0,))
    with pytest.raises(SpecificationError, match="take an odd size, found 4"):
        layers.DepthwiseConv(3, 4)
    with pytest.raises(UnknownNameError, match="no global pooling by 'median'"):
        layers.GlobalPool("median")
    with pytest.raises(UnknownNameError, match="no activation 'swish'"):
        layers.Activation("swish")
    with pytest.raises(UnknownNameError, match="no layer 'attention'"):
        from_json({"layer": "attention"})


def test_flops_are_torchs_own_count():
    from torch.utils.flop_counter import FlopCounterMode

    for make in (
        lambda: lk.ResidualNet((8, 6, 3), 4, channels=(4, 8, 12), blocks=2),
        lambda: lk.MLP((5, 7, 3), activation="tanh"),
    ):
        net = make()
        x = torch.zeros(1, *net.shape)
        with FlopCounterMode(display=False) as counter:
            net.forward(net.init([stream(0, "init")])[0], x)
        assert net.flops == counter.get_total_flops()
    assert lk.Linear(5, 3).flops == 30
    assert lk.Columns(mean=lk.Linear(5), log_scale=lk.Constant()).flops == 10


def test_initial_variances_are_those_of_the_papers():
    layer = layers.Conv2d(64, 80)
    (weight,) = views = [torch.zeros(80, 3, 3, 64, dtype=F64)]
    layer.init(views, stream(0, "init"))
    assert float(weight.var()) == pytest.approx(2 / (64 * 9), rel=0.03)
