"""Sample reports, each rendered once."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from likeliest.report.render import typeset

HERE = Path(__file__).parent
SAMPLES = ["breast_cancer", "digits", "diabetes"]


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"sample_{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session", params=SAMPLES)
def rendered(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str, bytes]:
    """A stored report with its HTML and its PDF."""
    files = typeset(HERE / f"sample_{request.param}.json")
    return load(request.param), files["html"].decode("utf-8"), files["pdf"]


@pytest.fixture
def report() -> dict[str, Any]:
    """A report that a test may change."""
    return copy.deepcopy(load("breast_cancer"))


@pytest.fixture
def typeset_report(tmp_path: Path):
    """Render a report that lives in memory; gives HTML text and PDF bytes."""

    def run(content: dict[str, Any]) -> tuple[str, bytes]:
        path = tmp_path / "report.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        files = typeset(path)
        return files["html"].decode("utf-8"), files["pdf"]

    return run
