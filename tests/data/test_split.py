"""Splits: complete, disjoint, seeded, and each class in its share; copies across the split found as by brute force."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from likeliest.data import Split, duplicates_across, split, split_by_group
from likeliest.errors import ShapeError, SpecificationError, TableError


@given(st.lists(st.integers(0, 6), min_size=3, max_size=200), st.integers(0, 2**40), st.booleans())
def test_every_row_is_in_one_part_and_every_class_where_it_can_be(labels: list[int], seed: int, stratify: bool) -> None:
    y = np.array(labels)
    parts = split(len(y), y=y, stratify=stratify, seed=seed)
    together = np.concatenate(list(parts))
    assert np.array_equal(np.sort(together), np.arange(len(y)))
    assert all((np.diff(part) > 0).all() and part.dtype == np.int64 for part in parts)
    assert all(np.array_equal(parts.part_of_rows()[part], np.full(len(part), i)) for i, part in enumerate(parts))
    again = split(len(y), y=y, stratify=stratify, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    if not stratify:
        return
    for label, m in zip(*np.unique(y, return_counts=True), strict=True):
        counts = [int((y[part] == label).sum()) for part in parts]
        if m < 3:
            assert counts == [1, 0, m - 1]
        else:
            assert min(counts) >= 1
            assert all(abs(c - m * f) <= 1 for c, f in zip(counts, (0.6, 0.2, 0.2), strict=True) if m >= 5)


def test_parts_are_exact_where_they_can_be_and_depend_on_the_seed() -> None:
    first, second = (split(1000, stratify=False, seed=seed) for seed in (0, 1))
    assert [len(part) for part in first] == [600, 200, 200]
    assert not np.array_equal(first.test, second.test)
    assert [len(p) for p in split(100, stratify=False, seed=0, fractions=(0.5, 0.25, 0.25))] == [50, 25, 25]


def test_every_row_is_as_likely_to_be_tested_as_any_other() -> None:
    y = np.repeat([0, 1, 2], [7, 4, 29])
    tested = np.zeros(40)
    for seed in range(2000):
        tested[split(40, y=y, stratify=True, seed=seed).test] += 1
    for label in range(3):
        assert stats.chisquare(tested[y == label]).pvalue > 1e-4
    assert abs(tested[y == 2].mean() / 2000 - 0.2) < 0.01


def test_many_small_classes_together_get_their_share() -> None:
    y = np.repeat(np.arange(200), 7)
    counts = [len(part) for part in split(len(y), y=y, stratify=True, seed=0)]
    np.testing.assert_allclose(counts, [840, 280, 280], atol=4 * np.sqrt(200) / 2)


def test_each_class_is_in_every_part_whatever_the_fractions() -> None:
    y = np.repeat([0, 1], [3, 8])
    for fractions in ((0.05, 0.05, 0.9), (0.9, 0.05, 0.05), (0.05, 0.9, 0.05)):
        for part in split(len(y), y=y, stratify=True, seed=0, fractions=fractions):
            assert set(y[part]) == {0, 1}


def test_a_class_keeps_its_rows_whatever_stands_in_the_others() -> None:
    y = np.array(["a"] * 10 + ["b"] * 10)
    other = np.array(["a"] * 10 + ["c"] * 10 + ["b"] * 5)
    first = split(20, y=y, stratify=True, seed=3)
    second = split(25, y=other, stratify=True, seed=3)
    assert np.array_equal(first.test[first.test < 10], second.test[second.test < 10])


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(TableError, match=r"expected at least 3 rows, .* found 1"):
        split(1, stratify=False, seed=0)
    with pytest.raises(SpecificationError, match="stratify=True needs y"):
        split(10, stratify=True, seed=0)
    with pytest.raises(SpecificationError, match="three positive fractions of sum 1"):
        split(10, stratify=False, seed=0, fractions=(0.5, 0.5, 0.0))
    with pytest.raises(ShapeError, match=r"expected y of shape \(10,\), one class a row, found \(9,\)"):
        split(10, y=np.zeros(9), stratify=True, seed=0)


VALUES = st.sampled_from([0.0, -0.0, 1.0, float("nan")])


@given(st.lists(st.tuples(VALUES, VALUES), min_size=6, max_size=40), st.integers(0, 99))
def test_copies_are_those_that_brute_force_finds(rows: list[tuple[float, float]], seed: int) -> None:
    table = np.array(rows)
    parts = split(len(rows), stratify=False, seed=seed)
    part = parts.part_of_rows()

    def same(i: int, j: int) -> bool:
        return bool(np.array_equal(table[i], table[j], equal_nan=True))

    expected = [i for i in range(len(rows)) if any(same(i, j) and part[j] < part[i] for j in range(len(rows)))]
    found = duplicates_across(table, parts)
    assert found.rows.tolist() == expected
    assert all(same(i, j) and part[j] < part[i] for i, j in zip(found.rows, found.twins, strict=True))
    assert found.rows.tolist() == duplicates_across(pl.DataFrame(table, schema=["row", "1"]), parts).rows.tolist()


def test_copies_are_named_by_row() -> None:
    frame = pl.DataFrame({"a": [1, None, 1, None, 5], "b": ["x", None, "x", "x", "y"]})
    parts = Split(np.array([0, 1]), np.array([3]), np.array([2, 4]))
    found = duplicates_across(frame, parts)
    assert len(found) == 1
    assert found.message.startswith("1 of the 3 held-out rows are copies of rows in an earlier part (row 3 = row 1); ")
    alone = duplicates_across(frame, Split(np.array([0, 2]), np.array([3]), np.array([1, 4])))
    assert alone.message == "none of the 3 held-out rows is a copy of a row in an earlier part"


# --- by speaker -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 8), min_size=3, max_size=120), st.integers(0, 2**40))
def test_no_speaker_is_on_two_sides(speakers: list[int], seed: int) -> None:
    groups, count = [f"s{speaker}" for speaker in speakers], len(set(speakers))
    dealt = split_by_group(groups, seed=seed)
    parts = [{groups[row] for row in rows} for rows in dealt.parts]
    assert np.array_equal(np.sort(np.concatenate(list(dealt.parts))), np.arange(len(groups)))
    assert dealt.disjoint == (count > 1)
    if count > 1:
        assert not parts[2] & (parts[0] | parts[1])
        assert all(map(len, dealt.parts))
    if count > 2:
        assert not parts[0] & parts[1]


def test_speakers_are_dealt_by_their_rows() -> None:
    six = [who for who in "abcdef" for _ in range(50)]
    dealt = split_by_group(six, seed=0)
    assert [len(rows) for rows in dealt.parts] == [200, 50, 50]
    assert dealt.message.endswith("one part: 1 of 6 speakers to test on, 1 to choose by")
    assert len({six[split_by_group(six, seed=seed).parts.test[0]] for seed in range(60)}) == 6
    small = split_by_group(["a", "b", *"cccccccc"], seed=0)  # both small ones together would be the share to test on
    assert [len(rows) for rows in small.parts] == [8, 1, 1]
    many = [f"s{row}" for row in range(100)]
    assert [len(rows) for rows in split_by_group(many, seed=0).parts] == [60, 20, 20]
    uneven = ["much"] * 70 + many[:30]
    assert all("much" in {uneven[row] for row in split_by_group(uneven, seed=seed).parts.train} for seed in range(20))


def test_two_speakers_and_one() -> None:
    two, y = ["a"] * 40 + ["b"] * 20, np.arange(60) % 4
    dealt = split_by_group(two, seed=0, y=y)
    assert (dealt.parts.test.tolist(), dealt.disjoint) == (list(range(40, 60)), True)
    assert set(np.bincount(y[dealt.parts.train])) <= {7, 8}
    assert set(np.bincount(y[dealt.parts.validation])) <= {2, 3}
    assert "rows to choose by are those of the speaker that is learnt from" in dealt.message
    one = split_by_group(["a"] * 60, seed=0, y=y)
    assert (one.disjoint, "flatters" in one.message) == (False, True)
    assert all(map(np.array_equal, one.parts, split(60, y=y, stratify=True, seed=0)))
    with pytest.raises(TableError, match="at least 3 rows"):
        split_by_group(["a", "b"], seed=0)
