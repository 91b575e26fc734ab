"""Rows of unequal length against lists of rows, and what is read of a file that they are mapped from."""

import math

import numpy as np
import pytest
import torch

from likeliest.errors import ShapeError
from likeliest.sequences import END, Ragged, end, frames, lengths, rows_of, without_ends

ROWS = [[5, 6, 7], [], [1], [32_767, -32_767], [0, 0, 0, 0], [9]]


def ragged(dtype=torch.int16):
    return Ragged.of([torch.tensor(row, dtype=dtype) for row in ROWS])


def filled(rows):
    longest = max((len(row) for row in rows), default=0)
    return [row + [END] * (longest - len(row)) for row in rows]


@pytest.mark.parametrize("dtype", [torch.int16, torch.float32, torch.float64])
def test_what_is_taken_is_filled_up_to_the_longest_of_it(dtype):
    x = ragged(dtype)
    assert (len(x), x.shape, x.ndim, x.dtype) == (6, (6, 4), 2, dtype)
    assert x.is_floating_point() == dtype.is_floating_point
    for index in ([4, 0, 2], [1], [3, 3], [-1, 0], []):
        expected = filled([ROWS[i] for i in index])
        at = torch.tensor(index, dtype=torch.long)
        for taken in (x[at], x[at.numpy()], x.index_select(0, at)):
            assert taken.dtype == dtype
            assert taken.tolist() == expected
    for part in (slice(None), slice(1, 3), slice(4, 100), slice(None, None, 2), slice(3, 3)):
        assert x[part].tolist() == filled(ROWS[part])
    mask = torch.tensor([len(row) == 1 for row in ROWS])
    assert x[mask].tolist() == [[1], [9]]


def test_some_rows_are_views_of_the_same_values():
    values = torch.arange(10, dtype=torch.float32)
    x = Ragged(values, [0, 4, 7, 10])
    some = rows_of(x, torch.tensor([2, 0]))
    assert some[:].tolist() == [[7, 8, 9, END], [0, 1, 2, 3]]
    values[7] = 70
    assert some[0:1].tolist() == [[70, 8, 9]]
    assert some.subset(np.array([1]))[:].tolist() == [[0, 1, 2, 3]]
    assert rows_of(torch.eye(3), torch.tensor([1])).tolist() == [[0, 1, 0]]


def test_lengths_are_those_of_the_rows():
    x = ragged()
    expected = [len(row) for row in ROWS]
    assert lengths(x).tolist() == lengths(x[:]).tolist() == lengths(x[:].float()).tolist() == expected
    assert lengths(x).dtype == lengths(x[:]).dtype == torch.int64
    assert x.to(torch.float64)[:].tolist() == filled(ROWS)
    assert x.to("cpu").device == torch.device("cpu")


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_mapped_file_is_read_where_rows_are_taken(mode, tmp_path):
    path = tmp_path / "sounds"
    np.arange(-500, 500, dtype=np.int16).tofile(path)
    x = Ragged(np.memmap(path, dtype=np.int16, mode=mode), np.array([0, 400, 1_000]))
    assert x[torch.tensor([1])][0, :3].tolist() == [-100, -99, -98]
    if mode == "r+":
        with open(path, "r+b") as file:
            file.write(np.int16(77).tobytes())
        assert int(x[0:1][0, 0]) == 77, "what changes in the file is seen: nothing was read before"


def test_wrong_rows_are_named():
    for values, offsets, words in (
        (torch.zeros(2, 2), [0, 2], r"one row \(N,\)"),
        (torch.zeros(4, dtype=torch.int64), [0, 4], "of torch.int64"),
        (torch.zeros(4), [0.0, 4.0], "n \\+ 1 integers"),
        (torch.zeros(4), [], "n \\+ 1 integers"),
        (torch.zeros(4), [1, 4], "from 0 to the 4 values"),
        (torch.zeros(4), [0, 3], "they go from 0 to 3"),
        (torch.zeros(4), [0, 3, 2, 4], "never fall"),
    ):
        with pytest.raises(ShapeError, match=words):
            Ragged(values, offsets)
    with pytest.raises(ShapeError, match="no rows to join"):
        Ragged.of([])
    with pytest.raises(ShapeError, match="row 1 is"):
        Ragged.of([torch.zeros(2), torch.zeros(2, 1)])
    with pytest.raises(ShapeError, match="axis 0, not 1"):
        ragged().index_select(1, torch.tensor([0]))


def test_certain_blanks_end_a_sequence_and_are_counted():
    count = torch.tensor([3, 0, 5, 1])
    for lead in ((), (2,)):
        eta = torch.randn(*lead, 4, 5, 3)
        kept = eta.clone()
        assert end(eta, count) is eta
        assert frames(eta).tolist() == (count.tolist() if not lead else [count.tolist()] * 2)
        for i, t in enumerate(count):
            assert torch.equal(eta[..., i, :t, :], kept[..., i, :t, :])
            assert bool((eta[..., i, t:, 0] == 0).all())
            assert bool((eta[..., i, t:, 1:] == -math.inf).all())
        assert bool(torch.isfinite(without_ends(eta)).all())


def test_a_certain_blank_inside_is_none_of_the_end():
    eta = torch.zeros(1, 4, 2)
    eta[0, 1, 1] = -math.inf
    assert frames(eta).tolist() == [4]
    assert torch.equal(without_ends(eta), eta)
    eta[0, 2, 0] = math.nan
    assert not bool(torch.isfinite(without_ends(end(eta, torch.tensor([3])))).all()), "what went wrong is still seen"
