"""The model confidence set against arch's, and by how often it holds the best model."""

import json

import numpy as np
import pytest

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.finance.backtests import confidence_set


def losses(n=400, seed=0, apart=(0.0, 0.05, 0.1, 0.3)):
    draws = np.random.default_rng(seed)
    common = draws.standard_normal(n) ** 2
    return {f"model {i}": common + 0.7 * draws.standard_normal(n) + shift for i, shift in enumerate(apart)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_p_values_are_those_of_arch(seed):
    bootstrap = pytest.importorskip("arch.bootstrap", reason="pip install arch==8.0.0")
    given = losses(seed=seed)
    judge = bootstrap.MCS(np.stack(list(given.values()), 1), 0.05, reps=4_000, block_size=3, seed=5)
    judge.compute()
    expected = {f"model {i}": p for i, p in judge.pvalues["Pvalue"].items()}
    found = confidence_set(given, block=3.0)
    assert list(found.p_values) == list(expected)
    assert found.p_values == pytest.approx(expected, abs=0.03)


def test_all_of_equally_good_models_are_kept_as_often_as_promised():
    kept = [len(confidence_set(losses(200, s, (0.0,) * 3), level=0.9, draws=299).included) for s in range(200)]
    assert np.mean(np.array(kept) == 3) > 0.83  # 0.9 less three standard errors


def test_the_worst_goes_and_the_best_stays():
    found = confidence_set(losses(), draws=999)
    assert "model 0" in found.included
    assert "model 3" not in found.included
    assert next(iter(found.p_values)) == "model 3"
    assert max(found.p_values.values()) == 1.0
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_twins_share_their_fate_and_a_constant_gap_decides():
    d = np.random.default_rng(0).standard_normal(100)
    assert confidence_set({"a": d, "twin": d}, draws=99).included == ("a", "twin")
    assert confidence_set({"a": d, "worse": d + 0.5}, draws=99).included == ("a",)


def test_bad_input_is_named():
    d = np.zeros(30)
    with pytest.raises(ShapeError, match="at least two models, found 1"):
        confidence_set({"a": d})
    with pytest.raises(ShapeError, match=r"a \(30,\), why \(29,\)"):
        confidence_set({"a": d, "why": d[1:]})
    with pytest.raises(InputError, match="at least 20 days"):
        confidence_set({"a": d[:9], "b": d[:9]})
    for wrong in ({"level": 1.5}, {"block": 0.0}, {"draws": 5}):
        with pytest.raises(SpecificationError):
            confidence_set({"a": d, "b": d + np.arange(30)}, **wrong)
