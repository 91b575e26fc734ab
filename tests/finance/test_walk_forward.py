"""Folds in time: nothing that is learnt from reaches into what is forecast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeliest.errors import SpecificationError
from likeliest.finance.walk_forward import FEWEST, walk_forward


@given(
    rows=st.integers(60, 400),
    first=st.integers(50, 59),
    every=st.integers(1, 80),
    horizon=st.integers(1, 20),
    window=st.one_of(st.none(), st.integers(20, 100)),
)
def test_labels_learnt_are_known_when_the_first_forecast_is_made(rows, first, every, horizon, window):
    folds = list(walk_forward(rows, first=first, every=every, horizon=horizon, window=window))
    forecast = np.concatenate([np.arange(rows)[fold.forecast] for fold in folds])
    np.testing.assert_array_equal(forecast, np.arange(first, rows))  # each row once, in order
    for fold in folds:
        last_label = np.arange(rows)[fold.learnt][-1] + horizon
        assert last_label == fold.first  # the close at which the forecast is made is the last price known
        assert fold.last - fold.first <= every
        assert fold.start == (0 if window is None else max(0, fold.stop - window))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"first": FEWEST - 2}, "at least 20 are needed"),
        ({"first": 100}, "none is left"),
        ({"first": 50, "every": 0}, "counted from 1"),
        ({"first": 50, "horizon": 0}, "counted from 1"),
        ({"first": 50, "window": 0}, "counted from 1"),
        ({"first": 50, "window": 5}, "would be learnt from 5 rows"),
        ({"first": 50, "horizon": 40}, "would be learnt from 11 rows"),
    ],
)
def test_walks_that_cannot_be_say_why(settings, said):
    with pytest.raises(SpecificationError, match=said):
        list(walk_forward(100, **settings))
