"""CTC: judged by listing all paths, by torch's own loss through its log-softmax, and by its table of ends."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch
from tests.framewise import CLASSES, Framewise, recordings

import likeliest as lk
from likeliest import sequences
from likeliest.certify import certify_objective
from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families import ctc
from likeliest.families.ctc import CTC, kernel, recursion, shared

FAMILY = CTC()
F64, INF = torch.float64, math.inf


def said(path):
    return tuple(label for label, _ in itertools.groupby(path) if label)


@cache
def paths(frames, columns):
    """All paths (m, T), and for each text that one of them says, which of them do."""
    listed = list(itertools.product(range(columns), repeat=frames))
    texts = {}
    for index, path in enumerate(listed):
        texts.setdefault(said(path), []).append(index)
    return torch.tensor(listed), {text: torch.tensor(which) for text, which in texts.items()}


def listed(lp, text):
    """Log p, γ and the best path by adding up paths, from the log-probabilities (T, K) of each frame."""
    frames, columns = lp.shape
    every, texts = paths(frames, columns)
    if text not in texts:
        return -INF, None, None
    own = every[texts[text]]
    each = lp[torch.arange(frames), own].sum(-1)
    total = each.logsumexp(0)
    share = (each - total).exp()
    gamma = (share[:, None, None] * torch.nn.functional.one_hot(own, columns)).sum(0)
    return float(total), gamma, own[each.argmax()]


def filled(texts):
    longest = max(map(len, texts), default=0)
    rows = [[*text, *[0] * (longest - len(text))] for text in texts]
    return torch.tensor(rows, dtype=torch.int64).view(len(texts), longest)


def normal(*shape, seed=0, dtype=F64):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


SHAPES = [(1, 1), (1, 3), (2, 2), (3, 3), (4, 4), (5, 3), (6, 3), (7, 2)]


@pytest.mark.parametrize(("frames", "columns"), SHAPES)
def test_log_prob_score_and_posteriors_are_those_of_all_paths(frames, columns):
    texts = list(paths(frames, columns)[1])
    eta, y = 2 * normal(len(texts), frames, columns, seed=frames), filled(texts)
    exact = [listed(row, text) for row, text in zip(eta.log_softmax(-1), texts, strict=True)]
    total = torch.tensor([e[0] for e in exact], dtype=F64)
    gamma = torch.stack([e[1] for e in exact])
    score = gamma - eta.softmax(-1)
    close = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(FAMILY.log_prob(eta, y), total, **close)
    torch.testing.assert_close(FAMILY.log_prob_and_score(eta, y), (total, score), **close)
    torch.testing.assert_close(recursion.log_prob_and_posteriors(eta.log_softmax(-1), y), (total, gamma), **close)
    torch.testing.assert_close(ctc.posteriors(eta, y), gamma, **close)
    leaf = eta.clone().requires_grad_()
    log_prob = FAMILY.log_prob(leaf, y)
    torch.testing.assert_close(log_prob.detach(), total, **close)
    torch.testing.assert_close(torch.autograd.grad(log_prob.sum(), leaf)[0], score, **close)


@pytest.mark.parametrize(("frames", "columns"), SHAPES)
def test_the_alignment_is_the_best_of_all_paths(frames, columns):
    texts = list(paths(frames, columns)[1])
    eta, y = 2 * normal(len(texts), frames, columns, seed=frames), filled(texts)
    found = ctc.align(eta, y)
    for row, text, path, log_prob, spans in zip(
        eta.log_softmax(-1), texts, found.path, found.log_prob, found.spans, strict=True
    ):
        best = listed(row, text)[2]
        assert path.tolist() == best.tolist()
        own = row[torch.arange(frames), best].sum()
        assert float(log_prob) == pytest.approx(float(own), rel=1e-12)
        heard = [(k, list(group)) for k, group in itertools.groupby(range(frames), key=lambda t, p=path: int(p[t]))]
        expected = [[group[0], group[-1] + 1] for label, group in heard if label]
        assert spans.tolist() == expected + [[-1, -1]] * (y.shape[1] - len(text))


def theirs(eta, y, frames):
    """Torch's loss through its log-softmax and autograd: log p and the gradient in η."""
    leaf = eta.clone().requires_grad_()
    loss = torch.nn.functional.ctc_loss(
        leaf.log_softmax(-1).transpose(0, 1), y, frames, (y != 0).sum(-1), reduction="none", zero_infinity=True
    )
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    return -loss.detach(), -gradient


def many_shapes():
    rng = np.random.default_rng(1)
    for _ in range(40):
        n, frames, columns = (int(rng.integers(1, top)) for top in (8, 60, 12))
        columns = max(columns, 2)
        y = rng.integers(1, columns, (n, int(rng.integers(0, frames // 2 + 1))))
        lengths = rng.integers(0, y.shape[1] + 1, n)
        y = torch.from_numpy(np.where(np.arange(y.shape[1]) < lengths[:, None], y, 0))
        ended = torch.from_numpy(rng.integers(1, frames + 1, n)).clamp(min=ctc.frames_needed(y).clamp(min=1))
        fits = ended <= frames
        yield torch.from_numpy(rng.normal(size=(n, frames, columns)))[fits] * 3, y[fits], ended[fits]


def test_log_prob_and_score_are_torchs_on_many_shapes_with_ended_frames():
    for eta, y, frames in many_shapes():
        log_prob, score = theirs(eta, y, frames)
        for given in (kernel.log_prob_and_score, kernel._carefully):
            own, own_score = given(sequences.end(eta.clone(), frames), y)
            torch.testing.assert_close(own, log_prob, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(own_score, score, rtol=1e-9, atol=1e-9)
            ended = torch.arange(eta.shape[1]) >= frames[:, None]
            assert not bool(own_score[ended].any()), "an ended frame has the score 0, exactly"


def test_many_frames_in_single_precision_are_as_good_as_in_double():
    """Log p is −17,000 here: the kernel would have no digit of γ left, so that these rows are worked out again."""
    eta, y = 20 * normal(2, 600, 9, dtype=torch.float32), torch.randint(1, 9, (2, 40))
    log_prob, score = FAMILY.log_prob_and_score(eta, y)
    exact, exact_score = FAMILY.log_prob_and_score(eta.double(), y)
    assert log_prob.max() < -8_500
    torch.testing.assert_close(log_prob.double(), exact, rtol=1e-6, atol=0)
    torch.testing.assert_close(score.double(), exact_score, rtol=0, atol=1e-5)


# Fuzz

CASES, ROWS = 100_000, 12_500
SPECIAL = np.array([INF, -INF, -INF, 1e308, -1e308, 1e30, -1e30, 700.0, -700.0, 0.0])


def fuzzed(seed, rows, frames, columns, width):
    """Texts of any length, of few labels so that many repeat, and η that are moderate, huge, infinite, or ended."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=(rows, frames, columns)) * rng.choice((0.1, 3.0, 50.0), (rows, 1, 1))
    odd = rng.random(eta.shape) < rng.choice((0.0, 0.1, 0.5), (rows, 1, 1))
    eta = torch.from_numpy(np.where(odd, rng.choice(SPECIAL, eta.shape), eta))
    lengths = rng.integers(0, width + 1, rows)
    y = np.where(np.arange(width) < lengths[:, None], rng.integers(1, columns, (rows, width)), 0)
    return sequences.end(eta, torch.from_numpy(rng.integers(0, frames + 1, rows))), torch.from_numpy(y)


def most_probable(eta, y):
    """Whether any path that says y has a probability: by all paths at once, in Boolean arithmetic."""
    finite = eta.clamp(-torch.finfo(F64).max, torch.finfo(F64).max)
    can = finite - finite.amax(-1, keepdim=True) >= -1e300
    every, texts = paths(*eta.shape[1:])
    able = can[:, torch.arange(eta.shape[1]), every].all(-1)
    place = {text: k for k, text in enumerate(texts)}
    says = torch.empty(len(every), dtype=torch.int64)
    for text, which in texts.items():
        says[which] = place[text]
    own = torch.tensor([place.get(tuple(label for label in row if label), -1) for row in y.tolist()])
    return (able & (says == own[:, None])).any(-1)


@pytest.mark.parametrize(
    ("seed", "frames", "columns", "width"),
    [
        (k, *shape)
        for k, shape in enumerate(
            [(1, 2, 2), (1, 4, 1), (2, 3, 3), (3, 3, 3), (3, 3, 4), (4, 3, 3), (4, 2, 5), (5, 2, 4)]
        )
    ],
)
def test_no_nan_and_infinite_only_where_the_probability_is_zero(seed, frames, columns, width):
    eta, y = fuzzed(seed, ROWS, frames, columns, width)
    log_prob, score = FAMILY.log_prob_and_score(eta, y)
    assert bool(torch.isfinite(score).all())
    assert not bool(log_prob.isnan().any())
    assert torch.equal(log_prob != -INF, most_probable(eta, y))
    assert bool((log_prob <= 1e-12).all())
    assert bool((score.abs() <= 1 + 1e-12).all())
    assert float(score.sum(-1).abs().max()) < 1e-9
    assert not bool(score[torch.arange(frames) >= sequences.frames(eta)[:, None]].any())
    single = FAMILY.score(eta.float(), y)
    assert bool(torch.isfinite(single).all())
    assert seed or CASES == 8 * ROWS


def test_where_the_probability_is_zero_gamma_is_as_if_all_that_is_impossible_were_equally_improbable():
    """Every probability of 0 replaced by the same e^(−300): what γ then is, by all paths."""
    eta, text = normal(4, 3), (1, 2)
    eta[0, 1] = eta[1, 1:] = eta[2, 2] = eta[3, 2] = -INF
    log_prob, score = FAMILY.log_prob_and_score(eta[None], torch.tensor([text]))
    assert float(log_prob) == -INF
    gamma = listed(eta.log_softmax(-1).clamp(min=-300), text)[1]
    torch.testing.assert_close(score[0], gamma - eta.softmax(-1), rtol=1e-9, atol=1e-9)
    shifted = FAMILY.score(eta[None] + normal(1, 4, 1), torch.tensor([text]))
    torch.testing.assert_close(shifted[0], score[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("frame", "p"),
    [
        ((INF, 0, 0), (1, 0, 0)),
        ((INF, INF, 3), (0.5, 0.5, 0)),
        ((-INF,) * 3, (1 / 3,) * 3),
        ((1e308, -1e308, 0), (1, 0, 0)),
    ],
)
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_the_table_of_ends(frame, p, dtype):
    eta = torch.tensor([frame, (0.0, 0, 0)], dtype=F64).to(dtype).expand(2, -1, -1)
    y = torch.tensor([[1], [2]])
    other = torch.tensor([p, (1 / 3,) * 3], dtype=F64)
    expected = [float(other[0, 0] * other[1, k] + other[0, k] * (other[1, 0] + other[1, k])) for k in (1, 2)]
    assert FAMILY.log_prob(eta, y).exp().tolist() == pytest.approx(expected)
    torch.testing.assert_close(FAMILY.mean(eta)[0], other.to(dtype))
    at_least = FAMILY.score(eta, y) + other.to(dtype)
    assert bool((at_least >= -1e-6).all())


def test_a_text_without_room_has_no_probability_and_no_score():
    eta, y = normal(3, 2, 3), torch.tensor([[1, 1], [1, 2], [1, 0]])
    log_prob, score = FAMILY.log_prob_and_score(eta, y)
    assert log_prob.isinf().tolist() == [True, False, False]
    assert not bool(score[0].any())
    found = ctc.align(eta, y)
    assert found.path[0].tolist() == [-1, -1]
    assert found.spans[0].tolist() == [[-1, -1], [-1, -1]]
    with pytest.raises(SupportError, match=r"1 of 3 texts cannot be aligned: b\.wav has 2 frames, and its 2 labels n"):
        ctc.check_alignable(y, sequences.frames(eta), ["b.wav", "c.wav", "d.wav"])
    with pytest.raises(SupportError, match=r"row 0 has 0 frames.*row 2 has 0 frames.*; and 1 more\. A label needs"):
        ctc.check_alignable(torch.ones(4, 1, dtype=torch.int64), torch.zeros(4))


def test_ended_frames_count_for_nothing():
    eta, y = normal(3, 5, 4), torch.tensor([[1, 2], [3, 3], [2, 0]])
    longer = sequences.end(torch.cat((eta, normal(3, 4, 4)), 1), torch.tensor([5, 5, 5]))
    log_prob, score = FAMILY.log_prob_and_score(longer, y)
    alone, own = FAMILY.log_prob_and_score(eta, y)
    torch.testing.assert_close(log_prob, alone, rtol=1e-14, atol=0)
    torch.testing.assert_close(score[:, :5], own, rtol=1e-13, atol=1e-15)
    assert not bool(score[:, 5:].any())
    assert ctc.align(longer, y).path[:, 5:].eq(0).all()


def test_no_rows_have_no_log_prob():
    eta, y = normal(0, 3, 3), torch.zeros(0, 2, dtype=torch.int64)
    log_prob, score = FAMILY.log_prob_and_score(eta, y)
    assert FAMILY.log_prob(eta, y).shape == log_prob.shape == (0,)
    assert score.shape == (0, 3, 3)


def test_a_number_added_to_all_columns_of_a_frame_changes_nothing():
    eta, y = normal(3, 5, 4), torch.tensor([[1, 2], [3, 3], [2, 0]])
    shifted = eta + 10 * normal(3, 5, 1, seed=1)
    torch.testing.assert_close(FAMILY.log_prob_and_score(shifted, y), FAMILY.log_prob_and_score(eta, y))
    assert FAMILY.gauge == "shift"
    across = FAMILY.observed_times(eta, y, torch.ones(5, 1, dtype=F64).expand(3, 5, 4))
    assert across.abs().max() < 1e-12


def test_samples_say_what_their_paths_say():
    assert ctc.collapse(torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [2, 1, 1, 2]])).tolist() == [
        [1, 1, 0],
        [0, 0, 0],
        [2, 1, 2],
    ]
    eta = normal(1, 4, 3).expand(20_000, -1, -1)
    y = FAMILY.sample(eta, np.random.default_rng(0))
    for text in ((), (1,), (2, 1)):
        own = (y == torch.tensor([*text, *[0] * (y.shape[1] - len(text))])).all(-1).double().mean()
        p = math.exp(listed(eta[0].log_softmax(-1), text)[0])
        assert abs(float(own) - p) <= 5 * math.sqrt(p * (1 - p) / 20_000)


@pytest.mark.parametrize("at_a_time", [1024, 3])
def test_the_shared_frame_is_the_best_one(at_a_time, monkeypatch):
    """At the maximum the score, summed over all frames, is 0 in every column."""
    monkeypatch.setattr(shared, "_ROWS", at_a_time)
    y, frames = torch.tensor([[1, 2, 2], [2, 0, 0], [1, 1, 0], [0, 0, 0]]), torch.tensor([6, 4, 5, 3])
    weight = torch.tensor([1.0, 2.0, 1.0, 0.5])
    best = ctc.shared_frame(y, frames, weight, outputs=4)
    assert best[3] == -INF
    eta = sequences.end(best.repeat(4, 6, 1), frames)
    assert torch.einsum("n,ntk->k", weight.double(), FAMILY.score(eta, y)).abs().max() < 1e-3


# What is refused


@pytest.mark.parametrize(
    ("y", "outputs", "message"),
    [
        (torch.tensor([[1, 0], [1, 4]]), 4, r"row 1: .*found \[1, 4\]; number the labels from 1 to 3"),
        (torch.tensor([[1, 0], [-1, 0]]), None, r"row 1: .*found \[-1, 0\]; number the labels from 1 to K − 1"),
        (torch.tensor([[0, 2]]), 4, r"row 0: .*0 is the blank: let it only fill up the end"),
        (torch.tensor([[1.0, 2.0]]), 4, r"found float32 of shape \(1, 2\); pass y.long\(\)"),
        (torch.tensor([1, 2]), 4, r"found int64 of shape \(2,\); pass y.long\(\), one row a text"),
    ],
)
def test_outside_the_support(y, outputs, message):
    with pytest.raises(SupportError, match=message):
        FAMILY.check_support(y, outputs)


def test_what_is_not_on_offer_says_what_to_do():
    eta, y = normal(1, 3, 3), torch.tensor([[1]])
    for ask, remedy in (
        (lambda: FAMILY.fisher(eta), "use a rule that needs values and gradients alone"),
        (lambda: FAMILY.null_eta(y), r"call likeliest.families.ctc.shared_frame\(y, frames\)"),
        (lambda: FAMILY.linear_error(eta, y), "use a rule that follows the gradient"),
        (lambda: FAMILY.decision_error(eta, y), "needs a family of classes"),
    ):
        with pytest.raises(NotOnOfferError, match=remedy):
            ask()


# Certificates


def objective():
    x, classes = recordings(12, np.random.default_rng(0))
    y = torch.zeros(12, 2, dtype=torch.int64)
    y[:, 0] = classes[:, 0].clamp(min=1)
    y[::2, 1] = torch.where(x.lengths[::2] > 8, 3 - y[::2, 0], 0)
    made = lk.Objective(FAMILY, Framewise(), x[:].double(), y, l2=0.3)
    return made, normal(made.predictor.size, seed=3)


def test_the_certificate_of_an_objective_passes_and_a_wrong_score_is_found(monkeypatch):
    made, theta = objective()
    certificate = certify_objective(made, theta)
    assert certificate.passed, certificate
    right = CTC.score
    monkeypatch.setattr(CTC, "score", lambda self, eta, y: right(self, eta, y) * (1 + 1e-4))
    assert not certify_objective(made, theta).passed


@pytest.mark.parametrize(("factor", "passes"), [(1.0, True), (1 + 1e-4, False)])
def test_the_score_itself_is_certified(factor, passes):
    y, shape = torch.tensor([[1, 2], [2, 2], [1, 0]]), (3, 5, 3)

    def value(theta):
        return FAMILY.log_prob(theta.reshape(shape), y).sum()

    def gradient(theta):
        return factor * FAMILY.score(theta.reshape(shape), y).reshape(-1)

    assert lk.check_gradient(value, gradient, normal(45)).passed is passes


def test_a_fit_learns_to_say_what_is_heard():
    made, theta = objective()
    fitted = lk.fit(made, "lbfgs", theta=theta, budget=60)
    assert float(made.at(fitted.theta).value) < 0.5 * float(made.at(theta).value)
    assert CLASSES == 3
