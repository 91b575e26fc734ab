"""What the verbs say of prices, in lines for people; the report says the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from likeliest.cli.lines import line, number

Json = Mapping[str, Any]


def prices_summary(report: Json, out: Path) -> list[str]:
    """What was forecast, whether anything looked ahead, who forecast best, risk, direction, and where the report is."""
    data, told, conclusion = report["data"], report["tomorrow"], report["conclusion"]
    protocol = report["protocol"]
    return [
        line("Prices", f"{data['asset']}, {data['days']} days from {data['first']} to {data['last']}"),
        *[line("Not as usual", finding) for finding in data["findings"][:3]],
        line("Walk", f"{protocol['days']} days forecast from {protocol['first']} on, {protocol['refits']} refits"),
        line("Look-ahead", _looks_ahead(report["lookahead"])),
        line("Gradients", _certified(report["certificates"])),
        line("Use", conclusion["sentence"]),
        line("Direction", conclusion["direction"].partition(": ")[2]),
        line("Volatility", conclusion["volatility"]),
        *[line("Risk", sentence) for sentence in conclusion["risk"]],
        line("Tomorrow", _in_short(told)),
        line("Caution", f"{conclusion['cautions'][0]} ({len(conclusion['cautions']) - 1} more in the report)"),
        line("", conclusion["disclaimer"]),
        line("Report", f"{out / 'report.html'}, with report.pdf and report.json beside it"),
    ]


def _looks_ahead(found: Sequence[Json]) -> str:
    failed = [one["name"] for one in found if not one["passed"]]
    if failed:
        return f"FAILED for {', '.join(failed)}: their scores say nothing"
    return f"none found in {len(found)} things that forecast: no value of the past moved when the future was changed"


def _certified(certificates: Sequence[Json]) -> str:
    failed = [one["model"] for one in certificates if not one["passed"]]
    if failed:
        return f"CERTIFICATE FAILED for {', '.join(failed)}: do not use it before that is understood"
    return f"certificates passed; worst relative error {max(one['worst'] for one in certificates):.1e}"


def _in_short(told: Json) -> str:
    one = {row["level"]: row for row in told["risk"] if row["days"] == 1}
    risks = ", ".join(f"{100 * level:g} % VaR {_percent(row['var'])}" for level, row in one.items())
    return (
        f"after {told['after']}: σ {_percent(told['sigma'])}, {_percent(told['annual_volatility'], 1)} a year; {risks}"
    )


def _percent(value: float, digits: int = 2) -> str:
    return f"{100 * value:.{digits}f} %"


def price_fit_summary(fitted: Json) -> list[str]:
    """What was fitted to which days, how it ended, its parameters, and where it is."""
    return [
        line("Prices", f"{fitted['asset']}, {fitted['days']} returns from {fitted['first']} to {fitted['last']}"),
        *[line("Not as usual", finding) for finding in fitted["findings"][:3]],
        line("Model", f"{fitted['model']}, {fitted['why']}"),
        line("Verdict", f"{fitted['verdict']['kind']}: {fitted['verdict']['message']}"),
        line("NLL", f"{number(fitted['nll_train'])} nats a day"),
        *_parameters(fitted["parameters"]),
        line("Written", fitted["written"]),
    ]


def _parameters(parameters: Sequence[Json]) -> Iterator[str]:
    for place, one in enumerate(parameters):
        if one["at_bound"]:
            known = "at its bound"
        elif one["robust_error"] is None:
            known = "not known how exactly"
        else:
            known = f"{one['low']:.4g} to {one['high']:.4g}, standard error {one['robust_error']:.2g}"
        yield line("" if place else "Parameters", f"{one['name']:<12}{one['value']:>12.5g}   {known}")


def price_evaluation_summary(found: Json) -> list[str]:
    """How a model forecast days that it had not seen."""
    lines = [
        line("Judged", f"{found['title']}, on {found['rows']} days from {found['first']} to {found['last']}"),
        line("Scores", f"log score {number(found['log_score'])} nats a day, CRPS {_percent(found['crps'], 3)}"),
    ]
    for one in found["coverage"]:
        counted = f"{one['exceedances']} exceedances, {_percent(one['share'])} of days"
        tests = ", ".join(f"{name} p = {one[key]:.3f}" for name, key in _TESTS.items())
        lines.append(line(f"VaR {100 * one['level']:g} %", f"{counted}; {tests}"))
    uniform = f"Berkowitz p = {found['berkowitz']:.3f}, Anderson–Darling p = {found['uniformity']:.3f}"
    return [*lines, line("Transforms", uniform)]


_TESTS = {"Kupiec": "kupiec", "Christoffersen": "christoffersen", "dynamic quantile": "dynamic_quantile",
          "shortfall": "shortfall"}  # fmt: skip


def forecast_summary(found: Json) -> list[str]:
    """Tomorrow's distribution, and risk over some days."""
    quantiles = "  ".join(f"{100 * level:g} %: {_percent(value)}" for level, value in found["quantiles"])
    lines = [
        line(
            "Forecast",
            f"{found['asset']}, the day after {found['after']} (close {found['close']:g}), by {found['title']}",
        ),
        line("Mean", _percent(found["mean"], 3)),
        line("Sigma", f"{_percent(found['sigma'], 3)}, {_percent(found['annual_volatility'], 1)} a year"),
        line("Quantiles", quantiles),
        line("P(up)", f"{found['up']:.3f}"),
    ]
    for row in found["risk"]:
        name = "Risk" if row is found["risk"][0] else ""
        error = f"   ± {_percent(row['error'], 3)}" if row["error"] else ""
        days = f"{row['days']:>2} {'day ' if row['days'] == 1 else 'days'}"
        risk = f"VaR {_percent(row['var']):>8}   ES {_percent(row['es']):>8}"
        lines.append(line(name, f"{days}  {100 * row['level']:>4g} %   {risk}{error}"))
    return [*lines, line("", "Log returns; losses positive. No investment advice.")]
