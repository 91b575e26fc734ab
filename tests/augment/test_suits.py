"""Which augmentations suit: on pictures whose answer is known, made or real."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from likeliest.augment import Cutout, Flip, Shift, recommend
from likeliest.augment.suits import Evidence, copies_tell
from likeliest.errors import ShapeError
from likeliest.randomness import stream

FASHION = Path("/usr/share/datasets/fashion-mnist")


def kinds(recommendation):
    return [type(part) for part in recommendation.chain.parts]


def drawn(shapes, n=600, noise=40.0, seed=0):
    """Pictures of one shape a class, each at its own brightness, with noise."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, len(shapes), n)
    x = np.stack(shapes)[y] * generator.uniform(80, 200, (n, 1, 1)) + generator.normal(0, noise, (n, 12, 12))
    return torch.from_numpy(np.clip(x, 0, 255).astype(np.uint8))[..., None], torch.from_numpy(y)


def ramp():
    """Brighter to the right."""
    return np.tile(np.linspace(0, 1, 12), (12, 1))


def test_classes_that_are_each_others_mirror_image_are_not_flipped():
    x, y = drawn([ramp(), ramp()[:, ::-1]])
    answer = recommend(x, y, 2)
    assert Flip not in kinds(answer)
    assert Shift in kinds(answer)
    assert answer.reasons[1].startswith("flip: left out; held-out NLL")


def test_classes_that_are_their_own_mirror_image_are_flipped():
    x, y = drawn([ramp().T, ramp().T[::-1]])
    assert kinds(recommend(x, y, 2)) == [Shift, Flip]


def test_pixels_that_tell_nothing_give_no_leave_to_flip():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (400, 12, 12, 3), generator=generator, dtype=torch.uint8)
    y = torch.randint(0, 3, (400,), generator=generator)
    assert Flip not in kinds(recommend(x, y, 3))


def test_shifts_that_change_the_class_are_left_out():
    """A dot at one of four neighbouring pixels, each a class."""
    x, y = torch.zeros(400, 12, 12, 1, dtype=torch.uint8), torch.arange(400) % 4
    x[torch.arange(400), 6, 4 + y] = 200
    x += torch.randint(0, 20, x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert copies_tell(x, y, 4, Shift(1)).harmful
    assert Shift not in kinds(recommend(x, y, 4))


def test_evidence_by_loop():
    """At its best setting, the window's NLL is what a loop over held-out rows and classes gives."""
    x, y = drawn([ramp(), ramp().T], n=30, noise=150.0)
    evidence = copies_tell(x, y, 2, Flip("horizontal", 1.0))
    share = np.bincount(y) / 30
    assert evidence.null == pytest.approx(-(share * np.log(share)).sum())
    rows = x.double().flatten(1).numpy()
    chosen = np.sort(stream(0, "augment.suits").permutation(30))
    turn = stream(0, "augment.suits", 1).permutation(30) % 3
    rows, label = rows[chosen], y.numpy()[chosen]
    mirrored = x.flip(2).double().flatten(1).numpy()[chosen]
    best = {}
    for copies in (False, True):
        means = []
        for width in (0.05, 0.1, 0.2, 0.4, 0.8):
            for pseudo in (1e-3, 1e-2, 1e-1):
                nll = []
                for i in range(30):
                    fold = turn == turn[i]
                    nearest = [
                        min(((rows[a] - rows[b]) ** 2).sum() for b in np.flatnonzero(~fold))
                        for a in np.flatnonzero(fold)
                    ]
                    scale = np.sort(nearest)[(len(nearest) - 1) // 2]
                    others = np.flatnonzero(~fold)
                    distance = np.array([((rows[i] - rows[b]) ** 2).sum() for b in others])
                    owners = label[others]
                    if copies:
                        distance = np.append(distance, [((rows[i] - mirrored[b]) ** 2).sum() for b in others])
                        owners = np.append(owners, owners)
                    votes = np.exp(-(distance - distance.min()) / scale / width)
                    p = (votes[owners == label[i]].sum() + pseudo / 2) / (votes.sum() + pseudo)
                    nll.append(-np.log(p))
                means.append(np.mean(nll))
        best[copies] = min(means)
    assert evidence.without == pytest.approx(best[False], rel=1e-9)
    assert evidence.change == pytest.approx(best[True] - best[False], abs=1e-9)


@pytest.mark.parametrize(
    ("without", "change", "error", "harmless", "harmful"),
    [
        (1.0, 0.03, 0.01, True, False),
        (1.0, 0.03, 0.03, False, False),  # too uncertain to say either
        (1.0, 0.09, 0.03, False, True),
        (1.0, -0.1, 0.01, True, False),
        (2.2, 0.03, 0.01, False, False),  # 5 % of what pixels tell, 0.1, is what counts
        (2.4, -0.1, 0.01, True, False),
        (2.4, 0.0, 0.0, False, False),
    ],
)
def test_evidence_allows_for_its_error(without, change, error, harmless, harmful):
    evidence = Evidence(2.3, without, change, error)
    assert (evidence.harmless, evidence.harmful) == (harmless, harmful)


def test_digits_are_shifted_and_never_flipped():
    digits = load_digits()
    x, y = torch.from_numpy(digits.images * 15).byte()[..., None], torch.from_numpy(digits.target)
    answers = [recommend(x[:1000], y[:1000], 10, seed) for seed in range(3)]
    assert [kinds(answer) for answer in answers] == [[Shift]] * 3
    again = recommend(x[:1000], y[:1000], 10, 0)
    assert again == answers[0]


def test_fashion_is_flipped():
    if not FASHION.exists():
        pytest.skip("Fashion-MNIST is not here; install the Debian package dataset-fashion-mnist")
    n = 1500
    with (
        gzip.open(FASHION / "train-images-idx3-ubyte.gz") as images,
        gzip.open(FASHION / "train-labels-idx1-ubyte.gz") as labels,
    ):
        x = np.frombuffer(images.read(16 + 784 * n), np.uint8, offset=16).reshape(n, 28, 28, 1)
        y = np.frombuffer(labels.read(8 + n), np.uint8, offset=8)
    x, y = torch.from_numpy(x.copy()), torch.from_numpy(y.astype(np.int64))
    assert kinds(recommend(x, y, 10)) == [Shift, Flip]
    long = recommend(x, y, 10, passes=40)
    assert long.chain.parts[0] == Shift(2, "zeros")
    assert long.chain.parts[2] == Cutout(8)


def test_few_pictures_are_not_asked():
    x, y = drawn([ramp(), ramp().T], n=20)
    answer = recommend(x, y, 2)
    assert kinds(answer) == [Shift]
    assert "too few" in answer.reasons[0]


def test_tables_are_refused():
    with pytest.raises(ShapeError, match="height, width, channels"):
        recommend(torch.zeros(200, 4), torch.zeros(200), 2)
