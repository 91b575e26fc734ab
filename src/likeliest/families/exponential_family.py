"""An exponential family of one's own, from its log-partition function A, its statistic T and its base log h."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from likeliest.families.automatic import Automatic, gradient
from likeliest.families.base import single
from likeliest.interfaces import Eta


class ExponentialFamily(Automatic):
    """An exponential family of your own, log p = ⟨η, T(y)⟩ − A(η) + log h(y), whose natural parameters are η's columns.

    Give ``columns``, `log_partition` A and `log_base` log h; T(y) = y unless `statistic` says else. Then the score is
    T − ∇A, the mean of T is ∇A and the Fisher information ∇²A, by autograd; the NLL is convex in η.

    Example:
        >>> class Exponential(ExponentialFamily):
        ...     columns = ("minus_rate",)
        ...     def log_partition(self, eta):
        ...         return -torch.log(-eta[..., 0])
        ...     def log_base(self, y):
        ...         return torch.zeros_like(y)
        >>> family, eta = Exponential(), torch.tensor([[-0.5]])
        >>> family.mean(eta).item(), family.score(eta, torch.tensor([3.0])).item(), family.fisher(eta).item()
        (2.0, 1.0, 4.0)
    """

    @abstractmethod
    def log_partition(self, eta: Tensor) -> Tensor:
        """Return A(η), (…, n), for natural parameters (…, n, K)."""

    @abstractmethod
    def log_base(self, y: Tensor) -> Tensor:
        """Return log h(y), (…, n)."""

    def statistic(self, y: Tensor) -> Tensor:
        """Return T(y), (…, n, K): y itself as the one column, unless a family says else."""
        return y.unsqueeze(-1)

    @property
    def canonical(self) -> bool:
        """Whether T(y) = y, so that the score is y − μ."""
        return type(self).statistic is ExponentialFamily.statistic

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return ⟨η, T(y)⟩ − A(η) + log h(y)."""
        natural = _stacked(eta)
        y = y.to(natural.dtype)
        return (natural * self.statistic(y)).sum(-1) - self.log_partition(natural) + self.log_base(y)

    def mean_statistic(self, eta: Eta) -> Tensor:
        """Return E[T(y) | η] = ∇A, (…, n, K)."""
        natural = _stacked(eta).detach().requires_grad_()
        with torch.enable_grad():
            partition = self.log_partition(natural)
        return gradient(partition, (natural,))[0]

    def mean(self, eta: Eta) -> Tensor:
        """Return E[y | η] = A′(η), (…, n), where T(y) = y."""
        if not self.canonical:
            raise self._not_given("mean of y, but mean_statistic, that of T(y)", "mean")
        mean: Tensor = self.mean_statistic(eta)[..., 0]
        return mean

    def deviation(self, eta: Eta) -> Tensor:
        """Return √A″(η), (…, n), where T(y) = y."""
        if not self.canonical:
            raise self._not_given("deviation")
        variance = single(self.fisher_times(eta, torch.ones_like(single(eta))))
        return variance[..., 0].sqrt()

    def fisher_times(self, eta: Eta, v: Eta) -> Eta:
        """Return ∇²A(η) v by autograd, twice."""
        natural = _stacked(eta).detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = gradient(self.log_partition(natural), (natural,), twice=True)
            along = slope * _stacked(v)
        (times,) = gradient(along, (natural,))
        return times.unbind(-1) if isinstance(eta, tuple) else times

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Eta:
        """Return ∇²A(η) v: the curvature knows no y."""
        return self.fisher_times(eta, v)


def _stacked(eta: Eta) -> Tensor:
    """The columns as one tensor (…, n, K)."""
    return torch.stack(torch.broadcast_tensors(*eta), -1) if isinstance(eta, tuple) else eta
