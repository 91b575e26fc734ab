"""Objectives on sequences: what holds of tables holds of recordings cut into frames, whose sums can be written out."""

import numpy as np
import pytest
import torch
from tests.framewise import CLASSES, HOP, Classes, Framewise, Louder, in_frames, recordings, texts

import likeliest as lk
from likeliest.certify import certify_objective
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.families.ctc import CTC
from likeliest.interfaces import Draw, Need
from likeliest.local import Meter
from likeliest.race.held_out import misread
from likeliest.sequences import END, Ragged

F64 = torch.float64


def drawn(n=23, seed=0):
    return recordings(n, np.random.default_rng(seed))


def make(kind="ragged", n=23, weighted=True, **more):
    """The objective on sequences, the same on frames, and what makes sums of one those of the other."""
    x, y = drawn(n)
    weight = torch.linspace(0.5, 2.0, n, dtype=F64) if weighted else None
    given = {"ragged": x, "samples": x[:], "floats": x[:].double()}[kind]
    sequences = lk.Objective(Classes(), Framewise(), given, y, weight, **more)
    frames, classes, owner = in_frames(x, y)
    each = torch.ones(n, dtype=F64) if weight is None else weight
    plain = lk.Objective(lk.family("categorical"), lk.Linear(HOP, CLASSES), frames, classes, each[owner], **more)
    return sequences, plain, plain.total_weight / sequences.total_weight


SIZE = (HOP + 1) * CLASSES


def a_theta(runs=None):
    numbers = torch.Generator().manual_seed(3)
    return torch.randn((SIZE,) if runs is None else (runs, SIZE), generator=numbers, dtype=F64)


@pytest.fixture(autouse=True)
def _in_double():
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("block", "weighted", "runs"), [(5, True, None), (100, True, 3), (5, False, 3)])
@pytest.mark.parametrize("kind", ["ragged", "samples", "floats"])
def test_value_and_gradient_are_those_of_all_frames(kind, block, weighted, runs):
    sequences, plain, ratio = make(kind, weighted=weighted, block=block, l2=0.7)
    theta = a_theta(runs)
    rtol = 1e-12
    torch.testing.assert_close(sequences.at(theta).value, plain.at(theta).value * ratio, rtol=rtol, atol=0)
    torch.testing.assert_close(sequences.at(theta).grad, plain.at(theta).grad * ratio, rtol=rtol, atol=1e-13)
    both = sequences.at(theta, needs=frozenset({Need.VALUE, Need.GRAD}))
    torch.testing.assert_close(both.grad, plain.at(theta).grad * ratio, rtol=rtol, atol=1e-13)
    torch.testing.assert_close(both.value, plain.at(theta).value * ratio, rtol=rtol, atol=0)


def test_a_batch_is_as_long_as_its_longest_row():
    x, y = drawn()
    objective = lk.Objective(Classes(), Framewise(), x, y)
    rows = torch.nonzero(x.lengths <= 2 * HOP)[:, 0]
    local = objective.at(a_theta(), rows, frozenset({Need.GRAD}), Meter())
    assert objective.batch(rows)[0].shape == (len(rows), 2 * HOP)
    assert bool(torch.isfinite(local.grad).all())


def test_samples_stay_compact_and_columns_have_no_names():
    x, y = drawn()
    for given in (x, x[:]):
        objective = lk.Objective(Classes(), Framewise(), given, y)
        assert objective.x.dtype == torch.int16
        assert objective.dtype == F64
        assert objective.batch(torch.tensor([3, 1]))[0].dtype == F64
        assert objective.subset(torch.tensor([0, 2])).x.dtype == torch.int16
    ragged = lk.Objective(Classes(), Framewise(), x, y)
    assert ragged.names == ragged.held_out(x, y).names == ()
    assert isinstance(ragged.subset(torch.tensor([0, 2])).x, Ragged), "of some rows nothing is copied"
    assert ragged.replaced(device="cpu").x.shape == x.shape


def test_curvature_and_offsets_are_for_single_sets_of_columns():
    objective, _, _ = make()
    assert objective.offers == {Need.VALUE, Need.GRAD, Need.PULLBACK}
    for rule in ("newton", "irls"):
        with pytest.raises(NotOnOfferError, match="use a rule that asks for less"):
            lk.fit(objective, rule)
    x, y = drawn()
    with pytest.raises(
        SpecificationError, match="η of classes is a sequence, to which no offset is added; leave it out"
    ):
        lk.Objective(Classes(), Framewise(), x, y, offset=torch.zeros(len(x)))
    with pytest.raises(NotOnOfferError, match="no columns to standardise"):
        lk.fit(objective, "adam", standardise=True, budget=1)


def test_an_eta_of_another_layout_is_named():
    x, y = torch.zeros(5, HOP), torch.zeros(5, 1, dtype=torch.long)
    with pytest.raises(ShapeError, match=r"classes takes η \(…, n, T, K\); for 5 rows the predictor gives \(5, 3\)"):
        _ = lk.Objective(Classes(), lk.Linear(HOP, 3), x, y).at(torch.zeros(SIZE)).value
    flat = lk.Objective(lk.family("categorical"), Framewise(), torch.zeros(5, 2 * HOP), torch.zeros(5).long())
    with pytest.raises(ShapeError, match=r"categorical takes η \(…, n, K\); .* gives \(5, 2, 3\)"):
        _ = flat.at(a_theta()).value


def test_one_eta_for_all_rows_is_spread_over_them():
    class Shared(Framewise):
        def forward(self, theta, x, draw=None):
            eta, tape = super().forward(theta, torch.zeros_like(x[:1]), draw)
            return eta, tape

        def pullback(self, theta, tape, u, out):
            out.zero_()
            self.views(out)[1].copy_(u.sum((-3, -2)))

    x, y = torch.zeros(5, 2 * HOP), torch.arange(10).reshape(5, 2) % 3
    theta = a_theta()
    shared, plain = (lk.Objective(Classes(), predictor, x, y) for predictor in (Shared(), Framewise()))
    torch.testing.assert_close(shared.at(theta).grad, plain.at(theta).grad)


class Counting(Framewise):
    """Keeps how many rows came at once."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, theta, x, draw=None):
        self.rows.append(len(x))
        return super().forward(theta, x, draw)


def test_an_evaluation_takes_few_long_rows_at_once_and_a_training_batch_stays_whole(monkeypatch):
    long, zeros = torch.zeros(6, 8_000), torch.zeros(6, 2_000, dtype=torch.long)
    assert lk.Objective(Classes(), Framewise(), long, zeros).at_once() == 262, "2²¹ numbers"
    assert lk.Objective(Classes(), Framewise(), long[:, :4_096], zeros).at_once() == 16_384
    assert lk.Objective(Classes(), Framewise(), Ragged.of([torch.zeros(2**22)]), zeros[:1]).at_once() == 1
    monkeypatch.setattr("likeliest.objective.NUMBERS", 2**15)
    objective = lk.Objective(Classes(), Counting(), long, zeros)
    theta, rows = a_theta(), torch.arange(6)
    value = objective.at(theta, rows).value
    under_a_draw = objective.at(theta, rows, draw=Draw(0, 0, rows)).value
    assert objective.predictor.rows == [4, 2, 6]
    torch.testing.assert_close(under_a_draw, value)


def test_a_fit_in_mini_batches_learns_from_recordings_of_any_length():
    (x, y), (x_held, y_held) = drawn(300), drawn(80, seed=1)
    objective = lk.Objective(Classes(), Framewise(), x, y, l2=0.1, transform=Louder())
    heard = []
    found = lk.fit(
        objective, lk.rule("adam", lr=0.05), batch_size=32, budget=12, validation=objective.held_out(x_held, y_held),
        patience=10, average=0.9, callbacks=[lambda progress: heard.append(progress.step)], measured_rows=100,
    )  # fmt: skip
    first, best = found.trace.records[0].validation[0], float(objective.held_out(x_held, y_held).at(found.theta).value)
    assert best < 0.7 * first
    assert best == pytest.approx(found.trace.column("validation").min())
    assert len(heard) == len(found.trace)
    assert found.autopsy is None, "frames after an end hold −∞ on purpose"


def test_full_batches_find_the_optimum_of_all_frames():
    sequences, plain, _ = make(l2=1.0)
    found, expected = (lk.fit(objective, "lbfgs", theta=torch.zeros(SIZE)) for objective in (sequences, plain))
    assert found.verdict.good
    torch.testing.assert_close(found.theta, expected.theta, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["ragged", "floats"])
def test_the_certificate_covers_sequences(kind):
    objective, _, _ = make(kind, l2=0.3)
    certificate = certify_objective(objective, a_theta(), order=2)
    assert certificate.passed
    assert [part.part for part in certificate.parts] == ["weight", "bias"]


def test_the_certificate_sees_a_pullback_that_takes_the_wrong_frames():
    class Wrong(Framewise):
        def pullback(self, theta, tape, u, out):
            super().pullback(theta, tape.roll(1, -2), u, out)

    x, y = drawn()
    certificate = certify_objective(lk.Objective(Classes(), Wrong(), x, y), a_theta())
    assert {finding.part for finding in certificate.findings} == {"weight"}


def test_the_certificate_of_long_rows_takes_one_theta_at_a_time():
    x = (1_000 * torch.sin(torch.arange(4 * 5_000.0))).reshape(4, 5_000).to(torch.int16)
    objective = lk.Objective(Classes(), Counting(), x, torch.arange(4 * 1_250).reshape(4, -1) % 3)
    assert certify_objective(objective, 0.1 * a_theta()).passed


def test_the_autopsy_passes_by_the_ends_and_names_the_recording():
    x, y = drawn(60)
    floats = x[:].double()
    floats[17, 1] = torch.nan
    objective = lk.Objective(Classes(), Framewise(), floats, y)
    found = lk.fit(objective, "adam", batch_size=20, budget=8)
    assert (found.autopsy.cause, found.autopsy.layer, found.autopsy.rows) == ("input", "x", (17,))
    of_any_length = Ragged.of([row[row != END] for row in floats])
    found = lk.fit(lk.Objective(Classes(), Framewise(), of_any_length, y), "adam", batch_size=20, budget=8)
    assert (found.autopsy.cause, found.autopsy.layer, found.autopsy.rows) == ("input", "x", (17,))
    too_fast = lk.fit(lk.Objective(Classes(), Framewise(), x, y), lk.rule("sgd", lr=1e308), batch_size=20, budget=20)
    assert too_fast.autopsy.cause == "learning_rate"
    on = lk.fit(objective, "adam", batch_size=20, budget=8, on_non_finite="continue")
    assert on.verdict.kind != "non_finite"


def of_texts(n=200, seed=0, **more):
    x, y = texts(n, np.random.default_rng(seed))
    return lk.Objective(CTC(), Framewise(), x, y, **more)


def test_texts_are_learnt_where_no_frame_has_a_label():
    objective, held_out = of_texts(l2=0.1, transform=Louder()), of_texts(60, seed=1)
    assert objective.offers == {Need.VALUE, Need.GRAD, Need.PULLBACK}
    found = lk.fit(objective, lk.rule("adam", lr=0.05), batch_size=20, budget=10, validation=held_out, average=0.9)
    assert found.autopsy is None
    reached, start = found.trace.column("validation").min(), found.trace.column("validation")[0, 0]
    in_full = float(held_out.at(lk.fit(of_texts(l2=0.1), "lbfgs", theta=torch.zeros(SIZE)).theta).value)
    assert in_full < 0.75 * start
    assert reached == pytest.approx(in_full, rel=0.05), "what full batches find without augmentation"


def test_the_certificate_covers_texts():
    weight = torch.linspace(0.5, 2, 30)
    x, y = texts(30, np.random.default_rng(2))
    objective = lk.Objective(CTC(), Framewise(), x, y, weight, l2=0.3)
    certificate = certify_objective(objective, 0.3 * a_theta(), order=2)
    assert certificate.passed, certificate.message


def test_a_race_on_texts_runs_rules_of_first_order_and_says_why_others_do_not():
    x, y = texts(60, np.random.default_rng(3))
    rules = ["adam", "sgd", "lbfgs", "newton", "irls", "perceptron", "delta_rule"]
    done = lk.race(
        x, y, family=CTC(), predictor=Framewise(), rules=rules, seeds=2, budget=4, trials=2, batch_size=16,
        test=texts(20, np.random.default_rng(4)),
    )  # fmt: skip
    assert sorted(row["rule"] for row in done.table) == ["adam", "lbfgs", "sgd"]
    assert all(0 <= row["error"] <= 1 and 0 <= row["error_test"] <= 1 for row in done.table)
    why = {skipped.rule: skipped.reason for skipped in done.skipped}
    assert why.keys() == {"newton", "irls", "perceptron", "delta_rule"}
    assert (why["newton"], why["irls"], why["perceptron"]) == ("needs HESSIAN", "needs FISHER", "needs DECISION")
    assert "linear error" in why["delta_rule"]


def test_a_text_is_misread_unless_every_label_is_read():
    eta = torch.full((3, 5, 3), -9.0)
    for row, path in enumerate(([0, 1, 1, 2, 0], [1, 0, 1, 2, 2], [0, 0, 0, 0, 0])):
        eta[row, torch.arange(5), torch.tensor(path)] = 9.0
    right = torch.tensor([[1, 2, 0, 0], [1, 1, 2, 0], [0, 0, 0, 0]])
    assert misread(CTC(), eta, right).tolist() == [0, 0, 0]
    assert misread(CTC(), eta, right.flip(0)).tolist() == [1, 0, 1]
    assert misread(CTC(), eta, right[:, :1]).tolist() == [1, 1, 0]
