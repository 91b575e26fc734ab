"""Are forecasts of risk true, and is one forecast better than another? P-values hold in short samples.

::

    base             what a test found; days, checked
    monte_carlo      p-values from the statistic's own distribution, lots among equal values
    coverage         exceedances of the value at risk: how many, and whether they cluster         ┐
    dynamic_quantile … and whether they can be foretold                                           │
    shortfall        expected shortfall against simulated histories                               ├─ one forecast
    spectral         … and by the transforms u = F(y) alone                                       │
    berkowitz        normal scores of u: mean, variance, memory; the tail alone                   │
    uniformity       Kolmogorov-Smirnov, Anderson-Darling, a histogram with its band  ← uniforms  ┘
    long_run         the variance of a mean over days that remember one another                   ┐
    comparison       Diebold and Mariano                                                          │
    bootstrap        blocks of days, their length, intervals                                      ├─ several
    multiple         Holm, and the claim of an edge over the base rate                            │
    confidence_set   which models may be the best                                                 ┘
    sharpe           is a Sharpe ratio more than luck?
"""

from likeliest.finance.backtests.base import TestResult, exceedances
from likeliest.finance.backtests.berkowitz import berkowitz, berkowitz_tail
from likeliest.finance.backtests.bootstrap import BootstrapInterval, block_interval, block_length
from likeliest.finance.backtests.comparison import diebold_mariano
from likeliest.finance.backtests.confidence_set import ConfidenceSet, confidence_set
from likeliest.finance.backtests.coverage import conditional_coverage, independence, unconditional_coverage
from likeliest.finance.backtests.dynamic_quantile import dynamic_quantile
from likeliest.finance.backtests.multiple import Edge, edges
from likeliest.finance.backtests.sharpe import deflated_sharpe
from likeliest.finance.backtests.shortfall import acerbi_szekely
from likeliest.finance.backtests.spectral import spectral_shortfall
from likeliest.finance.backtests.uniformity import PitHistogram, anderson_darling, kolmogorov_smirnov, pit_histogram

__all__ = [
    "BootstrapInterval",
    "ConfidenceSet",
    "Edge",
    "PitHistogram",
    "TestResult",
    "acerbi_szekely",
    "anderson_darling",
    "berkowitz",
    "berkowitz_tail",
    "block_interval",
    "block_length",
    "conditional_coverage",
    "confidence_set",
    "deflated_sharpe",
    "diebold_mariano",
    "dynamic_quantile",
    "edges",
    "exceedances",
    "independence",
    "kolmogorov_smirnov",
    "pit_histogram",
    "spectral_shortfall",
    "unconditional_coverage",
]
