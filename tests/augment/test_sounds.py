"""Augmentations of sounds against loops and convolutions in NumPy and SciPy, and by what is left in their spectra."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import signal

from likeliest import augment
from likeliest.augment import Chain, Gain, Noise, Pitch, Room, Speed, Tilt, TimeShift, for_speech
from likeliest.augment.sounds.base import BITS, at_places
from likeliest.augment.sounds.colouring import TAPE, _noise, convolved
from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.sequences import END, lengths

F64 = torch.float64
RATE = 8000
RECORDINGS = [1500, 1100, 0, 1, 700, 1500]
EVERY = [
    Gain(12.0), Noise(), Noise((0.0, 10.0), ("pink",)), Speed(), Speed((0.7, 1.4), keep=False), Pitch(100), Tilt(),
    TimeShift(0.05, RATE), Room(RATE, p=0.5), Room(2 * RATE, p=1.0), Room(RATE, (0.02, 0.05), p=1.0), for_speech(RATE),
    for_speech(RATE, clips=False),
]  # fmt: skip


def name(kind):
    return str(kind)[:50]


def draw(rows, seed=1, epoch=2):
    return Draw(seed, epoch, torch.as_tensor(rows))


def numbers(kind, n):
    return torch.from_numpy(np.random.default_rng(1).random((n, kind.numbers), dtype=np.float32))


def noise(n=6, samples=1500, dtype=F64):
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, samples)) * 1000).to(dtype)


def recordings(dtype=torch.float32):
    x = noise(len(RECORDINGS), max(RECORDINGS), dtype)
    for row, length in zip(x, RECORDINGS, strict=True):
        row[length:] = END
    return x


def sine(hertz, samples=8000, dtype=F64):
    return torch.from_numpy(5000 * np.sin(2 * np.pi * hertz * np.arange(samples) / RATE))[None].to(dtype)


def power(x):
    """The spectrum of the middle three quarters, and its frequencies."""
    middle = x[0, len(x[0]) // 8 : -len(x[0]) // 8].double().numpy()
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    return spectrum, np.fft.rfftfreq(len(middle), 1 / RATE)


def level(u):
    return (math.floor(u * 4096) + 0.5) / 4096


# In time.


def keys(s):
    """Keys' kernel with a = −1/2."""
    s = abs(s)
    return 1.5 * s**3 - 2.5 * s**2 + 1 if s <= 1 else -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0


def test_cubics_by_loop():
    x = noise(2, 9)
    places = np.random.default_rng(2).uniform(-6, 15, size=(2, 40))
    places[0, :9] = np.arange(9)
    fixed = torch.from_numpy(np.round(places * 2**BITS).astype(np.int64))
    zero = torch.zeros(2, 1, dtype=torch.int64)
    found = np.stack([at_places(x, zero, torch.arange(40), places[None])[i].numpy() for i, places in enumerate(fixed)])
    for row in range(2):
        for value, place in zip(found[row], places[row], strict=True):
            assert value == pytest.approx(sum(x[row, j].item() * keys(place - j) for j in range(9)), abs=1e-3)
    assert np.array_equal(found[0, :9], x[0].numpy())


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("hertz", [200, 800])
@pytest.mark.parametrize("keep", [True, False])
def test_a_sine_played_faster_has_its_energy_at_the_factor_of_its_frequency(factor, hertz, keep):
    y = Speed((factor, factor), keep).sounds(sine(hertz, dtype=torch.float32), torch.zeros(1, 1))
    spectrum, frequencies = power(y if keep and factor < 1 else y[:, 1000:-1000])
    near = np.abs(frequencies - factor * hertz) < 6
    assert spectrum[near].sum() > 0.995 * spectrum.sum()
    before, _ = power(sine(hertz))
    inside = y[0, 3000:5000].double().square().mean()
    assert 0.98 < inside / (5000**2 / 2) < 1.01, before


def test_clips_play_about_their_middle_and_recordings_from_their_start():
    x = torch.zeros(1, 101, dtype=F64)
    x[0, [40, 50, 70]] = 1000.0
    fast = Speed((2.0, 2.0)).sounds(x, torch.zeros(1, 1))
    assert fast.nonzero()[:, 1].tolist() == [45, 50, 60]
    fast = Speed((2.0, 2.0), keep=False).sounds(x, torch.zeros(1, 1))
    assert fast.shape == (1, 50)
    assert fast.nonzero()[:, 1].tolist() == [20, 25, 35]


def test_recordings_become_as_long_as_their_tempo_says():
    kind, x = Speed((0.5, 2.0), keep=False), recordings()
    u = numbers(kind, len(x))
    y = kind.sounds(x, u)
    factors = [2.0 ** (2 * level(v) - 1) for v in u[:, 0].tolist()]
    expected = [max(int(n / f), min(n, 1)) for n, f in zip(RECORDINGS, factors, strict=True)]
    assert np.abs(np.array(lengths(y).tolist()) - expected).max() <= 1
    assert y.shape[1] == lengths(y).max()


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.18])
def test_pitch_moves_a_sines_energy_and_keeps_its_duration(factor):
    kind, x = Pitch(160, (factor, factor)), sine(1000, dtype=torch.float32)
    x[:, :2000] = x[:, 6000:] = 0
    y = kind.sounds(x, torch.zeros(1, 1))
    assert y.shape == x.shape
    assert (y[:, : 2000 - 160] == 0).all()
    assert (y[:, 6000 + 160 :] == 0).all()
    spectrum, frequencies = power(y)
    mean = (spectrum * frequencies).sum() / spectrum.sum()
    assert mean == pytest.approx(1000 * factor, abs=15)
    assert spectrum[np.abs(frequencies - 1000 * factor) < 100].sum() > 0.9 * spectrum.sum()


def test_shifts_by_loop():
    kind, x = TimeShift(0.01, RATE), noise(20, 300)
    u = numbers(kind, 20)
    for row, moved, v in zip(x, kind.sounds(x, u), u[:, 0].tolist(), strict=True):
        by = int(v * 161) - 80
        expected = torch.zeros(300, dtype=F64)
        expected[max(by, 0) : 300 + min(by, 0)] = row[max(-by, 0) : 300 - max(by, 0)]
        assert torch.equal(moved, expected)
    assert TimeShift(1.0, RATE).sounds(x, u).shape == x.shape


# In level and colour.


def test_gain_by_loop():
    kind, x = Gain(30.0), noise()
    u = numbers(kind, 6)
    factor = 10 ** (30 * (2 * np.array([level(v) for v in u[:, 0].tolist()]) - 1) / 20)
    expected = np.clip(x.numpy() * factor[:, None], -32767, 32767)
    assert (np.abs(expected) == 32767).any()
    np.testing.assert_allclose(kind.sounds(x, u).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_has_the_ratio_and_the_colour_that_were_asked_for(colour):
    kind = Noise((-10.0, 20.0), (colour,))
    x = sine(400, 60_000).float().repeat(8, 1) * 0.05
    x[:, 30_000:] = 0  # filling, which does not count
    u = numbers(kind, 8)
    added = (kind.sounds(x, u) - x).double()
    found = 10 * torch.log10(x[:, :30_000].double().square().mean(1) / added.square().mean(1))
    expected = torch.tensor([-10 + 30 * level(v) for v in u[:, 0].tolist()], dtype=F64)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.1 if colour == "white" else 1.5)
    frequencies, density = signal.welch(added.numpy(), RATE, nperseg=1024)
    inside = (frequencies > 50) & (frequencies < 3900)
    slope = np.polyfit(np.log(frequencies[inside]), np.log(density.mean(0)[inside]), 1)[0]
    assert slope == pytest.approx(0.0 if colour == "white" else -1.0, abs=0.06)


def test_both_colours_come_as_often_and_stretches_run_over_the_seam():
    kind, n = Noise((0.0, 0.0)), 400
    x = torch.full((n, 64), 100.0)
    u = numbers(kind, n)
    added = kind.sounds(x, u) - x
    tapes = {c: _noise(c).astype(np.float32) for c in ("white", "pink")}
    white = 0
    for own, (_, colour, where) in zip(added.numpy(), u.tolist(), strict=True):
        chosen = "white" if colour < 0.5 else "pink"
        white += chosen == "white"
        at = (int(where * TAPE) + np.arange(64)) % TAPE
        np.testing.assert_allclose(own, 100 * tapes[chosen][at], rtol=2e-3, atol=2e-3)
    assert 150 < white < 250
    ends = kind.sounds(torch.full((1, 64), 100.0), torch.tensor([[0.0, 0.0, 1 - 2.0**-24]])) - 100
    np.testing.assert_allclose(ends[0, 1:], 100 * tapes["white"][:63], rtol=2e-3, atol=2e-3)
    long = kind.sounds(torch.full((1, TAPE + 9), 100.0), torch.zeros(1, 3))
    assert torch.equal(long[0, :9], long[0, TAPE:])


def test_silence_stays_silent():
    assert (Noise().sounds(torch.zeros(2, 100), torch.zeros(2, 3)) == 0).all()


def test_tilt_is_a_convolution_with_its_gains():
    kind, x = Tilt(20.0), noise()
    u = numbers(kind, 6)
    for row, found, v in zip(x.numpy(), kind.sounds(x, u).numpy(), u[:, 0].tolist(), strict=True):
        half = 10 * (2 * level(v) - 1)
        low, high = 10 ** (half / 20), 10 ** (-half / 20)
        taps = np.array([(low - high) / 4, (low + high) / 2, (low - high) / 4])
        np.testing.assert_allclose(found, np.convolve(row, taps, "same"), rtol=1e-6, atol=1e-3)
        _, gains = signal.freqz(taps, worN=[0, np.pi])
        np.testing.assert_allclose(20 * np.log10(np.abs(gains)), [half, -half], atol=1e-9)


@pytest.mark.parametrize("samples", [5, 700, 3000])
@pytest.mark.parametrize("taps", [2, 31, 900])
def test_convolution_by_blocks_is_scipys(samples, taps):
    x, h = noise(3, samples), noise(3, taps) / 1000
    expected = [signal.convolve(a, b)[:samples] for a, b in zip(x.numpy(), h.numpy(), strict=True)]
    np.testing.assert_allclose(convolved(x, h).numpy(), expected, atol=1e-8)


def test_rooms_decay_as_they_are_asked_to():
    kind, n = Room(RATE, (0.1, 0.4), (0.0, 10.0)), 300
    u = numbers(kind, n)[:, 1:]
    r = kind.response(u).double().numpy()
    energy = 10 * np.log10(np.square(r).sum(1))
    decay = np.exp([math.log(0.1) + math.log(4) * level(v) for v in u[:, 0].tolist()])
    drr = [10 * level(v) for v in u[:, 1].tolist()]
    np.testing.assert_allclose(energy, -np.array(drr), atol=1e-4)
    assert (r[:, 0] == 0).all()
    t = np.arange(r.shape[1]) / RATE
    for own, seconds in zip(r, decay, strict=True):
        assert (own[t > seconds / 2 + 1 / RATE] == 0).all()
    early, late = (np.square(r[:, a:b]).sum() for a, b in ((1, 100), (101, 200)))
    per_row = np.exp(-2 * np.log(1000) * 100 / RATE / decay)
    share = np.square(r[:, 1:100]).sum(1) * per_row
    assert late == pytest.approx(share.sum(), rel=0.1), early


def test_rooms_leave_the_rows_that_are_not_drawn():
    kind, x = Room(RATE, p=0.4), noise(50, 400, torch.float32)
    u = numbers(kind, 50)
    same = (kind.sounds(x, u) == x).all(1)
    assert torch.equal(same, u[:, 0] >= 0.4)
    drawn = (~same).nonzero()[0, 0]
    expected = (
        x[drawn].double().numpy()
        + signal.convolve(x[drawn].double().numpy(), kind.response(u[drawn, None, 1:])[0].double().numpy())[:400]
    )
    np.testing.assert_allclose(kind.sounds(x, u)[drawn].numpy(), expected, rtol=1e-4, atol=1e-2)


# What holds for all.


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_a_row_is_augmented_alike_in_any_batch(kind):
    x, y = noise(40, 1500).to(torch.int16), torch.zeros(40)
    whole = kind(x, y, None, draw(range(40)))[0]
    for some in ([3, 38, 0, 17, 21], [11]):
        found = kind(x[some], y[some], None, draw(some))[0]
        width = found.shape[1]
        assert torch.equal(found, whole[some][:, :width])
        assert (whole[some][:, width:] == END).all()


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_a_recording_is_augmented_as_it_is_alone(kind):
    x, y = recordings(), torch.zeros(len(RECORDINGS))
    whole = kind(x, y, None, draw(range(len(x))))[0]
    after = lengths(whole).tolist()
    assert torch.isfinite(whole).all()
    for i, length in enumerate(RECORDINGS):
        alone = kind(x[i : i + 1, :length], y[:1], None, draw([i]))[0]
        assert alone.shape[1] == after[i]
        torch.testing.assert_close(whole[i, : after[i]], alone[0], rtol=1e-5, atol=1e-2)
    if not any(isinstance(part, Speed) and not part.keep for part in getattr(kind, "parts", (kind,))):
        assert after == RECORDINGS


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_epochs_seeds_and_rows_differ(kind):
    x, y = noise(1, 600, torch.float32).expand(32, 600), torch.zeros(32)
    base = kind(x, y, None, draw(range(32)))[0]
    assert len(torch.unique(base, dim=0)) > 10
    for other in (draw(range(32), seed=5), draw(range(32), epoch=3)):
        found = kind(x, y, None, other)[0]
        assert found.shape != base.shape or not torch.equal(found, base)


@pytest.mark.parametrize("kind", EVERY, ids=name)
@pytest.mark.parametrize("dtype", [torch.int16, torch.float32, F64])
def test_what_is_given_is_never_written_to_and_nothing_gets_louder_than_a_sample(kind, dtype):
    x, y = (noise(8, 500) * 20).clamp(-32767, 32767).to(dtype), torch.arange(8)
    before = x.clone()
    out, target, weight = kind(x, y, None, draw(range(8)))
    assert torch.equal(x, before)
    assert target is y
    assert weight is None
    assert out.dtype == (torch.float32 if dtype == torch.int16 else dtype)
    assert out.data_ptr() != x.data_ptr()
    assert (out[out != END].abs() <= 32767).all()


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_one_and_two_threads_give_the_same_bytes(kind):
    x, y, threads = noise(64, 1500, torch.float32), torch.zeros(64), torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(kind(x, y, None, draw(range(64)))[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_json_and_back(kind):
    assert augment.from_json(json.loads(json.dumps(kind.to_json()))) == kind


@pytest.mark.parametrize("kind", EVERY, ids=name)
@pytest.mark.parametrize("shape", [(0, 100), (3, 0)], ids=str)
def test_nothing_at_all_is_a_batch_too(kind, shape):
    out, *_ = kind(torch.zeros(shape), torch.zeros(shape[0]), None, draw(range(shape[0])))
    assert len(out) == shape[0]


def test_sounds_are_mixed_after_all():
    chain = Chain((for_speech(RATE), augment.Mixup(0.5, classes=3)))
    x, y = noise(6, 500).to(torch.int16), torch.arange(6) % 3
    mixed, target, _ = chain(x, y, None, draw(range(6)))
    assert mixed.shape == x.shape
    torch.testing.assert_close(target.sum(1), torch.ones(6))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Gain(-1.0), "decibels from 0"),
        (lambda: Tilt(99.0), "decibels from 0 to 60"),
        (lambda: Noise((10.0, 5.0)), r"snr\[0\] <= snr\[1\]"),
        (lambda: Noise(colours=("brown",)), "white, pink"),
        (lambda: Noise(colours=()), "white, pink"),
        (lambda: Speed((0.0, 1.0)), r"factor\[0\] <= factor\[1\] from 0.125 to 8"),
        (lambda: Pitch(1), "grain from 2"),
        (lambda: Pitch(80, (1.2, 1.1)), "factor"),
        (lambda: TimeShift(-0.1, 8000), "seconds from 0"),
        (lambda: TimeShift(0.1, 0), "rate above 0"),
        (lambda: Room(8000, (0.0, 1.0)), "decay"),
        (lambda: Room(8000, p=2.0), "p from 0 to 1"),
        (lambda: Room(0), "rate from 1"),
    ],
)
def test_bad_settings_are_named(make, said):
    with pytest.raises(SpecificationError, match=said):
        make()


@pytest.mark.parametrize("x", [torch.zeros(3), torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.uint8)])
def test_what_is_no_sound_is_named(x):
    with pytest.raises(ShapeError, match=r"Gain needs samples \(n, L\), int16 or floats"):
        Gain().sounds(x, torch.zeros(len(x), 1))
