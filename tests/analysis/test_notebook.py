"""The notebook is committed without outputs, and its script makes a page and pictures whatever Python is in PATH."""

import json
import os
import pathlib
import re
import subprocess

import pytest

ANALYSIS = pathlib.Path(__file__).parents[2] / "analysis"
NOTEBOOKS = ["compare.ipynb", "notebooks/frontier.ipynb"]


@pytest.fixture(params=NOTEBOOKS)
def cells(request):
    return json.loads((ANALYSIS / request.param).read_text(encoding="utf-8"))["cells"]


def test_the_notebook_is_committed_without_outputs(cells):
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_every_cell_has_an_id_of_its_own_that_says_what_it_shows(cells):
    names = [cell["id"] for cell in cells]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for name in names)


def run(*arguments, **environment):
    command = [str(ANALYSIS / "run_notebook.sh"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300)


@pytest.fixture
def path_with_another_python(tmp_path):
    """A PATH whose first python3 has no packages at all."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").write_text("#!/bin/sh\nexit 1\n")
    (folder / "python3").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_the_script_makes_a_page_and_pictures(one_user_path, tmp_path, path_with_another_python):
    done = run(one_user_path, tmp_path / "out", PATH=path_with_another_python)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "one-user.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png') == 6
    assert "Traceback" not in page
    assert (tmp_path / "out" / "overview.png").stat().st_size > 0


def test_the_script_makes_the_page_of_a_sweep(sweep_path, tmp_path):
    done = run(sweep_path, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / (pathlib.Path(sweep_path).stem + ".html")).read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png') == 1 and "Where the lines cross" in page
    assert "Traceback" not in page
    assert (tmp_path / "out" / "frontier.png").stat().st_size > 0


def test_the_script_says_in_one_line_what_is_wrong_with_a_result(tmp_path):
    done = run(tmp_path / "nowhere.h5", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.strip() == f"kerf_analysis.plot: {tmp_path / 'nowhere.h5'}: no such file"


def test_the_script_names_the_python_that_lacks_packages(one_user_path, tmp_path, path_with_another_python):
    python = path_with_another_python.split(":")[0] + "/python3"
    done = run(one_user_path, tmp_path / "out", KERF_PYTHON=python)
    assert done.returncode == 2
    assert python in done.stderr and "jobs/install-packages.sh test" in done.stderr
