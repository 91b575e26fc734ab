"""Near copies across a split, against the correlation of all pairs at full size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from likeliest.data import Split, catalogue, near_duplicates, read_pictures
from likeliest.data.images import neighbours
from likeliest.errors import ShapeError

RNG = np.random.default_rng(0)


def smooth(n: int, height: int = 28, width: int = 28, channels: int = 1) -> np.ndarray:
    """Blurred noise, whose pictures are as correlated as those of real sets."""
    coarse = RNG.integers(0, 256, (n, 4, 4, channels), dtype=np.uint8)
    squeezed = coarse if channels == 3 else coarse[..., 0]
    made = [np.array(Image.fromarray(picture).resize((width, height), 2)) for picture in squeezed]
    return np.stack(made).reshape(n, height, width, channels)


def jpeg(picture: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(buffer, "jpeg", quality=90)
    return np.array(Image.open(buffer)).reshape(picture.shape)


def parts_of(n: int) -> Split:
    rows = RNG.permutation(n)
    return Split(*(np.sort(rows[a:b]) for a, b in ((0, n // 2), (n // 2, 3 * n // 4), (3 * n // 4, n))))


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (9, 40, 3), (64, 48, 1)])
def test_they_are_those_of_all_pairs(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_HELD", 64)
    monkeypatch.setattr(neighbours, "_EARLIER", 100)
    monkeypatch.setattr(neighbours, "_PAIRS", 5)
    x, parts = smooth(400, *shape), parts_of(400)
    held = [*parts.validation[:9], *parts.test[:9]]
    for number, (row, twin) in enumerate(zip(held, parts.train, strict=False)):
        x[row] = [x[twin], jpeg(x[twin]), x[twin] // 2 + 40][number % 3]
    found = near_duplicates(x, parts)
    full = np.corrcoef(x.reshape(400, -1))
    part = parts.part_of_rows()
    full[part[:, None] <= part[None, :]] = -1
    expected = np.flatnonzero(full.max(axis=1) >= neighbours.ALIKE)
    assert found.rows.tolist() == expected.tolist()
    assert len(found) >= 12  # a JPEG of few pixels in colour may be less like its original
    np.testing.assert_allclose(found.likeness, full[expected].max(axis=1), rtol=1e-12)
    assert np.array_equal(found.identical, [(x[a] == x[b]).all() for a, b in zip(found.rows, found.twins, strict=True)])
    np.testing.assert_allclose(full[found.rows, found.twins], found.likeness, rtol=1e-12)


def test_scores_are_integers_that_float32_adds_exactly() -> None:
    descriptors = neighbours._descriptors(smooth(300))
    exact = descriptors.astype(np.int64) @ descriptors.astype(np.int64).T
    assert np.array_equal((descriptors @ descriptors.T).astype(np.int64), exact)
    assert np.abs(np.corrcoef(neighbours._descriptors(smooth(300, 14, 14))).diagonal() - 1).max() < 1e-12
    assert exact.diagonal().max() < 2**24


def test_one_and_two_threads_find_the_same() -> None:
    x, parts = smooth(600), parts_of(600)
    x[parts.test] = x[parts.train[:150]] // 2
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(near_duplicates(x, parts, alike=0.9))
    assert len(found[0]) >= 150
    assert found[0].twins.tolist() == found[1].twins.tolist()
    assert found[0].likeness.tobytes() == found[1].likeness.tobytes()


def test_blank_pictures_are_copies_of_blank_ones_alone() -> None:
    x = np.zeros((5, 8, 8, 1), np.uint8)
    x[2:4] = 7
    x[4] = RNG.integers(0, 255, (8, 8, 1))
    found = near_duplicates(x, Split(np.array([0, 4]), np.array([1, 2]), np.array([3])))
    assert (found.rows.tolist(), found.twins.tolist()) == ([1, 3], [0, 2])
    assert (found.likeness.tolist(), found.identical.tolist()) == ([1.0, 1.0], [True, True])


def test_the_message_names_them() -> None:
    x = smooth(4)
    x[3] = x[1]
    parts = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    assert near_duplicates(x, parts).message.startswith(
        "1 of the 2 held-out pictures is nearly the same as one in an earlier part, 1 of them byte for byte "
        "(row 4 = row 2); scores on them are too good"
    )
    assert "(d.png = b.png)" in near_duplicates(x, parts, names=["a.png", "b.png", "c.png", "d.png"]).message
    x[3] = smooth(1)[0]
    assert near_duplicates(x, parts).message.startswith("none of the 2 held-out pictures")
    empty = np.array([], dtype=np.int64)
    assert len(near_duplicates(x, Split(np.arange(4), empty, empty))) == 0
    with pytest.raises(ShapeError, match=r"expected pictures as uint8 \(n, H, W, C\), found float64 \(4, 28, 28, 1\)"):
        near_duplicates(x / 255, parts)


def test_fashion_mnist_has_near_copies_across_its_own_split() -> None:
    entry = catalogue("images")[0]
    if not entry.installed:
        pytest.skip(f"needs {entry.name}; get it with: {entry.how_to_get}")
    pictures = read_pictures(entry.name)
    x = np.concatenate([pictures.pixels[:6_000], pictures.pixels[60_000:62_000]])
    found = near_duplicates(x, Split(np.arange(6_000), np.arange(0), np.arange(6_000, 8_000)))
    full = _correlations(x[6_000:], x[:6_000])
    assert found.rows.tolist() == (6_000 + np.flatnonzero(full.max(axis=1) >= neighbours.ALIKE)).tolist()
    assert len(found) > 0


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    centred = [x.reshape(len(x), -1) - x.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] for x in (first, second)]
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in centred)
    return one @ other.T
