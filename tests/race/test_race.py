"""The whole race: pairing, planted differences, rules of one's own, refusals, determinism."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import statsmodels.api as sm
import torch

import likeliest as lk
from likeliest.errors import ShapeError, SpecificationError, UnknownNameError
from likeliest.rules import SGD, Rule


def classes(n=160, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) * [1.0, 10.0, 0.1, 1.0]
    eta = 2 * x[:, 0] - 0.2 * x[:, 1] + 5 * x[:, 2]
    return x, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


def run(rules, **settings):
    x, y = classes()
    settings = {"family": "bernoulli", "predictor": lk.Linear(4), "seeds": 3, "budget": 6, "trials": 3} | settings
    return lk.race(x, y, rules=rules, **settings)


def row(race, name):
    return next(row for row in race.table if row["rule"] == name)


@dataclass(frozen=True)
class Snail(SGD):
    """SGD whose learning rates are all a thousand times too small."""

    name = "snail"
    lr_range = (1e-6, 1e-2)


@dataclass(frozen=True)
class SignDescent(Rule):
    """A rule of one's own, as the README has it."""

    lr: float = 0.01
    lr_range = (1e-3, 1e-1)

    def step(self, local, state):
        return local.theta - self.lr * local.grad.sign()


def test_copies_of_a_rule_take_the_same_steps_and_show_no_difference():
    race = run(["adam", "adam"], seeds=4)
    first, second = (row(race, name) for name in ("adam", "adam (2)"))
    assert first["nll"] == second["nll"]
    assert race.curves[0].median == race.curves[1].median
    (found,) = race.comparisons
    assert (found.ratio, found.p_holm, found.statement) == (1.0, 1.0, "no difference shown")


def test_runs_of_a_seed_share_rows_start_and_order_of_batches():
    seen = {}

    @dataclass(frozen=True)
    class Spy(SGD):
        def step(self, local, state):
            here = local.objective.x[local.rows], local.theta.clone()
            seen.setdefault((self.copy, state.step), []).append(here)
            return super().step(local, state)

        copy: str = "a"

    run([Spy(), Spy(copy="b")], seeds=2, trials=2)
    steps = sorted({step for _, step in seen})
    assert len(steps) > 10
    for step in steps:
        for (rows, theta), (other_rows, other_theta) in zip(seen["a", step], seen["b", step], strict=False):
            assert torch.equal(rows, other_rows)
            assert torch.equal(theta, other_theta)
    assert not torch.equal(seen["a", 0][0][0], seen["a", 0][1][0])


def test_a_planted_slow_rule_is_shown_to_be_slower():
    race = run(["sgd", Snail], seeds=5)
    assert race.reference == "sgd"
    (found,) = race.comparisons
    assert (found.rule, found.high) == ("snail", None)
    assert found.low > 1
    assert found.statement.startswith("at least ")
    assert row(race, "snail")["censored"] > 0
    assert "Slower" in race.conclusion
    assert "these data, this model and a budget of 6 passes only" in race.conclusion


def test_a_rule_of_ones_own_takes_part():
    race = run(["sgd", SignDescent])
    found = row(race, "sign_descent")
    assert 1e-3 <= found["lr"] <= 1e-1
    assert found["nll"] == pytest.approx(row(race, "sgd")["nll"], abs=0.05)


def test_what_cannot_run_is_skipped_with_its_reason():
    race = run(["newton", "irls", "adam"], predictor=lk.MLP((4, 3, 1)), budget=3)
    reasons = {one.rule: one.reason for one in race.skipped}
    assert reasons["newton"] == "needs HESSIAN"
    assert reasons["irls"].startswith("one step costs ")
    assert [found["rule"] for found in race.table] == ["adam"]


def test_rules_of_another_criterion_are_ranked_by_error_and_marked():
    race = run(["perceptron", "delta_rule", "sgd"])
    assert race.table[0]["criterion"] == "nll"
    for name in ("perceptron", "delta_rule"):
        found = row(race, name)
        assert (found["nll"], found["work_to_target"], found["verdict"]) == (None, None, "ranked by held-out error")
        assert 0 < found["error"] < 0.5
    assert [curve.rule for curve in race.curves] == ["sgd"]
    assert "perceptron *" in str(race)


def test_perceptrons_decide_nothing_about_numbers():
    x, _ = classes()
    predictor = lk.Columns(mean=lk.Linear(4), log_scale=lk.Constant())
    rules = ["perceptron", "sgd"]
    race = lk.race(x, x @ [1.0, 2, 3, 4], family="normal", predictor=predictor, rules=rules, seeds=2, budget=4)
    assert [(one.rule, one.reason) for one in race.skipped] == [("perceptron", "needs DECISION")]


def test_a_rule_that_asks_for_what_it_did_not_declare_is_skipped():
    @dataclass(frozen=True)
    class Secretive(SGD):
        def step(self, local, state):
            return local.hessian(local.grad)

    race = run([Secretive, "sgd"], predictor=lk.MLP((4, 3, 1)))
    assert [one.rule for one in race.skipped] == ["sgd"]
    assert race.skipped[0].reason.startswith("no exact hessian")


def test_the_same_seeds_give_the_same_race_but_for_seconds():
    def timeless(race):
        found = race.to_json()
        for one in found["rows"]:
            del one["seconds_to_target"]
        return json.dumps(found, allow_nan=False)

    rules = ["adam", "lbfgs", "newton", "perceptron"]
    assert timeless(run(rules, budget=8)) == timeless(run(rules, budget=8))
    assert timeless(run(rules, seeds=[7, 8])) != timeless(run(rules, seeds=[8, 9]))


def test_a_rule_alone_does_as_among_others():
    alone, among = run(["momentum"]), run(["adam", "momentum", "lbfgs"])
    assert row(alone, "momentum")["nll"] == row(among, "momentum")["nll"]


def test_json_has_the_keys_of_the_schema():
    from likeliest.report import schema

    found = run(["adam", "sgd", "perceptron", "newton"]).to_json()
    assert set(found) | {"base_rate"} == set(schema.Race.__annotations__)
    for key, kind in (("rows", schema.RaceRow), ("curves", schema.learning.RaceCurve)):
        assert set(found[key][0]) == set(kind.__annotations__)
    assert set(found["comparisons"][0]) == set(schema.learning.Comparison.__annotations__)
    assert all(len(curve["work"]) == len(curve["high"]) <= 101 for curve in found["curves"])


@pytest.mark.parametrize("family", ["poisson", "normal"])
def test_other_targets_race_in_their_own_units(family):
    """The best validation NLL and error are about those of statsmodels' fit to all rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)) * [1.0, 10.0, 0.1]
    eta = x @ [0.5, 0.05, 3.0]
    if family == "poisson":
        y, predictor = rng.poisson(20 * np.exp(0.5 * eta)), lk.Linear(3)
        judge = sm.GLM(y, sm.add_constant(x), sm.families.Poisson()).fit()
    else:
        y = 1000 + 50 * eta + 20 * rng.normal(size=400)
        predictor = lk.Columns(mean=lk.Linear(3), log_scale=lk.Constant())
        judge = sm.OLS(y, sm.add_constant(x)).fit()
    race = lk.race(x, y, family=family, predictor=predictor, rules=["adam", "newton", "lbfgs"], seeds=3, budget=25)
    assert race.best <= min(found["nll"] for found in race.table)
    assert race.best < race.target < race.start
    assert row(race, "newton")["nll"] == pytest.approx(-judge.llf / 400, abs=0.2)
    rmse = np.sqrt(np.mean((y - judge.fittedvalues) ** 2))
    assert row(race, "newton")["error"] == pytest.approx(rmse, rel=0.15)


def test_test_rows_are_the_same_for_all_and_choose_nothing():
    x, y = classes()
    far, near = (x + 5.0, 1 - y), (x, y)
    judged = [run(["sgd", "lbfgs"], test=test) for test in (far, near)]
    assert [found["lr"] for found in judged[0].table] == [found["lr"] for found in judged[1].table]
    assert row(judged[0], "lbfgs")["nll_test"] > row(judged[1], "lbfgs")["nll_test"]
    assert row(judged[1], "lbfgs")["error_test"] < 0.3
    assert row(run(["sgd"]), "sgd")["nll_test"] is None


def test_works_lie_within_the_budget_and_full_batches_count_whole_passes():
    race = run(["gradient_descent", "sgd", "newton", "lbfgs"], budget=7)
    assert race.curves[0].rule == "gradient_descent"
    np.testing.assert_array_equal(race.curves[0].work, np.arange(8.0))
    assert [max(curve.work) for curve in race.curves] == pytest.approx([7.0] * 4)


def test_weights_of_two_are_rows_twice_in_what_is_held_out():
    light, heavy = run(["lbfgs"], weight=np.ones(160)), run(["lbfgs"], weight=np.full(160, 2.0))
    assert row(light, "lbfgs")["nll"] == pytest.approx(row(heavy, "lbfgs")["nll"], rel=1e-8)


def test_progress_counts_every_rule_on_every_seed():
    told = []
    run(["sgd", "lbfgs"], progress=lambda *news: told.append(news))
    assert told[0] == (1, 6, "sgd")
    assert told[-1] == (6, 6, "lbfgs")


def test_one_seed_names_a_winner_and_says_nothing_on_differences():
    race = run(["sgd", "lbfgs"], seeds=1)
    assert race.reference in {"sgd", "lbfgs"}
    assert "nothing is said on differences" in race.conclusion


def test_ctrl_c_ends_the_race():
    @dataclass(frozen=True)
    class Stop(SGD):
        def step(self, local, state):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([Stop])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rules": []}, SpecificationError, "at least one rule"),
        ({"rules": ["adma"]}, UnknownNameError, "did you mean"),
        ({"rules": ["sgd"], "seeds": 0}, SpecificationError, "at least one seed"),
        ({"rules": ["sgd"], "seeds": [1, 1]}, SpecificationError, "only once"),
        ({"rules": ["sgd"], "trials": 0}, SpecificationError, "trials must be"),
        ({"rules": ["sgd"], "budget": 0}, SpecificationError, "budget must be"),
        ({"rules": ["sgd"], "validation_fraction": 1.0}, SpecificationError, "between 0 and 1"),
        ({"rules": ["sgd"], "predictor": lk.Linear(3)}, ShapeError, "rows of 3 inputs"),
        ({"rules": ["sgd"], "family": "gauss"}, UnknownNameError, "no family"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        run(settings.pop("rules"), **settings)


def test_a_range_that_is_none_is_refused():
    @dataclass(frozen=True)
    class Backwards(SGD):
        lr_range = (1.0, 0.1)

    with pytest.raises(SpecificationError, match="lr_range needs"):
        run([Backwards])


def test_a_rule_keeps_its_hyperparameters_and_only_its_rate_is_tried():
    light, heavy = run([lk.rule("momentum", momentum=0.1, lr=7.0), lk.rule("momentum", momentum=0.99)], trials=1).rows
    assert light.lr == heavy.lr == pytest.approx(1e-2)
    assert light.nll != heavy.nll
