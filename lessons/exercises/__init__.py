"""Checks of the learner's own code: right, or wrong for which reason.

`check("1.3", answer)` compares an answer with ours on several inputs: what it returns, what becomes
of its arguments, and, where the lesson trains through it, its gradients. A right answer is what the
lesson goes on with; until then it goes on with ours, so that nobody is ever stuck.

For whoever grades:

    LESSONS_STRICT=1          an exercise that is open or wrong raises `Unsolved`
    LESSONS_HIDDEN_SEED=...   a whole number: all cases that are drawn at random are drawn once more
                              with this seed, and nobody who reads these files can know them
"""

import ast
import contextlib
import copy
import ctypes
import dataclasses
import functools
import importlib
import inspect
import json
import linecache
import os
import pkgutil
import random
import sys
import threading
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lessons.errors import CourseError, nearest
from lessons.exercises.challenges import challenge  # noqa: F401, for the notebooks
from lessons.exercises.differences import (
    VALUES,
    as_kind,
    difference,
    reason,
    same_kind,
    shown,
    shown_call,
)

EXERCISES = {}
SECONDS = 20  # that an answer may take for all of its cases
_kept = {}  # what our answers and the mistakes do
_hidden = 0  # added to all seeds while the hidden cases are drawn


class Unsolved(AssertionError):
    """In strict mode: an exercise that is open or wrong. A test that nbgrader counts as failed."""


class _TimeUp(BaseException):
    """Raised in code that runs too long; no `except Exception` of a learner swallows it."""


class Seen(dict):
    """What an `observe` sees where that is more than one thing: by name, in order of importance."""


def seed(number=0):
    """The seed for a random case; another one while hidden cases are drawn."""
    return number + _hidden


def rng(number=0):
    """A generator of random numbers for the inputs of a check."""
    return torch.Generator().manual_seed(seed(number))


def both(*names):
    """Observes a function that returns as many things as there are names."""
    def observe(answer, *given):
        result = answer(*given)
        if not isinstance(result, (tuple, list, np.ndarray)) or len(result) != len(names):
            raise CourseError("Return " + " and ".join(f"the {name}" for name in names)
                              + ", in this order.")
        return Seen(zip(names, result, strict=True))
    return observe


@dataclasses.dataclass
class Exercise:
    """One exercise.

    number: like "1.3". ours: the right answer, a function, class or value. cases(): a list of
    argument tuples, for a function. observe(answer, *arguments): what is compared, by default what
    the answer returns; a `Seen` compares several things by name. mistakes: (message, wrong answer)
    pairs; a learner's answer that behaves like a wrong one is told its message.

    trained: the lesson trains through the result, so gradients for all float arguments, or for
    those of these names, are compared too. asked: the kind of number that the card fixes: "int64",
    "float" (of Python) or "tensor"; where it is empty, all are right, and are brought to ours for
    later cells. used: whether a later cell uses the answer.
    tolerance: relative to the largest value. float32 has seven digits, and a sum of some hundred
    terms in another order, or sines of large angles, may cost three of them.
    """

    number: str
    ours: object
    cases: object = lambda: [()]
    observe: object = lambda answer, *arguments: answer(*arguments)
    mistakes: list = dataclasses.field(default_factory=list)
    tolerance: float = 1e-4
    trained: bool | tuple = False
    asked: str = ""
    used: bool = True

    def __post_init__(self):
        EXERCISES[self.number] = self

    def all_cases(self):
        """The cases, and after them the hidden ones, if a seed for them is set."""
        global _hidden
        cases = list(self.cases())
        if hidden := os.environ.get("LESSONS_HIDDEN_SEED"):
            if not hidden.isdecimal():
                raise CourseError(f"LESSONS_HIDDEN_SEED is {hidden!r}: give a whole number.")
            try:
                _hidden = 1000 * (1 + int(hidden))
                cases += self.cases()
            finally:
                _hidden = 0
        return cases

    def names(self):
        """The names of what a case holds: our function's arguments; of a class, its observer's."""
        function = inspect.isfunction(self.ours)
        names = list(inspect.signature(self.ours if function else self.observe).parameters)
        return names if function else names[1:]


def exercise(number):
    """The exercise of a number, its lesson's checks loaded. Raises CourseError if unknown."""
    for lesson in pkgutil.iter_modules(__path__):
        importlib.import_module(f"lessons.exercises.{lesson.name}")
    if number not in EXERCISES:
        raise CourseError(f"There is no exercise '{number}'. {nearest(number, EXERCISES)}")
    return EXERCISES[number]


def still_open(number):
    """What check prints while an exercise is not done."""
    return f"Exercise {number} is still open: the lesson goes on with our answer."


def check(number, answer):
    """Check an answer, say what was found, and return what the lesson goes on with.

    Whatever the answer does, there is a verdict: after 20 seconds it is ended. Random numbers, grad
    mode and default dtype are as before. Raises Unsolved in strict mode.
    """
    this = exercise(number)
    try:
        with _as_before():
            problem, answer = _judged(this, answer)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the learner's code raises becomes one sentence
        if isinstance(error, NotImplementedError) and not str(error):  # PyTorch's own has a text
            return _not_right(this, still_open(number), answer)
        problem = _where(error, answer)
    if problem is None:
        print(f"Exercise {number}: right. " + ("The lesson goes on with your answer." if this.used
                                               else "No later cell uses your answer."))
        return answer
    return _not_right(this, f"Exercise {number}: not yet. {problem}\n"
                            "Until then the lesson goes on with our answer.", answer)


def from_notebook(number, folder="."):
    """Your function for an exercise of another lesson, as its notebook in folder is saved.

    Ours where there is no such notebook, and where the exercise is open or not right. Nothing is
    run but the notebook's imports and the cell that defines the function: your code, as there.
    """
    this = exercise(number)
    try:
        with _as_before():
            problem, answer = _judged(this, _written(this, folder))
    except (Exception, SystemExit, _TimeUp):  # its own lesson says what is wrong
        return this.ours
    return this.ours if problem else answer


def _written(this, folder):
    """The function of an exercise in its lesson's notebook; `...` where there is none."""
    name, space = this.ours.__name__, {"__name__": "notebook"}
    for path in Path(folder).glob(f"{int(this.number.split('.')[0]):02}_*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                with contextlib.suppress(SyntaxError), _limit(SECONDS):  # one with magic, say
                    cell = _needed(name, ast.parse("".join(cell["source"])))
                    exec(compile(cell, path.name, "exec"), space)
    return space.get(name, ...)


def _needed(name, cell):
    """What of a cell's syntax tree a function needs: all where it is defined, else the imports."""
    if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in cell.body):
        cell.body = [node for node in cell.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return cell


def _not_right(this, text, answer):
    if os.environ.get("LESSONS_STRICT", "0") not in ("", "0"):
        notebook = vars(sys.modules["__main__"])  # ours takes the place of a wrong function, so
        if callable(answer):                      # that later exercises do not fail for it
            notebook.update({name: this.ours for name in notebook if notebook[name] is answer})
        raise Unsolved(text.splitlines()[0])
    print(text)
    return this.ours


@contextlib.contextmanager
def _as_before():
    """Leaves the states of all random numbers, grad mode and default dtype as they were."""
    states = random.getstate(), np.random.get_state()
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count())), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of our wrong answers, which nobody has to see
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _limit(seconds):
    """Raises _TimeUp in the code below it after so many seconds, and then again every second.

    Signals do not exist on Windows and reach the main thread only; an exception that another thread
    asks for arrives everywhere, before the next line of Python. (Not within one call into C, such
    as a sleep or a large product of matrices: that is waited for.)
    """
    done, here = threading.Event(), ctypes.c_ulong(threading.get_ident())

    def watch():
        wait = seconds
        while not done.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(here, ctypes.py_object(_TimeUp))
            wait = 1

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(here, None)  # one that has not arrived yet


# What an answer does ----------------------------------------------------------------------------
def _watch(this, answer, seconds=600):
    """What the answer does on every case: a list of `Seen`, its arguments after the call last."""
    cases = this.all_cases()
    with _limit(seconds):
        return [_watched(this, answer, case) for case in cases]


def _known(this, answer):
    """What an answer of ours does, kept for the next time; None where it fails on some case."""
    key = id(answer), os.environ.get("LESSONS_HIDDEN_SEED")
    if key not in _kept:
        try:
            _kept[key] = _watch(this, answer)
        except Exception:
            _kept[key] = None
    return _kept[key]


def _watched(this, answer, case):
    arguments, leaves = copy.deepcopy(list(case)), {}
    names = this.names()[:len(arguments)]
    for i, (name, value) in enumerate(zip(names, arguments, strict=True)):
        if not (this.trained is True or name in (this.trained or ())):
            continue
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            leaves[f"`{name}`"] = value.requires_grad_()
            arguments[i] = value.clone()  # no leaf, which nobody could change in place
        if isinstance(value, nn.Module):
            leaves |= {f"`{name}`'s {part}": p for part, p in value.named_parameters()}
    torch.default_generator.manual_seed(0)
    result = this.observe(answer, *arguments)
    seen = Seen(result if isinstance(result, Seen) else {"result": result})
    found = gradients(list(seen.values()), leaves)
    for name, value in zip(names, arguments, strict=True):
        seen[f"`{name}` after the call"] = state(value)
    return Seen(seen | found)


def gradients(results, leaves):
    """The gradients of a fixed mixture of results for some tensors, by name; None: none arrives."""
    total = sum((value * torch.arange(value.numel()).cos().view_as(value)).real.sum()
                for value in _tensors(results) if value.requires_grad)
    def gradient(leaf):
        return None if isinstance(total, int) or not leaf.requires_grad else torch.autograd.grad(
            total, leaf, allow_unused=True, retain_graph=True)[0]
    return {f"gradient for {name}": gradient(leaf) for name, leaf in leaves.items()}


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in value for t in _tensors(part)] if isinstance(value, (list, tuple)) else []


def state(value):
    """All of an argument that a call could change, deeply."""
    if isinstance(value, nn.Module):
        return {"mode": [m.training for m in value.modules()],
                "requires_grad": [p.requires_grad for p in value.parameters()],
                "weights": {k: v.detach().clone() for k, v in value.state_dict().items()}}
    if isinstance(value, torch.Tensor):
        return {"values": value.detach().clone(), "requires_grad": value.requires_grad}
    if isinstance(value, (list, tuple)):
        return [state(part) for part in value]
    if isinstance(value, dict):
        return {key: state(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return value.copy()
    if dataclasses.is_dataclass(value):
        return state(vars(value))
    return value if isinstance(value, (str, int, float)) else None


# What is wrong with it --------------------------------------------------------------------------
def _judged(this, answer):
    """(what is wrong with an answer or None, what the lesson goes on with)."""
    if answer is ...:
        raise NotImplementedError
    ours = _known(this, this.ours)  # first: what PyTorch imports late is not the answer's time
    yours = _watch(this, answer, SECONDS)
    wrong = _unequal(this, ours[0], ours, yours)
    if not wrong:
        return _other_kind(this, yours), _goes_on(this, answer, ours, yours)
    known = _explained(this, wrong, ours, yours)
    rest = [name for name in wrong if name not in known]
    more = [_described(this, answer, rest[0], ours, yours)] if rest else []
    return " ".join([*dict.fromkeys(known.values()), *more]), this.ours


def _differs(this, name, ours, yours):
    if name not in ours or name not in yours:
        return (name in ours) != (name in yours)
    ours, yours = ours[name], yours[name]
    if name.startswith("gradient") and (ours is None or yours is None):  # none is as good as 0
        return any(one is not None and one.any() for one in (ours, yours))
    return difference(name, ours, yours, this.tolerance)


def _other_kind(this, yours):
    """A sentence where all is right but the kind of number that the card asks for."""
    mine = next(iter(yours[0].values()))
    kind = str(getattr(mine, "dtype", "")).removeprefix("torch.")
    got = kind if this.asked == "int64" and kind else type(mine).__name__
    right = {"": True, "float": isinstance(mine, (float, int, np.number)), "int64": kind == "int64",
             "tensor": isinstance(mine, torch.Tensor)}[this.asked]
    return None if right else (f"The values are right, but your result is of the kind {got}; the "
                               f"card asks for {this.asked}.")


def _goes_on(this, answer, ours, yours):
    """The right answer; where ours gives another kind of number, its results brought to that."""
    model, mine = ours[0].get("result"), yours[0].get("result")
    if not inspect.isroutine(answer) or same_kind(model, mine):
        return answer

    @functools.wraps(answer)
    def adapted(*given, **named):
        return as_kind(model, answer(*given, **named))
    return adapted


def _explained(this, wrong, ours, yours):
    """The message of the mistake that does what the answer does, by the names that it explains; or
    of several, each of which does to one thing what the answer does to it, and to nothing else."""
    found = {}
    values = [name for name in ours[0] if not name.startswith("gradient")]
    for message, mistake in this.mistakes:
        seen = _known(this, mistake)
        if seen is None:
            continue
        names = values if set(wrong) & set(values) else list(ours[0])
        changed = _unequal(this, [n for n in {**ours[0], **seen[0]} if n in names], ours, seen)
        if changed and not _unequal(this, changed, seen, yours):
            if set(wrong) & set(names) <= set(changed):
                return {name: message for name in wrong}
            if len(changed) == 1:
                found.setdefault(changed[0], message)
    together = [name for name in wrong if name not in found]  # what depends on each other
    return found if all(name.endswith("after the call") for name in together) else {}


def _unequal(this, names, some, others):
    """The names of what differs between two answers on any case."""
    return [name for name in names if any(_differs(this, name, *pair)
                                          for pair in zip(some, others, strict=True))]


def _described(this, answer, name, ours, yours):
    """How something differs, by its reason where one is found, else by the smallest case."""
    pairs = [(case, a[name], b.get(name)) for case, a, b in
             zip(this.all_cases(), ours, yours, strict=True) if name in a]
    if not callable(this.ours):  # a value: what it should be is the reader's to find
        return f"The {name.replace('result', 'value')} is {shown(pairs[0][2])}, which is not right."
    if name.endswith("after the call"):
        return _changed(name, this, pairs)
    if name.startswith("gradient"):
        return _no_gradient(name, pairs, this.tolerance)
    bad = [(case, a, b) for case, a, b in pairs if difference(name, a, b, this.tolerance)]
    case, a, b = min(bad, key=lambda one: len(shown(one[0])))
    text = difference(name, a, b, this.tolerance)
    if not text.startswith((VALUES, "Shape")):  # another kind of thing
        return text
    if why := _unmoved(this, answer, name) or reason(name, [pair[1:] for pair in pairs],
                                                     this.tolerance):
        return why
    for other in [n for n in ours[0] if n != name and not n.startswith(("gradient", "`"))
                  and all({n, name} <= seen.keys() for seen in (*ours, *yours))]:
        swapped = [{**a, name: a[other], other: a[name]} for a in ours]
        if not _unequal(this, [name, other], swapped, yours):
            return f"The {name} and the {other} have changed places: give them in the other order."
    call = shown_call(getattr(answer, "__name__", ""), case) if name == "result" else ""
    if call and text.startswith(VALUES) and len(shown(b)) < 100:
        text = f"{VALUES}: for example, {call} gives {shown(b)}; it should be {shown(a)}."
    right = len(pairs) - len(bad)
    return text + (f" ({right} of {len(pairs)} cases are right.)" if right else "")


def _changed(name, this, pairs):
    """On an argument that is not after the call what it should be."""
    what = name.removesuffix(" after the call")
    i = this.names().index(what.strip("`"))
    case, ours, yours = next(p for p in pairs if difference(name, *p[1:], this.tolerance))
    before, part = state(case[i]), "contents"
    if isinstance(ours, dict):
        part = next(key for key in ours if difference(key, ours[key], yours[key], this.tolerance))
        before, ours = before[part], ours[part]
    if difference(name, before, ours, this.tolerance):
        return f"{VALUES}: after the call the {part} of {what} are not what they should be."
    part = {"mode": "mode (train or eval)", "requires_grad": "`requires_grad`"}.get(part, part)
    return (f"Your function changes what it is given: the {part} of {what}. Work on a copy, or put "
            "it back as it was.")


def _no_gradient(name, pairs, tolerance):
    if any(b is None and a is not None for _, a, b in pairs):
        return (f"The values are right, but the lesson trains through them, and no {name} arrives: "
                "something cuts it off (detach, no_grad, .data, .item(), NumPy, or a new tensor).")
    if any(b is not None and not b.isfinite().all() for _, a, b in pairs):
        return f"The values are right, but the {name} is not finite (nan or inf) somewhere."
    return (f"The values are right, but the lesson trains through them, and the {name} is wrong: a "
            "part of your formula is cut off from it, or is constant where it should not be.")


def _unmoved(this, answer, name):
    """A sentence on an argument that changes our result, and never the answer's."""
    cases = this.all_cases()
    for i, argument in enumerate(this.names()):
        moves = 0
        for case in cases:
            for other in _others(case[i], [c[i] for c in cases if i < len(c)]) \
                    if i < len(case) else []:
                changed = (*case[:i], other, *case[i + 1:])
                try:
                    with _limit(1):
                        mine = [_watched(this, this.ours, c)[name] for c in (case, changed)]
                        yours = [_watched(this, answer, c)[name] for c in (case, changed)]
                except (Exception, _TimeUp):  # not every value fits every case
                    continue
                if difference(name, *yours, this.tolerance):
                    moves = -1
                    break
                moves += bool(difference(name, *mine, this.tolerance))
            if moves < 0:
                break
        if moves > 1:
            return (f"In all cases that were tried, your {name} stays the same when `{argument}` "
                    "changes: it must depend on it.")
    return None


def _others(value, candidates):
    """Other values for an argument: an array's own numbers, turned upside down and mixed, or what
    other cases have in its place."""
    if isinstance(value, torch.Tensor) and value.ndim and value.numel() and not value.is_complex():
        orders = [torch.randperm(value.numel(), generator=rng(k)) for k in range(3)]
        mixed = [value.flatten()[order].view_as(value) for order in orders]
        return [~one if one.dtype == torch.bool else value.max() + value.min() - one
                for one in mixed]
    if isinstance(value, np.ndarray):
        return [other.numpy() for other in _others(torch.from_numpy(value), ())]
    if isinstance(value, (int, float, str)):
        return [other for other in candidates if type(other) is type(value) and other != value][:4]
    return []


def _where(error, answer):
    """One sentence on an error in the learner's code, with the line that raised it."""
    code = getattr(getattr(answer, "forward", answer), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code and f.filename == code.co_filename]
    line = linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""
    at = f" at the line `{line}`" if line else ""
    if isinstance(error, _TimeUp):
        return f"Your code was still running after {SECONDS} seconds{at}. Does a loop never end?"
    if isinstance(error, SystemExit):
        return f"Your code ends the whole program{at}: return the result instead."
    text = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, CourseError):  # a whole sentence
        return text
    return (f"Your code raises {type(error).__name__}{at}" + (f": {text}" if text else "")
            + ("" if text.endswith(".") else "."))
