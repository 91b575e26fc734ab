"""Callbacks see each measurement in the user's units, with pace and time left, and one that returns True ends a fit."""

import time

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.interfaces import Record, VerdictKind
from likeliest.nets import fit_net
from likeliest.progress import Pace, show

X = np.random.default_rng(5).normal(3.0, 4.0, (60, 2))
Y = (X[:, 0] - X[:, 1] + np.random.default_rng(6).normal(0.0, 4.0, 60) > 0).astype(float)


def objective() -> lk.Objective:
    return lk.Objective(lk.family("bernoulli"), lk.Linear(2), X, Y)


def test_a_callback_that_returns_true_ends_the_fit_there() -> None:
    seen: list[int] = []

    def third(progress: lk.Progress) -> bool:
        seen.append(progress.step)
        return len(seen) == 3

    found = lk.fit(objective(), "sgd", batch_size=20, budget=50, callbacks=[third, lambda progress: None])
    assert seen == [0, 3, 6]
    assert found.verdict.kind is VerdictKind.STOPPED
    assert found.verdict.good
    assert found.verdict.message == "stopped by a callback after 6 steps, 2.0 passes; θ is the best so far"
    assert len(found.trace) == 3


def test_every_callback_is_called_whatever_the_first_has_said() -> None:
    called: list[str] = []
    callbacks = [lambda progress, name=name: called.append(name) or True for name in "ab"]
    lk.fit(objective(), "sgd", batch_size=20, budget=5, callbacks=callbacks)
    assert called == ["a", "b"]


def test_a_full_batch_fit_is_stopped_too_and_a_better_reason_comes_first() -> None:
    stopped = lk.fit(objective(), "gradient_descent", callbacks=[lambda progress: progress.step == 4])
    assert (stopped.verdict.kind, stopped.state.step) == (VerdictKind.STOPPED, 4)
    x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 0.0, 1.0]
    once = lk.Objective(lk.family("bernoulli"), lk.Linear(1), np.asarray(x), np.asarray(y))
    converged = lk.fit(once, "newton", callbacks=[lambda progress: float(progress.record.grad_norm[0]) < 1e-8])
    assert converged.verdict.kind is VerdictKind.CONVERGED


def test_theta_is_what_was_measured_in_the_users_units() -> None:
    own = objective()
    seen: list[tuple[float, float]] = []

    def measure(progress: lk.Progress) -> None:
        seen.append((float(own.at(progress.theta).value), float(progress.record.value[0])))

    lk.fit(own, "adam", batch_size=20, budget=3, standardise=True, average=0.9, callbacks=[measure])
    assert len(seen) == 4
    for ours, recorded in seen:
        assert ours == pytest.approx(recorded, rel=1e-12)


def test_a_net_s_callbacks_see_a_net_in_the_users_units() -> None:
    y = 100 + 25 * X[:, 0]
    seen: list[tuple[torch.Tensor, float]] = []
    found = fit_net(
        lk.family("normal"), X, y, hidden=(4,), budget=3, dtype=torch.float64,
        callbacks=[lambda progress: seen.append((progress.theta.clone(), float(progress.record.value[0])))],
    )  # fmt: skip
    for theta, value in seen:
        eta, _ = found.predictor.forward(theta, torch.from_numpy(X))
        nll = -lk.family("normal").log_prob(eta, torch.from_numpy(y)).mean()
        assert float(nll) == pytest.approx(value, rel=1e-9)
    assert torch.equal(seen[-1][0], found.theta)


def test_pace_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 14.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    pace, value = Pace(), np.zeros(1)
    first = pace.at(Record(100, 2.0, 5.0, value, None, None), torch.zeros(1), 500, rows=1_000)
    assert (first.seconds, first.rows_per_second, first.seconds_left) == (0.0, 400.0, None), "went on from step 100"
    second = pace.at(Record(200, 4.0, 8.0, value, value, None), torch.zeros(1), 500, rows=1_000)
    assert (second.seconds, second.rows_per_second) == (4.0, 500.0)
    assert second.seconds_left == pytest.approx(12.0), "300 steps at 100 in 4 seconds"
    assert str(second).endswith("held-out 0.000000        500 rows/s  0:12 left")


def test_show_writes_a_line_a_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    lk.fit(objective(), "sgd", batch_size=20, budget=2, callbacks=[show])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step      0/6  passes    0.00  NLL 0.")
    assert "rows/s" in lines[-1]
    assert lines[-1].endswith("0:00 left")


def test_a_stopped_fit_goes_on_from_its_checkpoint(tmp_path) -> None:
    path = tmp_path / "fit.checkpoint"
    options = {"batch_size": 20, "budget": 6, "seed": 1}
    stopped = lk.fit(
        objective(), "adam", checkpoint=lk.Checkpoint(path), callbacks=[lambda progress: progress.step == 9], **options
    )
    assert stopped.verdict.kind is VerdictKind.STOPPED
    resumed = lk.fit(objective(), "adam", checkpoint=lk.Checkpoint(path), **options)
    assert torch.equal(resumed.theta, lk.fit(objective(), "adam", **options).theta)
    assert resumed.verdict.kind is VerdictKind.BUDGET
