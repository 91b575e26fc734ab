"""What ``report.json`` holds of a study of prices, which is walked forward through time and not split at random.

Days are ISO dates. Returns are log returns a day, as fractions; variances and log scores are of them. Value at risk and
expected shortfall are losses, positive as a rule. The rules of `likeliest.report.schema` hold here too.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from likeliest.report.schema.application import CalibrationBin, Provenance
from likeliest.report.schema.common import Certificate, VerdictJson
from likeliest.report.schema.learning import Race


class Extreme(TypedDict):
    """A day of note."""

    day: str
    """The day at whose close the return was made."""
    value: float
    """Its return."""


class ReturnSummary(TypedDict):
    """All returns in a few numbers."""

    mean: float
    """A day."""
    deviation: float
    """Standard deviation a day."""
    annual_volatility: float
    """The same a year: times √ of ``PriceData.days_a_year``."""
    skewness: float
    """0 for a symmetric distribution."""
    kurtosis: float
    """3 for a normal one."""
    memory: float
    """First autocorrelation of returns."""
    memory_of_squares: float
    """First autocorrelation of their squares: above 0 where volatility clusters."""
    worst: Extreme
    """The smallest return."""
    best: Extreme
    """The largest."""


class PriceData(TypedDict):
    """The prices at a glance."""

    name: str
    """Short, for headings."""
    source: str
    """As the user gave it."""
    asset: str
    """Which of its assets."""
    assets: list[str]
    """All of them."""
    columns: list[str]
    """What was known of each day: close, high, low, …"""
    days: int
    """Prices; there is one return less."""
    first: str
    """First day."""
    last: str
    """Last day."""
    days_a_year: float
    """Trading days a year."""
    findings: list[str]
    """What was not as expected, and what was done about it."""
    alarms: list[str]
    """Jumps that look like splits without adjustment or slips."""
    dates: list[str]
    """Days of the charts of price and return, thinned to at most 2,000: of each stretch the day of largest |return|."""
    prices: list[float]
    """Prices on those days."""
    returns: list[float | None]
    """Returns made at those days' closes; ``None`` for the first price."""
    summary: ReturnSummary
    """Of all returns."""


class Protocol(TypedDict):
    """How forecasts were made: always of later days than was learnt from."""

    first: str
    """The first day that was forecast."""
    last: str
    """The last."""
    days: int
    """Days that were forecast."""
    refits: int
    """How often models were fitted anew."""
    every: int
    """Days from one refit to the next."""
    window: int | None
    """Days that were learnt from; ``None``: all there were by then."""
    horizon: int
    """Days ahead of the trend's forecasts; as many lie between what was learnt from and what is forecast."""
    cost: float
    """Return that an upward move must exceed to count."""
    levels: list[float]
    """Tail probabilities of value at risk and expected shortfall."""


class LookAheadJson(TypedDict):
    """What the look-ahead test said of one thing that forecasts."""

    name: str
    """A model, or the features."""
    passed: bool
    """Whether nothing of the past moved with the future."""
    message: str
    """In words."""


class ParameterJson(TypedDict):
    """One parameter of a volatility model as its field writes it, fitted to all days."""

    name: str
    """Such as ``alpha[1]``."""
    value: float
    """The estimate."""
    standard_error: float | None
    """From the Hessian; ``None`` at a bound."""
    robust_error: float | None
    """From the sandwich; ``None`` at a bound."""
    low: float | None
    """Lower end of its robust 95 % interval."""
    high: float | None
    """Upper end."""
    at_bound: bool
    """Whether it lies on the edge of what it can be."""


class Difference(TypedDict):
    """A mean difference of scores a day between two forecasts."""

    mean: float
    """Above 0: the first is better."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    p_value: float
    """Two-sided, that there is no difference (Diebold–Mariano)."""


class Coverage(TypedDict):
    """How often losses exceeded a model's value at risk, and in which way."""

    level: float
    """The tail probability: the share of days on which they should."""
    exceedances: int
    """Days on which they did."""
    share: float
    """Their share."""
    kupiec: float
    """p-value that the share is the level."""
    christoffersen: float
    """p-value that the share is the level and exceedances do not cluster (conditional coverage)."""
    independence: float
    """p-value that exceedances do not cluster."""
    dynamic_quantile: float
    """p-value that nothing known the day before foretells them."""
    shortfall: float
    """p-value that the expected shortfall is no larger than was said (Acerbi and Székely)."""
    pinball: float
    """Mean pinball loss, in units of returns."""


class PriceModel(TypedDict):
    """One model of the distribution of tomorrow's return."""

    name: str
    """Key: "base_rate", "random_walk", "ewma", "garch", "har", "gjr", "egarch", "net"."""
    title: str
    """For people: "GARCH(1,1), student-t"."""
    formula: str
    """Of its mean and variance, as Unicode text."""
    source: str
    """Paper or book."""
    log_score: float
    """Mean log score of the days forecast, in nats a day: the larger, the better."""
    crps: float
    """Mean continuous ranked probability score, in units of returns: the smaller, the better."""
    against_garch: Difference | None
    """Of log scores; ``None`` for GARCH itself."""
    against_base_rate: Difference | None
    """Likewise; ``None`` for the base rate itself."""
    edge: bool
    """Whether it forecasts better than the base rate beyond chance and beyond having tried so many models."""
    in_confidence_set: bool
    """Whether it may be the best of all (model confidence set, 90 %)."""
    coverage: list[Coverage]
    """One for each of ``Protocol.levels``."""
    berkowitz: float
    """p-value that its transforms u = F(y) are independent and uniform, by mean, variance and memory."""
    uniformity: float
    """p-value that they are uniform (Anderson–Darling)."""
    parameters: list[ParameterJson]
    """Fitted to all days; empty for a net."""
    verdict: VerdictJson
    """Why that fit ended."""
    failed_refits: int
    """Refits that did not converge, whose start was kept."""
    seconds_walk: NotRequired[float]
    """Wall time of all its refits and forecasts."""


class TrendModel(TypedDict):
    """One model of P(return over the horizon > cost)."""

    name: str
    """Key: "base_rate", "logistic", "net"."""
    title: str
    """For people."""
    log_score: float
    """Mean log score a day, in nats."""
    difference: Difference | None
    """To the base rate; ``None`` for the base rate itself. Its interval is at the level of Holm's procedure."""
    level: float
    """That level."""
    p_value: float
    """One-sided, adjusted by Holm over all models that were tried."""
    claimed: bool
    """Whether an edge is claimed: the interval lies above 0."""
    right: float
    """Share of days whose likelier side came."""
    calibration: list[CalibrationBin]
    """Forecast probabilities in ten bins of equal mass, against how often the price rose."""


class Trend(TypedDict):
    """Does it go up?"""

    share_up: float
    """Share of the days forecast on which the return over the horizon was above the cost."""
    features: list[dict[str, str]]
    """``name``, ``formula`` and ``lag`` of what is known at each close."""
    models: list[TrendModel]
    """The base rate first."""


class RiskRow(TypedDict):
    """Risk over some days from the last one on, at one level."""

    days: int
    """Over how many."""
    level: float
    """The tail probability."""
    var: float
    """Value at risk."""
    es: float
    """Expected shortfall."""
    error: float
    """Monte Carlo standard error of the value at risk; 0 where it is a closed form."""


class Fan(TypedDict):
    """Where the price may be: quantiles of its distribution over the days to come."""

    days: list[str]
    """Days to come, weekdays."""
    levels: list[float]
    """Of the quantiles: 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99."""
    prices: list[list[float]]
    """One list a level, in the price's unit."""
    past_days: list[str]
    """The days before, for the chart."""
    past_prices: list[float]
    """Their prices."""


class Tomorrow(TypedDict):
    """The recommended model's forecast of the first day after the last."""

    model: str
    """``PriceModel.name``."""
    after: str
    """The last day known."""
    mean: float
    """Of the return."""
    sigma: float
    """Its standard deviation."""
    annual_volatility: float
    """The same a year."""
    quantiles: list[list[float]]
    """[level, return] pairs, rising."""
    up: float
    """Probability that it is above 0."""
    several_days: str
    """``PriceModel.name`` of the model of more than one day: the best of those that can be simulated."""
    risk: list[RiskRow]
    """Over 1, 5, 10 and 20 days at each level; over 1 alone where the model forecasts no more."""
    fan: Fan
    """The price's distribution over 20 days, by that model."""


class VolatilityChart(TypedDict):
    """Forecast volatility against what the day then showed."""

    days: list[str]
    """Days forecast, thinned to at most 2,000."""
    sigma: list[float]
    """Forecast standard deviation of the recommended model."""
    realised: list[float]
    """What came: √ of the range's variance, or |return| where there is no range."""
    measure: str
    """How ``realised`` was made, in words."""


class ExceedanceChart(TypedDict):
    """Returns, value at risk of the recommended model, and the days on which it was exceeded."""

    days: list[str]
    """All days forecast."""
    returns: list[float]
    """Their returns."""
    quantiles: dict[str, list[float]]
    """−VaR by level, "0.01" and "0.05"."""


class TransformChart(TypedDict):
    """Histogram of u = F(y), flat where forecasts are true."""

    model: str
    """``PriceModel.name``."""
    counts: list[int]
    """Days in each of the equal bins from 0 to 1."""
    low: float
    """Lower end of the band that holds 95 % of all histograms of true forecasts, all bins at once."""
    high: float
    """Upper end."""
    statement: str
    """In words."""


class ScoreCurve(TypedDict):
    """Cumulative difference of log scores to GARCH(1,1), of one model."""

    model: str
    """``PriceModel.name``."""
    title: str
    """For the legend."""
    y: list[float]
    """Nats, on the days of `PricePages.score_days`."""


class PriceConclusion(TypedDict):
    """What the study found."""

    model: str
    """``PriceModel.name`` of the one to use."""
    sentence: str
    """One sentence."""
    direction: str
    """On direction: an edge, or none that can be shown, with the numbers."""
    volatility: str
    """On volatility: who forecasts best."""
    risk: list[str]
    """On value at risk and expected shortfall, one sentence a level."""
    cautions: list[str]
    """What it does not show."""
    disclaimer: str
    """That it is no investment advice."""


class PriceReport(TypedDict):
    """The whole of ``report.json`` of a study of prices."""

    likeliest: str
    """Version of likeliest that wrote the file."""
    kind: str
    """"prices"."""
    data: PriceData
    """The prices at a glance."""
    protocol: Protocol
    """How forecasts were made."""
    lookahead: list[LookAheadJson]
    """The look-ahead test of everything that forecast."""
    certificates: list[Certificate]
    """The gradients of the fitted models: ``model`` is ``PriceModel.name``, or "trend_" and ``TrendModel.name``."""
    race: NotRequired[Race]
    """Learning rules on one of these likelihoods; ``Race.model`` says which."""
    models: list[PriceModel]
    """Models of tomorrow's distribution, baselines first."""
    trend: Trend
    """Models of the direction."""
    tomorrow: Tomorrow
    """The forecast from the last day on."""
    volatility: VolatilityChart
    """Forecast and realised volatility."""
    exceedances: ExceedanceChart
    """Value at risk and when it was exceeded."""
    transforms: list[TransformChart]
    """Of GARCH(1,1) and of the recommended model."""
    score_days: list[str]
    """Days of ``scores``, thinned to at most 1,000."""
    scores: list[ScoreCurve]
    """Cumulative differences of log scores to GARCH(1,1)."""
    conclusion: PriceConclusion
    """What was found, in words."""
    provenance: Provenance
    """All that is needed to repeat the study."""
    plan: dict[str, Any]
    """What was asked for."""
    seconds: dict[str, float]
    """Wall time by stage."""
