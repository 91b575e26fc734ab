"""Links of a probability: mpmath judges values and curvatures, and what is outside a domain has its convention."""

import math

import pytest
import torch
from mpmath import mp, mpf

from likeliest.families.links import LINKS, recession_faces

F64 = torch.float64
INF = math.inf
EVERY = pytest.mark.parametrize("link", LINKS.values(), ids=lambda link: link.name)
PROBABILITY = {
    "logit": lambda x: 1 / (1 + mp.exp(-x)),
    "probit": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    "cloglog": lambda x: -mp.expm1(-mp.exp(x)),
    "loglog": lambda x: mp.exp(-mp.exp(-x)),
    "cauchit": lambda x: mp.atan2(1, -x) / mp.pi,
    "log": mp.exp,
    "identity": lambda x: x,
}


def column(*values):
    return torch.tensor(values, dtype=F64)


def inside(link):
    low, high = link.domain
    return [x for x in (-30.0, -6.0, -1.5, -0.41, -0.3, 0.0, 1e-9, 0.2, 0.8, 1.1, 3.0, 8.0) if low < x < high]


@EVERY
def test_tails_are_exact_and_sum_to_one(link):
    etas = inside(link)
    for eta, p, q in zip(etas, *map(torch.Tensor.tolist, link.tails(column(*etas))), strict=True):
        with mp.workprec(2000):
            exact = PROBABILITY[link.name](mpf(eta))
            for got, want in ((p, exact), (q, 1 - exact)):
                assert abs(got - want) <= 4 * math.ulp(float(want)) or want < 1e-300


@EVERY
def test_curvatures_are_minus_the_second_derivatives_of_the_logs(link):
    etas = inside(link)
    for eta, *got in zip(etas, *map(torch.Tensor.tolist, link.curvatures(column(*etas))), strict=True):
        with mp.workprec(8000):
            for curvature, log in zip(
                got,
                (lambda x: mp.log(PROBABILITY[link.name](x)), lambda x: mp.log(1 - PROBABILITY[link.name](x))),
                strict=True,
            ):
                step = mpf(2) ** -600
                exact = -(log(eta + step) - 2 * log(mpf(eta)) + log(eta - step)) / step**2
                assert curvature == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


@EVERY
def test_the_fisher_information_is_minus_the_product_of_the_slopes(link):
    eta = column(*inside(link))
    success, failure = link.slopes(eta)
    torch.testing.assert_close(link.information(eta), -success * failure, rtol=1e-14, atol=0)


@EVERY
def test_the_inverse_undoes_the_link_from_the_smaller_tail(link):
    eta = column(*[x for x in inside(link) if -7 < x < 3])
    torch.testing.assert_close(link.inverse(*link.tails(eta)), eta, rtol=1e-13, atol=1e-14)
    assert link.inverse(column(0.0), column(1.0)).item() == max(link.domain[0], -INF)
    assert link.inverse(column(1.0), column(0.0)).item() == link.domain[1]


@pytest.mark.parametrize("name", ["logit", "probit", "cloglog", "loglog", "cauchit"])
@pytest.mark.parametrize("eta", [1e-300, -1e-20, 1e-5, -0.3, 0.9])
def test_the_rise_from_zero_is_exact_however_small(name, eta):
    link = LINKS[name]
    with mp.workprec(4000):
        high, low = map(mpf, link.centre)
        at_zero = PROBABILITY[name](mpf(0))
        assert abs(high + low - at_zero) < mpf(2) ** -104
        exact = PROBABILITY[name](mpf(eta)) - at_zero
        assert abs(link.rise(column(eta)).item() - exact) <= 4 * math.ulp(float(exact))


def test_beyond_a_domain_nothing_can_occur_and_the_slopes_lead_back():
    for name, eta, slope in (("log", 1e-300, -INF), ("log", INF, -INF), ("identity", -1e-300, INF)):
        link, at = LINKS[name], column(eta)
        assert [part.item() for part in link.log_tails(at)] == [-INF, -INF]
        assert [part.item() for part in link.slopes(at)] == [slope, slope]
        assert [part.item() for part in link.curvatures(at)] == [INF, INF]
        assert sum(part.item() for part in link.tails(at)) == 1
    link = LINKS["identity"]
    assert [part.item() for part in link.slopes(column(1.0 + 2**-52))] == [-INF, -INF]


def test_on_the_edge_of_a_domain_the_limit_from_inside_holds():
    log, identity = LINKS["log"], LINKS["identity"]
    assert [part.item() for part in log.log_tails(column(0.0))] == [0, -INF]
    assert [part.item() for part in log.slopes(column(0.0))] == [1, -INF]
    for eta, logs, slopes in ((0.0, [-INF, 0], [INF, -1]), (-0.0, [-INF, 0], [INF, -1]), (1.0, [0, -INF], [1, -INF])):
        assert [part.item() for part in identity.log_tails(column(eta))] == logs
        assert [part.item() for part in identity.slopes(column(eta))] == slopes


@EVERY
def test_nan_is_seen_in_every_result(link):
    at = column(math.nan)
    for pair in (link.log_tails(at), link.slopes(at), link.curvatures(at), link.tails(at)):
        assert all(part.isnan().all() for part in pair)


@EVERY
def test_no_nan_comes_out_at_the_ends(link):
    at = column(-INF, -1e308, -1e155, -750.0, 750.0, 1e155, 1e308, INF)
    for pair in (link.log_tails(at), link.slopes(at), link.curvatures(at), link.tails(at)):
        assert not any(part.isnan().any() for part in pair)
    assert not link.information(at).isnan().any()


def test_the_sigmoid_keeps_its_subnormal_values_beside_others():
    p, _ = LINKS["logit"].tails(column(-720.0, 1.0))
    assert p[0].item() == pytest.approx(math.exp(-720.0), rel=1e-12)
    p, _ = LINKS["logit"].tails(torch.tensor([-95.0]))
    assert p.item() == pytest.approx(math.exp(-95.0), rel=1e-5)


def test_a_row_may_recede_where_its_outcomes_allow_and_its_domain_has_no_end():
    successes, failures = torch.tensor([True, False, True, False]), torch.tensor([False, True, True, False])
    both = recession_faces((-INF, INF), successes, failures)
    assert both[..., 0].tolist() == [[1, 1], [-1, -1], [1, -1], [0, 0]]
    assert recession_faces((-INF, 0.0), successes, failures)[..., 0].tolist() == [[1, -1], [-1, -1], [1, -1], [0, 0]]
    assert recession_faces((0.0, 1.0), successes, failures) is None
