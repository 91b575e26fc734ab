"""Acerbi and Székely's statistics by hand and at the source's critical value; the spectral test by its integrals."""

import json
import math

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import binomtest, norm, t
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import acerbi_szekely, spectral_shortfall

LEVEL = 0.025
VAR = -norm.ppf(LEVEL)
ES = norm.pdf(VAR) / LEVEL


def normal(n):
    return lambda generator, m: generator.standard_normal((m, n))


def test_statistics_by_hand():
    """Two exceedances of five days: Z₁ = 1 − (3/2.5 + 4/2)/2, Z₂ = 1 − (3/2.5 + 4/2)/(5 · 0.2)."""
    y, var, es = [0.0, -3.0, 1.0, -4.0, -1.0], [1.0, 2.0, 1.0, 1.5, 1.0], [2.5, 2.5, 1.5, 2.0, 1.0]
    first, second = (acerbi_szekely(y, var, es, normal(5), level=0.2, kind=kind, draws=99) for kind in ("Z1", "Z2"))
    assert first.statistic == pytest.approx(-0.6, rel=1e-12)
    assert second.statistic == pytest.approx(-2.2, rel=1e-12)
    assert first.counts == {"exceedances": 2, "expected": 1.0}


def test_the_critical_value_of_z2_is_that_of_the_source():
    """−0.70 at 5 % for normal returns, 250 days and 2.5 % (Acerbi and Székely, 2014, table of critical values)."""
    hits = 6
    depth = ES * 1.70 * 250 * LEVEL / hits
    y = np.where(np.arange(250) < hits, -depth, 1.0)
    found = acerbi_szekely(y, VAR, ES, normal(250), level=LEVEL)
    assert found.statistic == pytest.approx(-0.70, abs=1e-12)
    assert found.p_value == pytest.approx(0.05, abs=0.006)
    assert abs(found.evidence["null_mean"]) < 4 * found.evidence["null_sd"] / 100


def test_p_values_count_histories():
    draws = np.random.default_rng(0).standard_normal((499, 60))
    y = np.random.default_rng(1).standard_normal(60)
    z = [1 - sum(-r / 1.4 for r in row if r < -1.0) / (60 * 0.15) for row in (y, *draws)]
    found = acerbi_szekely(y, 1.0, 1.4, draws, level=0.15)
    assert found.statistic == pytest.approx(z[0], rel=1e-12)
    assert found.p_value == pytest.approx((1 + sum(v <= z[0] for v in z[1:])) / 500, abs=1e-12)
    assert "499 histories" in found.method


def test_too_deep_a_forecast_is_found_only_when_asked():
    y = np.random.default_rng(2).standard_normal(1_000)
    worse, both = (
        acerbi_szekely(y, 1.6 * VAR, 1.6 * ES, lambda g, m: 1.6 * g.standard_normal((m, 1_000)), level=LEVEL, against=a)
        for a in ("worse", "any")
    )
    assert worse.p_value > 0.9
    assert both.p_value < 0.001


@pytest.mark.parametrize("kind", ["Z1", "Z2"])
@pytest.mark.parametrize("against", ["worse", "any"])
def test_true_forecasts_are_rejected_as_often_as_promised(kind, against):
    draws = np.random.default_rng(3)
    null, samples = draws.standard_normal((999, 250)), draws.standard_normal((500, 250))
    assert_rejects([acerbi_szekely(y, VAR, ES, null, level=LEVEL, kind=kind, against=against).p_value for y in samples])


def test_a_heavier_tail_is_found():
    y = t.rvs(3, size=1_000, random_state=4)
    for kind in ("Z1", "Z2"):
        assert acerbi_szekely(y, VAR, ES, normal(1_000), level=LEVEL, kind=kind, draws=999).p_value < 0.01
    assert spectral_shortfall(norm.cdf(y), level=LEVEL).p_value < 0.01


def test_no_exceedance_leaves_z1_to_the_lots():
    found = acerbi_szekely(np.ones(50), VAR, ES, normal(50), level=LEVEL, kind="Z1", draws=999)
    assert found.statistic == 0.0
    assert found.p_range[1] - found.p_range[0] > 0.2  # so many histories have none either
    assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == found.to_json()


@pytest.mark.parametrize("level", [0.01, 0.3])
def test_the_spectral_statistic_has_mean_0_and_variance_1(level):
    def moment(k):
        return integrate.quad(lambda u: (1 - u / level) ** k, 0, level)[0]

    mean, variance = moment(1), moment(2) - moment(1) ** 2
    u = np.random.default_rng(5).random(400)
    violation = np.maximum(1 - u / level, 0).mean()
    found = spectral_shortfall(u, level=level)
    assert found.statistic == pytest.approx((violation - mean) / math.sqrt(variance / 400), rel=1e-10)


def test_the_spectral_p_value_counts_histories_drawn_in_full():
    u = np.random.default_rng(6).random(100) ** 1.2
    drawn = np.maximum(1 - np.random.default_rng(7).random((4_000, 100)) / 0.1, 0).sum(1)
    count = int((drawn >= np.maximum(1 - u / 0.1, 0).sum()).sum())
    low, high = binomtest(count, 4_000).proportion_ci(0.9999)
    assert low - 0.01 < spectral_shortfall(u, level=0.1).p_value < high + 0.01


@pytest.mark.parametrize(("level", "against"), [(0.01, "worse"), (0.05, "any")])
def test_uniform_transforms_are_rejected_as_often_as_promised(level, against):
    u = np.random.default_rng(8).random((1_000, 250))
    assert_rejects([spectral_shortfall(row, level=level, against=against).p_value for row in u])


def test_bad_input_is_named():
    y, draws = np.zeros(10), np.zeros((99, 10))
    with pytest.raises(InputError, match=r"ES\[0\] = 1 beside VaR\[0\] = 2"):
        acerbi_szekely(y, 2.0, 1.0, draws, level=0.05)
    with pytest.raises(InputError, match="positive"):
        acerbi_szekely(y, -2.0, -1.0, draws, level=0.05)
    with pytest.raises(ShapeError, match=r"\(m, 10\).*found \(99, 9\)"):
        acerbi_szekely(y, 1.0, 1.5, draws[:, :9], level=0.05)
    with pytest.raises(ShapeError, match=r"found \(10,\)"):
        acerbi_szekely(y, 1.0, 1.5, lambda g, m: g.standard_normal(10), level=0.05)
    with pytest.raises(SupportError, match=r"predictive\[0, 2\] = nan"):
        acerbi_szekely(y, 1.0, 1.5, np.where(np.arange(10) == 2, np.nan, draws), level=0.05)
    with pytest.raises(SpecificationError, match="Z1 or Z2"):
        acerbi_szekely(y, 1.0, 1.5, draws, level=0.05, kind="Z3")
    with pytest.raises(SpecificationError, match="at least 19 draws"):
        acerbi_szekely(y, 1.0, 1.5, draws[:18], level=0.05)
    with pytest.raises(SpecificationError, match="against"):
        spectral_shortfall(np.full(5, 0.5), level=0.05, against="better")
    with pytest.raises(InputError, match=r"u\[1\] = 1\.5"):
        spectral_shortfall([0.5, 1.5], level=0.05)
    with pytest.raises(InputError, match="at least 2 days"):
        spectral_shortfall([0.5], level=0.05)
