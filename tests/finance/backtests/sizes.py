"""How often a test may reject a true forecast in so many samples."""

import numpy as np
from scipy.stats import binom


def assert_rejects(p_values, rate=0.05, tolerance=1e-4):
    """The count of p ≤ rate is what Binomial(samples, rate) makes with all but this probability, both sides in all."""
    count, samples = int((np.asarray(p_values) <= rate).sum()), len(p_values)
    low, high = binom.ppf([tolerance / 2, 1 - tolerance / 2], samples, rate)
    assert low <= count <= high, f"{count} of {samples} rejected, expected {low:.0f} to {high:.0f}"
