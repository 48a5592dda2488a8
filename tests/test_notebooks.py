"""The notebooks: students' follow from the masters, and all are fit to be read without running."""

import ast
import copy
import re
import subprocess
import sys
from pathlib import Path

import build
import grading
import hosting
import nbformat
import pytest
import running
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lessons import exercises

ROOT = Path(__file__).resolve().parent.parent
MASTERS = sorted((ROOT / "solutions").glob("*.ipynb"))
BOTH = MASTERS + sorted((ROOT / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(?<![\w.])(/(home|Users|root|tmp)/|[A-Z]:\\\\?Users)|site-packages|"
                     r"ipykernel_\d+|" + re.escape(str(ROOT)))


def _id(path):
    return f"{path.parent.name}/{path.name}"


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _checked(cell):
    return grading.CHECK.findall(cell.source) if cell.cell_type == "code" else []


# What is wrong with a notebook: each function yields sentences, none where all is well -----------
def outputs_problems(notebook):
    """Run from top to bottom, in order, without error; readable on a plain page."""
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run in order from a fresh kernel: {counts}"
    outputs = [output for cell in _code(notebook) for output in cell.outputs]
    for output in outputs:
        data = output.get("data", {})
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        if output.output_type == "error":
            yield f"an error is stored: {output.ename}"
        if "image/png" in data and len(alt) < 15:
            yield "a picture without alt text"
        for tag in re.findall(r"<(?:img|video|audio)\b[^>]{0,400}", _joined(data.get("text/html"))):
            if not re.search(r"(alt|aria-label)=.{15}", tag):
                yield f"no alt text or label: {tag[:40]}"
        if build.WIDGET in data:
            yield "a widget without its kernel is stored"
    if not any("image/png" in output.get("data", {}) for output in outputs):
        yield "no picture is stored"


def _joined(text):
    return "".join(text or "")


def file_problems(notebook):
    """Small, without widget state, without a trace of the machine that it was run on."""
    if len(nbformat.writes(notebook).encode()) >= 2_000_000:
        yield "larger than 2 MB"
    if set(notebook.metadata) - {"executed"} != {"kernelspec", "language_info"}:
        yield f"needless metadata: {sorted(notebook.metadata)}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
        for text in texts:
            if found := MACHINE.search(re.sub(r"base64,[\w+/=\s]+", "", _joined(text))):
                yield f"a path of one machine: {found[0]}"


def front_problems(notebook, badge, first_cell):
    """The badge, if there is one, and the first code cell."""
    badges = [found.strip() for found in re.findall(
        hosting.BADGE, "\n".join(cell.source for cell in notebook.cells))]
    if badges != [badge] * bool(badge):
        yield f"the badge is {badges}, not {badge}"
    if _code(notebook)[0].source != first_cell:
        yield "the first code cell is not solutions/first_cell.py"


def card_problems(notebook, registered):
    """Every exercise of the lesson is there once, with its card, its hints and a place to answer.

    registered: the numbers that `exercises` knows for this lesson.
    """
    checked = [number for cell in notebook.cells for number in _checked(cell)]
    if sorted(checked) != sorted(registered):
        yield f"checked: {checked}, registered: {registered}"
    for at, cell in enumerate(notebook.cells):
        for number in _checked(cell):
            card = next((i for i in range(at, -1, -1) if notebook.cells[i].cell_type == "markdown"
                         and re.search(rf"Exercise {re.escape(number)}(?![\d.]*\d)",
                                       notebook.cells[i].source)), None)
            if card is None:
                yield f"{number} has no card"
                continue
            text = notebook.cells[card].source
            for what in (r"(?i)difficulty", r"\d+ minutes?", r"(?i)\bwhy\b"):
                if not re.search(what, text):
                    yield f"the card of {number} lacks {what}"
            if text.count("<details>") != 2 or text.count("</details>") != 2:
                yield f"the card of {number} needs two hints, folded"
            place = "\n".join(c.source for c in notebook.cells[card:at + 1])
            if not re.search("### BEGIN SOLUTION|# YOUR CODE HERE", place):
                yield f"{number} has no place for an answer"


def drifted(notebook, modules):
    """Names of functions and classes that differ from those of the same name in modules.

    modules: source texts. Comments and docstrings may differ; nothing else.
    """
    library = {}
    for module in modules:
        for name, tree in _definitions(module):
            library.setdefault(name, []).append(tree)
    return [name for cell in _code(notebook) for name, tree in _definitions(_python(cell.source))
            if name in library and tree not in library[name]]


def _python(source):
    """A cell's source without the lines that only a notebook understands."""
    return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.split("\n"))


def _definitions(source):
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(inner):
                    inner.body = inner.body[1:] or [ast.Pass()]
            yield node.name, ast.dump(node)


def _modules_beside(path):
    """The sources of what is taught, without the modules of other lessons but for `measuring`, of
    which lessons 0 and 1 show parts."""
    others = {master.stem[3:] for master in MASTERS} - {path.stem[3:], "measuring"}
    rooms = {"studies", "shipping", "display", "exercises"}  # which a lesson does not teach
    return [module.read_text(encoding="utf-8") for module in (ROOT / "lessons").rglob("*.py")
            if module.stem not in others and module.parent.name not in rooms]


# The notebooks of the course -------------------------------------------------------------------
def test_the_students_notebooks_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "solutions" / "build.py", "--check"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_notebooks():
    masters, students = ([path.name for path in BOTH if path.parent.name == tree]
                         for tree in ("solutions", "notebooks"))
    assert masters == students
    assert {"00_start_here.ipynb", "01_mlp_gan.ipynb"} <= set(masters)


@pytest.mark.parametrize("path", BOTH, ids=_id)
def test_a_notebook_is_fit_to_be_read(path):
    notebook = nbformat.read(path, as_version=4)
    number = str(int(path.name[:2]))
    exercises.exercise("0.1")  # loads all
    registered = [name for name in exercises.EXERCISES if name.split(".")[0] == number]
    assert [*outputs_problems(notebook), *file_problems(notebook),
            *front_problems(notebook, hosting.badge(_id(path)), hosting.first_cell()),
            *card_problems(notebook, registered)] == []


@pytest.mark.parametrize("path", MASTERS, ids=_id)
def test_no_stored_output_is_older_than_the_code_that_made_it(path):
    assert running.stale(nbformat.read(path, as_version=4)) is None


@pytest.mark.parametrize("path", MASTERS, ids=_id)
def test_code_that_is_shown_is_the_code_of_the_library(path):
    assert drifted(nbformat.read(path, as_version=4), _modules_beside(path)) == []


def test_lesson_1_without_mnist_goes_on_with_theatre_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_SMOKE", "1")
    monkeypatch.setenv("LESSONS_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    notebook = nbformat.read(ROOT / "notebooks" / "01_mlp_gan.ipynb", as_version=4)
    running.run(notebook, ROOT / "notebooks", minutes=10)
    said = "".join(output.get("text", "") for cell in _code(notebook) for output in cell.outputs)
    assert "Training on centred theatre figures, since MNIST is not to be had: The file" in said


# The checks themselves, on a small master and on spoilt copies of it -----------------------------
FIRST = "REPO = 'https://github.com/someone/course.git'"
CARD = """### Exercise 0.1 · count
Difficulty 1 of 3 · 5 minutes · Why: you will count more.
<details><summary>Hint 1</summary>a</details>
<details><summary>Hint 2</summary>b</details>"""
ANSWER = """### BEGIN SOLUTION
answer = 48 * 48
answer = answer * 16 * 3
### END SOLUTION
answer = exercises.check("0.1", answer)"""
FUNCTION = """def double(x):
    \"\"\"Twice x.\"\"\"
    if x:
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION
    return 0"""
LIBRARY = "def double(x):\n    if x:\n        return 2 * x  # twice\n    return 0\n"
BADGE = ("[![Open in Colab](badge.svg)](https://colab.research.google.com/github/someone/course/"
         "blob/v1.0/solutions/00_a.ipynb)")


def _small():
    picture = new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "x"},
                         metadata={"image/png": {"alt": "A man walks to the right."}})
    said = new_output("stream", name="stdout", text="Exercise 0.1: right.\n")
    cells = [new_markdown_cell(BADGE), new_code_cell(FIRST),
             new_code_cell(FUNCTION, outputs=[picture]),
             new_markdown_cell(CARD), new_code_cell(ANSWER, outputs=[said])]
    for count, cell in enumerate([cells[1], cells[2], cells[4]], start=1):
        cell.execution_count = count
    return build.tidy(new_notebook(cells=cells))  # answer and check are now cells 4 and 5


def _problems(notebook, tree="solutions"):
    return [*outputs_problems(notebook), *file_problems(notebook),
            *front_problems(notebook, BADGE.replace("solutions", tree), FIRST),
            *card_problems(notebook, ["0.1"]), *drifted(notebook, [LIBRARY])]


def test_the_small_master_and_its_students_notebook_are_fine():
    assert _problems(_small()) == []
    student = build.student(_small())
    assert [problem for problem in _problems(student, "notebooks") if problem != "double"] == []


def test_a_students_notebook_has_stubs_and_the_outputs_of_an_open_exercise():
    master = _small()
    student = build.student(master)
    assert student.cells[2].source == FUNCTION[:FUNCTION.index("###")] + (
        "# YOUR CODE HERE\n        raise NotImplementedError()\n    return 0")
    assert student.cells[4].source == "# YOUR CODE HERE\nanswer = ..."
    assert student.cells[5].source == 'answer = exercises.check("0.1", answer)'
    assert student.cells[5].outputs[0].text == exercises.still_open("0.1") + "\n"
    assert student.cells[2].outputs == master.cells[2].outputs
    assert "blob/v1.0/notebooks/00_a.ipynb" in student.cells[0].source
    assert "BEGIN SOLUTION" in master.cells[4].source  # the master stays as it was


def test_half_a_solution_is_refused():
    with pytest.raises(ValueError, match="other half"):
        build.stub("### BEGIN SOLUTION\nanswer = 1")


def test_tidying_drops_what_differs_from_machine_to_machine_and_is_stable():
    notebook = _small()
    notebook.metadata["widgets"] = {"state": {}}
    notebook.cells[2].metadata["execution"] = {"iopub.status.busy": "2020"}
    notebook.cells[2].outputs += [new_output("stream", name="stderr", text="50%"), new_output(
        "display_data", data={build.WIDGET: {}, "text/plain": "IntSlider()"})]
    twin = copy.deepcopy(notebook.cells[3])
    tidied = build.tidy(notebook)
    assert tidied == build.tidy(_small()) == build.tidy(copy.deepcopy(tidied))
    tidied.cells.append(twin)
    assert len({cell.id for cell in build.tidy(tidied).cells}) == 7


def _cell(at, key, value):
    return lambda notebook: notebook.cells[at].update({key: value})


def _replace(at, old, new):
    return lambda notebook: notebook.cells[at].update(
        source=notebook.cells[at].source.replace(old, new))


def _output(**fields):
    return lambda notebook: notebook.cells[2].outputs.append(new_output(**fields))


@pytest.mark.parametrize("spoil,complaint", [
    (_cell(2, "execution_count", 5), "not run in order"),
    (_cell(2, "execution_count", None), "not run in order"),
    (_cell(2, "outputs", []), "no picture"),
    (_output(output_type="error", ename="ValueError", evalue="", traceback=[]), "an error"),
    (_output(output_type="display_data", data={"image/png": "iVBOR"}), "without alt text"),
    (_output(output_type="display_data", data={"text/html": "<video src='data:'>"}), "no alt text"),
    (_output(output_type="display_data", data={build.WIDGET: {}}), "widget without its kernel"),
    (_output(output_type="stream", name="stdout", text="saved /home/a/x"), "path of one machine"),
    (_output(output_type="stream", name="stdout", text="x" * 2_000_001), "larger than 2 MB"),
    (lambda notebook: notebook.metadata.update(widgets={}), "needless metadata"),
    (lambda notebook: notebook.metadata.kernelspec.update(name="mine"), "not python3"),
    (_replace(0, "00_a", "01_b"), "the badge is"),
    (_replace(0, "someone", "other"), "the badge is"),
    (_replace(1, "REPO", "REPOSITORY"), "first code cell"),
    (_replace(2, "2 * x", "x * 2"), "double"),
    (_replace(2, "return 0", "return 1"), "double"),
    (_replace(3, "0.1", "0.11"), "has no card"),
    (_replace(3, "Difficulty", ""), "(?i)difficulty"),
    (_replace(3, "5 minutes", ""), "minutes"),
    (_replace(3, "Why", ""), "why"),
    (_replace(3, "<details><summary>Hint 2</summary>b</details>", ""), "two hints"),
    (_replace(4, "### BEGIN SOLUTION", ""), "place for an answer"),
    (_replace(5, '"0.1"', '"0.2"'), "registered"),
    (_replace(5, "answer = ex", "exercises.check('0.1', 1); answer = ex"), "registered"),
])
def test_a_spoilt_notebook_is_noticed(spoil, complaint):
    notebook = _small()
    spoil(notebook)
    problems = _problems(notebook)
    assert any(complaint in problem for problem in problems), problems
