"""The words of the sample report of prices."""

from __future__ import annotations

ABOUT = {
    "base_rate": ("base rate, student-t", "r[t] = μ + ε[t], ε ~ σ t(ν)", "All returns so far, whatever the day"),
    "random_walk": ("random walk, normal", "r[t] = ε[t], ε ~ N(0, σ²)", "Bachelier (1900)"),
    "ewma": (
        "EWMA, normal",
        "r[t] = ε[t], h[t] = (1 − λ) ε²[t−1] + λ h[t−1], ε ~ N(0, h)",
        "J. P. Morgan and Reuters (1996), RiskMetrics technical document",
    ),
    "garch": (
        "GARCH(1,1), student-t",
        "r[t] = μ + ε[t], h[t] = ω + α ε²[t−1] + β h[t−1], ε ~ √h t(ν)",
        "Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity",
    ),
    "har": (
        "HAR(1, 5, 22), student-t",
        "r[t] = μ + ε[t], h[t] = ω + α₁ v(1) + α₅ v(5) + α₂₂ v(22), v(w) the mean of ε² over w days, ε ~ √h t(ν)",
        "Corsi (2009), A simple approximate long-memory model of realized volatility",
    ),
    "gjr": (
        "GJR-GARCH(1,1,1), student-t",
        "r[t] = μ + ε[t], h[t] = ω + (α + γ [ε[t−1] < 0]) ε²[t−1] + β h[t−1], ε ~ √h t(ν)",
        "Glosten, Jagannathan and Runkle (1993)",
    ),
    "egarch": (
        "EGARCH(1,1,1), student-t",
        "r[t] = μ + ε[t], log h[t] = ω + α (|z[t−1]| − √(2/π)) + γ z[t−1] + β log h[t−1], z = ε/√h ~ t(ν)",
        "Nelson (1991), Conditional heteroskedasticity in asset returns",
    ),
}

FEATURES = [
    {"name": "momentum 5", "formula": "log p[t] − log p[t−5]", "lag": "0"},
    {"name": "momentum 20", "formula": "log p[t] − log p[t−20]", "lag": "0"},
    {"name": "log volatility 20", "formula": "½ log mean r² over 20 days", "lag": "0"},
]

FINDINGS = [
    "2 days have no high and low: their range is left out of what volatility is measured by.",
    "Rows were in falling order of days and were turned round.",
]

LOOKAHEAD = [
    {"name": name, "passed": True, "message": f"{count} forecasts compared under 7 futures at 250 days: none moved."}
    for name, count in (("GARCH(1,1), student-t", 1250), ("GJR-GARCH(1,1,1), student-t", 1250), ("features", 3750))
]

CAUTIONS = [
    "One asset and one stretch of time: another may behave otherwise.",
    "Every price up to the close is taken to be known when the forecast is made.",
    "Costs of trading, taxes and the effect of one's own orders on prices are not in it.",
]

DISCLAIMER = (
    "This report describes the past and what models say of the days to come. It is no investment advice, and no "
    "forecast knows the future: losses can exceed any number in it."
)
