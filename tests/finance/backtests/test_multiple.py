"""Holm against statsmodels; edges of models without one are seldom claimed, and true ones are."""

import json

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom
from statsmodels.stats.multitest import multipletests

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import block_interval, edges
from likeliest.numerics.holm import holm, holm_levels

RUNS = 400


@pytest.mark.parametrize("m", [1, 2, 7])
def test_holm_is_statsmodels(m):
    p = np.random.default_rng(m).random(m) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-14)


def test_holm_levels_judge_as_the_adjusted_p_values_do():
    for seed in range(50):
        p = np.random.default_rng(seed).random(6) ** 4
        np.testing.assert_array_equal(p <= holm_levels(p, 0.05), holm(p) <= 0.05)


def test_one_model_has_the_percentile_t_interval():
    d = np.random.default_rng(0).standard_t(4, 300) + 0.05
    edge, interval = edges({"own": d}, draws=999)["own"], block_interval(d, draws=999)
    assert (edge.mean, edge.low, edge.high) == (interval.estimate, interval.low, interval.high)
    assert edge.level == pytest.approx(0.95)


def test_an_edge_is_claimed_where_the_interval_lies_above_0_and_p_is_small():
    draws, claims = np.random.default_rng(1), 0
    for seed in range(15):
        d = {str(i): draws.standard_t(4, 200) + 0.08 * i for i in range(5)}
        found = edges(d, draws=799, seed=seed)
        for edge in found.values():
            assert edge.claimed == (edge.low > 0) == (edge.p_value <= 0.025 + 1e-12)
        assert max(edge.level for edge in found.values()) == pytest.approx(0.99)  # the first of five: 0.05 / 5
        claims += found["4"].claimed
    assert 5 < claims <= 15


def noise(kind, draws, n=250):
    """Differences of mean 0, as log scores make them."""
    match kind:
        case "heavy":
            return draws.standard_t(3, n)
        case "seldom badly wrong":
            return np.exp(0.5) - draws.lognormal(0, 1, n)
        case "storms":
            return draws.standard_t(4, n) * np.exp(lfilter([0.2], [1.0, -0.97], draws.standard_normal(n)))
        case _:
            return lfilter([1.0], [1.0, -0.2], draws.standard_normal(n))


@pytest.mark.parametrize("kind", ["heavy", "seldom badly wrong", "storms", "memory"])
def test_models_without_an_edge_seldom_get_one(kind):
    """At most 28 of 400: 5 % and two standard errors; what is promised is 2.5 %."""
    draws = np.random.default_rng(2)
    claims = sum(edges({"noise": noise(kind, draws)}, draws=399, seed=i)["noise"].claimed for i in range(RUNS))
    assert claims <= 28


def test_of_a_family_without_an_edge_seldom_any_gets_one():
    draws, claims = np.random.default_rng(3), 0
    for i in range(RUNS // 2):
        common = draws.standard_t(4, 250)
        family = {str(k): common + draws.standard_t(4, 250) for k in range(4)}
        claims += any(edge.claimed for edge in edges(family, draws=399, seed=i).values())
    assert claims <= binom.ppf(0.999, RUNS // 2, 0.05)


def test_true_edges_are_found():
    """A coin of 0.57 forecast as such against ½, 2,500 days: 3.5 standard errors, a power of 94 %."""
    draws = np.random.default_rng(4)
    up = draws.random((50, 2_500)) < 0.57
    found = [edges({"own": np.where(row, np.log(1.14), np.log(0.86))}, draws=199)["own"].claimed for row in up]
    assert np.mean(found) > 0.8


def test_the_base_rate_itself_has_no_edge():
    found = edges({"base": np.zeros(100), "other": np.random.default_rng(0).standard_normal(100)}, draws=99)["base"]
    assert (found.mean, found.low, found.high, found.p_value, found.claimed) == (0.0, 0.0, 0.0, 1.0, False)
    assert str(found).startswith("no edge shown: +0 nats a day")
    assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == found.to_json()


def test_blocks_are_as_long_as_the_horizon():
    assert edges({"own": np.random.default_rng(0).standard_normal(200)}, horizon=10, draws=99)["own"].block >= 10


def test_bad_input_is_named():
    d = np.random.default_rng(0).standard_normal(100)
    with pytest.raises(ShapeError, match="at least one model"):
        edges({})
    with pytest.raises(SupportError, match=r"an edge of net .*differences\[1\] = nan"):
        edges({"net": np.where(np.arange(100) == 1, np.nan, d)})
    with pytest.raises(InputError, match="an edge of net needs at least 20 days"):
        edges({"net": d[:19]})
    with pytest.raises(InputError, match=r"found 0\.1 on all 30 days"):
        edges({"net": np.full(30, 0.1)})
    with pytest.raises(SpecificationError, match="at least 120 draws, found 99"):
        edges({"a": d, "b": d, "c": d}, draws=99)
    for wrong in ({"level": 0.0}, {"horizon": 0}):
        with pytest.raises(SpecificationError):
            edges({"a": d}, **wrong)
    with pytest.raises(SupportError, match=r"p\[1\] = 1\.5"):
        holm([0.5, 1.5])
    with pytest.raises(ShapeError, match=r"p-values \(m,\)"):
        holm([[0.5]])
