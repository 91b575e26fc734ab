"""What docs/autopsy.md shows runs and prints what it should, and its table has every cause."""

import re
from pathlib import Path

from likeliest.autopsy import CAUSES

PAGE = (Path(__file__).parents[1] / "docs" / "autopsy.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys):
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)), {"__name__": "page"})
    said, message, went_on = capsys.readouterr().out.splitlines()
    assert said == "non_finite input x data (1234,)"
    assert "column 5 of x holds -1e+30 in row 1234" in message
    assert went_on == "budget ['row 1234 left out']"


def test_its_table_has_every_cause():
    table = PAGE.partition("| cause | decided by |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(CAUSES)
