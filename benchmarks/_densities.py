"""Densities as others have them: torch with autograd's score, scipy without one, scikit-learn's losses, first drafts.

Each takes η (n, K) and y (n,) or (n, 2) as arrays of one dtype, and returns log p (n,) or score (n, K), or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from scipy import special, stats
from sklearn._loss import loss as sklearn_loss
from torch import Tensor
from torch import distributions as td
from torch.nn import functional

import likeliest as lk

Results = dict[str, np.ndarray]
Peer = Callable[[np.ndarray, np.ndarray], Results]
Array = np.ndarray | Tensor

td.Distribution.set_default_validate_args(False)


def by_autograd(log_prob: Callable[..., Tensor]) -> Peer:
    """A peer whose log p takes η's columns and y, all tensors (n,)."""

    def answer(eta: np.ndarray, y: np.ndarray) -> Results:
        leaf = torch.from_numpy(eta).requires_grad_()
        value = log_prob(*leaf.unbind(-1), torch.from_numpy(y))
        (score,) = torch.autograd.grad(value.sum(), leaf)
        return {"log_prob": value.detach().double().numpy(), "score": score.double().numpy()}

    return answer


def by_scipy(log_prob: Callable[..., np.ndarray]) -> Peer:
    """A peer whose log p takes η's columns and y, all arrays (n,), and that has no score."""
    return lambda eta, y: {"log_prob": log_prob(*eta.T, y)}


def by_sklearn(kind: type, *, constants: bool) -> Peer:
    """A loss of one column; its value counts where it is −log p, constants and all."""

    def answer(eta: np.ndarray, y: np.ndarray) -> Results:
        value, gradient = kind().loss_gradient(np.ascontiguousarray(y), np.ascontiguousarray(eta[:, 0]))
        return {"score": -gradient.astype(float)[:, None]} | ({"log_prob": -value.astype(float)} if constants else {})

    return answer


# --- probabilities ----------------------------------------------------------------------------------------------------

IN_TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "logit": torch.sigmoid,
    "probit": lambda eta: td.Normal(0.0, 1.0).cdf(eta),
    "cloglog": lambda eta: 1 - torch.exp(-torch.exp(eta)),
    "loglog": lambda eta: torch.exp(-torch.exp(-eta)),
    "cauchit": lambda eta: td.Cauchy(0.0, 1.0).cdf(eta),
    "log": torch.exp,
    "identity": lambda eta: eta,
}
IN_SCIPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": special.expit,
    "probit": stats.norm.cdf,
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
    "loglog": lambda eta: np.exp(-np.exp(-eta)),
    "cauchit": stats.cauchy.cdf,
    "log": np.exp,
    "identity": lambda eta: eta,
}


def _bernoulli(link: str) -> dict[str, Peer]:
    p = IN_TORCH[link]
    found = {
        "torch, log of p": by_autograd(lambda eta, y: y * p(eta).log() + (1 - y) * (1 - p(eta)).log()),
        "scipy.stats": by_scipy(lambda eta, y: stats.bernoulli.logpmf(y, IN_SCIPY[link](eta))),
    }
    if link == "logit":
        found["torch, with logits"] = by_autograd(
            lambda eta, y: -functional.binary_cross_entropy_with_logits(eta, y, reduction="none")
        )
        found["scikit-learn"] = by_sklearn(sklearn_loss.HalfBinomialLoss, constants=True)
    if link == "probit":
        found["torch, log_ndtr"] = by_autograd(
            lambda eta, y: y * torch.special.log_ndtr(eta) + (1 - y) * torch.special.log_ndtr(-eta)
        )
    return found


def _binomial(link: str) -> dict[str, Peer]:
    p, q = IN_TORCH[link], IN_SCIPY[link]
    return {
        "torch": by_autograd(lambda eta, y: td.Binomial(y.sum(-1), probs=p(eta)).log_prob(y[:, 0])),
        "scipy.stats": by_scipy(lambda eta, y: stats.binom.logpmf(y[:, 0], y.sum(1), q(eta))),
    }


def of_classes(etas: Sequence[tuple[float, ...]], labels: Sequence[int], dtype: type) -> dict[str, Results]:
    """Torch, scikit-learn and scipy on classes, one point at a time, for they differ in the number of columns."""
    n, widest = len(etas), max(map(len, etas))
    found = {
        name: {"log_prob": np.empty(n), "score": np.full((n, widest), np.nan)} for name in ("torch", "scikit-learn")
    }
    found["scipy, log_softmax"] = {"log_prob": np.empty(n)}
    for i, (eta, label) in enumerate(zip(etas, labels, strict=True)):
        for name, log_prob, score in _of_one(np.array([eta], dtype), label):
            found[name]["log_prob"][i] = log_prob
            if score is not None:
                found[name]["score"][i, : len(eta)] = score
    return found


def _of_one(row: np.ndarray, label: int) -> Iterator[tuple[str, float, np.ndarray | None]]:
    leaf = torch.from_numpy(row).requires_grad_()
    value = -functional.cross_entropy(leaf, torch.tensor([label]))
    yield "torch", float(value), torch.autograd.grad(value, leaf)[0][0].double().numpy()
    multinomial = sklearn_loss.HalfMultinomialLoss(n_classes=row.shape[1])
    loss, gradient = multinomial.loss_gradient(np.array([label], row.dtype), row)
    yield "scikit-learn", -float(loss[0]), -gradient[0]
    yield "scipy, log_softmax", float(special.log_softmax(row, axis=1)[0, label]), None


# --- numbers ----------------------------------------------------------------------------------------------------------


def _mean(link: str, eta: Array) -> Array:
    if link == "log":
        return eta.exp() if isinstance(eta, Tensor) else np.exp(eta)
    return 1 / eta if link == "inverse" else eta


def _poisson(link: str) -> dict[str, Peer]:
    return {
        "torch": by_autograd(lambda eta, y: td.Poisson(eta.exp()).log_prob(y)),
        "scipy.stats": by_scipy(lambda eta, y: stats.poisson.logpmf(y, np.exp(eta))),
        "scikit-learn": by_sklearn(sklearn_loss.HalfPoissonLoss, constants=False),
    }


def _negative_binomial(link: str) -> dict[str, Peer]:
    def scipys(eta: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        k = np.exp(-a)
        return stats.nbinom.logpmf(y, k, k / (k + np.exp(eta)))

    return {
        "torch": by_autograd(lambda eta, a, y: td.NegativeBinomial((-a).exp(), logits=eta + a).log_prob(y)),
        "scipy.stats": by_scipy(scipys),
    }


def _gamma(link: str) -> dict[str, Peer]:
    def torchs(eta: Tensor, a: Tensor, y: Tensor) -> Tensor:
        return td.Gamma((-a).exp(), (-a).exp() / _mean(link, eta)).log_prob(y)

    def scipys(eta: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        return stats.gamma.logpdf(y, np.exp(-a), scale=_mean(link, eta) * np.exp(a))

    return {"torch": by_autograd(torchs), "scipy.stats": by_scipy(scipys)}


def _normal(link: str) -> dict[str, Peer]:
    return {
        "torch": by_autograd(lambda m, s, y: td.Normal(m, s.exp()).log_prob(y)),
        "scipy.stats": by_scipy(lambda m, s, y: stats.norm.logpdf(y, m, np.exp(s))),
    }


def _laplace(link: str) -> dict[str, Peer]:
    return {
        "torch": by_autograd(lambda m, s, y: td.Laplace(m, s.exp()).log_prob(y)),
        "scipy.stats": by_scipy(lambda m, s, y: stats.laplace.logpdf(y, m, np.exp(s))),
    }


def _student_t(link: str) -> dict[str, Peer]:
    return {
        "torch": by_autograd(lambda m, s, d, y: td.StudentT(d.exp(), m, s.exp()).log_prob(y)),
        "scipy.stats": by_scipy(lambda m, s, d, y: stats.t.logpdf(y, np.exp(d), m, np.exp(s))),
    }


def _median(link: str) -> dict[str, Peer]:
    """The asymmetric Laplace at its default level, ½."""

    def draft(m: Tensor, s: Tensor, y: Tensor) -> Tensor:
        z = (y - m) / s.exp()
        return np.log(0.25) - s - torch.maximum(z / 2, -z / 2)

    scipys = lambda m, s, y: stats.laplace_asymmetric.logpdf(y, 1.0, m, 2 * np.exp(s))  # noqa: E731
    return {"torch, first draft": by_autograd(draft), "scipy.stats": by_scipy(scipys)}


_PEERS: dict[str, Callable[[str], dict[str, Peer]]] = {
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "gamma": _gamma,
    "normal": _normal,
    "laplace": _laplace,
    "student_t": _student_t,
    "asymmetric_laplace": _median,
}


def peers(family: lk.families.Family) -> dict[str, Peer]:
    """The others that have this family and link, by name; those of classes stand in `of_classes`."""
    return _PEERS[family.name](family.link) if family.name in _PEERS else {}
