"""Augmentations against loops over rows and pixels in NumPy, and against torch.nn.functional."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from likeliest import augment
from likeliest.augment import (
    Affine,
    Brightness,
    Chain,
    Contrast,
    CutMix,
    Cutout,
    Flip,
    LabelSmoothing,
    Mixup,
    ResizedCrop,
    Shift,
)
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError
from likeliest.interfaces import Draw

GENERATOR = np.random.default_rng(0)


def pictures(n=6, height=5, width=7, channels=1, dtype=torch.uint8):
    values = GENERATOR.integers(0, 256, (n, height, width, channels))
    return torch.from_numpy(values).to(dtype)


def numbers(kind, n=6):
    return torch.from_numpy(GENERATOR.random((n, kind.numbers), dtype=np.float32))


ON_PICTURES = [
    Shift(2),
    Shift(3, "zeros"),
    Shift(1, "edge"),
    Shift(0),
    Flip(),
    Flip("vertical", 0.3),
    ResizedCrop(),
    Affine(15.0, 0.1, 0.2, 1.5),
    Affine(pad="edge", zoom=0.3),
    Cutout(3),
    Cutout(2, 130),
    Brightness(0.4),
    Contrast(0.4),
]
MIXED = [Mixup(0.3, 4), CutMix(1.0, 4), Mixup(1.0, 4, p=0.5), LabelSmoothing(0.1, 4)]
CHAIN = Chain((Shift(2), Flip(), Chain((Cutout(3), Shift(1, "zeros"))), CutMix(0.5, 4)))
EVERY = [*ON_PICTURES, *MIXED, CHAIN, Chain(())]


def name(kind):
    return str(kind)[:60]


def draw(rows, seed=1, epoch=2):
    return Draw(seed, epoch, torch.as_tensor(rows))


# What a row becomes, by brute force.


@pytest.mark.parametrize("pad", ["reflect", "edge", "zeros"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shift_is_a_crop_of_numpys_padding(pad, channels, dtype):
    x, shift = pictures(40, channels=channels, dtype=dtype), Shift(3, pad)
    u = numbers(shift, 40)
    mode = {"reflect": "reflect", "edge": "edge", "zeros": "constant"}[pad]
    for row, shifted, (down, across) in zip(x.numpy(), shift.pictures(x, u).numpy(), u.numpy(), strict=True):
        padded = np.pad(row, ((3, 3), (3, 3), (0, 0)), mode)
        top, left = int(down * 7), int(across * 7)
        assert np.array_equal(shifted, padded[top : top + 5, left : left + 7])


def test_shifts_reach_every_place_equally():
    start = augment.base.integers(augment.base.uniforms(0, "a", 0, torch.arange(7000), 1), 5)
    assert stats.chisquare(np.bincount(start.flatten())).pvalue > 1e-4
    assert augment.base.integers(torch.tensor([1 - 2.0**-24]), 3).item() == 2


@pytest.mark.parametrize(("axis", "mirror"), [("horizontal", np.fliplr), ("vertical", np.flipud)])
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_mirrors_where_the_number_is_below_p(axis, mirror, channels):
    x, flip = pictures(20, channels=channels), Flip(axis, 0.4)
    u = numbers(flip, 20)
    for row, result, number in zip(x.numpy(), flip.pictures(x, u).numpy(), u.numpy(), strict=True):
        assert np.array_equal(result, mirror(row) if number[0] < 0.4 else row)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_cutout_fills_a_square_about_a_pixel(size, channels, dtype):
    x, cutout = pictures(30, channels=channels, dtype=dtype), Cutout(size, 77)
    u = numbers(cutout, 30)
    for row, result, (down, across) in zip(x.numpy(), cutout.pictures(x, u).numpy(), u.numpy(), strict=True):
        expected = row.copy()
        for i, j in itertools.product(range(5), range(7)):
            top, left = int(down * 5) - size // 2, int(across * 7) - size // 2
            if top <= i < top + size and left <= j < left + size:
                expected[i, j] = 77
        assert np.array_equal(result, expected)


def bilinear(picture, i, j, outside):
    """The value at a real position, pixel by pixel."""
    height, width, _ = picture.shape
    value = 0.0
    for a, b in itertools.product((0, 1), (0, 1)):
        row, column = math.floor(i) + a, math.floor(j) + b
        share = (1 - abs(i - row)) * (1 - abs(j - column))
        if outside == "edge":
            row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
        inside = 0 <= row < height and 0 <= column < width
        value = value + share * (picture[row, column] if inside else 0.0)
    return value


def test_affine_takes_each_pixel_from_where_it_was():
    kind = Affine(degrees=30.0, zoom=0.3, shear=0.2, pixels=1.5)
    x, u = pictures(4, channels=3, dtype=torch.float64), numbers(kind, 4)
    result = kind.pictures(x, u).numpy()
    level = (np.floor(u.numpy() * 4096) + 0.5) / 4096
    for n in range(4):
        angle = math.radians(30 * (2 * level[n, 0] - 1))
        size = math.exp(math.log(1.3) * (2 * level[n, 1] - 1))
        slant, across, down = 0.2 * (2 * u[n, 2] - 1), 1.5 * (2 * u[n, 3] - 1), 1.5 * (2 * u[n, 4] - 1)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        source = size * turn @ np.array([[1, slant], [0, 1]])
        for i, j in itertools.product(range(5), range(7)):
            column, row = source @ np.array([j - 3, i - 2]) + np.array([across + 3, down + 2])
            assert np.allclose(result[n, i, j], bilinear(x[n].numpy(), row, column, "zeros"), atol=2e-3)


def test_resized_crop_stretches_its_rectangle():
    kind = ResizedCrop((0.3, 0.9), (0.5, 2.0))
    x, u = pictures(6, dtype=torch.float64), numbers(kind)
    result = kind.pictures(x, u).numpy()
    for n in range(6):
        area = 0.3 + 0.6 * u[n, 0].item()
        ratio = math.exp(math.log(2) * (2 * (math.floor(u[n, 1] * 4096) + 0.5) / 4096 - 1))
        height, width = 5 * min(1, math.sqrt(area / ratio)), 7 * min(1, math.sqrt(area * ratio))
        top, left = (5 - height) * u[n, 2].item(), (7 - width) * u[n, 3].item()
        for i, j in itertools.product(range(5), range(7)):
            row, column = top + (i + 0.5) * height / 5 - 0.5, left + (j + 0.5) * width / 7 - 0.5
            assert np.allclose(result[n, i, j], bilinear(x[n].numpy(), row, column, "edge"), atol=2e-3)


def test_a_warp_that_moves_nothing_changes_nothing():
    x = pictures(channels=3)
    for kind in (Affine(), ResizedCrop((1.0, 1.0), (1.0, 1.0))):
        assert torch.equal(kind.pictures(x, numbers(kind)), x)


def test_brightness_and_contrast_in_double_precision():
    x = pictures(channels=3)
    u = numbers(Brightness(0.5))
    rows = x.numpy().astype(np.float64)
    factor = 0.5 + u.double().numpy()[:, :, None, None]
    mean = rows.mean((1, 2, 3), keepdims=True)
    for kind, exact in ((Brightness(0.5), rows * factor), (Contrast(0.5), mean + factor * (rows - mean))):
        result = kind.pictures(x, u)
        assert result.dtype == torch.uint8
        assert np.abs(result.numpy() - np.clip(exact, 0, 255)).max() < 0.501


# Targets.


def test_label_smoothing_is_torchs():
    eta, y = torch.from_numpy(GENERATOR.normal(size=(6, 4))), torch.tensor([0, 1, 2, 3, 3, 0])
    _, smooth, _ = LabelSmoothing(0.3, 4).apply(eta, y, None, torch.zeros(6, 0))
    loss = -(smooth * eta.log_softmax(-1)).sum(-1)
    expected = functional.cross_entropy(eta, y, label_smoothing=0.3, reduction="none")
    torch.testing.assert_close(loss, expected)


def order_by_loop(u):
    """Partners one by one: the row with the next larger number; that with the smallest follows the largest."""
    key = [(a, b) for a, b in u[:, :2].tolist()]
    ranked = sorted(range(len(key)), key=key.__getitem__)
    return {row: ranked[(place + 1) % len(ranked)] for place, row in enumerate(ranked)}


@pytest.mark.parametrize("alpha", [0.2, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_by_loop(alpha, weighted):
    """The mixture's log-likelihood is that of both rows, each with its weight and share."""
    kind = Mixup(alpha, 4, p=0.7)
    x, y, u = pictures(12), torch.from_numpy(GENERATOR.integers(0, 4, 12)), numbers(kind, 12)
    weight = torch.from_numpy(GENERATOR.random(12, dtype=np.float32)) if weighted else None
    partner = order_by_loop(u)
    mixed, target, after = kind.apply(x, y, weight, u)
    log_p = torch.from_numpy(GENERATOR.normal(size=(12, 4))).float()
    for i, j in partner.items():
        level = u[i, 3].item() if alpha == 1 else (math.floor(u[i, 3] * 4096) + 0.5) / 4096
        share = stats.beta(alpha, alpha).ppf(level) if u[i, 2] < 0.7 else 1.0
        expected = share * x[i].double() + (1 - share) * x[j].double()
        torch.testing.assert_close(mixed[i], expected.float(), rtol=1e-5, atol=1e-3)
        own, other = (1.0, 1.0) if weight is None else (weight[i].item(), weight[j].item())
        both = share * own * log_p[i, y[i]] + (1 - share) * other * log_p[i, y[j]]
        one = (1.0 if after is None else after[i]) * (target[i] * log_p[i]).sum()
        torch.testing.assert_close(one, both, rtol=1e-4, atol=1e-5)


def test_cutmix_by_loop():
    kind = CutMix(1.0, 4)
    x, y, u = pictures(12, channels=3), torch.from_numpy(GENERATOR.integers(0, 4, 12)), numbers(kind, 12)
    mixed, target, weight = kind.apply(x, y, None, u)
    assert weight is None
    for i, j in order_by_loop(u).items():
        side = math.sqrt(1 - u[i, 3].item())
        expected, stay = x[i].clone(), 0
        for a, b in itertools.product(range(5), range(7)):
            top = int(u[i, 4].item() * 5) - int(side * 5) // 2
            left = int(u[i, 5].item() * 7) - int(side * 7) // 2
            if top <= a < top + int(side * 5) and left <= b < left + int(side * 7):
                expected[a, b] = x[j, a, b]
            else:
                stay += 1
        assert torch.equal(mixed[i], expected)
        share = np.zeros(4)
        share[y[i]] += stay / 35
        share[y[j]] += 1 - stay / 35
        assert np.allclose(target[i], share, atol=1e-6)


def test_tables_and_numbers_mix_too():
    x, y = torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([10.0, 20.0])
    mixed, target, _ = Mixup(1.0).apply(x, y, None, torch.tensor([[0.0, 0, 0, 0.25], [0.5, 0, 0, 1.0]]))
    assert mixed.tolist() == [[1.5, 2.5], [2.0, 3.0]]
    assert target.tolist() == [17.5, 20.0]


def test_rows_without_weight_stay_without_weight():
    x, y, zero = torch.zeros(3, 2), torch.tensor([0, 1, 1]), torch.zeros(3)
    _, target, weight = Mixup(1.0, 2).apply(x, y, zero, torch.full((3, 4), 0.5))
    assert weight.tolist() == [0, 0, 0]
    torch.testing.assert_close(target.sum(1), torch.ones(3))


def test_beta_has_its_moments():
    share = augment.base.looked_up(torch.linspace(0, 1 - 2**-24, 100_001), augment.mixing._beta, 0.2)
    assert abs(share.mean() - 0.5) < 1e-4
    assert abs(share.double().var() - stats.beta(0.2, 0.2).var()) < 1e-4


def test_partners_are_a_cycle_that_does_not_know_the_order():
    rows = torch.arange(50)
    u = augment.base.uniforms(0, "augment.mixup", 0, rows, 4)
    partner = augment.mixing.partners(u)
    assert sorted(partner.tolist()) == rows.tolist()
    assert not (partner == rows).any()
    order = torch.from_numpy(GENERATOR.permutation(50))
    assert torch.equal(order[augment.mixing.partners(u[order])], partner[order])
    assert augment.mixing.partners(u[:1]).tolist() == [0]
    equal_at_first = torch.tensor([[0.5, 0.1], [0.5, 0.9], [0.5, 0.5]])
    assert augment.mixing.partners(equal_at_first).tolist() == [2, 0, 1]


# What holds for all.


@pytest.mark.parametrize("kind", ON_PICTURES, ids=name)
def test_a_row_is_augmented_alike_in_any_batch(kind):
    x, y = pictures(40, 9, 11, 3), torch.zeros(40)
    whole = kind(x, y, None, draw(range(40)))[0]
    some = torch.tensor([3, 38, 0, 17, 21])
    assert torch.equal(kind(x[some], y[some], None, draw(some))[0], whole[some])


@pytest.mark.parametrize("kind", [k for k in ON_PICTURES if k != Shift(0)], ids=name)
def test_epochs_seeds_and_rows_differ(kind):
    x = pictures(1, 9, 11).expand(64, 9, 11, 1)
    y = torch.zeros(64)
    base = kind(x, y, None, draw(range(64)))[0]
    assert len(torch.unique(base, dim=0)) > 1
    for other in (draw(range(64), seed=5), draw(range(64), epoch=3)):
        assert not torch.equal(kind(x, y, None, other)[0], base)


@pytest.mark.parametrize("kind", EVERY, ids=name)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_what_is_given_is_never_written_to(kind, dtype):
    if dtype == torch.float32 and isinstance(kind, Brightness | Contrast):
        pytest.skip("bytes alone")
    x, y, weight = pictures(8, dtype=dtype), torch.arange(8) % 4, torch.rand(8)
    before = [t.clone() for t in (x, y, weight)]
    mixed, *_ = kind(x, y, weight, draw(range(8)))
    assert all(torch.equal(a, b) for a, b in zip(before, (x, y, weight), strict=True))
    assert mixed.shape == x.shape


@pytest.mark.parametrize("kind", MIXED, ids=name)
def test_probabilities_that_are_given_are_never_written_to(kind):
    x, y = pictures(8), torch.from_numpy(GENERATOR.dirichlet(np.ones(4), 8))
    before = y.clone()
    target = kind(x, y, None, draw(range(8)))[1]
    assert torch.equal(y, before)
    torch.testing.assert_close(target.sum(1), torch.ones(8, dtype=torch.float64))


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_one_and_two_threads_give_the_same_bytes(kind):
    x, y, rows, threads = pictures(300, 12, 12, 3), torch.arange(300) % 4, range(300), torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(kind(x, y, torch.ones(300), draw(rows)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_the_accelerator_gives_the_same_up_to_rounding(kind):
    x, y, weight, at = pictures(40, 9, 11, 3), torch.arange(40) % 4, torch.rand(40), draw(range(40))
    here = kind(x, y, weight, at)
    there = kind(x.cuda(), y.cuda(), weight.cuda(), Draw(at.seed, at.epoch, at.rows.cuda()))
    off = (here[0].double() - there[0].cpu().double()).abs()
    interpolated = isinstance(kind, Affine | ResizedCrop)
    assert off.max() <= (1 if interpolated else 1e-3)
    assert (off > 1e-3).double().mean() <= 0.01
    for own, other in zip(here[1:], there[1:], strict=True):
        torch.testing.assert_close(own, other.cpu())


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_json_there_and_back(kind):
    assert augment.from_json(json.loads(json.dumps(kind.to_json()))) == kind


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_one_row_and_no_row(kind):
    for n in (1, 0):
        x, y, _ = kind(pictures(n), torch.zeros(n, dtype=torch.int64), None, draw(torch.arange(n)))
        assert (len(x), len(y)) == (n, n)


def test_chain_gives_each_part_numbers_of_its_own():
    x, y = pictures(400, 9, 9), torch.zeros(400)
    twice = Chain((Shift(1, "zeros"), Shift(1, "zeros")))
    moved = twice(x, y, None, draw(range(400)))[0]
    once = Shift(2, "zeros")
    u = augment.base.uniforms(1, "augment.chain", 2, torch.arange(400), 4)
    far = (u * 3).long()
    assert len(torch.unique(far, dim=0)) == 81
    for n in range(400):
        start = (far[n, :2] + far[n, 2:]) / 5 + 0.01
        expected = once.pictures(x[n : n + 1], start[None])[0]
        # Zeros that moved in at the first shift stay in view after the second.
        inner = (slice(2, -2), slice(2, -2))
        assert torch.equal(moved[n][inner], expected[inner])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shift(-1), "pixels from 0"),
        (lambda: Shift(1, "wrap"), "'reflect', 'zeros', 'edge'"),
        (lambda: Flip("diagonal"), "'horizontal' or 'vertical'"),
        (lambda: Flip(p=1.5), "p from 0 to 1"),
        (lambda: ResizedCrop((0.0, 1.0)), "scale"),
        (lambda: Affine(degrees=270.0), "degrees from 0 to 180"),
        (lambda: Cutout(-2), "size from 0"),
        (lambda: Brightness(2.0), "amount from 0 to 1"),
        (lambda: Mixup(0.0, 3), "alpha above 0"),
        (lambda: CutMix(1.0, 1), "classes from 2"),
        (lambda: LabelSmoothing(1.2, 3), "epsilon from 0 to 1"),
        (lambda: Mixup(1.0).apply(torch.zeros(2, 1), torch.tensor([0, 1]), None, torch.zeros(2, 4)), "pass classes=K"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(SpecificationError, match=message):
        make()


def test_bad_input_is_named():
    with pytest.raises(ShapeError, match="height, width, channels"):
        Flip()(torch.zeros(2, 4), torch.zeros(2), None, draw([0, 1]))
    with pytest.raises(ShapeError, match="needs bytes"):
        Contrast(0.1).pictures(torch.zeros(1, 2, 2, 1), torch.zeros(1, 1))
    with pytest.raises(ShapeError, match="'edge' or 'zeros'"):
        Shift(5).pictures(pictures(), torch.zeros(6, 2))
    with pytest.raises(ShapeError, match=r"shape \(n, 3\)"):
        LabelSmoothing(0.1, 3).apply(torch.zeros(2, 1), torch.zeros(2, 4), None, torch.zeros(2, 0))
    with pytest.raises(UnknownNameError, match="posterize"):
        augment.from_json({"augmentation": "posterize"})
