"""Pictures of any size as one array of bytes: what is learnt, what passes untouched, and where the rest lies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from likeliest.data import ImageEncoder, Pictures, pictures_of_arrays
from likeliest.data.images.encoder import boxed
from likeliest.errors import ModelFileError, ShapeError

RNG = np.random.default_rng(0)


def some(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, size=shape, dtype=np.uint8)


def test_pictures_of_one_size_pass_byte_for_byte_and_uncopied() -> None:
    pictures = pictures_of_arrays(some(7, 9, 8, 3))
    encoder = ImageEncoder.learn(pictures)
    assert encoder.shape == (9, 8, 3)
    assert encoder.encode(pictures) is pictures.pixels


@pytest.mark.parametrize("shape", [(300, 9, 8, 1), (300, 9, 8, 3)])
def test_mean_and_scale_are_those_of_the_training_rows(shape: tuple[int, ...]) -> None:
    x, rows = some(*shape), np.arange(0, 300, 7)
    encoder = ImageEncoder.learn(pictures_of_arrays(x), rows)
    np.testing.assert_allclose(encoder.mean, (x[rows] / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(encoder.scale, (x[rows] / 255).std((0, 1, 2)), rtol=1e-12)


def test_moments_of_many_pictures_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    x = some(10, 3, 3)
    whole = ImageEncoder.learn(pictures_of_arrays(x))
    monkeypatch.setattr("likeliest.data.images.encoder._BLOCK", 3)
    assert ImageEncoder.learn(pictures_of_arrays(x)) == whole


def test_a_constant_channel_has_scale_one() -> None:
    assert ImageEncoder.learn(pictures_of_arrays(np.full((2, 3, 3), 51))).scale == (1.0,)
    assert ImageEncoder.learn(pictures_of_arrays(np.full((2, 3, 3), 51))).mean == (0.2,)


def test_mixed_sizes_take_the_median_of_the_training_rows() -> None:
    pictures = Pictures.of([some(*s) for s in [(10, 20), (12, 16), (30, 16), (64, 64), (64, 64), (64, 64)]])
    assert ImageEncoder.learn(pictures, np.arange(3)).shape == (12, 16, 1)
    assert ImageEncoder.learn(pictures).encode(pictures).shape == (6, 30, 20, 1)


def test_grey_stays_grey_and_colour_turns_grey_by_pillows_luma() -> None:
    grey, colour = some(4, 5, 5), some(4, 5, 5, 3)
    encoder = ImageEncoder.learn(pictures_of_arrays(grey))
    expected = [np.array(Image.fromarray(c).convert("L"))[..., None] for c in colour]
    assert np.array_equal(encoder.encode(colour), expected)
    both = Pictures.of([*grey, *colour])
    assert ImageEncoder.learn(both).channels == 3
    assert np.array_equal(ImageEncoder.learn(both).encode(grey), np.repeat(grey[..., None], 3, -1))


def test_a_picture_in_a_box_keeps_its_proportions_and_loses_nothing() -> None:
    square = boxed(some(6, 6, 1), 8, 12)
    assert np.array_equal(square[:, :2], np.broadcast_to(square[:1, :1], (8, 2, 1)))
    assert np.array_equal(square[:, 10:], np.broadcast_to(square[:1, :1], (8, 2, 1)))
    picture = some(4, 8, 3)
    boxes = boxed(picture, 8, 8)
    assert np.array_equal(boxes[2:6], picture)
    tall = boxed(picture.transpose(1, 0, 2), 8, 8)
    assert np.array_equal(tall[:, 2:6], picture.transpose(1, 0, 2))


def test_what_is_shrunk_is_averaged_and_not_sampled() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    assert np.ptp(boxed(checks.astype(np.uint8)[..., None], 8, 8)) < 20


def test_bars_have_the_median_colour_of_the_edge() -> None:
    picture = np.full((4, 8, 3), (10, 20, 30), np.uint8)
    picture[1:3, 1:7] = some(2, 6, 3)
    picture[0, 0] = 255
    assert (boxed(picture, 8, 8)[[0, 1, 6, 7]] == (10, 20, 30)).all()


def test_a_panorama_becomes_a_strip() -> None:
    assert boxed(np.full((1, 1000, 1), 200, np.uint8), 8, 8)[4].tolist() == [[200]] * 8


def test_json_gives_back_the_encoder_and_its_bytes() -> None:
    pictures = Pictures.of([some(5, 6, 3), some(9, 9)])
    encoder = ImageEncoder.learn(pictures)
    again = ImageEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    assert np.array_equal(again.encode(pictures), encoder.encode(pictures))
    assert len(encoder.names) == 5 * 6 * 3
    with pytest.raises(ModelFileError, match="the encoder in the model file cannot be read"):
        ImageEncoder.from_json({"height": 3})
    with pytest.raises(ModelFileError):
        ImageEncoder.from_json({**encoder.to_json(), "more": 1})


def test_nothing_to_learn_from() -> None:
    with pytest.raises(ShapeError, match="expected pictures to learn from, found none"):
        ImageEncoder.learn(Pictures.of([some(3, 3)]), np.array([], dtype=np.int64))
