"""What nbgrader needs to know of a master."""

import inspect
import re
import shutil

import nbformat
import running

BEGIN = "### BEGIN SOLUTION"
CHECK = re.compile(r"""exercises\.check\(\s*["']([\d.]+)["']""")
APART = re.compile(r"(.*^ *### END SOLUTION[^\n]*)\n+([^\n]*exercises\.check.*)", re.M | re.S)
DIFFICULTY = re.compile(r"Difficulty\W*?(●+)")
CONFIG = '''"""nbgrader's settings for the course: see README, "In class"."""

import os
import sys

os.environ["LESSONS_STRICT"] = "1"  # a check fails where its exercise is open or wrong
os.environ["LESSONS_SMOKE"] = "1"   # a training takes a few steps and goes on with shipped weights
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # alembic
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "text-to-video"
c.Execute.timeout = 600  # seconds that a cell may take


''' + inspect.getsource(running.look_anew) + "\n\nlook_anew()\n"


def split(notebook):
    """Answer and check in cells of their own, since nbgrader locks a check and leaves an answer
    open."""
    cells, more = [], 0
    for cell in notebook.cells:
        found = APART.fullmatch(cell.source) if cell.cell_type == "code" else None
        if cell.get("execution_count"):
            cell.execution_count += more
        if found:
            answer = nbformat.v4.new_code_cell(found[1], execution_count=cell.execution_count)
            cells.append(answer)
            cell.source = found[2]
            if cell.execution_count:
                cell.execution_count += 1
                more += 1
        cells.append(cell)
    notebook.cells = cells
    return notebook


def mark(cells):
    """Write nbgrader's metadata: each answer is open, each check is locked and worth as many points
    as its card has dots of difficulty."""
    waiting, points = [], 1
    for cell in cells:
        if found := DIFFICULTY.search(cell.source):
            points = len(found[1])
        if cell.cell_type == "code" and BEGIN in cell.source:
            waiting.append(cell)
        elif cell.cell_type == "code" and (number := CHECK.search(cell.source)):
            name = number[1].replace(".", "-")
            cell.metadata["nbgrader"] = _role(f"check-{name}", grade=True, points=points)
            for i, answer in enumerate(waiting):
                answer.metadata["nbgrader"] = _role(f"answer-{name}" + f"-{i + 1}" * bool(i))
            waiting, points = [], 1


def _role(name, grade=False, **more):
    return {"grade": grade, "grade_id": name, "locked": grade, "schema_version": 3,
            "solution": not grade, "task": False, **more}


def nbgrader_course(masters, folder):
    """Make a folder in which nbgrader's commands work: source/NN/NN_name.ipynb and settings."""
    for path in masters:
        place = folder / "source" / path.name[:2]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
