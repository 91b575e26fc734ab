"""The target: its family by the rule, its labels there and back, and every target that cannot be predicted."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder

from likeliest.data import Target, find_target, rows_with_target
from likeliest.errors import ModelFileError, SupportError, TargetError


def series(values: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("y", values, dtype=dtype)


@pytest.mark.parametrize(
    ("values", "family", "classes"),
    [
        (["no", "yes", "no"], "bernoulli", ("no", "yes")),
        (["c", "a", "b", "a"], "categorical", ("a", "b", "c")),
        ([True, False, True], "bernoulli", (False, True)),
        ([0, 1, 1], "bernoulli", (0, 1)),
        ([1.0, 0.0, None, 1.0], "bernoulli", (0, 1)),
        ([*range(20), 0], "categorical", tuple(range(20))),
        ([*range(21), 0], "normal", None),
        ([3, 1, 2], "normal", None),
        ([0.5, 1.5, 0.5], "normal", None),
        ([-1, 1, -1], "bernoulli", (-1, 1)),
    ],
)
def test_the_values_pick_the_family(values: list[Any], family: str, classes: tuple[Any, ...] | None) -> None:
    target = Target.learn(series(values))
    assert (target.name, target.family, target.classes) == ("y", family, classes)
    assert f"its family is {family}." in target.explanation


def test_categories_are_labels() -> None:
    target = Target.learn(series(["b", "a", "b"], pl.Categorical))
    assert target.classes == ("a", "b")
    assert target.encode(series(["b", "a"], pl.Enum(["a", "b"]))).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "asked", "words"),
    [
        (list(range(30)), None, "if they count something, --family poisson describes them better"),
        ([0, 1, 2, 2], None, "If these integers are amounts and not names of classes, use --family normal, or poisson"),
        ([0, 1, 2, 2], "poisson", "3 distinct integers from 0 to 2; its family is poisson, as asked."),
        (
            ["no", "yes", "no"],
            None,
            "'y' holds 2 distinct texts ('no', 'yes'); its family is bernoulli. The model gives the probability ",
        ),
        (["a", None, "b", "a", None], None, "2 without a target left out: rows 2 and 5."),
    ],
)
def test_the_choice_is_explained(values: list[Any], asked: str | None, words: str) -> None:
    assert words in Target.learn(series(values), asked).explanation


def test_negative_integers_are_not_taken_for_counts() -> None:
    assert "poisson" not in Target.learn(series(list(range(-5, 30)))).explanation


@pytest.mark.parametrize(
    ("values", "family", "error", "message"),
    [
        ([], None, TargetError, "found 0 rows and no value"),
        ([None, None], None, TargetError, "found 2 rows and no value in any"),
        (["a", "a", None], None, TargetError, "expected a target that varies, found 'a' in all 2 rows"),
        ([2.0, 2.0], None, TargetError, "found 2 in all 2 rows"),
        ([f"mail {i}" for i in range(9)], None, TargetError, "found 9 texts that all differ .'mail 0', 'mail 1', "),
        ([1.0, math.nan, 2.5], None, TargetError, "column 'y' row 2: expected a finite target, found nan; correct"),
        ([1.0, 2.5, -math.inf], None, TargetError, "column 'y' row 3: expected a finite target, found -inf"),
        ([str(i) for i in range(20)] + ["abc"], None, TargetError, "row 21: expected a finite number.* found 'abc'"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], None, TargetError, "found cells of type Date; turn it into"),
        ([[1], [2]], None, TargetError, "found cells of type List"),
        (["a", "b", "c", "a"], "bernoulli", TargetError, "expected 2 classes.* found 3 .* use --family categorical"),
        (["a", "b", "a"], "normal", TargetError, "expected numbers, as family normal needs, found texts such as 'a'"),
        ([True, False], "poisson", TargetError, "found booleans"),
        ([0.25, 0.5, 0.75], "categorical", TargetError, "found 3 values that all differ; use --family normal"),
        ([3, 0, -1], "poisson", SupportError, "row 3: expected a count .*as family poisson needs, found -1; correct"),
        ([3, 0.5, 1], "poisson", SupportError, r"row 2: .* found 0\.5; correct the cell, or use --family normal"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(
    values: list[Any], family: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Target.learn(pl.Series("y", values, strict=False), family)


def test_the_target_column_is_found_or_its_absence_named() -> None:
    frame = pl.DataFrame({"age": [1], "Species": [2], "Class": [3]})
    assert find_target(frame) == "Class"
    assert find_target(frame, "age") == "age"
    with pytest.raises(TargetError, match=r"no such column; did you mean 'Species'?"):
        find_target(frame, "Spieces")
    with pytest.raises(TargetError, match="no such column; the table has 'age', 'Species', 'Class'"):
        find_target(frame, "price")
    with pytest.raises(
        TargetError, match=r"which column to predict, found 0 .* name one of 'age', 'Species', as in --tar"
    ):
        find_target(frame.drop("Class"))


def test_rows_with_a_target_are_found() -> None:
    assert rows_with_target(series([None, 1, None, 2])).tolist() == [1, 3]


def test_numbers_pass_through() -> None:
    target = Target.learn(series([1.5, 2.25, -3.0]))
    assert target.encode(series(["1.5", "-7"])).tolist() == [1.5, -7.0]
    assert target.encode(series([3, 4])).dtype == np.float64
    with pytest.raises(TargetError, match="row 2: expected a finite number, found 'x'"):
        target.encode(series(["1", "x"]))
    with pytest.raises(TargetError, match="row 1: expected a finite number, found 'inf'"):
        target.encode(series(["inf"]))
    with pytest.raises(TargetError, match=r"is a number .normal.: it has no classes"):
        target.decode(np.array([0]))


def test_counts_are_checked_when_encoded() -> None:
    with pytest.raises(SupportError, match="row 2: expected a count"):
        Target.learn(series([0, 1, 5]), "poisson").encode(series([2, -2]))


def test_labels_are_compared_as_what_was_learnt() -> None:
    integers = Target.learn(series([0, 1, 1]))
    assert integers.encode(series(["1", "0"])).tolist() == [1, 0]
    assert integers.encode(series([1.0, 0.0])).tolist() == [1, 0]
    booleans = Target.learn(series([True, False, True]))
    assert booleans.encode(series(["TRUE", "false"])).tolist() == [1, 0]
    assert Target.learn(series(["1", "x", "x"])).encode(series([1, 1])).tolist() == [0, 0]


def test_an_unknown_or_missing_label_is_refused_with_its_row() -> None:
    target = Target.learn(series(["a", "b", "a"]))
    with pytest.raises(TargetError, match=r"row 2: expected one of the classes learnt .'a', 'b'., found 'c'"):
        target.encode(series(["a", "c"]))
    with pytest.raises(
        TargetError, match=r"row 3: expected a target, found None .and 1 more such rows.; leave the row out"
    ):
        target.encode(series(["a", "b", None, None]))


LABELS = [
    st.sampled_from(["x", "y", "", "Ω", "007", "7"]),
    st.booleans(),
    st.integers(-9, 9),
    st.sampled_from([0.5, -1.25, 3.0]),
]


@given(st.sampled_from(LABELS).flatmap(lambda label: st.lists(label, min_size=4, max_size=40)))
def test_labels_go_there_and_back_as_by_label_encoder(labels: list[Any]) -> None:
    try:
        target = Target.learn(series(labels), "categorical")
    except TargetError:
        assert len(set(labels)) in (1, len(labels))
        return
    reference = LabelEncoder().fit(labels)
    y = target.encode(series(labels))
    assert y.dtype == np.int64
    assert np.array_equal(y, reference.transform(labels))
    assert target.decode(y).tolist() == labels
    again = Target.from_json(json.loads(json.dumps(target.to_json())))
    assert again == target
    assert list(map(type, again.classes or ())) == list(map(type, target.classes or ()))


@pytest.mark.parametrize("value", [{}, {"name": "y", "family": "normal", "classes": 3, "explanation": ""}, None])
def test_what_is_no_target_is_refused(value: Any) -> None:
    with pytest.raises(ModelFileError, match="target in the model file cannot be read"):
        Target.from_json(value)
