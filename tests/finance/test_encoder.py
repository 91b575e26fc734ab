"""From prices to x: what is kept, how later prices join, and what does not fit."""

import numpy as np
import pytest
from tests.finance.markets import series

from likeliest.data import Prices, PriceSeries
from likeliest.errors import ColumnError, InputError, UnknownNameError
from likeliest.finance.encoder import PriceEncoder

WHOLE = series(400, ranges=True)
PAST, LATER = WHOLE.take(slice(0, 350)), WHOLE.take(slice(340, None))


def scaled(one, by):
    columns = {name: values * (1 if name == "volume" else by) for name, values in one.columns().items()}
    return PriceSeries(one.name, one.dates, **columns)


@pytest.mark.parametrize("inputs", ["returns", "measured", "features"])
def test_it_is_the_same_after_a_journey_through_json(inputs):
    encoder = PriceEncoder.learn(PAST, inputs)
    again = PriceEncoder.from_json(encoder.to_json())
    np.testing.assert_array_equal(again.encode(None), encoder.encode(None))
    assert again.names == encoder.names
    assert encoder.encode(None).shape == (350, len(encoder.names))


@pytest.mark.parametrize("inputs", ["returns", "measured", "features"])
@pytest.mark.parametrize("unit", [1.0, 0.25])
def test_later_prices_join_those_before_in_whatever_unit(inputs, unit):
    encoder = PriceEncoder.learn(PAST, inputs)
    found = encoder.encode(scaled(LATER, unit))
    expected = PriceEncoder.learn(WHOLE, inputs).encode(None)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_prices_that_begin_before_stand_for_themselves():
    assert len(PriceEncoder.learn(LATER, "returns").encode(WHOLE)) == len(WHOLE)


def test_a_hole_between_is_refused():
    with pytest.raises(InputError, match="Give those between too"):
        PriceEncoder.learn(WHOLE.take(slice(0, 300)), "returns").encode(WHOLE.take(slice(320, None)))


def test_the_models_asset_is_found_among_others():
    other = PriceSeries("other", WHOLE.dates, WHOLE.close)
    encoder = PriceEncoder.learn(PAST, "returns")
    both = Prices.of([other, LATER])
    np.testing.assert_array_equal(encoder.encode(both), encoder.encode(LATER))
    with pytest.raises(UnknownNameError, match="simulated"):
        encoder.encode(Prices.of([other, PriceSeries("third", WHOLE.dates, WHOLE.close)]))


def test_columns_that_the_model_needs_are_asked_for():
    bare = PriceSeries("simulated", LATER.dates, LATER.close)
    with pytest.raises(ColumnError, match="open, high, low, which the model learnt from"):
        PriceEncoder.learn(PAST, "measured").encode(bare)
    assert len(PriceEncoder.learn(PAST, "returns").encode(bare)) == 401


def test_prices_of_another_asset_are_refused():
    other = series(400, 9)
    with pytest.raises(InputError, match=r"found other returns on \d+ of 349 days that the model knows"):
        PriceEncoder.learn(PAST, "returns").encode(other)


def test_several_prices_a_day_are_refused_where_one_was_learnt():
    hours = PriceSeries("simulated", np.datetime64("2011-05-06T00", "us") + np.arange(30) * np.timedelta64(1, "h"),
                        np.linspace(90, 95, 30))  # fmt: skip
    with pytest.raises(InputError, match="one price a day"):
        PriceEncoder.learn(PAST, "returns").encode(hours)


def test_a_day_without_trade_takes_no_feature_away():
    quiet = WHOLE.volume.copy()
    quiet[-3:] = 0
    columns = {**WHOLE.columns(), "volume": quiet}
    encoder = PriceEncoder.learn(PAST, "features")
    found = encoder.encode(PriceSeries("simulated", WHOLE.dates, **columns))
    assert np.isfinite(found[-1]).all()
    place = encoder.names.index("volume")
    assert found[-1, place] == found[-3, place]
