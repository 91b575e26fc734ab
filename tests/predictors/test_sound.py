"""Nets for sound: certificates, rows and their neighbours, bfloat16, probes, JSON, and a fit on made-up tones."""

import json
import math

import pytest
import torch

import likeliest as lk
from likeliest import sequences
from likeliest.certify import certify_objective
from likeliest.errors import ShapeError, SpecificationError
from likeliest.predictors import layers
from likeliest.randomness import stream

F64, F32 = torch.float64, torch.float32
RATE = 400
SMALL = {"bins": 6, "features": {"window": 0.1, "hop": 0.05, "low": 5.0}, "masking": {"frames": 2, "bins": 2}}
LENGTHS = [230, 400, 20, 310]
"""Samples: 12, 21, 2 and 16 frames."""


def drawn(what, *shape):
    return torch.from_numpy(stream(0, what).normal(size=shape))


def sound(**kw):
    return lk.SoundNet(RATE, 400, 3, **{"channels": (3, 4), **SMALL, **kw})


def speech(**kw):
    return lk.SpeechNet(RATE, 4, **{"width": 6, "blocks": 2, "size": 5, "channels": (3, 4), **SMALL, **kw})


def clips(n, dtype=F64):
    return (3000 * drawn("clips", n, 400)).round().to(dtype)


def recordings(dtype=F64):
    x = clips(len(LENGTHS), dtype)
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = sequences.END
    return x


NETS = {
    "sound": (sound, lambda dtype: clips(4, dtype)),
    "speech": (speech, recordings),
    "speech, stride 4": (lambda **kw: speech(stride=4, **kw), recordings),
    "speech, stride 1, all bins": (lambda **kw: speech(stride=1, pooled=False, **kw), recordings),
    "speech, recurrent": (lambda **kw: speech(**{"recurrent": 5, **kw}), recordings),
}
every_net = pytest.mark.parametrize("name", NETS)
DRAW = lk.Draw(0, 0, torch.arange(4))


def case(name, dtype=F64, **kw):
    """The net, a generic θ whose averages are those of some batches, and x."""
    make, rows = NETS[name]
    net, x = make(**kw), rows(dtype)
    theta = net.init([stream(0, "init")], dtype)[0]
    for place, part in net.parts.items():
        if part.learnt:
            theta[part.slice] += (0.1 * drawn(place, part.size)).to(dtype)
    for epoch in range(5):
        net.forward(theta, x, lk.Draw(0, epoch, torch.arange(4)))
    return net, theta, x


def close(found, expected, tol=1e-12):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


def texts():
    return torch.tensor([[1, 2, 2], [3, 1, 0], [0, 0, 0], [2, 0, 0]])


@pytest.mark.parametrize("name", ["sound", "speech, recurrent"])
def test_every_learnt_part_is_certified_by_two_witnesses(name):
    least = {"channels": (2,), "bins": 4, "activation": "tanh"}
    least |= {} if name == "sound" else {"channels": (1,), "width": 2, "blocks": 1, "size": 3, "recurrent": 1}
    net, theta, x = case(name, **least)
    x = x if name == "sound" else x[:, :120]
    family, y = ("categorical", torch.tensor([0, 2, 1, 2])) if name == "sound" else ("ctc", texts()[:, :2])
    certificate = certify_objective(lk.Objective(lk.family(family), net, x, y, l2=0.3), theta)
    assert certificate.passed, certificate
    assert [p.part for p in certificate.parts] == [n for n, p in net.parts.items() if p.learnt]
    assert all(p.worst_autograd is not None and p.worst_autograd < 1e-11 for p in certificate.parts)


@pytest.mark.parametrize("kind", [layers.GRU, layers.DepthwiseConv])
def test_a_layer_along_time_whose_pullback_is_off_is_found(kind, monkeypatch):
    net = lk.Layered((None, 3), {
        "picture": layers.AsPicture(), "conv": layers.Conv2d(1, 1), "sequence": layers.AsSequence(),
        "time": layers.DepthwiseConv(3, 3), "gru": layers.GRU(3, 2), "head": layers.Dense(2, 4),
        "end": layers.Ending()})  # fmt: skip
    theta, x = net.init([stream(0, "init")], F64)[0], drawn("rows", 4, 5, 3)
    x[1, 4:] = sequences.END
    right = kind.pullback

    def spoilt(self, views, tape, u, grads, further=True):
        back = right(self, views, tape, u, grads, further)
        grads[0].mul_(1 + 1e-4)
        return back

    monkeypatch.setattr(kind, "pullback", spoilt)
    wrong = {layers.GRU: {"gru.input_weight"}, layers.DepthwiseConv: {"time.weight"}}[kind]
    certificate = certify_objective(lk.Objective(lk.family("ctc"), net, x, texts()), theta)
    assert {f.part for f in certificate.findings} == wrong


@every_net
@pytest.mark.parametrize(("dtype", "tol"), [(F32, 1e-5), (F64, 1e-12)])
def test_eta_of_a_recording_is_the_same_alone_and_beside_longer_ones(name, dtype, tol):
    net, theta, x = case(name, dtype)
    whole = net.forward(theta, x)[0]
    assert torch.equal(net.forward(theta, x.to(torch.int16))[0], whole)
    for row, own, length in zip(x, whole, LENGTHS, strict=True):
        alone = net.forward(theta, row[None, :length] if net.inputs is None else row[None])[0][0]
        if name != "sound":
            frames = -(-(1 + length // 20) // net.settings["stride"])
            assert sequences.frames(own).item() == frames == len(alone)
            own = own[:frames]
        close(alone, own, tol)


@pytest.mark.parametrize("name", ["speech", "speech, recurrent"])
def test_in_training_what_stands_after_an_end_is_nobodys_business(name):
    """A tensor that is longer than any of its recordings gives the same η, gradient and averages."""
    net, theta, x = case(name)
    y, longer = texts(), torch.nn.functional.pad(x, (0, 333), value=sequences.END)
    found = []
    for rows in (x, longer):
        own = theta.clone()
        eta, tape = net.forward(own, rows, DRAW)
        out = torch.empty_like(own)
        net.pullback(own, tape, lk.family("ctc").score(eta, y), out)
        found.append((eta[:, :11], out, own))
    for first, second in zip(*found, strict=True):
        close(first, second)
    assert not torch.equal(found[0][2], theta)


@every_net
def test_pullback_and_pushforward_are_adjoint_in_training_and_for_runs(name):
    net, theta, x = case(name)
    for draw in (None, DRAW):
        eta, tape = net.forward(theta.clone(), x, draw)
        u, v = drawn("u", *eta.shape), drawn("v", net.size)
        out = torch.full_like(theta, math.nan)
        net.pullback(theta, tape, u.clone(), out)
        pushed = net.pushforward(theta, tape, v)
        close((u * pushed).sum(), (out * v).sum(), 1e-10)
    runs = torch.stack((theta, theta * 1.1))
    eta, tape = net.forward(runs, x)
    both = torch.full_like(runs, math.nan)
    net.pullback(runs, tape, torch.stack((u, u)), both)
    for i in range(2):
        alone, tape = net.forward(runs[i], x)
        net.pullback(runs[i], tape, u.clone(), out)
        close(eta[i], alone)
        close(both[i], out)


@every_net
def test_bfloat16_is_near_and_only_in_training(name):
    net, theta, x = case(name, F32, activation="tanh")
    coarse, *_ = case(name, F32, activation="tanh", compute="bfloat16")
    assert torch.equal(coarse.forward(theta, x)[0], net.forward(theta, x)[0])
    found = []
    for p in (net, coarse):
        own, out = theta.clone(), torch.empty_like(theta)
        eta, tape = p.forward(own, x, DRAW)
        assert eta.dtype == F32
        u = drawn("u", *eta.shape).float()
        p.pullback(own, tape, u, out)
        assert out.isfinite().all()
        found.append((torch.where(eta.isinf(), 0.0, eta), out))
    depth = sum(1 for _ in net.probe(theta, x))
    for exact, near in zip(*found, strict=True):
        assert 0 < float((near - exact).norm() / exact.norm()) < 2 * torch.finfo(torch.bfloat16).eps * depth**0.5


@every_net
@pytest.mark.parametrize("draw", [None, DRAW], ids=["evaluated", "trained"])
def test_a_probe_sees_numbers_alone(name, draw):
    net, theta, x = case(name)
    seen = [(path, y.clone()) for path, y in net.probe(theta, x, draw)]
    assert len({path for path, _ in seen}) == len(seen)
    assert all(bool(y.isfinite().all()) for _, y in seen)
    assert {place.rpartition(".")[0] for place in net.parts} < {path for path, _ in seen}
    eta = net.forward(theta.clone(), x, draw)[0]
    close(seen[-1][1], torch.where((eta == -math.inf).any(-1, keepdim=True), 0.0, eta), 1e-9)


@every_net
def test_json_makes_the_same_net(name):
    net, theta, x = case(name, compute="bfloat16")
    again = lk.predictors.from_json(json.loads(json.dumps(net.to_json())))
    assert type(again) is type(net)
    assert (again.parts, again.compute, again.flops, again.rate) == (net.parts, net.compute, net.flops, net.rate)
    assert torch.equal(again.forward(theta, x)[0], net.forward(theta, x)[0])
    plain = lk.Layered(net.shape, net.layers.layers, nominal=net.nominal)
    again = lk.predictors.from_json(json.loads(json.dumps(plain.to_json())))
    assert again.flops == net.flops
    assert torch.equal(again.forward(theta, x)[0], net.forward(theta, x)[0])


@every_net
def test_many_recordings_are_evaluated_in_pieces_and_give_the_same(name, monkeypatch):
    net, theta, x = case(name)
    u, v = drawn("u", *net.forward(theta, x)[0].shape), drawn("v", net.size)
    found = []
    for numbers in (2**23, 3 * net.layers.numbers((400,))):
        monkeypatch.setattr("likeliest.predictors.layered._NUMBERS", numbers)
        eta, tape = net.forward(theta, x)
        out = torch.full_like(theta, math.nan)
        net.pullback(theta, tape, u.clone(), out)
        found.append((eta, out, net.pushforward(theta, tape, v)))
    assert [len(piece) for piece in tape] == [3, 1]
    for whole, in_pieces in zip(*found, strict=True):
        close(in_pieces, whole, 1e-10)


@every_net
def test_flops_are_torchs_own_count_of_a_second(name):
    from torch.utils.flop_counter import FlopCounterMode

    net, theta, _ = case(name)
    x, features = torch.zeros(1, RATE, dtype=F64), net.layers.layers["features"]
    counted = []
    for what in (lambda: net.forward(theta, x), lambda: features.forward([], x, None)):
        with FlopCounterMode(display=False) as counter:
            what()
        counted.append(counter.get_total_flops())
    assert net.flops - features.flops((RATE,)) == counted[0] - counted[1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"takes rows of shape \(None,\), None being any length, found .*\(2, 3, 4\)"):
        speech().check_inputs(torch.zeros(2, 3, 4))
    speech().check_inputs(torch.zeros(2, 77, dtype=torch.int16))
    with pytest.raises(ShapeError, match="takes rows of 400 inputs"):
        sound().check_inputs(torch.zeros(2, 77))
    with pytest.raises(ShapeError, match=r"takes rows of shape \(None, 3\), None being any length"):
        lk.Layered((None, 3), {"head": layers.Dense(3, 2)}).check_inputs(torch.zeros(5, 7, 4))
    with pytest.raises(SpecificationError, match=r"2 stages make a stride of \[1, 2, 4\], not 3"):
        speech(stride=3)
    with pytest.raises(SpecificationError, match="needs a rate, outputs and widths of 1 or more"):
        speech(width=0)
    with pytest.raises(SpecificationError, match="needs a rate, samples, outputs and widths of 1 or more"):
        sound(channels=())


def test_rows_of_numbers_in_time_end_where_their_first_column_does():
    net = lk.Layered((None, 2), {"gru": layers.GRU(2, 3, True), "head": layers.Dense(6, 2), "end": layers.Ending()})
    theta, x = net.init([stream(0, "init")], F64)[0], drawn("rows", 2, 5, 2)
    x[1, 3:] = sequences.END
    eta, _ = net.forward(theta, x)
    close(net.forward(theta, x[1:, :3])[0][0], eta[1, :3])
    assert sequences.frames(eta).tolist() == [5, 3]


def test_tones_are_learnt_as_letters():
    """Strings of two to four of three tones, 0.1 s each with a pause after it, some rows shorter than others."""
    rng, rate = stream(0, "tones"), 2000
    t = torch.arange(200) / rate
    rows, strings = [], []
    for _ in range(96):
        string = rng.integers(1, 4, rng.integers(2, 5))
        phases = rng.uniform(0, 6, len(string))
        tones = [torch.sin(400 * math.pi * k * t + phase) for k, phase in zip(string, phases, strict=True)]
        tones = [torch.cat((8000 * tone, torch.zeros(100))) for tone in tones]
        samples = torch.cat(tones)
        rows.append((samples + torch.from_numpy(rng.normal(0, 50, len(samples)))).to(torch.int16))
        strings.append(torch.from_numpy(string))
    x, y = sequences.Ragged.of(rows), torch.nn.utils.rnn.pad_sequence(strings, batch_first=True)
    net = lk.SpeechNet(rate, 4, width=16, blocks=1, channels=(8,), bins=12, dropout=0.0)
    objective = lk.Objective(lk.family("ctc"), net, x, y)
    found = lk.fit(objective, lk.rule("adam", lr=0.02), batch_size=16, budget=25)
    assert float(objective.at(found.theta).value) < 0.05
    eta, _ = net.forward(found.theta, x[:])
    said = [torch.unique_consecutive(row) for row in eta.argmax(-1)]
    assert sum(s[s > 0].tolist() == own.tolist() for s, own in zip(said, strings, strict=True)) >= 94
