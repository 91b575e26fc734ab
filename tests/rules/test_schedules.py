import math

import pytest
import torch

from likeliest.errors import SpecificationError
from likeliest.rules import Adam, Constant, Cosine, InverseTime, OneCycle, Warmup


def test_one_cycle_starts_low_peaks_once_and_ends_at_almost_nothing():
    rates = [OneCycle(2.0, rise=0.3).at(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(2.0 / 25)
    assert max(rates) == rates[29] == pytest.approx(2.0)
    assert rates[-1] == pytest.approx(2.0 / 250_000)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("schedule", [Cosine(0.1), OneCycle(0.1), OneCycle(0.1, rise=0.9), Warmup(2, OneCycle(0.1))])
def test_short_fits_and_steps_beyond_the_end_have_rates(schedule, steps):
    rates = [schedule.at(step, steps) for step in range(steps + 5)]
    assert all(math.isfinite(rate) and 0 <= rate <= 0.1 + 1e-15 for rate in rates)


def test_inverse_time_halves_after_one_over_decay_steps_and_needs_no_end():
    assert InverseTime(0.4, decay=0.1).at(10, None) == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", [Cosine(0.1), OneCycle(0.1), Warmup(1, Cosine(0.1))])
def test_a_schedule_with_an_end_asks_for_one(schedule):
    with pytest.raises(SpecificationError, match="where the fit ends"):
        schedule.at(5, None)


def test_with_lr_keeps_the_shape_of_a_schedule():
    rule = Adam(lr=Warmup(5, Cosine(0.1, final=0.5)))
    assert rule.with_lr(0.2).lr == Warmup(5, Cosine(0.2, final=0.5))
    assert rule.with_lr(Constant(0.3)).lr == Constant(0.3)
    rates = torch.tensor([[0.1], [0.2]])
    torch.testing.assert_close(rule.with_lr(rates).lr.at(0, 10), rates / 5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cosine(0.0),
        lambda: Cosine(math.nan),
        lambda: Cosine(0.1, final=-1),
        lambda: Constant(torch.tensor([0.1, 0.2])),
        lambda: Constant(torch.tensor([[0.1], [-0.2]])),
        lambda: OneCycle(0.1, rise=0.0),
        lambda: OneCycle(0.1, rise=1.0),
        lambda: InverseTime(0.1, decay=-1.0),
        lambda: Warmup(0, Constant(0.1)),
        lambda: Warmup(5, 0.1),
    ],
)
def test_refuses_what_makes_no_schedule(make):
    with pytest.raises(SpecificationError):
        make()
