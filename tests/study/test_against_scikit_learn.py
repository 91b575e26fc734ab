"""Held-out NLL beside that of the strongest plain peer: a cross-validated logistic regression on the very same rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from likeliest.study import Plan
from likeliest.study.candidate import Candidate, mean_nll
from likeliest.study.candidates import fit_candidates
from likeliest.study.conclusion import recommend
from likeliest.study.ground import Ground
from likeliest.study.single import ground_for
from likeliest.study.tables import choose_l2

# From 1.8 on scikit-learn announces other names for what is not read here.
pytestmark = pytest.mark.filterwarnings("ignore:.*:FutureWarning")


def ground(seed: int) -> Ground:
    return ground_for("breast_cancer", None, None, Plan.of(seed=seed))


def ours(on: Ground, candidate: Candidate) -> float:
    rows = on.split.test
    return mean_nll(candidate.model, on.x_for(candidate.model.encoder)[rows], on.y[rows])


def scikit_learns(on: Ground) -> float:
    """Its penalty by five-fold cross-validation, on all rows that are not for testing."""
    learning = np.sort(np.concatenate((on.split.train, on.split.validation)))
    peer = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=20, cv=5, scoring="neg_log_loss", max_iter=5_000))
    peer.fit(on.raw_x[learning], on.y[learning])
    return float(log_loss(on.y[on.split.test], peer.predict_proba(on.raw_x[on.split.test])))


def test_the_recommended_model_is_no_worse() -> None:
    here = ground(0)
    candidates = fit_candidates(here, lambda words: None, lambda record: None)
    assert ours(here, recommend(candidates)[0]) <= scikit_learns(here)


def test_the_linear_model_is_no_worse_on_average_over_splits() -> None:
    """One split decides by luck: which of two equal models wins changes with the fold that a row falls in."""
    grounds = [ground(seed) for seed in range(5)]
    assert np.mean([ours(g, choose_l2(g)) for g in grounds]) <= np.mean([scikit_learns(g) for g in grounds])
