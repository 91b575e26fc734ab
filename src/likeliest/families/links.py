"""How η maps to a probability p = g⁻¹(η): both tails and their derivatives, each by a form that is exact there.

With q = 1 − p and p′ = dp/dη, a link states for one success and for one failure

    log p,   its slope  p′/p ≥ 0,   and the curvature  −d² log p/dη²
    log q,   its slope −p′/q ≤ 0,   and the curvature  −d² log q/dη²

Everything else follows: the score of y is the mean of the two slopes by y, and the Fisher information of one trial
p′²/(pq) is minus their product. No p is formed to take its log, and none subtracted from 1.

η is any tensor, and so is every result. All but the logit, whose few functions torch has in both precisions, compute in
double precision and round once. Outside a link's domain p is 0 or 1, both logs are −inf, the slopes point back into it,
and the curvatures are +inf.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from likeliest.families.base import in_double
from likeliest.numerics import exp_pair, hazard_excess, normal_hazards, normal_log_tails, normal_tails, xmul

Pair = tuple[Tensor, Tensor]
"""What belongs to a success, and what to a failure."""


class Link(ABC):
    """One link of a probability."""

    name: str
    formula: str
    """p by η."""
    source: str
    domain: tuple[float, float] = (-math.inf, math.inf)
    """Where η must lie for p to be a probability."""
    centre: tuple[float, float] = (0.5, 0.0)
    """p at η = 0 as a sum of two doubles."""

    @abstractmethod
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log p and log q."""

    @abstractmethod
    def slopes(self, eta: Tensor) -> Pair:
        """Return p′/p and −p′/q."""

    @abstractmethod
    def curvatures(self, eta: Tensor) -> Pair:
        """Return −d² log p/dη² and −d² log q/dη²."""

    @abstractmethod
    def tails(self, eta: Tensor) -> Pair:
        """Return p and q."""

    @abstractmethod
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return the η of p and q = 1 − p, of which the smaller counts."""

    def rise(self, eta: Tensor) -> Tensor | None:
        """Return p − p(0), exact however small; None where p(0) is an end and says nothing more than p and q do."""
        return None

    @in_double
    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y log p + (1 − y) log q."""
        return _shared(y, 1 - y, self.log_tails(eta))

    @in_double
    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return the slope of y log p + (1 − y) log q."""
        return _shared(y, 1 - y, self.slopes(eta))

    @in_double
    def observed(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return the curvature of −y log p − (1 − y) log q."""
        return _shared(y, 1 - y, self.curvatures(eta))

    @in_double
    def information(self, eta: Tensor) -> Tensor:
        """Return the Fisher information of one trial, p′²/(pq)."""
        success, failure = self.slopes(eta)
        return (success * -failure).masked_fill_((success == 0) | (failure == 0), 0.0)


def _shared(y: Tensor, rest: Tensor, pair: Pair) -> Tensor:
    """Return y of what belongs to a success and the rest of what belongs to a failure; 0 of an infinite part is 0."""
    success, failure = pair
    return xmul(y, success) + xmul(rest, failure)


@final
class Logit(Link):
    """The canonical link: log-odds."""

    name = "logit"
    formula = "σ(η) = 1/(1 + e^(−η))"
    source = "Cox (1958)"

    def log_tails(self, eta: Tensor) -> Pair:
        """Return log σ(η) and log σ(−η)."""
        return logsigmoid(eta), logsigmoid(-eta)

    def slopes(self, eta: Tensor) -> Pair:
        """Return q and −p."""
        p, q = self.tails(eta)
        return q, -p

    def curvatures(self, eta: Tensor) -> Pair:
        """Return p q, twice."""
        information = self.information(eta)
        return information, information

    def tails(self, eta: Tensor) -> Pair:
        """Return σ(η) and σ(−η)."""
        if _is_moderate(eta):
            return torch.sigmoid(eta), torch.sigmoid(-eta)
        return _far_sigmoid(eta), _far_sigmoid(-eta)

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return log p − log q."""
        return p.log() - q.log()

    def rise(self, eta: Tensor) -> Tensor:
        """Return ½ tanh(η/2)."""
        return 0.5 * torch.tanh(0.5 * eta)

    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y log p + (1 − y) log q: on the line between them where both are finite."""
        success, failure = self.log_tails(eta)
        if _is_moderate(eta):
            return torch.lerp(failure, success, y)
        return _shared(y, 1 - y, (success, failure))

    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y − p: on the line from −p at y = 0 to q at y = 1, both of them exact in the tails."""
        success, failure = self.slopes(eta)
        return torch.lerp(failure, success, y)

    def observed(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return p q, whatever y is."""
        return self.information(eta)

    def information(self, eta: Tensor) -> Tensor:
        """Return p q."""
        p, q = self.tails(eta)
        return p * q


def _is_moderate(eta: Tensor) -> bool:
    """Whether e^|η| is finite everywhere; where it is not, torch.sigmoid returns 0 for a small number."""
    if not eta.numel():
        return True
    low, high = torch.aminmax(eta.detach())
    return max(-float(low), float(high)) <= math.log(torch.finfo(eta.dtype).max)


def _far_sigmoid(eta: Tensor) -> Tensor:
    return torch.where(eta < -40, torch.exp(eta), torch.sigmoid(eta))


@final
class Probit(Link):
    """The normal distribution function: a normal tolerance whose threshold is crossed."""

    name = "probit"
    formula = "Φ(η), the normal distribution function"
    source = "Bliss (1934)"

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log Φ(η) and log Φ(−η)."""
        return normal_log_tails(eta)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return φ(η)/Φ(η) and −φ(η)/Φ(−η)."""
        success, failure = normal_hazards(eta)
        return success, -failure

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return λ (λ + η) and λ (λ − η), each with its own hazard λ."""
        return _normal_curvature(-eta), _normal_curvature(eta)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return Φ(η) and Φ(−η)."""
        return normal_tails(eta)

    @in_double
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return Φ⁻¹(p)."""
        return torch.where(p < q, torch.special.ndtri(p), -torch.special.ndtri(q))

    @in_double
    def rise(self, eta: Tensor) -> Tensor:
        """Return ½ erf(η/√2)."""
        return 0.5 * torch.erf(eta * math.sqrt(0.5))


def _normal_curvature(x: Tensor) -> Tensor:
    """Return λ(x) (λ(x) − x), λ = φ(x)/Φ(−x): 1 at +∞, 0 at −∞."""
    x = x.clamp(-1e150, 1e150)
    hazard = normal_hazards(x)[1]
    return torch.where(x > 0, hazard * hazard_excess(x.clamp(min=0)), hazard * (hazard - x))


@final
class Cauchit(Link):
    """The Cauchy distribution function, whose tails forgive a surprise: log p falls like −log |η| and no faster."""

    name = "cauchit"
    formula = "½ + atan(η)/π"
    source = "Koenker & Yoon (2009)"

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log p and log q, the larger one by log1p."""
        p, q = self.tails(eta)
        below = eta < 0
        small = torch.where(below, p, q)
        near, far = small.log(), torch.log1p(-small)
        return torch.where(below, near, far), torch.where(below, far, near)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1/((1 + η²) π p) and −1/((1 + η²) π q)."""
        return _cauchy_slope(eta), -_cauchy_slope(-eta)

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return s (s + 2η/(1 + η²)) for both slopes s: below 0 far out, where log p is convex."""
        success, failure = self.slopes(eta)
        bend = 2 / (eta + 1 / eta)
        return success * (success + bend), failure * (failure + bend)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return p and q as angles seen from the origin."""
        one = torch.ones_like(eta)
        return torch.atan2(one, -eta) / math.pi, torch.atan2(one, eta) / math.pi

    @in_double
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return −1/tan(π p), or 1/tan(π q)."""
        return torch.where(p < q, -1 / torch.tan(math.pi * p), 1 / torch.tan(math.pi * q))

    @in_double
    def rise(self, eta: Tensor) -> Tensor:
        """Return atan(η)/π."""
        return torch.atan(eta) / math.pi


def _cauchy_slope(eta: Tensor) -> Tensor:
    """Return 1/((1 + η²) (π/2 + atan η)); where the square overflows, the limits −1/η and 1/(π η²)."""
    slope = 1 / ((1 + eta.square()) * torch.atan2(torch.ones_like(eta), -eta))
    ends = torch.where(eta < 0, -1 / eta, 1 / eta / eta / math.pi)
    return torch.where(eta.abs() < 1e100, slope, ends)


@final
class Cloglog(Link):
    """No event of a Poisson process of log-intensity η is a failure: proportional hazards in discrete time."""

    name = "cloglog"
    formula = "1 − e^(−e^η)"
    source = "Fisher (1922)"
    centre = (0.6321205588285577, 1.2428753672788363e-17)

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log(1 − e^(−t)) and −t, t = e^η; the former is η + log((1 − e^(−t))/t) where t is small."""
        t = eta.exp()
        early = eta.clamp(-40.0, -1.0).exp()
        few = eta + torch.log(torch.expm1(-early) / -early)
        some = torch.log(-torch.expm1(-t.clamp(0.25, 1.0)))
        many = torch.log1p(-_power_of_power(eta, 0.0))
        return torch.where(eta < -1, few, torch.where(eta < -0.4, some, many)), -t

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return t/(e^t − 1) and −t."""
        t = eta.exp()
        few = torch.where(t == 0, 1.0, t / torch.expm1(t.clamp(max=1.0)))
        # Beyond t = 64 the power is lifted by e^64, so that it is no subnormal number before t multiplies it.
        lift = 64 * (t > 64).to(t.dtype)
        power = _power_of_power(eta, lift)
        many = t.clamp(max=1e300) * power / (1 - power.masked_fill(t > 64, 0.0)) * torch.exp(-lift)
        return torch.where(eta < -0.4, few, many), -t

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return s (t + s − 1) of the slope s of log p, and t; t + s − 1 is t/2 + t²/12 − … where t is small."""
        t, slope = eta.exp(), self.slopes(eta)[0]
        square = t.square()
        series = t / 2 + square / 12 * (1 - square / 60 * (1 - square / 42 * (1 - square / 40 * (1 - square / 39.6))))
        return xmul(slope, torch.where(t < 0.25, series, t + (slope - 1))), t

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return 1 − e^(−t) and e^(−t)."""
        power = torch.where(eta < -0.4, torch.exp(-eta.exp()), _power_of_power(eta, 0.0))
        return torch.where(eta < -0.4, -torch.expm1(-eta.exp()), 1 - power), power

    @in_double
    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return log(−log q)."""
        return torch.log(-torch.where(p < q, torch.log1p(-p), q.log()))

    @in_double
    def rise(self, eta: Tensor) -> Tensor:
        """Return −e^(−1) (e^(1 − t) − 1)."""
        return -math.exp(-1) * torch.expm1(-torch.expm1(eta))

    @in_double
    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y log(1 − e^(−t)) − (1 − y) t, also where only t itself overflows."""
        return _of_intensity(eta, y, 1 - y, self.log_tails(eta))

    @in_double
    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y t/(e^t − 1) − (1 − y) t, also where only t itself overflows."""
        return _of_intensity(eta, y, 1 - y, self.slopes(eta))


def _of_intensity(eta: Tensor, y: Tensor, rest: Tensor, pair: Pair) -> Tensor:
    """Return the shared part of a success and of a failure, −t: −(1 − y) √t √t for large t, where a success adds 0."""
    root = torch.exp(eta / 2)
    return torch.where(eta > 700, -xmul(xmul(rest, root), root), _shared(y, rest, pair))


def _power_of_power(eta: Tensor, lift: Tensor | float) -> Tensor:
    """Return e^(lift − t), t = e^η, for η ≥ −0.4: from t to 64 bits, for its rounding counts t-fold in the power."""
    high, low = exp_pair(eta.clamp(-0.4, 6.8))
    power = torch.exp(lift - high)
    return power + power * torch.expm1(-low)


@final
class Loglog(Link):
    """The complementary log-log link seen from the failures: p(η) = q(−η) there."""

    name = "loglog"
    formula = "e^(−e^(−η))"
    source = "Fisher (1922)"
    centre = (0.36787944117144233, -1.2428753672788363e-17)

    _mirrored = Cloglog()

    def log_tails(self, eta: Tensor) -> Pair:
        """Return −t and log(1 − e^(−t)), t = e^(−η)."""
        return self._mirrored.log_tails(-eta)[::-1]

    def slopes(self, eta: Tensor) -> Pair:
        """Return t and −t/(e^t − 1)."""
        failure, success = self._mirrored.slopes(-eta)
        return -success, -failure

    def curvatures(self, eta: Tensor) -> Pair:
        """Return the mirrored ones."""
        return self._mirrored.curvatures(-eta)[::-1]

    def tails(self, eta: Tensor) -> Pair:
        """Return e^(−t) and 1 − e^(−t)."""
        return self._mirrored.tails(-eta)[::-1]

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return −log(−log p)."""
        return -self._mirrored.inverse(q, p)

    def rise(self, eta: Tensor) -> Tensor:
        """Return e^(−1) (e^(1 − t) − 1)."""
        return -self._mirrored.rise(-eta)

    @in_double
    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return −y t + (1 − y) log(1 − e^(−t))."""
        return _of_intensity(-eta, 1 - y, y, self._mirrored.log_tails(-eta))

    @in_double
    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y t − (1 − y) t/(e^t − 1)."""
        return -_of_intensity(-eta, 1 - y, y, self._mirrored.slopes(-eta))


@final
class Log(Link):
    """Log-probabilities, for risk ratios; η ≤ 0."""

    name = "log"
    formula = "e^η, η ≤ 0"
    source = "Wacholder (1986)"
    domain = (-math.inf, 0.0)

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return η and log(1 − e^η)."""
        near = torch.log(-torch.expm1(eta.clamp(-1.0, 0.0)))
        far = torch.log1p(-eta.clamp(max=-0.5).exp())
        failure = torch.where(eta < -0.7, far, near)
        return eta.masked_fill(eta > 0, -math.inf), failure.masked_fill(eta > 0, -math.inf)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1 and −e^η/(1 − e^η)."""
        success = torch.ones_like(eta).masked_fill_(eta > 0, -math.inf)
        failure = eta.exp() / torch.expm1(eta)
        return torch.where(eta.isnan(), eta, success), failure.masked_fill_(eta >= 0, -math.inf)

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return 0 and e^η/(1 − e^η)²."""
        success = torch.zeros_like(eta).masked_fill_(eta > 0, math.inf)
        failure = eta.exp() / torch.expm1(eta).square()
        return torch.where(eta.isnan(), eta, success), failure.masked_fill_(eta >= 0, math.inf)

    @in_double
    def tails(self, eta: Tensor) -> Pair:
        """Return e^η and 1 − e^η."""
        inside = eta.clamp(max=0.0)
        return inside.exp(), -torch.expm1(inside)

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return log p."""
        return torch.where(p < q, p.log(), torch.log1p(-q))

    def information(self, eta: Tensor) -> Tensor:
        """Return e^η/(1 − e^η)."""
        return (-self.slopes(eta)[1]).masked_fill_(eta >= 0, math.inf)


@final
class Identity(Link):
    """The probability itself, for risk differences; 0 ≤ η ≤ 1."""

    name = "identity"
    formula = "η, 0 ≤ η ≤ 1"
    source = "Wacholder (1986)"
    domain = (0.0, 1.0)

    @in_double
    def log_tails(self, eta: Tensor) -> Pair:
        """Return log η and log(1 − η)."""
        outside = (eta < 0) | (eta > 1)
        inside = eta.clamp(0.0, 1.0)
        return inside.log().masked_fill(outside, -math.inf), torch.log1p(-inside).masked_fill(outside, -math.inf)

    @in_double
    def slopes(self, eta: Tensor) -> Pair:
        """Return 1/η and −1/(1 − η)."""
        success, failure = (1 / eta).abs(), -(1 / (1 - eta)).abs()
        for slope in (success, failure):
            slope.masked_fill_(eta < 0, math.inf).masked_fill_(eta > 1, -math.inf)
        return success, failure

    @in_double
    def curvatures(self, eta: Tensor) -> Pair:
        """Return 1/η² and 1/(1 − η)²."""
        outside = (eta < 0) | (eta > 1)
        success, failure = 1 / eta.square(), 1 / (1 - eta).square()
        return success.masked_fill_(outside, math.inf), failure.masked_fill_(outside, math.inf)

    def tails(self, eta: Tensor) -> Pair:
        """Return η and 1 − η."""
        inside = eta.clamp(0.0, 1.0)
        return inside, 1 - inside

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return p."""
        return p.clone()

    def information(self, eta: Tensor) -> Tensor:
        """Return 1/(η (1 − η))."""
        p, q = self.tails(eta)
        return 1 / (p * q)


LINKS: dict[str, Link] = {
    link.name: link for link in (Logit(), Probit(), Cloglog(), Loglog(), Cauchit(), Log(), Identity())
}
"""Every link of a probability by its name, the default first."""


def recession_faces(domain: tuple[float, float], successes: Tensor, failures: Tensor) -> Tensor | None:
    """Return the faces (n, m, 1) of the cones of recession of rows that have successes, failures, both or neither.

    Δη may be above 0 where there is no failure and below 0 where there is no success, if η may go so far. A bounded
    domain leaves no direction at all, and None says so.
    """
    low, high = domain
    if math.isfinite(low) and math.isfinite(high):
        return None
    up = ~failures & ~successes if math.isfinite(high) else ~failures
    down = ~successes & ~failures if math.isfinite(low) else ~successes
    upper = torch.where(down, torch.where(up, 0.0, -1.0), 1.0)
    lower = torch.where(up, torch.where(down, 0.0, 1.0), -1.0)
    faces = (upper,) if bool((upper == lower).all()) else (upper, lower)
    return torch.stack(faces, -1).double().unsqueeze(-1)
