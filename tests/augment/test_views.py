"""Views of a picture or a sound at prediction time, against NumPy's padding, mirrors and spectra."""

import json
import math

import numpy as np
import pytest
import torch

from likeliest.augment import Tempos, TestTime, views_from_json
from likeliest.errors import ShapeError, SpecificationError

X = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 5, 6, 3), dtype=np.uint8))


def test_views_are_corners_of_the_padded_picture_and_their_mirror_images():
    around = np.pad(X.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)), "edge")
    moved = [X.numpy(), around[:, :5, :6], around[:, 4:, 4:]]
    expected = [image for view in moved for image in (view, view[:, :, ::-1])]
    views = list(TestTime(flip=True, shifts=2, pad="edge").views(X))
    assert len(views) == len(expected) == TestTime(True, 2).count
    assert all(np.array_equal(view.numpy(), image) for view, image in zip(views, expected, strict=True))


@pytest.mark.parametrize(("flip", "shifts", "count"), [(False, 0, 1), (True, 0, 2), (False, 1, 3), (True, 1, 6)])
def test_average_is_the_mean_of_probabilities(flip, shifts, count):
    see = TestTime(flip, shifts)
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(90, 4))).float()
    seen = []

    def predict(view):
        seen.append(view)
        return (view.flatten(1) / 255 @ weights).softmax(-1)

    average = see.averaged(predict, X)
    assert len(seen) == see.count == count
    each = torch.stack([(view.flatten(1) / 255 @ weights).softmax(-1) for view in seen])
    torch.testing.assert_close(average, each.mean(0))
    torch.testing.assert_close(average.sum(-1), torch.ones(3))
    # The bounds that the docstring states.
    assert (-average.log() <= (-each.log()).mean(0) + 1e-6).all()
    assert (-average.log() <= (-each.log()).amin(0) + math.log(count) + 1e-6).all()


def test_what_predict_returns_is_not_written_to():
    kept = torch.full((3, 2), 0.5)
    TestTime(True, 1).averaged(lambda _: kept, X)
    assert kept.eq(0.5).all()


def test_a_tone_that_is_played_slower_and_faster_is_lower_and_higher():
    tone = np.rint(9_000 * np.sin(2 * np.pi * 0.1 * np.arange(1_000))).astype(np.int16)
    views = list(Tempos(1.25).views(torch.from_numpy(tone)[None]))
    assert len(views) == Tempos(1.25).count
    assert torch.equal(views[0][0], torch.from_numpy(tone))
    middles = [np.abs(np.fft.rfft(view[0].numpy()[250:750] * np.hanning(500))).argmax() / 500 for view in views]
    np.testing.assert_allclose(middles, [0.1, 0.08, 0.125], atol=0.002)


@pytest.mark.parametrize("see", [TestTime(False, 2, "zeros"), Tempos(1.1)])
def test_json_there_and_back(see):
    assert views_from_json(json.loads(json.dumps(see.to_json()))) == see


def test_bad_settings_and_input_are_named():
    with pytest.raises(SpecificationError, match="shifts from 0"):
        TestTime(shifts=-1)
    with pytest.raises(SpecificationError, match="pad"):
        TestTime(pad="wrap")
    with pytest.raises(SpecificationError, match="factor from 1"):
        Tempos(0.9)
    with pytest.raises(ShapeError, match="height, width, channels"):
        list(TestTime().views(torch.zeros(2, 3)))
