"""Whether any event of a Poisson process occurs, and the same seen from the failures."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from likeliest.families.base import in_double
from likeliest.families.links.base import Link, Pair, shared
from likeliest.numerics import exp_pair, xmul


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
    return torch.where(eta > 700, -xmul(xmul(rest, root), root), shared(y, rest, pair))


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
