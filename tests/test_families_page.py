"""What docs/families.md shows runs and prints what it should, and its table leaves no family out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import likeliest as lk

PAGE = (Path(__file__).parents[1] / "docs" / "families.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)), {"__name__": "page"})
    wild, ends, *fits, own, exponential = capsys.readouterr().out.splitlines()
    assert wild.startswith("('mean', 'log_scale', 'log_df') -25")
    assert ends == "[-0.6931471824645996, -inf] [0.0, -1.0]"
    assert [fit.split()[0] for fit in fits] == ["converged"] * 3
    assert [fit.count(":") for fit in fits] == [4, 3, 5]
    assert own == "converged [1.] 0.5"
    assert exponential == "0.666667 2.0"


@pytest.mark.parametrize("family", lk.families(), ids=lambda family: f"{family.name}-{family.link}")
def test_its_table_holds_every_family_with_its_links_and_columns(family: lk.Family) -> None:
    (row,) = re.findall(rf"^\| `{family.name}` \|.*$", PAGE, flags=re.MULTILINE)
    _, _, columns, links, _ = row.strip("| ").split(" | ", 4)
    assert links == ", ".join(family.links)
    if family.columns is not None:
        assert columns == ", ".join(f"`{column}`" for column in family.columns)
