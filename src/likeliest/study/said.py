"""What a model says of rows whose target is known, asked once: a net's answer costs more than all that is read off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeliest.dictation import log_probs
from likeliest.model import Model
from likeliest.speech import Transcript

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What a model says of n rows.

    Attributes:
        y: their targets (n,).
        eta: η (n, K), constant columns spread over the rows; log-probabilities where the model's probabilities are
            calibrated or averaged over views, and so no longer the mean at one η.
        log_prob: log p(y | x) of each row (n,).
        probabilities: of the classes (n, K); None for a number.
        mean: of a number (n,); None for classes.
        frames: of n recordings of texts, log-probabilities (T, K) of each; η is then left out.
        transcripts: what is read in them, by a model that reads.
    """

    y: NDArray[Any]
    eta: Floats
    log_prob: Floats
    probabilities: Floats | None
    mean: Floats | None
    frames: Sequence[Floats] | None = None
    transcripts: Sequence[Transcript] | None = None

    @classmethod
    def of(cls, model: Model, x: NDArray[Any], y: NDArray[Any]) -> Said:
        """Ask a model about encoded rows."""
        if model.family.event_dims > 1:
            frames, reads = list(model.frames(x)), model.transcriber
            log_prob = log_probs(model.family, iter(frames), y)
            read = None if reads is None else [reads.transcribe(one) for one in frames]
            return cls(y, np.empty((len(y), 0)), log_prob, None, None, frames, read)
        if model.target.classes is None:
            return cls(y, model.eta_columns(x), model.log_prob(x, y), None, model.mean(x))
        if model.plain:
            return cls(y, model.eta_columns(x), model.log_prob(x, y), model.probabilities(x), None)
        probabilities = model.probabilities(x)
        with np.errstate(divide="ignore"):
            eta = np.log(probabilities)
        return cls(y, eta, eta[np.arange(len(y)), y], probabilities, None)

    @property
    def margin(self) -> Floats:
        """The log-odds of the true class (n,): log p_y − log (1 − p_y), from η."""
        if self.eta.shape[1] == 1:
            return np.where(self.y == 1, self.eta[:, 0], -self.eta[:, 0])
        others = self.eta.copy()
        own = others[np.arange(len(self.y)), self.y].copy()
        others[np.arange(len(self.y)), self.y] = -np.inf
        margin: Floats = own - np.logaddexp.reduce(others, axis=1)
        return margin

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each row (n,)."""
        assert self.probabilities is not None
        likeliest: NDArray[np.int64] = self.probabilities.argmax(1)
        return likeliest

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the likeliest class is the true one (n,)."""
        found: NDArray[np.bool_] = self.predicted == self.y
        return found

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood, in nats; +∞ where a row has probability 0."""
        return -float(self.log_prob.mean())
