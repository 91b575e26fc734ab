"""What a study leaves behind: its shape, that it repeats, and that no test row had a part in what was fitted."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from likeliest.cli.summary import study_summary
from likeliest.report.schema import Report
from likeliest.study import BUDGETS, Plan, study
from likeliest.study.single import ground_for

from ..report.test_schema import mismatches
from .conftest import TINY, Done, counts


def without_seconds(value: Any) -> Any:
    """The value without keys that begin with "seconds"."""
    if isinstance(value, dict):
        return {key: without_seconds(item) for key, item in value.items() if not key.startswith("seconds")}
    return [without_seconds(item) for item in value] if isinstance(value, list) else value


def stored(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_the_report_follows_the_schema(done: Done) -> None:
    report = stored(done.study.out)
    assert mismatches(report, Report) == []
    assert report == json.loads(json.dumps(done.study.report))
    assert (done.study.out / "report.html").read_bytes().startswith(b"<!doctype html>")
    assert (done.study.out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_its_summary_has_at_most_fifteen_lines(done: Done) -> None:
    lines = study_summary(done.study.report, Path("study"))
    assert len(lines) <= 15
    assert not any("\n" in line for line in lines)


def test_gradients_are_certified(done: Done) -> None:
    certificates = done.study.report["certificates"]
    assert [c["model"] for c in certificates] == ["linear", "net"]
    assert all(c["passed"] and c["worst"] < 1e-5 for c in certificates)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("breast_cancer", "separated"),
        ("wine", "separated"),
        ("diabetes", "converged"),
        ("counts", "converged"),
        ("wide", "boundary"),
    ],
)
def test_the_unpenalised_model_says_whether_its_optimum_exists(
    study_of: Callable[[str], Done], kind: str, verdict: str
) -> None:
    unpenalised, penalised, _ = study_of(kind).study.report["models"]
    assert (unpenalised["l2"], unpenalised["verdict"]["kind"]) == (0.0, verdict)
    assert penalised["l2"] in TINY.l2_grid
    assert penalised["verdict"]["kind"] == "converged"


def test_a_mixed_table_is_taken_as_it_is(study_of: Callable[[str], Done]) -> None:
    report = study_of("flights").study.report
    data, columns = report["data"], {c["name"]: c for c in report["data"]["columns"]}
    frame = pl.read_csv(study_of("flights").data, infer_schema_length=None)
    assert data["rows_dropped"] == frame["late"].null_count() > 0
    for name in ("built", "seats", "manufacturer"):
        assert columns[name]["missing"] == frame[name].null_count() > 1000
    assert {c["name"] for c in data["left_out"]} == {"year", "tailnum"}
    assert [columns[name]["kind"] for name in ("carrier", "time_hour", "seats")] == ["category", "date", "number"]
    assert report["family"]["name"] == "bernoulli"
    assert report["application"]["base_rate"]["nll_test"] > min(m["nll_test"] for m in report["models"])


def test_the_same_seed_gives_the_same_report_in_another_process(
    study_of: Callable[[str], Done], tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from likeliest.study import Plan, study; import torch\n"
        "torch.set_num_threads(1); torch.set_deterministic_debug_mode('error')\n"
        f"study('wine', None, Path(sys.argv[1]), plan={TINY!r})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    assert without_seconds(stored(tmp_path)) == without_seconds(stored(study_of("wine").study.out))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a study's report undrawn, which is two fifths of a small one; those of `study_of` are all drawn."""
    monkeypatch.setattr(sys.modules["likeliest.study.run"], "render", lambda *_: None)


@pytest.mark.usefixtures("undrawn")
def test_another_seed_gives_another_report(study_of: Callable[[str], Done], tmp_path: Path) -> None:
    other = study("wine", out=tmp_path, plan=replace(TINY, seed=1)).report
    first = study_of("wine").study.report
    for chapter in ("certificates", "race", "models", "application", "learning_rule"):
        assert without_seconds(other[chapter]) != without_seconds(first[chapter])


@pytest.mark.usefixtures("undrawn")
def test_test_rows_have_no_part_in_what_is_fitted_raced_and_chosen(tmp_path: Path) -> None:
    """Change targets and columns of the test rows alone: everything before the evaluation stays as it was."""
    path, frame = tmp_path / "counts.csv", counts()
    frame.write_csv(path)
    test = ground_for(path, "events", "normal", TINY).split.test
    before = study(path, "events", tmp_path / "out", family="normal", plan=TINY)
    changed = frame.to_numpy().copy()
    changed[test] = 2 * changed[test] + 1
    pl.DataFrame(changed, schema=frame.columns).write_csv(path)
    after = study(path, "events", tmp_path / "out", family="normal", plan=TINY)
    for chapter in ("certificates", "race", "learning_rule", "gradient"):
        assert without_seconds(after.report[chapter]) == without_seconds(before.report[chapter])
    for name, candidate in before.models.items():
        other = after.models[name]
        assert other.model.theta.equal(candidate.model.theta)
        assert (other.l2, other.nll_validation) == (candidate.l2, candidate.nll_validation)
    assert after.recommended == before.recommended
    assert [m["nll_test"] for m in after.report["models"]] != [m["nll_test"] for m in before.report["models"]]


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_plan_knows_its_budget(budget: str) -> None:
    assert Plan.of(budget, seed=3).budget == budget
    assert TINY.budget is None


def test_the_command_repeats_the_study(study_of: Callable[[str], Done], tmp_path: Path) -> None:
    plan = Plan.of("quick", seed=2)
    report = study("iris", out=tmp_path, plan=plan).report
    assert shlex.split(report["provenance"]["command"]) == [
        *["likeliest", "study", "iris", "--target", "target", "--seed", "2", "--budget", "quick"]
    ]
    assert report["plan"] == json.loads(json.dumps(plan.to_json())) or report["plan"] == plan.to_json()
    counted = study_of("counts")
    assert shlex.split(counted.study.report["provenance"]["command"])[-2:] == ["--family", "poisson"]
