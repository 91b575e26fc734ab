"""The same pictures from every container: byte for byte, in one order, with one split."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeliest.data import Pictures, catalogue, pictures_of_arrays, read_pictures, write_folder
from likeliest.errors import ShapeError, SourceError

RNG = np.random.default_rng(0)


def some(n: int = 12, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, size=(n, *(shape or (5, 6))), dtype=np.uint8)


def idx(path: Path, array: np.ndarray, *, packed: bool = False) -> Path:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def write_mnist(folder: Path, x: np.ndarray, y: np.ndarray, first: int, *, packed: bool = False) -> None:
    """Write four files with MNIST's names, of which the training files hold the ``first`` rows."""
    suffix = ".gz" if packed else ""
    for part, rows in (("train", slice(None, first)), ("t10k", slice(first, None))):
        idx(folder / f"{part}-images-idx3-ubyte{suffix}", x[rows], packed=packed)
        idx(folder / f"{part}-labels-idx1-ubyte{suffix}", y[rows], packed=packed)


def same(one: Pictures, other: Pictures) -> None:
    first, second = one.in_canonical_order(), other.in_canonical_order()
    assert first.labels == second.labels
    assert np.array_equal(first.test, second.test)
    assert len(first) == len(second)
    assert all(map(np.array_equal, first.pixels, second.pixels))


# --- IDX --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_four_idx_files_are_rows_to_learn_from_and_a_test_set(tmp_path: Path, packed: bool) -> None:
    x, y = some(12), np.arange(12, dtype=np.uint8) % 3
    write_mnist(tmp_path, x, y, 8, packed=packed)
    pictures = read_pictures(tmp_path)
    assert np.array_equal(pictures.pixels, x[..., None])
    assert pictures.labels == tuple(map(str, y))
    assert pictures.test.tolist() == [8, 9, 10, 11]
    assert pictures.names[8] == f"t10k-images-idx3-ubyte{'.gz' if packed else ''} row 1"
    assert pictures.sizes.tolist() == [[5, 6]] * 12


def test_one_images_file_finds_its_labels_beside_it(tmp_path: Path) -> None:
    write_mnist(tmp_path, some(12), np.arange(12, dtype=np.uint8) % 3, 8)
    pictures = read_pictures(tmp_path / "train-images-idx3-ubyte")
    assert (len(pictures), len(pictures.test)) == (8, 0)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(SourceError, match=r"expected its labels beside it, in train-labels-idx1-ubyte or .*gz, found"):
        read_pictures(tmp_path / "train-images-idx3-ubyte")
    assert read_pictures(tmp_path / "train-images-idx3-ubyte", labelled=False).labels is None


def test_a_test_file_alone_is_not_set_aside(tmp_path: Path) -> None:
    write_mnist(tmp_path, some(12), np.arange(12, dtype=np.uint8) % 3, 8)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    pictures = read_pictures(tmp_path)
    assert (len(pictures), len(pictures.test)) == (4, 0)


def test_damaged_idx_files_are_refused_by_name(tmp_path: Path) -> None:
    x, y = some(12), np.arange(12, dtype=np.uint8) % 3
    write_mnist(tmp_path, x, y, 8)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-7])
    with pytest.raises(SourceError, match=r"expected 240 bytes after the header, for 8 × 5 × 6, found 233"):
        read_pictures(tmp_path)
    images.write_bytes(whole + b"x")
    with pytest.raises(SourceError, match=r"expected 240 bytes .* found more"):
        read_pictures(tmp_path)
    images.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte: cannot be read"):
        read_pictures(tmp_path)
    images.write_bytes(whole[:4] + b"\xff" * 12 + whole[16:])
    with pytest.raises(SourceError, match=r"expected 79,228,162,458,924,105,385,300,197,375 bytes .*, found 240"):
        read_pictures(tmp_path)
    images.write_bytes(whole[:9])
    with pytest.raises(SourceError, match="train-images"):
        read_pictures(tmp_path)
    images.write_bytes(b"\0\0\x0d\x03" + whole[4:])
    with pytest.raises(SourceError, match=r"an IDX file of bytes, which begins 00 00 08, found 00 00 0d 03"):
        read_pictures(tmp_path)
    images.write_bytes(whole)
    idx(labels, y[:7])
    with pytest.raises(SourceError, match=r"expected 8 labels, one for each image .*, found 7; check that the two"):
        read_pictures(tmp_path)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_gives_the_bytes_of_the_arrays_it_was_written_from(tmp_path: Path) -> None:
    x, y = some(30), RNG.integers(0, 3, 30)
    write_folder(pictures_of_arrays(x, y), tmp_path)
    pictures = read_pictures(tmp_path)
    assert pictures.problems == ()
    rows = np.argsort(y, kind="stable")
    assert np.array_equal(pictures.pixels, x[rows][..., None])
    assert pictures.labels == tuple(map(str, y[rows]))
    assert pictures.names[0] == f"0/{rows[0] + 1:02}.png"
    same(pictures, pictures_of_arrays(x, y))


def test_names_are_in_natural_order(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in (10, 9, 100):
            Image.new("L", (2, 2), number).save(tmp_path / label / f"{number}.png")
    assert read_pictures(tmp_path).names[:3] == ("a/9.png", "a/10.png", "a/100.png")


def test_train_and_test_folders_are_parts_and_no_classes(tmp_path: Path) -> None:
    x, y = some(12), np.arange(12) % 3
    whole = pictures_of_arrays(x, y, test=range(8, 12))
    write_folder(whole, tmp_path)
    pictures = read_pictures(tmp_path)
    assert sorted(set(pictures.labels or ())) == ["0", "1", "2"]
    assert [pictures.names[row].startswith("test/") for row in range(12)] == np.isin(range(12), pictures.test).tolist()
    same(pictures, whole)
    shutil.move(tmp_path / "test", tmp_path / "val")
    assert len(read_pictures(tmp_path).test) == 0


def test_the_names_of_files_change_nothing(tmp_path: Path) -> None:
    x, y = some(30), RNG.integers(0, 3, 30)
    for row in range(30):
        path = tmp_path / str(y[row]) / f"{RNG.integers(10**9)}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(x[row]).save(path)
    same(read_pictures(tmp_path), pictures_of_arrays(x, y))


def test_rows_taken_in_any_order_keep_what_belongs_to_them() -> None:
    x, y = some(6), np.arange(6) % 2
    taken = pictures_of_arrays(x, y, test=[1, 5]).take(np.array([5, 0, 1, 3]))
    assert np.array_equal(taken.pixels, x[[5, 0, 1, 3]][..., None])
    assert (taken.labels, taken.test.tolist()) == (("1", "0", "1", "1"), [0, 2])
    assert taken.names == ("x row 6", "x row 1", "x row 2", "x row 4")
    mixed = Pictures.of([x[0], x[1, :3], x[2]], test=[2]).take(np.array([2, 1]))
    assert [picture.shape for picture in mixed.pixels] == [(5, 6, 1), (3, 6, 1)]
    assert (mixed.sizes.tolist(), mixed.test.tolist()) == ([[5, 6], [3, 6]], [0])


def test_canonical_order_is_parts_then_labels_then_pixels() -> None:
    x, y = some(40), RNG.integers(0, 3, 40)
    pictures = pictures_of_arrays(x, y, test=range(5, 15)).in_canonical_order()
    assert pictures.test.tolist() == list(range(30, 40))
    labels = pictures.labels or ()
    assert list(labels) == [*sorted(labels[:30]), *sorted(labels[30:])]
    digests = pictures.digests()
    assert all(digests[k] < digests[k + 1] for k in range(29) if labels[k] == labels[k + 1])


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_arrays_with_channels_first_floats_and_booleans_are_the_same_bytes() -> None:
    x = some(6, 5, 7, 3)
    expected = pictures_of_arrays(x).pixels
    assert np.array_equal(expected, x)
    assert np.array_equal(pictures_of_arrays(x.transpose(0, 3, 1, 2)).pixels, x)
    assert np.array_equal(pictures_of_arrays(x / 255.0).pixels, x)
    assert np.array_equal(pictures_of_arrays((x / 255.0).astype(np.float32)).pixels, x)
    assert np.array_equal(pictures_of_arrays(x.astype(np.int64)).pixels, x)
    assert np.array_equal(pictures_of_arrays(x > 99).pixels, np.where(x > 99, 255, 0))


def test_colour_that_is_grey_has_one_channel() -> None:
    x = some(6, 5, 7)
    assert np.array_equal(pictures_of_arrays(np.stack([x] * 3, -1)).pixels, x[..., None])


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((3, 4)), ShapeError, r"expected pictures of shape .*, found \(3, 4\)"),
        (np.zeros((3, 4, 4, 4)), ShapeError, r"found \(3, 4, 4, 4\)"),
        (np.full((3, 4, 4), 256), SourceError, r"integers in \[0, 255\] or floats in \[0, 1\], found 256 to 256"),
        (np.full((3, 4, 4), 1.5), SourceError, r"found 1\.5 to 1\.5"),
        (np.full((3, 4, 4), np.nan), SourceError, r"found nan to nan"),
        (np.full((3, 4, 4), "a"), SourceError, r"found type <U1"),
        (np.zeros((0, 4, 4)), SourceError, r"found an array of shape \(0, 4, 4, 1\)"),
        (np.zeros((2, 0, 4), np.uint8), SourceError, r"found an array of shape \(2, 0, 4, 1\)"),
    ],
)
def test_arrays_that_are_no_pictures(x: np.ndarray, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        pictures_of_arrays(x)
    with pytest.raises(ShapeError, match=r"expected 3 labels, one for each picture, found shape \(2,\)"):
        pictures_of_arrays(np.zeros((3, 4, 4)), [1, 2])


def test_npz_files_with_and_without_a_test_set(tmp_path: Path) -> None:
    x, y = some(12), np.arange(12) % 3
    np.savez(tmp_path / "a.npz", images=x, labels=y)
    np.savez_compressed(tmp_path / "b.npz", x_train=x[:8], y_train=y[:8], x_test=x[8:], y_test=y[8:])
    same(read_pictures(tmp_path / "a.npz"), pictures_of_arrays(x, y))
    same(read_pictures(tmp_path / "b.npz"), pictures_of_arrays(x, y, test=range(8, 12)))
    assert read_pictures(tmp_path / "a.npz").names[2] == "a.npz row 3"
    np.save(tmp_path / "x.npy", x)
    assert read_pictures(tmp_path / "x.npy", labelled=False).labels is None
    with pytest.raises(SourceError, match=r"expected labels \(y or labels\), found x"):
        read_pictures(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", y)
    same(read_pictures(tmp_path / "x.npy"), pictures_of_arrays(x, y))
    np.savez(tmp_path / "c.npz", z=x)
    with pytest.raises(SourceError, match=r"expected pictures \(x or images\), found z"):
        read_pictures(tmp_path / "c.npz")


def test_npz_files_that_hold_code_or_are_cut_short(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([object()], dtype=object), y=np.zeros(1))
    with pytest.raises(SourceError, match="expected arrays saved by NumPy, without objects"):
        read_pictures(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=some(12), y=np.zeros(12))
    (tmp_path / "b.npz").write_bytes((tmp_path / "b.npz").read_bytes()[:-40])
    with pytest.raises(SourceError, match="expected arrays saved by NumPy"):
        read_pictures(tmp_path / "b.npz")


# --- what is no source ------------------------------------------------------------------------------------------------


def test_what_is_no_source_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        read_pictures(tmp_path / "nothing")
    (tmp_path / "a.doc").write_text("hello")
    with pytest.raises(SourceError, match=r"expected a folder of pictures, a CSV .* mnist; found none of them"):
        read_pictures(tmp_path / "a.doc")


# --- the named sets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", catalogue("images"), ids=lambda entry: entry.name)
def test_a_named_set_has_its_own_test_set(entry) -> None:
    if not entry.installed:
        pytest.skip(f"needs {entry.name}; get it with: {entry.how_to_get}")
    pictures = read_pictures(entry.name)
    assert pictures.pixels.shape == (entry.rows, 28, 28, 1)
    assert np.array_equal(pictures.test, np.arange(60_000, 70_000))
    labels, counts = np.unique(pictures.labels, return_counts=True)
    assert len(labels) == 10
    if entry.classes:
        assert set(labels) == set(entry.classes)
        assert set(counts) == {7000}
    assert pictures.problems == ()


@pytest.mark.parametrize("entry", catalogue("images"), ids=lambda entry: entry.name)
def test_a_missing_set_says_how_to_get_it(entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    assert not entry.installed
    with pytest.raises(SourceError, match=f"comes with .*not installed; get it with: {entry.how_to_get}"):
        read_pictures(entry.name)


def test_the_environment_says_where_sets_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = some(12), np.arange(12, dtype=np.uint8) % 3
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", x, y, 8)
    monkeypatch.setenv("LIKELIEST_DATA", str(tmp_path))
    assert np.array_equal(read_pictures("mnist").pixels, x[..., None])
