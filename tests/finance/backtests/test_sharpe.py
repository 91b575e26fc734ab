"""The deflated Sharpe ratio: the source's own example, and the best of many strategies without skill."""

import math

import numpy as np
import pytest
from scipy import stats
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, SpecificationError
from likeliest.finance.backtests import deflated_sharpe
from likeliest.finance.backtests.sharpe import luckiest


def test_the_luck_of_the_best_is_that_of_the_source():
    """100 trials, an annual variance of ½, 250 days a year: 0.1132 a day (Bailey and López de Prado, 2014)."""
    assert luckiest(100, math.sqrt(0.5 / 250)) == pytest.approx(0.1132, abs=5e-5)
    best = np.random.default_rng(0).standard_normal((20_000, 100)).max(1).mean()
    assert luckiest(100, 1.0) == pytest.approx(best, rel=0.02)
    assert luckiest(1, 1.0) == 0.0


def test_the_formula_by_hand():
    x = np.random.default_rng(1).standard_t(5, 500) + 0.1
    sharpe, s, k = x.mean() / x.std(), stats.skew(x), stats.kurtosis(x, fisher=False)
    z = (sharpe - 0.1132) * math.sqrt(499) / math.sqrt(1 - s * sharpe + (k - 1) / 4 * sharpe**2)
    found = deflated_sharpe(x, trials=100, spread=0.1132 / luckiest(100, 1.0))
    assert found.statistic == pytest.approx(z, rel=1e-10)
    assert found.p_value == pytest.approx(stats.norm.sf(z), rel=1e-10)


def test_one_strategy_without_skill_is_praised_in_5_percent():
    returns = np.random.default_rng(2).standard_normal((1_000, 500))
    assert_rejects([deflated_sharpe(row, trials=1).p_value for row in returns])


def test_the_best_of_many_without_skill_is_seldom_praised():
    draws, found = np.random.default_rng(3), []
    for _ in range(100):
        returns = draws.standard_normal((50, 250))
        found.append(deflated_sharpe(returns[returns.mean(1).argmax()], trials=50).p_value < 0.05)
    assert np.mean(found) < 0.1


def test_bad_input_is_named():
    x = np.random.default_rng(0).standard_normal(30)
    with pytest.raises(InputError, match="at least 20 days"):
        deflated_sharpe(x[:9], trials=1)
    with pytest.raises(InputError, match="returns that vary"):
        deflated_sharpe(np.full(30, 0.01), trials=1)
    with pytest.raises(SpecificationError, match="1 trial"):
        deflated_sharpe(x, trials=0)
