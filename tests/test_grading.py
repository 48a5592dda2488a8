"""nbgrader itself takes every master, and gives students the points that they earned."""

import os
import sys
import types
from pathlib import Path

import grading
import nbformat
import pytest
import torch
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from lessons import exercises

ROOT = Path(__file__).resolve().parent.parent
MASTERS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
WRONG = "def place(video):\n    return video.mean(axis=(2, 3, 4))"


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A folder as `build.py --nbgrader` makes it, and nbgrader with the settings in it."""
    folder = tmp_path_factory.mktemp("school")
    grading.nbgrader_course(MASTERS, folder)
    settings = Config()
    environment = dict(os.environ)
    exec((folder / "nbgrader_config.py").read_text(encoding="utf-8"),
         {"get_config": lambda: settings})
    settings.CourseDirectory.root = str(folder)
    yield folder, NbGraderAPI(config=settings)
    os.environ.clear()
    os.environ.update(environment)


def _roles(path):
    """grade_id -> cell of every cell that nbgrader knows."""
    return {cell.metadata.nbgrader.grade_id: cell
            for cell in nbformat.read(path, as_version=4).cells if "nbgrader" in cell.metadata}


@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_nbgrader_makes_an_assignment_of_every_master(school, master):
    folder, nbgrader = school
    done = nbgrader.generate_assignment(master.name[:2])
    assert done["success"], done["log"]
    release = folder / "release" / master.name[:2] / master.name
    text = release.read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    roles = _roles(release)
    checks = [name for name in roles if name.startswith("check-")]
    assert len(checks) == len(set(grading.CHECK.findall(text.replace('\\"', '"')))) >= 4
    for name in checks:
        assert not roles[name].metadata.editable and 1 <= roles[name].metadata.nbgrader.points <= 3
        assert "NotImplementedError" in roles[name.replace("check", "answer")].source


def _submit(folder, who, answers):
    """A submission for lesson 0 with some answers in it: grade_id -> source."""
    name = MASTERS[0].name
    notebook = nbformat.read(folder / "release" / "00" / name, as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
    place = folder / "submitted" / who / "00"
    place.mkdir(parents=True)
    nbformat.write(notebook, place / name)


def test_right_half_right_and_empty_students_get_their_points(school):
    folder, nbgrader = school
    assert nbgrader.generate_assignment("00")["success"]
    right = {name: cell.source for name, cell in _roles(MASTERS[0]).items()
             if name.startswith("answer-")}
    assert list(right) == ["answer-0-1", "answer-0-2", "answer-0-3", "answer-0-4"]
    half = {**{name: right[name] for name in ("answer-0-1", "answer-0-2")}, "answer-0-3": WRONG,
            "check-0-4": "'I say that it is right.'"}  # nbgrader puts the check back
    for who, answers in {"right": right, "half": half, "empty": {}}.items():
        _submit(folder, who, answers)
        done = nbgrader.autograde("00", who)
        assert done["success"], done["log"]
    with nbgrader.gradebook as gradebook:
        points = {submission.student.id: (submission.score, submission.max_score)
                  for submission in gradebook.assignment_submissions("00")}
    assert points == {"right": (6, 6), "half": (3, 6), "empty": (0, 6)}


LABELS = """
import torch
def labels(outputs, value):
    raise NotImplementedError()
def bce_step(outputs):
    return labels(outputs, 1.0)
"""


def test_a_later_exercise_does_not_fail_for_an_earlier_one(monkeypatch):
    notebook = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    monkeypatch.setenv("LESSONS_STRICT", "1")
    exec(LABELS, vars(notebook))
    with pytest.raises(exercises.Unsolved, match="1.4 is still open"):
        exercises.check("1.4", notebook.labels)
    assert notebook.bce_step(torch.zeros(2, 1)).tolist() == [[1.0], [1.0]]


def test_a_cell_with_an_answer_and_its_check_is_split():
    cell = nbformat.v4.new_code_cell('### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n'
                                     'x = exercises.check("0.1", x)', execution_count=4)
    after = nbformat.v4.new_code_cell("x", execution_count=5)
    notebook = nbformat.v4.new_notebook(cells=[cell, after])
    for _ in range(2):  # once is enough
        notebook = grading.split(notebook)
        assert [(cell.source, cell.execution_count) for cell in notebook.cells] == [
            ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", 4),
            ('x = exercises.check("0.1", x)', 5), ("x", 6)]
