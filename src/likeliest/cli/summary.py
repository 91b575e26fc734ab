"""What the verbs that fit and judge say when they are done, in lines for people; the report says the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from likeliest.cli.lines import line, number
from likeliest.cli.prices import price_evaluation_summary, price_fit_summary, prices_summary

_NAMED, _LISTED = 3, 10

Json = Mapping[str, Any]


def study_summary(report: Json, out: Path) -> list[str]:
    """At most 15 lines: what was predicted from what, how well, how surely, one caution, and where the report is."""
    if report.get("kind") == "prices":
        return prices_summary(report, out)
    conclusion = report["conclusion"]
    model = next(m for m in report["models"] if m["name"] == conclusion["model"])
    first, *others = conclusion["cautions"]
    more = f" ({len(others)} more in the report)" if others else ""
    return [
        *data_lines(report["data"]),
        line("Use", model["title"]),
        *_held_out(model, report["application"]["base_rate"]),
        line("Gradient", _certificates(report["certificates"])),
        *_race(report["race"]),
        *[line("Verdict", f"{m['title']}: {m['verdict']['kind']}") for m in report["models"]],
        line("Caution", first + more),
        line("Report", f"{out / 'report.html'}, with report.pdf and report.json beside it"),
    ]


def fit_summary(fitted: Json) -> list[str]:
    """What was fitted to what, how it ended, and where it is."""
    if "asset" in fitted:
        return price_fit_summary(fitted)
    return [
        *data_lines(fitted["data"]),
        line("Model", fitted["model"]),
        line("Verdict", f"{fitted['verdict']['kind']}: {fitted['verdict']['message']}"),
        line(
            "NLL", f"training {number(fitted['nll_train'])}, validation {number(fitted['nll_validation'])} nats a row"
        ),
        line("Written", fitted["written"]),
    ]


def evaluation_summary(found: Json) -> list[str]:
    """A held-out result."""
    if "log_score" in found:
        return price_evaluation_summary(found)
    return [line("Judged", f"{found['title']}, on {found['rows']} rows"), *_held_out(found, None)]


def race_summary(race: Json) -> list[str]:
    """The race's table and its conclusion."""
    lines = [f"{'rule':<18}{'lr':>10}{'NLL':>10}{'error':>10}{'work to target':>16}  verdict"]
    for row in race["rows"]:
        lr, nll = number(row["lr"], ".2g"), number(row["nll"])
        error, work = number(row["error"], ".4g"), number(row["work_to_target"], ".2f")
        lines.append(f"{row['rule']:<18}{lr:>10}{nll:>10}{error:>10}{work:>16}  {row['verdict']}")
    lines += [f"{s['rule']:<18} skipped: {s['reason']}" for s in race["skipped"]]
    return [*lines, "", race["conclusion"]]


def data_lines(data: Json) -> Iterator[str]:
    """What is predicted from what, why by this family, and what was done with cells and columns that needed it."""
    yield line("Predicted", f"{data['target']['name']}, from {_size(data)}")
    yield line("Family", data["target"]["explanation"])
    if data["left_out"]:
        yield line("Left out", _some([f"{c['name']} ({c['reason']})" for c in data["left_out"]], "; "))
    missing = [f"{c['name']} ({c['missing']})" for c in data["columns"] if c["missing"]]
    if missing:
        yield line("Missing", f"{_some(missing)}: filled in, and marked by columns of 0 and 1")
    if problems := data.get("pictures", data.get("sounds", {})).get("problems", []):
        found = [f"{p['count']} {p['reason']}, {p['done']} ({', '.join(p['names'][:1])})" for p in problems]
        yield line("Not as usual", _some(found, "; "))


def _size(data: Json) -> str:
    if "pictures" in data:
        page = data["pictures"]
        return f"{data['rows']} pictures, seen as {page['width']} × {page['height']} pixels"
    if "sounds" in data:
        page = data["sounds"]
        by = "" if page["speakers"] is None else f" by {len(page['speakers'])} speakers"
        return f"{data['rows']} recordings{by}, heard at {page['rate']} samples a second"
    return f"{len(data['columns'])} columns of {data['rows']} rows"


def unreadable_lines(unreadable: Mapping[str, str]) -> list[str]:
    """What could not be used, the first few by name."""
    if not unreadable:
        return []
    named = [f"{name}: {reason}" for name, reason in unreadable.items()]
    more = [f"and {len(named) - _LISTED} more"] if len(named) > _LISTED else []
    count = f"{len(named)} files could not be used; their rows say why"
    if len(named) == 1:
        count = "1 file could not be used; its row says why"
    return [count, *named[:_LISTED], *more]


def _held_out(model: Json, base: Json | None) -> Iterator[str]:
    beside = "" if base is None else f", base rate {number(base['nll_test'])}"
    if "accuracy_test" in model:
        low, high = (100 * end for end in model["accuracy_interval"])
        score = f"accuracy {100 * model['accuracy_test']:.1f} % ({low:.1f} to {high:.1f})"
    elif "wer_test" in model:
        score = f"wrong words {_rate(model, 'wer')}, characters {_rate(model, 'cer')}"
    else:
        low, high = model["rmse_interval"]
        score = f"RMSE {model['rmse_test']:.4g} ({low:.4g} to {high:.4g})"
    yield line("Held out", f"NLL {number(model['nll_test'])} nats a row{beside}; {score}")
    yield line("Calibration", model["calibration"]["statement"])


def _rate(model: Json, name: str) -> str:
    rate, interval = model[f"{name}_test"], model[f"{name}_interval"]
    if rate is None:
        return "–"
    ends = "" if interval is None else f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
    return f"{100 * rate:.1f} %{ends}"


def _certificates(certificates: Sequence[Json]) -> str:
    failed = [_failed(one) for one in certificates if not one["passed"]]
    if failed:
        return f"CERTIFICATE FAILED for {', '.join(failed)}: do not use it before that is understood"
    worst = ", ".join(f"{one['model']} {one['worst']:.1e}" for one in certificates)
    return f"certificates passed; worst relative errors: {worst}"


def _failed(certificate: Json) -> str:
    """The model with the part and the cause where the error starts; reports of earlier versions hold no findings."""
    model: str = certificate["model"]
    findings = certificate.get("findings", [])
    return f"{model} ({findings[0]['part']}: {findings[0]['cause']})" if findings else model


def _race(race: Json) -> Iterator[str]:
    """The best rule, with its interval against the runner-up, and the rules that nothing tells from it."""
    best = next((row for row in race["rows"] if row["rule"] == race["reference"]), None)
    if best is None:
        yield line("Race", "no rule reached the target on most seeds: no winner is named")
        return
    compared = {one["rule"]: one for one in race["comparisons"] if one["ratio"] is not None}
    second = next((compared[row["rule"]] for row in race["rows"] if row["rule"] in compared), None)
    against = f"; {second['rule']} took {_ratio(second, race['level'])}" if second else ""
    yield line("Race", f"{best['rule']} took the least work, {best['work_to_target']:.3g} passes{against}")
    same = [rule for rule, one in compared.items() if one["statement"] == "no difference shown"]
    if same:
        yield line("", f"no difference shown: {', '.join(same)}")


def _ratio(one: Json, level: float) -> str:
    """A ratio of works with its interval; where works were censored an end is not known."""
    low, high = one["low"], one["high"]
    ends = [f"at least {low:.3g}"] if low is not None and high is None else []
    ends += [f"at most {high:.3g}"] if high is not None and low is None else []
    ends += [f"{low:.3g} to {high:.3g}"] if low is not None and high is not None else []
    return f"{one['ratio']:.3g} times as much ({100 * level:g} % interval {', '.join(ends) or 'not known'})"


def _some(items: Sequence[str], separator: str = ", ") -> str:
    more = [f"{len(items) - _NAMED} more"] if len(items) > _NAMED else []
    return separator.join([*items[:_NAMED], *more])
