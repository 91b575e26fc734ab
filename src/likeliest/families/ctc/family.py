"""The ctc family: a text given frames, whatever the alignment between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families.base import Family, single
from likeliest.families.categorical import Categorical
from likeliest.families.ctc import kernel, recursion
from likeliest.families.ctc.texts import collapse
from likeliest.interfaces import Eta

_FRAME = Categorical()


@final
@dataclass(frozen=True)
class CTC(Family):
    """A text of U labels given T frames: the probability of all paths through the frames that say it.

    η is (…, n, T, K), one column a label and column 0 the blank, before the softmax. y is int64 (n, U), labels
    1 … K − 1 filled up with 0; a row of zeros is the empty text. A path names one column a frame, and says what is left
    when runs of one column count once and blanks go. With γ the probability of each column in each frame given y,
    the score is γ − softmax(η): y − μ, as in every canonical family.

    Frames after a row's end are certain blanks, as `likeliest.sequences.end` writes them; they change no log p and have
    the score 0, exactly. At the ends:

    ==========================  ====================================================================
    η                           log p and score
    ==========================  ====================================================================
    m times +inf in a frame     these columns have p = 1/m each there, and all others 0
    all −inf in a frame         all columns have p = 1/K there
    every path of y has −inf    −inf; γ is that of the paths with the fewest impossible frames
    fewer frames than y needs   −inf and 0, whatever η
    log p below −5e299          as if it were −inf
    ==========================  ====================================================================

    Log p and score come from torch's kernel; where its precision does not reach, from our own forward–backward
    recursion in double precision, which is also what autograd sees.

    Source: Graves, Fernández, Gomez and Schmidhuber (2006), Connectionist temporal classification.

    Example:
        >>> family, eta, y = CTC(), torch.zeros(1, 2, 3, dtype=torch.float64), torch.tensor([[2]])
        >>> round(family.log_prob(eta, y).exp().item(), 6)  # 0 2, 2 0 and 2 2 of nine paths
        0.333333
        >>> family.score(eta, y)[0].mul(3).round().tolist()
        [[0.0, -1.0, 1.0], [0.0, -1.0, 1.0]]
    """

    name = "ctc"
    discrete = True
    links = ("softmax",)
    columns = None
    event_dims = 2
    gauge = "shift"
    has_fisher = False
    support = "labels (n, U) from 1 to K − 1, int64, each row filled up with 0"
    formula = "p(y|η) = Σ_π Π_t p_t(π_t), over paths π of T columns that say y; p_t(k) = e^(η_tk) / Σ_j e^(η_tj)"
    log_prob_formula = "log p(y|η) = log Σ_π e^(Σ_t log p_t(π_t))"
    mean_formula = "P(π_t = k) = p_t(k) = e^(η_tk) / Σ_j e^(η_tj)"
    score_formula = "γ_t(k) − p_t(k), with γ_t(k) = P(π_t = k | y)"
    source = "Graves et al. (2006)"

    @property
    def canonical(self) -> bool:
        """No: y is a text, and no statistic that η multiplies."""
        return False

    def check_support(self, y: Tensor, outputs: int | None = None) -> None:
        """See `Family.check_support`. Whether the frames have room for y, `check_alignable` says."""
        if y.dtype != torch.int64 or y.ndim < 2:
            kind = f"{str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}"
            raise SupportError(f"{self.name} needs {self.support}, found {kind}; pass y.long(), one row a text")
        blank = y == 0
        self._refuse((y >= 0).all(-1), y, f"number the labels from 1 to {_last(outputs)}")
        if outputs is not None:
            self._refuse((y < outputs).all(-1), y, f"number the labels from 1 to {_last(outputs)}")
        self._refuse(~(blank[..., :-1] & ~blank[..., 1:]).any(-1), y, "0 is the blank: let it only fill up the end")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        """Return the log of the sum over all paths that say y; autograd differentiates it through our own recursion."""
        eta = single(eta)
        rows, texts = kernel.in_rows(eta, y)
        found = _differentiable(rows, texts) if _is_watched(eta) else kernel.log_prob(rows, texts)
        return found.reshape(eta.shape[:-2])

    def score(self, eta: Eta, y: Tensor) -> Tensor:
        """Return γ − softmax(η)."""
        return self.log_prob_and_score(eta, y)[1]

    def log_prob_and_score(self, eta: Eta, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both: the score needs the forward recursion that log p is."""
        eta = single(eta).detach()
        log_prob, score = kernel.log_prob_and_score(*kernel.in_rows(eta, y))
        return log_prob.reshape(eta.shape[:-2]), score.reshape(eta.shape)

    def mean(self, eta: Eta) -> Tensor:
        """Return the probabilities of the columns in each frame, (…, n, T, K)."""
        return _FRAME.mean(eta)

    def observed_times(self, eta: Eta, y: Tensor, v: Eta) -> Tensor:
        """Return −∂² log p / ∂η² v by autograd, twice, through our own recursion."""
        leaf, v = single(eta).detach().requires_grad_(), single(v)
        with torch.enable_grad():
            log_prob = self.log_prob(leaf, y)
            (score,) = torch.autograd.grad(log_prob.sum(), leaf, create_graph=True)
            (product,) = torch.autograd.grad((score * v).sum(), leaf)
        return -product

    def observed(self, eta: Eta, y: Tensor) -> Tensor:
        """Return the observed information with frames and columns in one axis, (…, n, TK, TK): for short sequences."""
        eta = single(eta)
        frames, columns = eta.shape[-2:]
        units = torch.eye(frames * columns, dtype=eta.dtype, device=eta.device).unflatten(-1, (frames, columns))
        return torch.stack([self.observed_times(eta, y, unit).flatten(-2) for unit in units], -1)

    def fisher_times(self, eta: Eta, v: Eta) -> Tensor:
        """Raise: it would be an expectation over all texts."""
        raise NotOnOfferError(
            "ctc has no Fisher information in closed form, for it would be an expectation over all texts; use a rule "
            "that needs values and gradients alone, such as adam, nesterov or lbfgs"
        )

    def sample(self, eta: Eta, generator: np.random.Generator) -> Tensor:
        """Draw a path and read what it says: int64 (…, n, U), filled up with 0, U the length of the longest."""
        return collapse(_FRAME.sample(eta, generator))

    def null_eta(self, y: Tensor, weight: Tensor | None = None, outputs: int | None = None) -> Tensor:
        """Raise: y alone does not say how many frames it came from."""
        raise NotOnOfferError(
            "the η that texts share depends on how many frames each has, and y does not say; call "
            "likeliest.families.ctc.shared_frame(y, frames) instead"
        )

    def deviance(self, eta: Eta, y: Tensor) -> Tensor:
        """Return −2 log p(y | η), for a path can be certain."""
        return -2 * self.log_prob(eta, y)

    def linear_error(self, eta: Eta, y: Tensor) -> Eta:
        """Raise: a text is no number that η could be off by."""
        raise NotOnOfferError(
            "the linear error y − η needs a y beside each column of η, and ctc has one text for all frames; use a rule "
            "that follows the gradient, such as adam"
        )

    def _no_number(self, what: str) -> NotOnOfferError:
        return NotOnOfferError(f"ctc has no {what}: its y are texts; read the probabilities of each frame with mean")


def _last(outputs: int | None) -> str:
    return "K − 1" if outputs is None else str(outputs - 1)


def _is_watched(eta: Tensor) -> bool:
    return eta.requires_grad and torch.is_grad_enabled()


def _differentiable(eta: Tensor, y: Tensor) -> Tensor:
    """Log p (N,) in plain operations, in double precision within."""
    found = recursion.log_prob(kernel.log_probs(eta.double()).clamp(min=recursion.NEVER), y)
    return found.masked_fill(found < recursion.NEVER / 2, -torch.inf).to(eta.dtype)
