"""What `check` says and does, whatever an answer does."""

import ast
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from collected import RIGHT

from lessons import exercises
from lessons.errors import CourseError

exercises.exercise("0.1")  # loads all
ALL = sorted(exercises.EXERCISES.items())
ROOT = Path(__file__).resolve().parents[2]


def _unfinished(*_):
    raise NotImplementedError


class _UnfinishedLoss:
    relativistic = False
    discriminator = generator = staticmethod(_unfinished)


@pytest.mark.parametrize("number,this", ALL)
def test_an_open_exercise_goes_on_with_ours(number, this, capsys):
    answer = _UnfinishedLoss if number == "2.4" else _unfinished if callable(this.ours) else ...
    assert exercises.check(number, answer) is this.ours
    assert capsys.readouterr().out.strip() == exercises.still_open(number)


@pytest.mark.parametrize("number,this", ALL)
@pytest.mark.parametrize("silly", [
    None, 0, "", "a red man walks", {}, lambda *a: None, lambda *a: torch.zeros(1),
    lambda *a: {"": 1}, lambda *a: a[0] if a else 0, lambda *a: iter(()), lambda *a: object()])
def test_a_silly_answer_fails_with_a_sentence(number, this, silly, capsys):
    assert exercises.check(number, silly) is this.ours
    said = capsys.readouterr().out
    assert "not yet" in said
    assert "Traceback" not in said


def _exits(images):
    sys.exit("bye")


def _lacks(images):
    raise NotImplementedError("'round' is not there for complex numbers")


@pytest.mark.parametrize("answer,text", [
    (lambda x: x.flot(), "AttributeError at the line"),
    (_exits, "ends the whole program at the line `sys.exit(\"bye\")`"),
    (_lacks, "NotImplementedError at the line"),
    (lambda x: {"a": x}, "The result is a dict, it should be a tensor"),
    (lambda x: None, "The result is None (is a `return` missing?)"),
    (lambda x: x.float(), "Shape wrong"),
    (lambda x: x[:, None].sqrt().log(), "Wrong values"),
    (lambda x: x[:, None].float() / 127.5, "The range is from 0 to 2"),
])
def test_one_sentence_says_what_is_wrong(answer, text, capsys):
    exercises.check("1.1", answer)
    assert text in capsys.readouterr().out


def _endless(images):
    while True:
        try:
            images = images + 0
        except Exception:
            pass


def test_an_endless_loop_is_ended(capsys, monkeypatch):
    assert exercises.SECONDS == 20
    monkeypatch.setattr(exercises, "SECONDS", 0.5)
    start = time.monotonic()
    exercises.check("1.1", _endless)
    assert time.monotonic() - start < 10
    assert "still running after 0.5 seconds" in capsys.readouterr().out
    time.sleep(1.5)  # nothing is raised later
    assert exercises.check("1.1", RIGHT["1.1"][0])


def test_an_endless_loop_is_ended_in_another_thread():
    """As in a front end that runs cells beside the main thread, and as on Windows: no signals."""
    program = ("import threading\nfrom lessons import exercises\nexercises.SECONDS = 0.5\n"
               "def mine(x):\n    while True:\n        pass\n"
               "t = threading.Thread(target=exercises.check, args=('1.1', mine))\n"
               "t.start(); t.join(60); print('over', not t.is_alive())")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert "still running" in done.stdout and "over True" in done.stdout, done.stderr


def _meddles(images):
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    return images[:, None].to(torch.float32) / 127.5 - 1


@pytest.mark.parametrize("answer", [_meddles, _exits])
def test_all_states_are_left_as_they_were(answer):
    def drawn():
        return (float(torch.rand(())), np.random.rand(), random.random(), torch.is_grad_enabled(),
                torch.get_default_dtype())
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(3)
    before = drawn()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(3)
    exercises.check("1.1", answer)
    assert drawn() == before


def test_grad_mode_of_the_caller_does_not_matter():
    with torch.no_grad():
        assert exercises.check("1.9", RIGHT["1.9"][0]) is RIGHT["1.9"][0]
        assert not torch.is_grad_enabled()


def test_a_right_answer_of_another_kind_goes_on_in_the_kind_that_is_needed():
    images = torch.zeros(1, 28, 28, dtype=torch.uint8)
    double = exercises.check("1.1", lambda x: x[:, None].double() / 127.5 - 1)
    assert double(images).dtype == torch.float32
    numpy = exercises.check("6.2", lambda angle, fps=8, span=6: np.asarray(
        RIGHT["6.2"][0](angle, fps, span)))
    assert numpy(torch.rand(2, 16)).float().shape == (2, 10)
    assert exercises.check("0.1", torch.tensor(110592)) == 110592


@pytest.mark.parametrize("number,answer,text", [
    ("7.4", lambda heard, seen, within=1 / 8: len([seen.pop(0) for _ in heard[:len(seen)]]),
     "contents of `seen`"),
    ("5.3", lambda x, places, ask: RIGHT["5.3"][0](x, places, ask.eval()), "mode (train or eval)"),
    ("5.3", lambda x, places, ask: RIGHT["5.3"][0](x, places, ask.requires_grad_(False)),
     "`requires_grad`"),
    ("1.9", lambda d, real: RIGHT["1.9"][0](d, real.requires_grad_()), "work on a detached copy"),
    ("0.2", lambda video: (RIGHT["0.2"][0](video), video.fill(0))[0], "contents of `video`"),
])
def test_a_changed_argument_is_noticed(number, answer, text, capsys):
    assert exercises.check(number, answer) is exercises.EXERCISES[number].ours
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("number", [n for n, this in ALL if this.trained])
def test_a_result_without_its_gradient_is_refused(number, capsys):
    ours = exercises.EXERCISES[number].ours

    def detached(result):
        return result.detach() if isinstance(result, torch.Tensor) else tuple(map(detached, result))

    def cut(function):
        return lambda *given: detached(function(*given))
    if isinstance(ours, type) and issubclass(ours, torch.nn.Module):
        answer = type("Cut", (ours,), {"forward": cut(ours.forward)})
    elif isinstance(ours, type):
        answer = type("Cut", (ours,), {name: staticmethod(cut(getattr(ours, name)))
                                       for name in ("discriminator", "generator")})
    else:
        answer = cut(ours)
    assert exercises.check(number, answer) is ours
    assert "gradient" in capsys.readouterr().out


def test_a_gradient_that_is_nan_is_called_so(capsys):
    def overflows(logits, targets):
        right = torch.where(logits > 0, logits + torch.log1p(torch.exp(-logits)),
                            torch.log1p(torch.exp(logits)))
        return (right - logits * targets).mean()
    exercises.check("1.8", overflows)
    assert "the gradient for `logits` is not finite" in capsys.readouterr().out


def test_the_exercises_that_are_trained_through():
    trained = {number for number, this in ALL if this.trained}
    assert trained >= {"1.3", "1.8", "2.4", "3.1", "3.2", "3.3", "4.1", "4.2", "4.3", "5.1", "5.3",
                       "6.3", "6.4", "9.5"}


def test_two_faults_that_have_nothing_to_do_with_each_other_are_both_named(capsys):
    exercises.check("0.4", "a red woman walks, then jumps")
    said = capsys.readouterr().out
    assert "names a colour" in said and "leaves the music open" in said


@pytest.mark.parametrize("number,answer", [("0.1", 1), ("1.1", lambda x: x), ("0.1", ...),
                                           ("1.1", _unfinished), ("1.1", _exits)])
def test_in_strict_mode_what_is_open_or_wrong_raises(number, answer, monkeypatch, capsys):
    exercises.check(number, answer)
    monkeypatch.setenv("LESSONS_STRICT", "1")
    with pytest.raises(exercises.Unsolved, match=f"Exercise {number}"):
        exercises.check(number, answer)
    exercises.check(number, RIGHT[number][0])


def _knows_the_cases(logits):
    """Right for those who can read the cases in the checker, and for nobody else."""
    this = exercises.EXERCISES["1.7"]
    for case, in this.cases():
        if torch.equal(case, logits):
            return this.ours(logits)
    return torch.zeros(10)


def test_hidden_cases_catch_who_has_read_the_cases(monkeypatch, capsys):
    assert exercises.check("1.7", _knows_the_cases) is _knows_the_cases
    monkeypatch.setenv("LESSONS_HIDDEN_SEED", "5")
    assert exercises.check("1.7", _knows_the_cases) is not _knows_the_cases


def test_a_hidden_seed_that_is_no_number_is_named(monkeypatch, capsys):
    monkeypatch.setenv("LESSONS_HIDDEN_SEED", "many")
    exercises.check("1.7", exercises.EXERCISES["1.7"].ours)
    assert "LESSONS_HIDDEN_SEED is 'many': give a whole number." in capsys.readouterr().out


@pytest.mark.parametrize("number", [number for number, _ in ALL])
def test_right_answers_pass_hidden_cases(number, monkeypatch, capsys):
    for seed in ("1", "2", "77"):
        monkeypatch.setenv("LESSONS_HIDDEN_SEED", seed)
        for answer in RIGHT[number]:
            exercises.check(number, answer)
            said = capsys.readouterr().out
            assert f"Exercise {number}: right" in said, (seed, answer, said)


def _called_later(number):
    """Whether a later cell of the master uses what the check of an exercise returns."""
    path, = (ROOT / "solutions").glob(f"{int(number.split('.')[0]):02}_*.ipynb")
    cells = [ast.parse(cell.source) for cell in nbformat.read(path, as_version=4).cells
             if cell.cell_type == "code" and not cell.source.startswith(("%", "!"))]
    name = None
    for tree in cells:
        loads = {node.id for node in ast.walk(tree)
                 if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        if name and name in loads:
            return True
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(
                    f"exercises.check('{number}'"):
                name = ast.unparse(node.targets[0])
    assert name, f"no cell checks exercise {number}"
    return False


@pytest.mark.parametrize("number,this", ALL)
def test_the_check_says_whether_the_answer_is_used(number, this, capsys):
    assert this.used == _called_later(number)
    exercises.check(number, this.ours)
    said = capsys.readouterr().out
    assert ("The lesson goes on with your answer." in said) == this.used
    assert ("No later cell uses your answer." in said) == (not this.used)


def _notebook(folder, *cells):
    """A notebook of lesson 4 in folder, of cells of code."""
    nbformat.write(nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), folder / "04_video.ipynb")


MINE = ("def first(path):\n    return path[..., :CONTENT]\n\n\n"
        "def swap_motion(who, what):\n    return torch.cat([first(who), what[..., CONTENT:]], 2)")
IMPORTS = "import torch\nfrom lessons.frames import CONTENT\ntorch.manual_seed(5)"


@pytest.mark.parametrize("folder,yours", [("solutions", True), ("notebooks", False)])
@pytest.mark.parametrize("number", ["4.1", "4.2", "4.3", "4.4", "5.1", "7.2"])
def test_an_answer_is_taken_out_of_its_own_notebook(number, folder, yours):
    """All of them out of the masters, none out of the students' tree, where they are open."""
    answer = exercises.from_notebook(number, ROOT / folder)
    assert (answer is not exercises.EXERCISES[number].ours) == yours


def test_of_a_notebook_only_imports_and_the_function_s_own_cell_are_run(tmp_path, capsys):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    _notebook(tmp_path, IMPORTS, "print('a training of ten minutes')", "%matplotlib inline", MINE,
              "swap_motion = exercises.check('4.4', swap_motion)")
    swap, path = exercises.from_notebook("4.4", tmp_path), torch.arange(66.0).view(1, 2, 33)
    assert swap.__module__ == "notebook"
    assert torch.equal(swap(path, -path)[..., 15:17], path[..., 15:17] * torch.tensor([1, -1]))
    assert torch.equal(torch.get_rng_state(), before) and not capsys.readouterr().out


@pytest.mark.parametrize("cell", [
    MINE.replace("first(who)", "first(what)"), MINE.replace("torch", "torhc"),
    "def swap_motion(who",
    "def swap_motion(who, what):\n    raise NotImplementedError()", MINE + "\nraise SystemExit",
    "swap_motion = 3"])
def test_what_is_not_right_in_a_notebook_is_ours(cell, tmp_path, capsys):
    ours = exercises.EXERCISES["4.4"].ours
    assert exercises.from_notebook("4.4", tmp_path) is ours  # no notebook
    _notebook(tmp_path, IMPORTS, cell)
    assert exercises.from_notebook("4.4", tmp_path) is ours
    (tmp_path / "04_video.ipynb").write_text("half a fi")
    assert exercises.from_notebook("4.4", tmp_path) is ours


def test_unknown_number_names_the_nearest():
    with pytest.raises(CourseError, match="There is no exercise '1.99'"):
        exercises.check("1.99", 1)


def test_a_mistake_may_be_our_answer_with_pieces_exchanged():
    ours = exercises.EXERCISES["3.4"].ours
    twice = exercises.edited(ours, "return float", "return 2 * float", " / 2", "")
    tie = torch.ones(3)
    assert (ours(tie, tie), twice(tie, tie)) == (0.5, 2.0)
    with pytest.raises(AssertionError, match="not there"):
        exercises.edited(ours, "not there", "")
