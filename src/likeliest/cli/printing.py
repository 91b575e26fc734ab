"""What a verb says when it is done."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from likeliest.study.candidates import Candidate


def print_json(value: Any) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns, as wide as the terminal; in a pipe one tab-separated line a row."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(str(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])
    Console().print(table)


def study_summary(report: Mapping[str, Any], out: Path) -> list[str]:
    """At most 15 lines: what was predicted from what, how well, how surely, one caution, and where the report is."""
    data, chosen = report["data"], report["conclusion"]["model"]
    model = next(m for m in report["models"] if m["name"] == chosen)
    base = report["application"]["base_rate"]
    lines = [
        f"Predicted    {data['target']['name']} ({_kind(data)}) from {len(data['columns'])} columns of {data['rows']} rows",
        f"Use          {model['title']}",
        f"Held out     NLL {model['nll_test']:.4f} nats a row, base rate {_number(base['nll_test'])}; {score(model)}",
        f"Calibration  {model['calibration']['statement']}",
        *[_certificate(c) for c in report["certificates"]],
        f"Race         {report['race']['conclusion']}",
        *[f"Verdict      {m['title']}: {m['verdict']['kind']}" for m in report["models"]],
        f"Caution      {report['conclusion']['cautions'][0]}",
        f"Report       {out / 'report.html'}  {out / 'report.pdf'}  {out / 'report.json'}",
    ]
    return lines


def score(model: Mapping[str, Any]) -> str:
    """Accuracy or RMSE with its interval."""
    if "accuracy_test" in model:
        low, high = model["accuracy_interval"]
        return f"accuracy {100 * model['accuracy_test']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    low, high = model["rmse_interval"]
    return f"RMSE {model['rmse_test']:.4g} ({low:.4g} to {high:.4g})"


def fit_summary(fitted: Candidate, output: Path) -> dict[str, Any]:
    """What was fitted and where it is."""
    return {
        "model": fitted.title,
        "verdict": str(fitted.verdict),
        "nll_train": round(fitted.nll_train, 6),
        "nll_validation": round(fitted.nll_validation, 6),
        "written": str(output),
    }


def evaluation_lines(found: Mapping[str, Any]) -> list[str]:
    """A held-out result for people."""
    return [
        f"{found['title']} on {found['rows']} rows",
        f"NLL          {_number(found['nll_test'])} nats a row",
        f"Score        {score(found)}",
        f"Calibration  {found['calibration']['statement']}",
    ]


def race_lines(race: Mapping[str, Any]) -> list[str]:
    """The race's table and its conclusion."""
    lines = [f"{'rule':<18}{'lr':>10}{'NLL':>10}{'error':>10}{'work to target':>16}  verdict"]
    for row in race["rows"]:
        lr, nll = _cell(row["lr"], ".2g"), _cell(row["nll"], ".4f")
        error, work = _cell(row["error"], ".4g"), _cell(row["work_to_target"], ".2f")
        lines.append(f"{row['rule']:<18}{lr:>10}{nll:>10}{error:>10}{work:>16}  {row['verdict']}")
    lines += [f"{s['rule']:<18} skipped: {s['reason']}" for s in race["skipped"]]
    return [*lines, "", race["conclusion"]]


def _kind(data: Mapping[str, Any]) -> str:
    classes = data["target"]["classes"]
    return f"{len(classes)} classes" if classes is not None else "a number"


def _certificate(certificate: Mapping[str, Any]) -> str:
    word = "passed" if certificate["passed"] else "FAILED"
    worst, resolution = certificate["worst"], certificate["resolution"]
    return (
        f"Gradient     {certificate['model']}: certificate {word}, worst error {worst:.1e}, resolution {resolution:.1e}"
    )


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _number(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.4f}"
