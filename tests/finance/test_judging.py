"""Judgements of forecasts: true ones are left alone, wrong ones are found, and nobody claims what is not there."""

import numpy as np
import pytest

from likeliest.errors import SpecificationError
from likeliest.families import family
from likeliest.finance.forecast import Forecast
from likeliest.finance.judging import judge

N = 1_500


def normal(sigma):
    return Forecast(family("normal"), np.column_stack((np.zeros(N), np.log(np.broadcast_to(sigma, N)))))


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    sigma = 0.01 * np.exp(np.repeat(rng.normal(0, 1.0, N // 30), 30))
    returns = sigma * rng.standard_normal(N)
    forecasts = {"base_rate": normal(returns.std()), "garch": normal(1.05 * sigma), "true": normal(sigma)}
    forecasts["bold"] = normal(0.7 * sigma)
    useless = {"coin": rng.normal(-0.001, 0.05, N), "seer": rng.normal(0.03, 0.05, N)}
    return judge(forecasts, returns, others=useless)


def test_the_true_forecast_passes_and_has_an_edge(found):
    true = found[0]["true"]
    assert true.edge.claimed
    assert true.in_confidence_set
    assert true.berkowitz.p_value > 0.01
    assert true.uniformity.p_value > 0.01
    for one in true.coverage:
        assert min(one.kupiec.p_value, one.christoffersen.p_value, one.dynamic_quantile.p_value) > 0.01
        assert one.share == pytest.approx(one.level, abs=3 * np.sqrt(one.level / N))


def test_a_forecast_that_is_too_sure_is_found_out(found):
    bold = found[0]["bold"]
    assert bold.coverage[0].kupiec.p_value < 0.001
    assert bold.coverage[0].shortfall.p_value < 0.01
    assert bold.uniformity.p_value < 0.01
    assert not bold.in_confidence_set


def test_the_base_rate_misses_in_clusters(found):
    base = found[0]["base_rate"]
    assert base.edge is None
    assert base.against_base is None
    assert base.coverage[2].independence.p_value < 0.05
    assert base.against_garch.p_value < 0.001


def test_edges_of_other_things_stand_in_the_same_procedure(found):
    assert not found[1]["coin"].claimed
    assert found[1]["seer"].claimed
    assert found[1]["coin"].level >= 0.95


def test_without_a_base_rate_there_is_no_edge():
    with pytest.raises(SpecificationError, match="base rate"):
        judge({"garch": normal(0.01)}, np.zeros(N))
