"""How a command ends when it cannot go on: no place to write to, Ctrl-C, a reader who left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likeliest.course import Course
from likeliest.model import Model
from likeliest.report import render

from .conftest import Cli, files

LIKELIEST = [sys.executable, "-m", "likeliest"]


# A folder's mode stops nobody who is root, so that these places are none for other reasons.
@pytest.mark.parametrize("place", ["people.csv", "people.csv/out", "/dev/null/out", "/proc/out"])
def test_an_unwritable_output_is_found_out_before_any_work(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path, model_file: Path, place: str
) -> None:
    monkeypatch.chdir(people_csv.parent)
    monkeypatch.setattr(Course, "run", lambda *_: pytest.fail("worked in vain"))
    monkeypatch.setattr(Model, "predict", lambda *_: pytest.fail("worked in vain"))
    before = files(people_csv.parent)
    for command in (
        ["study", people_csv, "--target", "smoker", "--out", place],
        ["fit", people_csv, "--target", "smoker", "-o", f"{place}/m.likeliest"],
        ["predict", model_file, people_csv, "-o", f"{place}/p.csv"],
    ):
        ran = cli(*command)
        assert (ran.code, ran.out) == (2, "")
        assert re.fullmatch(
            r"likeliest: .*: expected a place that can be written to, found: .*; choose another\n", ran.err
        )
    assert files(people_csv.parent) == before


def test_a_folder_is_no_model_file(cli: Cli, tmp_path: Path) -> None:
    ran = cli("fit", "wine", "-o", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"likeliest: {tmp_path}: expected the name of a file to write, found a folder; add a name to it\n"


def test_a_new_folder_is_made_for_what_is_written(cli: Cli, people_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "m.likeliest"
    assert cli("fit", people_csv, "--target", "smoker", "--model", "linear", "-o", path).code == 0
    assert list(files(tmp_path)) == ["new/folder/m.likeliest"]


def press_ctrl_c(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the measurement of that number, counted over all fits, be cut short by Ctrl-C."""
    measure, left = Course._measure, iter(range(1, at + 1))

    def measured(course: Course, value: np.ndarray, work: float) -> object:
        if next(left, None) == at:
            raise KeyboardInterrupt
        return measure(course, value, work)

    monkeypatch.setattr(Course, "_measure", measured)


@pytest.mark.parametrize("model", ["linear", "net", "auto"])
@pytest.mark.parametrize("at", [1, 2, 40])
def test_ctrl_c_ends_a_fit_with_what_it_has(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path, tmp_path: Path, model: str, at: int
) -> None:
    press_ctrl_c(monkeypatch, at)
    command = ["fit", people_csv, "--target", "smoker", "--model", model, "-o", tmp_path / "m", "--json"]
    ran = cli(*command)
    assert (ran.code, ran.err) == (130, "likeliest: interrupted\n")
    assert json.loads(ran.out)["verdict"]["kind"] == "interrupted"
    assert Model.load(tmp_path / "m").notes["verdict"]["kind"] == "interrupted"
    assert cli("predict", tmp_path / "m", people_csv).code == 0


def test_ctrl_c_keeps_the_best_penalty_so_far(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path, tmp_path: Path
) -> None:
    press_ctrl_c(monkeypatch, 30)
    command = ["fit", people_csv, "--target", "smoker", "-o", tmp_path / "m"]
    out = cli(*command).out
    assert re.search(r"^Verdict +interrupted: stopped by the user at penalty \d+ of \d+; the best is kept$", out, re.M)
    assert re.search(r"^Model +logistic regression, l2 = ", out, re.M)


@pytest.mark.parametrize("at", [1, 4, 20, 60, 150, 400])
def test_ctrl_c_ends_a_study_and_leaves_the_old_report(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path, tmp_path: Path, at: int
) -> None:
    (tmp_path / "report.json").write_text("an older report")
    press_ctrl_c(monkeypatch, at)
    ran = cli("study", people_csv, "--target", "smoker", "--budget", "quick", "--out", tmp_path)
    assert ran == (130, "", "likeliest: interrupted\n")
    assert files(tmp_path) == {"report.json": b"an older report"}


def test_ctrl_c_ends_a_race(cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path) -> None:
    press_ctrl_c(monkeypatch, 50)
    ran = cli("race", people_csv, "--target", "smoker", "--rules", "adam,lbfgs")
    assert ran == (130, "", "likeliest: interrupted\n")


def test_a_signal_from_the_keyboard(tmp_path: Path) -> None:
    command = [
        *LIKELIEST,
        "fit",
        "digits",
        "--model",
        "net",
        "--budget",
        "thorough",
        "--watch",
        "-o",
        str(tmp_path / "m"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "held-out" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("likeliest: interrupted\n")
    assert re.search("^Verdict +interrupted: stopped by the user after", out, re.M)
    assert Model.load(tmp_path / "m").notes["verdict"]["kind"] == "interrupted"


def test_named_errors_are_one_line_for_the_shell_too(tmp_path: Path) -> None:
    command = [*LIKELIEST, "study", str(tmp_path / "nowhere.csv"), "--out", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith(f"likeliest: {tmp_path / 'nowhere.csv'}: no such file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("arguments", [["rules"], ["predict", "MODEL", "digits"]], ids=["little", "much"])
def test_a_reader_who_leaves_is_no_error(cli: Cli, tmp_path: Path, arguments: list[str]) -> None:
    if "MODEL" in arguments:
        assert cli("fit", "digits", "--model", "net", "--budget", "quick", "-o", tmp_path / "m").code == 0
    command = [*LIKELIEST, *(str(tmp_path / "m") if word == "MODEL" else word for word in arguments)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=buffered, check=False)
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_report_that_cannot_be_drawn_keeps_its_numbers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, people_csv: Path, tmp_path: Path
) -> None:
    """report.json comes first, so that nothing that was learnt is lost; and it renders later."""

    def press(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["likeliest.report.render"], "typeset", press)
    assert cli("study", people_csv, "--target", "smoker", "--budget", "quick", "--out", tmp_path).code == 130
    assert list(files(tmp_path)) == ["report.json"]
    monkeypatch.undo()
    render(tmp_path / "report.json")
    assert list(files(tmp_path)) == ["report.html", "report.json", "report.pdf"]
