"""The encoder: against scikit-learn and pandas on mixed data, through JSON, and on every kind of bad cell."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from likeliest.data import TableEncoder
from likeliest.data.levels import MAX_LEVELS, enough_rows
from likeliest.errors import ColumnError, ModelFileError, TableError


def mixed(n: int = 500, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    start = dt.datetime(2023, 1, 1)
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "visits": rng.poisson(3, n),
            "city": rng.choice(["Rome", "Oslo", "Łódź", "København"], n, p=[0.4, 0.3, 0.2, 0.1]),
            "member": rng.random(n) < 0.3,
            "when": [start + dt.timedelta(hours=float(h)) for h in rng.uniform(0, 24 * 900, n)],
            "income": rng.lognormal(10, 1, n),
        }
    )
    gone = pl.Series(rng.random(n) < 0.2)
    return frame.with_columns(pl.when(~gone).then(pl.col("income")).alias("income"))


def learn(frame: pl.DataFrame | dict[str, Any], standardise: bool = False, **options: Any) -> TableEncoder:
    return TableEncoder.learn(pl.DataFrame(frame), standardise=standardise, **options)


def columns(encoder: TableEncoder, frame: pl.DataFrame, prefix: str) -> np.ndarray:
    return encoder.encode(frame)[:, [name.startswith(prefix) for name in encoder.names]]


# --- against what others wrote --------------------------------------------------------------------------------------


def test_numbers_are_scaled_as_by_standard_scaler_after_mean_imputation() -> None:
    frame = mixed()
    raw = frame.select("age", "visits", "income").to_numpy()
    ours = learn(frame, standardise=True)
    scaled = StandardScaler().fit(raw).transform(SimpleImputer().fit_transform(raw))
    for j, name in enumerate(["age", "visits", "income"]):
        np.testing.assert_allclose(columns(ours, frame, name)[:, 0], scaled[:, j], rtol=1e-12, atol=1e-13)
    assert np.array_equal(columns(ours, frame, "income is missing")[:, 0], frame["income"].is_null().to_numpy())


def test_levels_are_coded_as_by_one_hot_encoder_and_get_dummies() -> None:
    frame = mixed()
    city = frame.select("city").to_numpy()
    full = OneHotEncoder(sparse_output=False).fit_transform(city)
    assert np.array_equal(columns(learn(frame, standardise=True), frame, "city"), full)
    without = OneHotEncoder(sparse_output=False, drop=["Rome"]).fit_transform(city)
    assert np.array_equal(columns(learn(frame), frame, "city"), without)
    names = pd.get_dummies(frame.select("city").to_pandas(), prefix_sep="=").columns
    assert [n for n in learn(frame, standardise=True).names if n.startswith("city")] == list(names)


def test_dates_are_cut_into_the_calendar_of_pandas() -> None:
    frame = mixed()
    when = frame["when"].to_pandas().dt
    coded = dict(zip(learn(frame).names, learn(frame).encode(frame).T, strict=True))
    for day in ("Monday", "Tuesday", "Saturday"):
        assert np.array_equal(coded[f"when: {day}"], when.day_name() == day)
    assert "when: Sunday" not in coded
    hours = when.hour + when.minute / 60 + when.second / 3600
    np.testing.assert_allclose(coded["when: cosine of day"], np.cos(hours * math.tau / 24), atol=1e-12)
    np.testing.assert_allclose(coded["when: sine of day"], np.sin(hours * math.tau / 24), atol=1e-12)
    share = (when.day_of_year - 1 + hours / 24) / np.where(when.is_leap_year, 366, 365)
    np.testing.assert_allclose(coded["when: years since 2023"], when.year - 2023 + share, atol=1e-12)
    np.testing.assert_allclose(coded["when: sine of year"], np.sin(share * math.tau), atol=1e-12)


# --- what the coding promises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardise", [False, True])
def test_an_encoder_through_json_encodes_the_same_bytes(standardise: bool) -> None:
    frame = mixed()
    encoder = learn(frame, standardise)
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    assert again.encode(frame).tobytes() == encoder.encode(frame).tobytes()


def test_the_raw_coding_has_full_rank_beside_an_intercept() -> None:
    frame = mixed().with_columns(same=pl.col("income") * pl.col("income"))
    design = learn(frame, standardise=False).encode(frame)
    beside = np.column_stack([np.ones(len(design)), design / np.abs(design).max(axis=0)])
    assert np.linalg.matrix_rank(beside) == beside.shape[1]


def test_columns_missing_in_the_same_rows_share_one_indicator() -> None:
    frame = pl.DataFrame({"a": [1.0, None, 3.0, 5.0], "b": [None, 2.0, None, None], "c": ["x", None, "y", "x"]})
    with_another = frame.with_columns(b=pl.Series([4.0, None, 2.0, 1.0]), d=pl.Series([1.0, 1.0, None, 2.0]))
    encoder = learn(with_another)
    assert [n for n in encoder.names if n.endswith("is missing")] == ["a is missing", "d is missing"]
    assert learn(frame).left_out["b"] == "always 2.0 where it is there, and where that is, 'a' tells already"


def test_a_column_with_one_value_tells_only_where_it_is_missing() -> None:
    frame = pl.DataFrame({"flag": ["Y", None, "Y", None], "a": [1.0, 2.0, 4.0, 4.0]})
    encoder = learn(frame)
    assert encoder.names == ("flag is missing", "a")
    assert encoder.encode(frame)[:, 0].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_nan_is_missing() -> None:
    frame = pl.DataFrame({"a": [1.0, math.nan, 3.0]})
    assert learn(frame).encode(frame).tolist() == [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]


def test_what_is_missing_only_later_gets_the_mean() -> None:
    encoder = learn({"a": [1.0, 2.0, 6.0], "b": [True, False, True], "c": ["x", "x", "y"]}, standardise=True)
    later = pl.DataFrame({"a": [None], "b": [None], "c": [None]}, schema={"a": pl.Int8, "b": pl.Null, "c": pl.String})
    assert dict(zip(encoder.names, encoder.encode(later)[0], strict=True)) == {"a": 0.0, "b": 2 / 3, "c=x": 0.0}


def test_statistics_come_from_the_rows_to_learn_from_alone() -> None:
    frame = pl.DataFrame({"a": [1.0, 3.0, 100.0], "c": ["x", "y", "z"], "d": ["x", "x", "z"]})
    encoder = learn(frame, standardise=True, rows=np.array([0, 1]))
    assert encoder.encode(frame)[:, 0].tolist() == [-1.0, 1.0, 98.0]
    assert set(encoder.left_out) == {"c", "d"}


def test_two_hundred_levels_are_pooled_and_the_words_say_so() -> None:
    rng = np.random.default_rng(1)
    code = rng.permuted(np.repeat([f"k{i:03}" for i in range(200)], rng.integers(1, 60, 200)))
    frame = pl.DataFrame({"code": code})
    counts = pd.Series(code).value_counts()
    for standardise in (False, True):
        encoder = learn(frame, standardise)
        kind = encoder.kinds[0]
        own = {name.removeprefix("code=") for name in encoder.names} - {"(other)"}
        assert len(own) <= MAX_LEVELS
        assert counts[list(own)].min() >= enough_rows(len(code))
        assert "text with 200 levels" in encoder.explanations["code"]
        coded = encoder.encode(pl.concat([frame, pl.DataFrame({"code": ["never seen", None]})]))
        rare = ~pd.Series(code).isin([*own, getattr(kind, "reference", None)]).to_numpy()
        place = encoder.names.index("code=(other)") if standardise else None
        expected = np.eye(coded.shape[1])[place] if place is not None else np.zeros(coded.shape[1])
        assert (coded[:-2][rare] == expected).all()
        assert (coded[-2] == expected).all()
        assert not coded[-1].any()


def test_rare_levels_share_a_column_where_they_have_rows_enough() -> None:
    city = ["Rome"] * 60 + ["Oslo"] * 30 + [f"v{i}" for i in range(10)]
    encoder = learn({"city": city})
    assert encoder.names == ("city=Oslo", "city=(other)")
    assert encoder.encode(pl.DataFrame({"city": ["Rome", "Oslo", "v3", "Atlantis"]})).tolist() == [
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 1],
    ]


def test_identifiers_and_constants_are_left_out_and_named() -> None:
    n = 30
    shuffled = np.random.default_rng(0).permutation(n)
    encoder = learn(
        {
            "x": np.sin(np.arange(n)),
            "name": [f"person {i}" for i in range(n)],
            "PassengerId": shuffled,
            "user_id": shuffled,
            "paid": shuffled,
            "order": 1000 + 7 * np.arange(n),
            "one": [3] * n,
            "nothing": [None] * n,
            "list": [[i] for i in range(n)],
            "unnamed_1": shuffled,
        }
    )
    assert encoder.sources == ("x", "paid")
    assert encoder.left_out["name"] == "identifier: all 30 texts differ"
    assert "named like one" in encoder.left_out["PassengerId"]
    assert "named like one" in encoder.left_out["user_id"]
    assert "named like one" in encoder.left_out["unnamed_1"]
    assert "like a row number" in encoder.left_out["order"]
    assert encoder.left_out["one"] == "constant: always 3"
    assert encoder.left_out["nothing"] == "no values"
    assert "type List" in encoder.left_out["list"]
    assert encoder.explanations["nothing"] == "left out; no values"


def test_keep_and_categorical_overrule() -> None:
    frame = {"id": list(range(20)), "month": [1, 2] * 10}
    encoder = learn(frame, keep=("id",), categorical=("month",))
    assert encoder.names == ("id", "month=2")
    assert encoder.text_columns == ("month",)


def test_a_date_that_never_changes_its_hour_has_no_cycle_of_the_day() -> None:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=7 * i) for i in range(100)]
    names = learn({"day": days}).names
    assert names == ("day: years since 2024", "day: sine of year", "day: cosine of year")


# --- bad cells --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_feature_is_refused_with_its_row_in_the_file(value: float) -> None:
    frame = pl.DataFrame({"age": [float(i % 7) for i in range(50)]})
    frame[16, "age"] = value
    message = rf"column 'age' row 17: expected a finite number, found {value}; correct the cell, or leave it empty"
    with pytest.raises(ColumnError, match=message):
        learn(frame, rows=np.arange(10))
    encoder = learn(frame.head(10))
    with pytest.raises(ColumnError, match=message):
        encoder.encode(frame)


def test_a_text_among_numbers_is_refused_with_its_row() -> None:
    age = [str(i % 7) for i in range(50)]
    age[16] = "abc"
    with pytest.raises(ColumnError, match=r"column 'age' row 17: expected a finite number, found 'abc'; correct"):
        learn({"age": age})
    encoder = learn({"age": [i % 7 for i in range(50)]})
    with pytest.raises(ColumnError, match="column 'age' row 17: expected a finite number, found 'abc'"):
        encoder.encode(pl.DataFrame({"age": age}))
    age[16] = "3"
    assert encoder.encode(pl.DataFrame({"age": age})).ravel().tolist() == [float(a) for a in age]


def test_a_column_of_the_wrong_type_is_refused_with_its_row() -> None:
    encoder = learn(
        {"when": [dt.date(2024, 1, 1), dt.date(2024, 3, 1), dt.date(2024, 6, 3)], "ok": [True, False, True]}
    )
    good = pl.DataFrame({"when": ["2024-02-02", None], "ok": ["TRUE", "0"]})
    assert np.isfinite(encoder.encode(good)).all()
    with pytest.raises(
        ColumnError, match=r"column 'when' row 2: expected a date such as 2024-03-31.*found '31/3/2024'"
    ):
        encoder.encode(pl.DataFrame({"when": ["2024-02-02", "31/3/2024"], "ok": [True, True]}))
    with pytest.raises(ColumnError, match=r"column 'ok' row 1: expected true or false, found 'yes' \(and 1 more such"):
        encoder.encode(pl.DataFrame({"when": ["2024-02-02", None], "ok": ["yes", "no"]}))
    with pytest.raises(ColumnError, match="column 'ok': expected one value a cell, found List"):
        encoder.encode(pl.DataFrame({"when": [None, None], "ok": [[1], [2]]}))


def test_a_missing_column_is_named_and_another_one_ignored() -> None:
    encoder = learn({"height": [1.0, 2.0, 4.0], "weight": [5.0, 2.0, 3.0]})
    with pytest.raises(ColumnError, match=r"found no 'height'; did you mean 'hieght'?"):
        encoder.encode(pl.DataFrame({"hieght": [1.0], "weight": [1.0]}))
    assert encoder.encode(pl.DataFrame({"z": ["?"], "weight": [1.0], "height": [2.0]})).tolist() == [[2.0, 1.0]]


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(TableError, match="expected at least 2 rows to learn from, found 1"):
        learn({"a": [1.0]})
    with pytest.raises(TableError, match=r"found none of use .'a': constant: always 1.0; 'b': no values"):
        learn({"a": [1.0, 1.0], "b": [None, None]})
    with pytest.raises(TableError, match=r"found 0|no columns"):
        learn({})
    with pytest.raises(ColumnError, match="found no 'q'"):
        learn({"a": [1.0, 2.0]}, keep=("q",))


def test_two_encoded_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ColumnError, match="would be called 'a=y'; rename"):
        learn({"a": ["x", "y", "x", "y"], "a=y": [1.0, 2.0, 4.0, 3.0]})


def test_values_beyond_the_range_of_doubles_are_refused() -> None:
    with pytest.raises(ColumnError, match="expected values whose range is a double"):
        learn({"a": [-1.7e308, 1.7e308]})
    encoder = learn({"a": [0.0, 1e-300]}, standardise=True)
    with pytest.raises(ColumnError, match="column 'a' row 2: expected a number nearer to"):
        encoder.encode(pl.DataFrame({"a": [0.0, 1e300]}))


@pytest.mark.parametrize(
    "value", [{}, {"kinds": [{"kind": "from the future"}], "left_out": {}, "standardise": True}, []]
)
def test_what_is_no_encoder_is_refused(value: Any) -> None:
    with pytest.raises(ModelFileError, match="encoder in the model file cannot be read"):
        TableEncoder.from_json(value)


# --- properties -------------------------------------------------------------------------------------------------------

CELLS = [
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e150, max_value=1e150),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.sampled_from(["x", "y", "", "x y", "Ω"]),
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),
    st.dates(dt.date(1600, 1, 1), dt.date(2400, 1, 1)),
]


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    n = draw(st.integers(2, 30))
    kinds = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=5))
    cells = [draw(st.lists(st.one_of(kind, st.none()), min_size=n, max_size=n)) for kind in kinds]
    return pl.DataFrame({f"c{i}": values for i, values in enumerate(cells)}, strict=False)


@given(frames(), st.booleans())
def test_any_frame_gives_a_finite_matrix_and_the_same_one_through_json(frame: pl.DataFrame, standardise: bool) -> None:
    encoder, words = None, ""
    try:
        encoder = learn(frame, standardise)
    except TableError as error:
        words = str(error)
    if encoder is None:
        assert "found none of use" in words
        return
    coded = encoder.encode(frame)
    assert coded.shape == (frame.height, len(encoder.names))
    assert np.isfinite(coded).all()
    assert len(set(encoder.names)) == len(encoder.names)
    assert set(encoder.sources) | set(encoder.left_out) == set(frame.columns)
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    assert np.array_equal(again.encode(frame), coded)
    rows = np.arange(frame.height)[::-1]
    assert np.array_equal(encoder.encode(frame[rows]), coded[rows])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=2, max_size=30))
def test_standardised_numbers_have_mean_zero_and_deviation_one(values: list[float]) -> None:
    frame = pl.DataFrame({"a": values})
    try:
        encoder = learn(frame, standardise=True)
    except (TableError, ColumnError):
        return
    coded = encoder.encode(frame)[:, 0]
    number = dataclasses.asdict(encoder.kinds[0])
    assert np.isfinite(coded).all()
    largest = max(map(abs, values))
    if number["scale"] > 1e-9 * largest and min(number["scale"], largest) > 1e-290:
        assert abs(coded.mean()) < 1e-6
        assert abs(coded.std() - 1) < 1e-6
