"""Prices: from files and frames to series in order of their dates, with all that was wrong in them told.

::

    read_prices -> Prices -> PriceSeries -> log_returns, excess_returns
                                         -> parkinson_variance, garman_klass_variance, realised_variance

What can be read in one way alone is read; what cannot is refused with its row. What looks like a split without
adjustment, a slip or a hole is kept and named, for only the user knows.
"""

from likeliest.data.prices.glance import looks_like_prices
from likeliest.data.prices.jumps import Jump
from likeliest.data.prices.returns import (
    excess_returns,
    garman_klass_variance,
    log_returns,
    parkinson_variance,
    realised_variance,
)
from likeliest.data.prices.series import Prices, PriceSeries
from likeliest.data.prices.source import read_prices

__all__ = [
    "Jump",
    "PriceSeries",
    "Prices",
    "excess_returns",
    "garman_klass_variance",
    "log_returns",
    "looks_like_prices",
    "parkinson_variance",
    "read_prices",
    "realised_variance",
]
