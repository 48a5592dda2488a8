"""The first cell of every notebook, in a checkout, alone, on Colab and on Kaggle."""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import colab_check
import hosting
import pytest
import running
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"
KAGGLE = "import os\nos.environ['KAGGLE_KERNEL_RUN_TYPE'] = 'Interactive'\n"
NO_TORCH = "import sys\nsys.modules['torch'] = None\n"
RUN = """
import sys
import tempfile
from IPython.core.interactiveshell import InteractiveShell
cell = sys.stdin.read()
sys.path[:] = [place for place in sys.path if place != {root!r}]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
shell = InteractiveShell.instance()
ran = [shell.run_cell(cell).success for _ in range({times})]
"""
REPORT = """
import json, os
try:
    import lessons
    place = lessons.__file__
except ImportError:
    place = None
print(json.dumps([ran, place]))
"""


def _run(folder, before="", cell=None, times=2, **environment):
    """Run the cell in IPython, without the course on the path: (what it says, whether each run went
    well, where `lessons` is found after that)."""
    code = before + RUN.format(root=str(hosting.ROOT), times=times) + REPORT
    with tempfile.TemporaryDirectory() as profile:  # of IPython; the user's own stays as it is
        environment = {**os.environ, "PYTHONPATH": "", "IPYTHONDIR": profile, "NO_COLOR": "1",
                       **environment}
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, timeout=120,
                              capture_output=True, input=cell or colab_check.first_cell(),
                              env=environment)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    *said, report = done.stdout.splitlines()
    ran, place = json.loads(report)
    return [line for line in said if line], ran, place and Path(place).parent.parent.resolve()


# In and outside a checkout ------------------------------------------------------------------------
@pytest.mark.parametrize("folder", [".", "notebooks", "solutions", "lessons/exercises"])
def test_in_any_folder_of_the_course_it_finds_the_course_and_says_nothing(folder):
    assert _run(hosting.ROOT / folder) == ([], [True, True], hosting.ROOT)


def test_it_prefers_the_course_around_it_to_another_one_that_is_installed(tmp_path):
    other = tmp_path / "other" / "lessons"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    _, _, place = _run(hosting.ROOT / "notebooks", PYTHONPATH=str(other.parent))
    assert place == hosting.ROOT


def test_a_notebook_alone_says_what_to_do(tmp_path):
    said, ran, place = _run(tmp_path, times=1)
    assert said == ["The course is not here: open this notebook inside the course's folder, as "
                    "`python3 course.py` does."]
    assert ran == [False] and place is None
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_without_torch_says_which_to_choose():
    said, ran, _ = _run(hosting.ROOT / "notebooks", NO_TORCH, times=1)
    assert ran == [False]
    assert len(said) == 1 and "no PyTorch: choose the course's own" in said[0]


def test_in_a_kernel_the_sentence_stands_alone_and_no_later_cell_runs():
    notebook = new_notebook(cells=[new_code_cell(NO_TORCH), new_code_cell(hosting.first_cell()),
                                   new_code_cell("print('and on')")])
    with pytest.raises(CellExecutionError):
        running.run(notebook, hosting.ROOT / "notebooks")
    error, = notebook.cells[1].outputs
    assert error.traceback == [error.evalue] and "\n" not in error.evalue
    assert notebook.cells[2].execution_count is None


# Colab and Kaggle ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hosted_course(tmp_path_factory):
    return colab_check.snapshot(tmp_path_factory.mktemp("hosted"))


@pytest.fixture
def machine(tmp_path, hosted_course):
    """An empty folder, a local repository in place of the address, and a pip that notes."""
    content, stub = tmp_path / "content with a blank", tmp_path / "stub"
    content.mkdir()
    (stub / "pip").mkdir(parents=True)
    (stub / "pip" / "__init__.py").touch()
    log = tmp_path / "pip.log"
    (stub / "pip" / "__main__.py").write_text(
        f"import json, os, sys\nprint(json.dumps(sys.argv[1:]), file=open({str(log)!r}, 'a'))\n"
        "sys.exit(int(os.environ.get('PIP_STUB_FAILS', 0)))\n")
    environment = {**colab_check.redirect(hosted_course), "PYTHONPATH": str(stub)}
    return SimpleNamespace(
        content=content, course=content / "course-v1.0",
        run=lambda before, **more: _run(content, before, **{**environment, **more}),
        pip=lambda: [json.loads(line) for line in log.read_text().splitlines()])


@pytest.mark.parametrize("where", [COLAB, KAGGLE])
def test_where_machines_are_lent_it_fetches_its_own_version_once(machine, where):
    assert machine.run(where) == (["The course is here."], [True, True], machine.course)
    assert (machine.course / ".git" / "shallow").exists()
    mine = machine.course / "mine.txt"
    mine.touch()
    assert machine.run(where) == ([], [True, True], machine.course)  # a new kernel
    assert mine.exists()


def test_only_what_is_missing_is_installed(machine):
    bare = "import sys\nsys.modules.update(av=None)\n"
    machine.run(COLAB + bare, times=1)
    arguments, = machine.pip()
    assert arguments[:2] == ["install", "--no-deps"]
    project = (hosting.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(r'^ +"([\w-]+)>=', project[:project.index("[project.opt")], re.M)
    assert {name for name in needed if name not in colab_check.COLAB} <= set(arguments[2:])
    said, ran, _ = machine.run(COLAB + bare, PIP_STUB_FAILS="1")
    assert ran == [False, False]
    assert said == [said[0]] * 2 and said[0].startswith("av could ")


def test_without_a_network_it_says_so_and_can_be_run_again(machine):
    nowhere = colab_check.redirect("file:///nowhere/course.git")
    (machine.content / "course-v1.0.part").mkdir()  # of a kernel that was stopped while it fetched
    (machine.content / "course-v1.0.part" / "half").touch()
    said, ran, place = machine.run(COLAB, **nowhere)
    assert ran == [False, False] and place is None
    assert said == ["Version v1.0 of https://github.com/someone/course could not be fetched: see "
                    "whether this machine is on the network (Kaggle: Settings, Internet), and run "
                    "this again."] * 2
    assert machine.run(COLAB) == (["The course is here."], [True, True], machine.course)
    assert [path.name for path in machine.content.iterdir()] == ["course-v1.0"]
    assert not (machine.course / "half").exists()


def test_without_git_it_says_so(machine):
    said, ran, _ = machine.run(COLAB, PATH="", times=1)
    assert ran == [False] and "could not be fetched" in said[0]


def test_where_no_address_is_set_it_says_what_to_write(machine):
    said, ran, _ = machine.run(COLAB, cell=hosting.moved("", ""), times=1)
    assert ran == [False]
    assert len(said) == 1 and "write its GitHub owner/name behind REPOSITORY" in said[0]
    by_hand = hosting.moved("", "").replace('REPOSITORY = ""', 'REPOSITORY = "someone/course"')
    _, ran, place = machine.run(COLAB, cell=by_hand)
    assert ran == [True, True] and place == machine.content / "course-HEAD"


def test_the_first_cell_is_short_and_old_pythons_read_it():
    cell = colab_check.first_cell()
    assert len(cell.splitlines()) <= 62
    ast.parse(cell, feature_version=(3, 10))
