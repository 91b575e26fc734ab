"""Rows that end before others: every layer along time gives each what it gives it alone, and so do derivatives."""

import math

import pytest
import torch

import likeliest as lk
from likeliest import sequences
from likeliest.predictors import layers
from likeliest.predictors.layers import Frames
from likeliest.randomness import stream

F64 = torch.float64
N, T = 4, 9
LENGTHS = torch.tensor([9, 4, 1, 7])
DRAW = lk.Draw(3, 1, torch.tensor([4, 0, 9, 2]))


def drawn(what, *shape):
    return torch.from_numpy(stream(0, what).normal(size=shape))


def sequence():
    return drawn("x", N, T, 3)


def picture():
    return drawn("x", N, 3, T, 4).contiguous(memory_format=torch.channels_last)


TABLE = {
    "dense": (lambda: layers.Dense(3, 2), sequence),
    "batch norm": (lambda: layers.BatchNorm(3), sequence),
    "batch norm of pictures": (lambda: layers.BatchNorm(3), picture),
    "convolution": (lambda: layers.Conv2d(3, 2), picture),
    "convolution with strides": (lambda: layers.Conv2d(3, 2, 5, (2, 1)), picture),
    "convolution without margins": (lambda: layers.Conv2d(3, 2, 3, 1, 0), picture),
    "depthwise convolution": (lambda: layers.DepthwiseConv(3, 5), sequence),
    "depthwise convolution with strides": (lambda: layers.DepthwiseConv(3, 3, 2, 2), sequence),
    "gru": (lambda: layers.GRU(3, 4), sequence),
    "gru, both ways": (lambda: layers.GRU(3, 4, True), sequence),
    "means and maxima": (layers.MeanMaxPool, lambda: picture() - 5),
    "means and maxima of bins": (layers.PoolBins, picture),
    "as a picture": (layers.AsPicture, sequence),
    "as a sequence": (layers.AsSequence, picture),
    "residual": (
        lambda: layers.Residual({"time": layers.DepthwiseConv(3, 3), "dense": layers.Dense(3, 3),
                                 "norm": layers.BatchNorm(3), "relu": layers.Activation()}).placed("", True),
        sequence,
    ),
    "sequential": (
        lambda: layers.Sequential({"conv": layers.Conv2d(3, 2, 3, 2), "relu": layers.Activation(),
                                   "again": layers.Conv2d(2, 2), "sequence": layers.AsSequence(),
                                   "gru": layers.GRU(4, 2, True)}).placed("", True),
        picture,
    ),
}  # fmt: skip
every_layer = pytest.mark.parametrize("name", TABLE)


def case(name):
    layer, x = (make() for make in TABLE[name])
    parts = [0.5 * drawn(f"{path} {n}", *p.shape) for path, leaf in layer.leaves("") for n, p in leaf.parts.items()]
    names = [n for _, leaf in layer.leaves("") for n in leaf.parts]
    parts = [p.abs() + 0.5 if n == "variance" else p for n, p in zip(names, parts, strict=True)]
    return layer, layer.nested(iter(parts)), parts, x


def after(x, lengths):
    """Where x, (n, T, …) or (n, C, T, F), is past its rows' ends."""
    over = torch.arange(x.shape[1 if x.ndim == 3 else 2]) >= lengths[:, None]
    return (over[:, None, :, None] if x.ndim == 4 else over[..., None]).expand_as(x)


def cut(x, lengths):
    return x if x.ndim == 2 else x.masked_fill(after(x, lengths), 0.0)


def close(found, expected, tol=1e-12):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


@every_layer
def test_a_row_is_what_it_is_alone_whatever_stands_after_its_end(name):
    layer, views, _, x = case(name)
    left = layer.frames_after(LENGTHS)
    x = x.masked_fill(after(x, LENGTHS), 1e3)
    y, _ = layer.along(views, x.clone(), None, Frames(LENGTHS, T))
    for i, length in enumerate(LENGTHS.tolist()):
        own = x[i : i + 1].narrow(x.ndim - 2, 0, length)
        if name == "convolution without margins" and length < 3:
            assert left[i] == 0
            continue
        alone, _ = layer.forward(views, own.clone(), None)
        if y.ndim > 2:
            assert alone.shape[y.ndim - 2] == left[i] == Frames(LENGTHS, T).after(layer).lengths[i]
            close(y[i : i + 1].narrow(y.ndim - 2, 0, int(left[i])), alone)
        else:
            close(y[i : i + 1], alone)


@every_layer
@pytest.mark.parametrize("draw", [None, DRAW], ids=["evaluated", "trained"])
def test_pullback_and_pushforward_are_those_of_difference_quotients(name, draw):
    """In training as well, where batch norm ties the rows together."""
    layer, views, parts, x = case(name)
    frames = Frames(LENGTHS, T)
    kept = [p.clone() for p in parts]

    def reset():
        for p, own in zip(parts, kept, strict=True):
            p.copy_(own)

    def value(step):
        moved = [p + step * m for p, m in zip(kept, moves, strict=True)]
        return layer.along(layer.nested(iter(moved)), x + step * dx, draw, frames)[0]

    learnt = [p.learnt for _, leaf in layer.leaves("") for p in leaf.parts.values()]
    moves = [drawn(f"move {i}", *p.shape) * own for i, (p, own) in enumerate(zip(parts, learnt, strict=True))]
    dx, h = drawn("dx", *x.shape), 1e-5
    quotient = (value(-2 * h) - 8 * value(-h) + 8 * value(h) - value(2 * h)) / (12 * h)
    y, tape = layer.along(views, x.clone(), draw, frames)
    reset()
    pushed = layer.pushforward(views, tape, layer.nested(iter(moves)), dx)
    close(pushed, quotient, 1e-8)
    u = drawn("u", *y.shape)
    grads = [torch.full_like(p, math.nan) for p in parts]
    back = layer.pullback(views, tape, u, layer.nested(iter(grads)))
    total = (back * dx).sum() + sum((g * m).sum() for g, m, own in zip(grads, moves, learnt, strict=True) if own)
    close((u * pushed).sum(), total)


@every_layer
def test_frames_after_an_end_get_no_derivative(name):
    layer, views, parts, x = case(name)
    y, tape = layer.along(views, x, DRAW, Frames(LENGTHS, T))
    u = cut(drawn("u", *y.shape), layer.frames_after(LENGTHS))
    back = layer.pullback(views, tape, u, layer.nested(iter([torch.empty_like(p) for p in parts])))
    close(back, cut(back, LENGTHS), 0.0)


@pytest.mark.parametrize(("make", "axis"), [(sequence, 1), (picture, 2)])
def test_batch_norm_is_torchs_of_the_frames_that_are_there(make, axis):
    """Its running averages as well."""
    x, judge = make(), torch.nn.BatchNorm1d(3).double()
    ours = layers.BatchNorm(3)
    views = [t.detach().clone() for t in (judge.weight, judge.bias, judge.running_mean, judge.running_var)]
    y, _ = ours.along(views, x.masked_fill(after(x, LENGTHS), 1e3), DRAW, Frames(LENGTHS, T))
    last = x if axis == 1 else x.movedim(1, -1)
    rows = torch.cat([row[:n].reshape(-1, 3) for row, n in zip(last, LENGTHS.tolist(), strict=True)])
    judged = judge(rows).detach()
    found = y if axis == 1 else y.movedim(1, -1)
    own = torch.cat([row[:n].reshape(-1, 3) for row, n in zip(found, LENGTHS.tolist(), strict=True)])
    close(own, judged)
    close(views[2], judge.running_mean)
    close(views[3], judge.running_var)
    close(y, cut(y, LENGTHS), 0.0)


@pytest.mark.parametrize("both_ways", [False, True])
def test_a_gru_is_torchs_of_packed_rows(both_ways):
    x, ours = sequence(), layers.GRU(3, 4, both_ways)
    judge = torch.nn.GRU(3, 4, batch_first=True, bidirectional=both_ways).double()
    views = [torch.zeros(p.shape, dtype=F64) for p in ours.parts.values()]
    ours.init(views, stream(0, "init"))
    views[2].copy_(drawn("b", *views[2].shape))
    views[3].copy_(drawn("c", *views[3].shape))
    for d, suffix in enumerate(("", "_reverse")[: 1 + both_ways]):
        getattr(judge, f"weight_ih_l0{suffix}").data.copy_(views[0][d].mT)
        getattr(judge, f"weight_hh_l0{suffix}").data.copy_(views[1][d].mT)
        getattr(judge, f"bias_ih_l0{suffix}").data.copy_(views[2][d])
        getattr(judge, f"bias_hh_l0{suffix}").data.copy_(torch.cat((torch.zeros(8), views[3][d])))
    leaf = x.clone().requires_grad_()
    packed = torch.nn.utils.rnn.pack_padded_sequence(leaf, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(judge(packed)[0], batch_first=True)
    u = drawn("u", *expected.shape)
    (expected * u).sum().backward()
    y, tape = ours.along(views, x, None, Frames(LENGTHS, T))
    grads = [torch.empty_like(v) for v in views]
    back = ours.pullback(views, tape, u, grads)
    close(y, expected.detach())
    close(back, leaf.grad)
    close(grads[0][0], judge.weight_ih_l0.grad.mT)
    close(grads[1][-1], getattr(judge, "weight_hh_l0" + "_reverse" * both_ways).grad.mT)
    close(grads[2][0], judge.bias_ih_l0.grad)
    close(grads[3][-1], getattr(judge, "bias_hh_l0" + "_reverse" * both_ways).grad[8:])


def test_an_ending_writes_certain_blanks_and_pulls_nothing_back_through_them():
    x, layer = sequence(), layers.Ending()
    y, tape = layer.along([], x, None, Frames(LENGTHS, T))
    assert sequences.frames(y).tolist() == LENGTHS.tolist()
    close(y[0], x[0], 0.0)
    assert torch.isinf(y[2, 1:, 1:]).all()
    u = drawn("u", *y.shape)
    close(layer.pullback([], tape, u, []), cut(u, LENGTHS), 0.0)
    close(layer.pushforward([], tape, [], u), cut(u, LENGTHS), 0.0)


def test_dropouts_masks_of_frames_do_not_depend_on_what_stands_beside_them():
    layer, x = layers.Dropout(0.5).placed("drop", False), torch.ones(N, T, 3)
    whole, _ = layer.along([], x, DRAW, Frames(LENGTHS, T))
    short, tape = layer.along([], x[1:2, :4], lk.Draw(3, 1, torch.tensor([0])), Frames(torch.tensor([4]), 4))
    close(short, whole[1:2, :4], 0.0)
    assert set(whole.unique().tolist()) == {0.0, 2.0}
    close(layer.pullback([], tape, 3 * torch.ones_like(short), []), 3 * short, 0.0)
    square, _ = layer.along([], torch.ones(N, N, 3), DRAW, Frames(torch.full((N,), N), N))
    close(square, whole[:, :N], 0.0)  # as many frames as rows


def test_frames_of_full_rows_cost_nothing():
    x = sequence()
    frames = Frames(torch.full((N,), T), T)
    assert frames.ended is None
    assert frames.there is None
    assert frames.cut(x) is x
    assert frames.after(layers.Dense(3, 2)) is frames
