"""What docs/training.md shows runs and prints what it should, and its table leaves no option out."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path

import pytest

from likeliest.errors import ConvergenceWarning
from likeliest.estimators.net import Net
from likeliest.training import SCHEDULES, Training

PAGE = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)), {"__name__": "page"})
    assert capsys.readouterr().out.splitlines() == [
        "plateau True",
        "[(64, 64), (64, 64), (64, 10)] True",
        "True",
        "stopped",
        "True",
        "True",
        "True True",
    ]


def test_its_table_holds_every_option_with_its_default() -> None:
    facade = {field.name: field.default for field in dataclasses.fields(Net)}
    for field in dataclasses.fields(Training):
        (row,) = re.findall(rf"^\| `{field.name}` \|.*$", PAGE, flags=re.MULTILINE)
        default = facade[field.name]
        assert row.split(" | ")[-2] == (f"{default:g}" if isinstance(default, float) else str(default))
    assert all(f"`{name}`" in PAGE for name in SCHEDULES)
