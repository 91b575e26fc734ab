"""Options of training: what each does to a rule, a batch or a net, and where they refuse."""

import dataclasses

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.estimators.net import Net
from likeliest.interfaces import Draw
from likeliest.nets import NetState, Unit, fit_net, folded, net_predictor
from likeliest.rules import Adam, Clipped, Cosine, Decayed, OneCycle
from likeliest.training import SCHEDULES, WORTH_CASTING, Training

DRAW = np.random.default_rng(11)
X = DRAW.normal(size=(90, 4))
CLASSES = (X @ DRAW.normal(size=(4, 3))).argmax(1)
NUMBERS = 50 + 20 * X[:, 0] * X[:, 1]


def test_a_rule_is_scheduled_then_clipped_then_decayed() -> None:
    made = Training(schedule="one_cycle", clip_norm=2.0, weight_decay=0.1).rule(Adam(lr=0.02))
    assert made == Decayed(Clipped(Adam(lr=OneCycle(0.02)), norm=2.0), 0.1)
    assert Training().rule(Adam()) == Adam()
    assert Training(schedule="constant").rule(Adam(lr=Cosine(0.3))).lr == SCHEDULES["constant"](0.3)


def test_the_facade_spells_out_every_option_with_its_default() -> None:
    facade = {field.name: field.default for field in dataclasses.fields(Net)}
    for field in dataclasses.fields(Training):
        assert facade[field.name] == field.default


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dropout": 1.0}, SpecificationError, "dropout must be"),
        ({"label_smoothing": -0.1}, SpecificationError, "label_smoothing must be"),
        ({"mixup": -1.0}, SpecificationError, "mixup must be"),
        ({"weight_decay": float("nan")}, SpecificationError, "weight_decay must be"),
        ({"schedule": "cosinus"}, UnknownNameError, "there is constant, cosine"),
        ({"compute": "float16"}, UnknownNameError, "'auto', 'bfloat16', None"),
    ],
)
def test_what_is_no_option_is_named(options, error, words) -> None:
    with pytest.raises(error, match=words):
        Training(**options)


@pytest.mark.parametrize(
    ("family", "training", "rule", "words"),
    [
        ("negative_binomial", Training(mixup=0.2), "adam", "negative_binomial does not take mixtures"),
        ("normal", Training(label_smoothing=0.1), "adam", "normal has none"),
        ("normal", Training(schedule="cosine"), "lbfgs", "no learning rate"),
        ("normal", Training(clip_norm=1.0), "lbfgs", "needs GRAD, VALUE"),
        ("normal", Training(dropout=0.1), "lbfgs", "dropout acts on mini-batches"),
        ("normal", Training(batch_norm=True), "lbfgs", "batch_norm acts on mini-batches"),
    ],
)
def test_what_does_not_go_together_is_refused_before_the_first_step(family, training, rule, words) -> None:
    batch_size = None if rule == "lbfgs" else 30
    with pytest.raises(SpecificationError, match=words):
        fit_net(lk.family(family), X, np.abs(NUMBERS).round(), rule=rule, batch_size=batch_size, training=training)


def draw() -> Draw:
    return Draw(3, 0, torch.arange(6))


def test_smoothed_classes_are_as_torch_smooths_them() -> None:
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    eta = torch.randn(6, 3, dtype=torch.float64)
    transform = Training(label_smoothing=0.2).transform(lk.family("categorical"), 3)
    assert transform is not None
    _, smooth, _ = transform(torch.zeros(6, 1).double(), y, None, draw())
    expected = torch.nn.functional.cross_entropy(eta, y, label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(-lk.family("categorical").log_prob(eta, smooth), expected)


def test_two_classes_are_smoothed_and_mixed_like_any_number_of_them() -> None:
    """The probability of class 1 as one number is the second of two probabilities."""
    x, index = torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    for training in (Training(label_smoothing=0.2), Training(mixup=0.5)):
        one, two = (training.transform(lk.family(f), k) for f, k in (("bernoulli", 1), ("categorical", 2)))
        assert one is not None
        assert two is not None
        one_x, one_y, _ = one(x, index.float(), None, draw())
        two_x, two_y, _ = two(x, index, None, draw())
        torch.testing.assert_close(one_x, two_x)
        torch.testing.assert_close(one_y, two_y[:, 1])
        assert torch.equal(one_x, x) == (training.mixup == 0)


def test_smoothing_comes_after_mixing() -> None:
    both = Training(label_smoothing=0.2, mixup=0.5).transform(lk.family("bernoulli"), 1)
    mixed = Training(mixup=0.5).transform(lk.family("bernoulli"), 1)
    assert both is not None
    assert mixed is not None
    x, y = torch.randn(6, 2), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    torch.testing.assert_close(both(x, y, None, draw())[1], 0.8 * mixed(x, y, None, draw())[1] + 0.1)


def test_auto_casts_nets_that_gain_by_it_in_single_precision_alone() -> None:
    auto = Training(compute="auto")
    assert auto.precision(WORTH_CASTING - 1, torch.float32) is None
    assert auto.precision(WORTH_CASTING, torch.float64) is None
    assert auto.precision(WORTH_CASTING, torch.float32) == lk.preferred_compute()
    assert Training().precision(10**9, torch.float32) is None
    assert Training(compute="bfloat16").precision(1, torch.float32) == "bfloat16"


def test_a_folded_net_is_the_net_at_evaluation() -> None:
    """Against the batch-norm net itself, whose averages have moved, to the precision of doubles."""
    training = Training(batch_norm=True, dropout=0.1)
    found = fit_net(
        lk.family("categorical"), X, CLASSES, outputs=3, hidden=(8, 5), budget=4, training=training, activation="tanh"
    )
    assert isinstance(found.predictor, lk.MLP)
    weights, intercepts = folded(found.predictor, found.theta)
    h = torch.from_numpy(X)
    for i, (weight, intercept) in enumerate(zip(weights, intercepts, strict=True)):
        h = h @ weight + intercept
        h = torch.tanh(h) if i < 2 else h
    eta, _ = found.predictor.forward(found.theta, torch.from_numpy(X))
    torch.testing.assert_close(h, eta, rtol=1e-12, atol=1e-12)
    mean = found.theta[found.predictor.parts["norm1.mean"].slice]
    assert mean.abs().min() > 1e-3, "the averages are those of the data"


def test_units_there_and_back() -> None:
    predictor = net_predictor(lk.family("normal"), 4, 1, (3,), "tanh")
    theta = torch.from_numpy(DRAW.normal(size=predictor.size))
    unit = Unit(7.0, 13.0)
    torch.testing.assert_close(unit.from_user(predictor, unit.to_user(predictor, theta)), theta)
    (mean, log_scale), _ = predictor.forward(unit.to_user(predictor, theta), torch.from_numpy(X))
    (own, own_log_scale), _ = predictor.forward(theta, torch.from_numpy(X))
    torch.testing.assert_close(mean, 7 + 13 * own)
    torch.testing.assert_close(log_scale, own_log_scale + np.log(13))


def test_a_pass_after_a_pass_is_one_fit_of_the_same_steps() -> None:
    """With θ, memory and unit handed on, two fits make the steps of torch.optim that never stopped."""
    x, y = torch.from_numpy(X), torch.from_numpy(CLASSES)
    options = {"outputs": 3, "hidden": (), "batch_size": 90, "budget": 3, "dtype": torch.float64, "rule": Adam(lr=0.1)}
    first = fit_net(lk.family("categorical"), X, CLASSES, theta=torch.zeros(15).double(), **options)
    second = fit_net(lk.family("categorical"), X, CLASSES, after=first.state, **options)
    layer = torch.nn.Linear(4, 3, dtype=torch.float64)
    for part in layer.parameters():
        torch.nn.init.zeros_(part)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(6):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(layer(x), y).backward()
        optimiser.step()
    expected = torch.cat((layer.weight.T.reshape(-1), layer.bias)).detach()
    torch.testing.assert_close(second.theta, expected, rtol=1e-9, atol=1e-9)
    assert isinstance(second.state, NetState)


def test_a_net_keeps_checkpoints_and_averages() -> None:
    averaged = fit_net(lk.family("normal"), X, NUMBERS, hidden=(8,), budget=3, training=Training(average=0.9))
    plain = fit_net(lk.family("normal"), X, NUMBERS, hidden=(8,), budget=3)
    assert not torch.equal(averaged.theta, plain.theta)


def test_a_net_goes_on_from_its_checkpoint(tmp_path) -> None:
    def fitted(budget: float, checkpoint: lk.Checkpoint | None = None) -> torch.Tensor:
        training = Training(dropout=0.2, batch_norm=True, mixup=0.3, clip_norm=0.5, weight_decay=0.01, average=0.9)
        return fit_net(
            lk.family("normal"), X, NUMBERS, hidden=(8,), budget=budget, training=training, checkpoint=checkpoint
        ).theta

    checkpoint = lk.Checkpoint(tmp_path / "net.checkpoint")
    fitted(2, checkpoint)
    assert torch.equal(fitted(5, checkpoint), fitted(5))
