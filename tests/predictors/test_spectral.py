"""Log-mel features against librosa and against a loop in NumPy; masks against a loop; derivatives against autograd."""

import math

import librosa
import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.certify import certify_objective
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError
from likeliest.predictors import layers
from likeliest.predictors.layers import LogMel, Masking, from_json
from likeliest.randomness import stream
from likeliest.sequences import END

F64 = torch.float64
LENGTHS = [900, 0, 399, 1, 650]


def sounds(n, samples, dtype=F64, what="x"):
    """Noise below a tone, on the scale of 16 bits."""
    t = np.arange(samples)
    noise = stream(0, what).normal(size=(n, samples)) * 400
    return torch.from_numpy(noise + 3000 * np.sin(0.3 * t + np.arange(n)[:, None])).to(dtype)


def ended(dtype=F64):
    x = sounds(len(LENGTHS), max(LENGTHS), dtype)
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = END
    return x


def features(layer, x):
    return layer.forward([], x, None)[0]


def close(found, expected, tol=1e-12):
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)


@pytest.mark.parametrize(("dtype", "tol"), [(F64, 1e-9), (torch.float32, 1e-5)])
@pytest.mark.parametrize(
    "given",
    [{"rate": 8000}, {"rate": 16000, "bins": 80, "low": 20.0}, {"rate": 11025, "window": 0.032, "hop": 0.008},
     {"rate": 8000, "window": 0.032, "bins": 23, "high": 3500.0}],
    ids=str,
)  # fmt: skip
def test_power_is_librosas(given, dtype, tol):
    layer = LogMel(**given, normalise="none", floor=1e-30)
    x = sounds(2, 4001)
    width, hop = round(layer.window * layer.rate), round(layer.hop * layer.rate)
    expected = librosa.feature.melspectrogram(
        y=x.numpy() / 32768, sr=layer.rate, n_fft=2 ** math.ceil(math.log2(width)), win_length=width, hop_length=hop,
        center=True, pad_mode="constant", power=2.0, n_mels=layer.bins, fmin=layer.low, fmax=layer.high, htk=True,
        norm=None, dtype=np.float64,
    ).swapaxes(1, 2)  # fmt: skip
    found = features(layer, x.to(dtype)).double().exp()
    assert tuple(found.shape[1:]) == layer.shape_after((4001,)) == (layer.frames_after(4001), layer.bins)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=tol, atol=tol * 1e-3 * expected.max())


@pytest.mark.parametrize("normalise", ["utterance", "bin_mean", "bin", "none"])
def test_an_ended_row_has_the_features_that_it_has_alone(normalise):
    layer = LogMel(8000, normalise=normalise, deltas=2)
    x = ended()
    found = features(layer, x)
    for row, length, own in zip(x, LENGTHS, found, strict=True):
        frames = layer.frames_after(length)
        alone = row[None, : max(length, 1)].clone()
        alone[:, length:] = 0.0  # a recording without a sample is one of silence
        close(own[:frames], features(layer, alone)[0, :frames])
        assert (own[frames:] == 0).all()


@pytest.mark.parametrize(
    ("normalise", "mean", "variance"), [("utterance", (0, 1), (0, 1)), ("bin_mean", 0, (0, 1)), ("bin", 0, 0)]
)
def test_normalised_frames_have_mean_0_and_variance_1(normalise, mean, variance):
    layer, plain = LogMel(8000, normalise=normalise), LogMel(8000, normalise="none")
    x = ended()
    y, z = features(layer, x).numpy(), features(plain, x).numpy()
    for own, raw, length in zip(y, z, LENGTHS, strict=True):
        raw = raw[: layer.frames_after(length)]
        centred = raw - raw.mean(mean)
        expected = centred / np.sqrt(centred.var(variance) + 1e-5)
        np.testing.assert_allclose(own[: len(raw)], expected, rtol=1e-9, atol=1e-9)


def test_loudness_above_the_floor_changes_nothing():
    layer, x = LogMel(8000, floor=1e-14), sounds(2, 2000)
    close(features(layer, x / 8), features(layer, x), 1e-6)


def test_a_filter_in_each_bin_changes_nothing_where_their_means_are_taken_away():
    layer, z = LogMel(8000, normalise="bin_mean", floor=1e-12), (sounds(2, 2000) / 9000).view(2, -1, 40).exp()
    inside = torch.ones(2, z.shape[1], 1, dtype=F64)
    gains = torch.from_numpy(stream(0, "gains").normal(size=40)).exp()
    found, expected = (layer._normalised(power.clone(), inside)[0] for power in (z * gains, z))
    close(found, expected, 1e-6)


def test_silence_has_features_of_zero():
    assert (features(LogMel(8000, deltas=1), torch.zeros(2, 500)) == 0).all()


def test_slopes_are_librosas():
    layer, x = LogMel(8000, deltas=2, bins=12), sounds(2, 2000)
    static, first, second = features(layer, x).split(12, -1)
    for own, before in ((first, static), (second, first)):
        expected = librosa.feature.delta(before.numpy(), width=5, order=1, axis=1, mode="nearest")
        np.testing.assert_allclose(own.numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "given",
    [{}, {"normalise": "bin_mean"}, {"normalise": "bin"}, {"normalise": "none", "deltas": 1}, {"deltas": 2}],
    ids=str,
)
def test_derivatives_are_those_of_a_forward_in_autograd(given):
    layer = LogMel(8000, bins=7, window=0.016, floor=1e-3, **given)
    x = ended()

    def judged(x):
        """The same from operations that autograd knows."""
        rows = []
        for row, length in zip(x, LENGTHS, strict=True):
            alone = torch.cat((row[:length], row.new_zeros(len(row) - length))) / 32768
            window = torch.hann_window(128, dtype=F64)
            spectrum = torch.stft(alone, 128, 80, window=window, return_complex=True, pad_mode="constant")
            z = (spectrum.abs().square().mT @ layer._filters(x) + 1e-3).log()[: layer.frames_after(length)]
            mean, variance = {"utterance": ((0, 1), (0, 1)), "bin": ((0,), (0,))}.get(layer.normalise, ((0,), (0, 1)))
            if layer.normalise != "none":
                z = z - z.mean(mean, keepdim=True)
                z = z / (z.var(variance, correction=0, keepdim=True) + 1e-5).sqrt()
            columns = [z]
            for _ in range(layer.deltas):
                padded = torch.cat((*[columns[-1][:1]] * 2, columns[-1], *[columns[-1][-1:]] * 2))
                t = len(z)
                step = padded[3 : t + 3] - padded[1 : t + 1] + 2 * (padded[4 : t + 4] - padded[:t])
                columns.append(step / 10)
            whole = torch.cat(columns, -1)
            rows.append(torch.cat((whole, whole.new_zeros(layer.frames_after(len(row)) - len(whole), whole.shape[1]))))
        return torch.stack(rows)

    y, tape = layer.forward([], x, None)
    close(y, judged(x), 1e-9)
    leaf, u = x.clone().requires_grad_(), torch.from_numpy(stream(0, "u").normal(size=y.shape))
    (expected,) = torch.autograd.grad((judged(leaf) * u).sum(), leaf)
    kept = u.clone()
    for _ in range(2):
        close(layer.pullback([], tape, u, []), expected, 1e-10)
    close(u, kept, 0.0)
    assert layer.pullback([], tape, u, [], further=False) is None
    dx = 100 * torch.from_numpy(stream(0, "dx").normal(size=x.shape))
    moved = layer.pushforward([], tape, [], dx)
    torch.testing.assert_close((moved * u).sum(), (expected * dx).sum(), rtol=1e-9, atol=1e-9)
    assert layer.pushforward([], tape, [], None) is None


@pytest.mark.parametrize("given", [{}, {"normalise": "bin", "deltas": 2}], ids=str)
def test_a_row_has_the_same_bits_in_any_batch(given):
    layer, x = LogMel(8000, **given), sounds(70, 1600, torch.float32)
    whole = features(layer, x)
    for some in ([3], [69, 0, 7], list(range(5, 38))):
        assert torch.equal(features(layer, x[some]), whole[some])
    with_a_longer = torch.full((4, 2400), float(END))
    with_a_longer[:3, :1600] = x[:3]
    with_a_longer[3] = 100.0
    torch.testing.assert_close(features(layer, with_a_longer)[:3, :21], whole[:3], rtol=1e-6, atol=1e-6)


def test_long_recordings_are_taken_piece_by_piece():
    layer, x = LogMel(8000, normalise="none"), sounds(1, 200_000, torch.float32)
    y = features(layer, x)
    close(y[:, 2000:2100], features(layer, x[:, 156_000:172_000])[:, 50:150], 1e-4)
    assert y.shape == (1, 2501, 40)


def test_features_are_of_single_precision_or_better():
    layer, x = LogMel(8000), sounds(2, 800)
    for dtype, after in ((torch.int16, torch.float32), (torch.bfloat16, torch.float32), (F64, F64)):
        assert features(layer, x.to(dtype)).dtype == after
    close(features(layer, x.to(torch.int16)), features(layer, x.to(torch.int16).float()), 0.0)


# Masks.


def draw(n, seed=3, epoch=1):
    return lk.Draw(seed, epoch, torch.arange(n))


def test_masks_by_loop():
    from likeliest.uniforms import uniforms

    layer = Masking(9, 4, times=2, frequencies=1, share=0.5, groups=2).placed("mask", False)
    lengths = torch.tensor([12, 30, 5, 1, 0, 30])
    x = torch.from_numpy(stream(0, "m").normal(size=(6, 30, 16)))
    y, tape = layer.along([], x, draw(6), layers.Frames(lengths, 30))
    numbers = uniforms(3, "masking mask", 1, torch.arange(6), 6).tolist()
    for row, length, u in zip(range(6), lengths.tolist(), numbers, strict=True):
        expected = x[row].clone()
        for width, start in (u[:2], u[2:4]):
            frames = int(width * (min(9, length // 2) + 1))
            first = int(start * (length - frames + 1))
            expected[first : first + frames] = 0
        bins = int(u[4] * 5)
        first = int(u[5] * (8 - bins + 1))
        for group in (0, 8):
            expected[:, group + first : group + first + bins] = 0
        assert torch.equal(y[row], expected)
    u = torch.from_numpy(stream(0, "u").normal(size=y.shape))
    close(layer.pullback([], tape, u, []) * x, u * y)
    close(layer.pushforward([], tape, [], u) * x, u * y)
    assert layer.pushforward([], tape, [], None) is None


def test_masks_act_under_a_draw_alone_and_belong_to_their_row():
    layer, x = Masking(20, 6, share=1.0).placed("a", False), torch.ones(200, 50, 20)
    y, tape = layer.forward([], x, None)
    assert y is x
    assert layer.pullback([], tape, x, []) is x
    whole = layer.forward([], x, draw(200))[0]
    some = torch.tensor([7, 150, 3])
    assert torch.equal(layer.forward([], x[:3], lk.Draw(3, 1, some))[0], whole[some])
    for other, at in ((layer, draw(200, 4)), (layer, draw(200, 3, 2)), (layer.placed("b", False), draw(200))):
        assert not torch.equal(other.forward([], x, at)[0], whole)


def test_widths_and_places_are_uniform():
    layer, n = Masking(4, 0, share=1.0), 40_000
    y = layer.forward([], torch.ones(n, 11, 1), draw(n))[0][..., 0]
    widths = (y == 0).sum(1)
    shares = torch.bincount(widths, minlength=5) / n
    close(shares, torch.full((5,), 0.2), 5 * math.sqrt(0.16 / n))
    first = (y[widths == 4] == 0).float().argmax(1)
    shares = torch.bincount(first, minlength=8) / len(first)
    close(shares, torch.full((8,), 1 / 8), 5 * math.sqrt(0.11 / len(first)))


# In a net.


def net():
    return lk.predictors.Layered(
        (300,),
        {"mel": LogMel(8000, bins=3, deltas=1), "mask": Masking(3, 2, groups=2), "flat": layers.Flatten(),
         "dense": layers.Dense(4 * 6, 2), "tanh": layers.Activation("tanh"), "head": layers.Dense(2, 3)},
    )  # fmt: skip


def test_a_net_on_features_is_certified():
    predictor, x = net(), sounds(8, 300).to(torch.int16)
    y = torch.from_numpy(stream(0, "y").integers(0, 3, 8))
    objective = lk.Objective(lk.family("categorical"), predictor, x.to(F64), y, l2=0.3)
    theta = predictor.init([stream(0, "init")], F64)[0]
    certificate = certify_objective(objective, theta)
    assert certificate.passed, certificate
    certificate = lk.check_gradient(
        lambda t: float(objective.at(torch.as_tensor(t)).value),
        lambda t: objective.at(torch.as_tensor(t)).grad.numpy().copy(),
        theta.numpy(),
    )
    assert certificate.passed, certificate


def test_a_net_tells_what_each_sample_does():
    predictor, x = net(), sounds(3, 300)
    theta = predictor.init([stream(0, "init")], F64)[0]
    eta, tape = predictor.forward(theta, x)
    u = torch.ones_like(eta)
    back = predictor.pullback_to_inputs(theta, tape, u)
    dx = torch.from_numpy(stream(0, "dx").normal(size=x.shape))
    ahead, behind = (predictor.forward(theta, x + h * dx)[0].sum() for h in (1e-3, -1e-3))
    torch.testing.assert_close((back * dx).sum(), (ahead - behind) / 2e-3, rtol=1e-6, atol=1e-12)


def test_json_makes_the_same_net():
    predictor = net()
    again = type(predictor).from_json(predictor.to_json())
    theta, x = predictor.init([stream(0, "init")])[0], sounds(3, 300, torch.float32)
    close(again.forward(theta, x, draw(3))[0], predictor.forward(theta, x, draw(3))[0], 0.0)
    for layer in (LogMel(16000, 0.03, 0.01, 20, 50.0, 7000.0, 1e-3, "bin", 2), Masking(3, 2, 1, 2, 0.1, 3)):
        assert from_json(layer.to_json()) == layer


# What cannot be.


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: LogMel(8000, window=1e-4), SpecificationError, "two samples or more"),
        (lambda: LogMel(8000, hop=1e-5), SpecificationError, "a hop of one or more"),
        (lambda: LogMel(8000, floor=0.0), SpecificationError, "floor > 0"),
        (lambda: LogMel(8000, deltas=3), SpecificationError, "deltas 0, 1 or 2"),
        (lambda: LogMel(8000, normalise="row"), UnknownNameError, "utterance, bin_mean, bin, none"),
        (lambda: LogMel(8000, high=4100.0), SpecificationError, "lower high"),
        (lambda: LogMel(8000, bins=200), SpecificationError, "fewer bins or a longer window"),
        (lambda: LogMel(8000).shape_after((4, 4)), ShapeError, r"rows of samples \(L,\)"),
        (lambda: Masking(-1), SpecificationError, "numbers >= 0"),
        (lambda: Masking(share=1.5), SpecificationError, r"share in \[0, 1\]"),
        (lambda: Masking(groups=0), SpecificationError, "a group or more"),
        (lambda: Masking(groups=3).shape_after((10, 40)), ShapeError, "3 x bins"),
    ],
)
def test_bad_settings_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()
