"""Checks of the learner's own code: right, or wrong for which reason.

`check("1.3", answer)` compares an answer with ours on several random inputs. A right answer is
what the lesson goes on with; until then it goes on with ours, so that nobody is ever stuck.
"""

import copy
import importlib
import linecache
import os
import pkgutil
import sys
import traceback
from dataclasses import dataclass, field

import numpy as np
import torch

from lessons.errors import CourseError, nearest

EXERCISES = {}


class Unsolved(AssertionError):
    """In strict mode: an exercise that is open or wrong. A test that nbgrader counts as failed."""


def rng(seed=0):
    """A generator of random numbers for the inputs of a check."""
    return torch.Generator().manual_seed(seed)


def both(*names):
    """Observes a function that returns as many tensors as there are names."""
    def observe(answer, *given):
        result = answer(*given)
        if not isinstance(result, (tuple, list)) or len(result) != len(names):
            raise TypeError("return two things: " + " and ".join(f"the {name}" for name in names))
        return dict(zip(names, result, strict=True))
    return observe


@dataclass
class Exercise:
    """One exercise.

    number: like "1.3". ours: the right answer, a function, class or value. cases(): a list of
    argument tuples, for a function. observe(answer, *arguments): what is compared, by default what
    the answer returns; a dict compares several things by name. mistakes: (message, wrong answer)
    pairs; a learner's answer that behaves like a wrong one is told its message.
    """

    number: str
    ours: object
    cases: object = lambda: [()]
    observe: object = lambda answer, *arguments: answer(*arguments)
    mistakes: list = field(default_factory=list)
    tolerance: float = 1e-5

    def __post_init__(self):
        EXERCISES[self.number] = self


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

    Raises Unsolved in strict mode (LESSONS_STRICT=1) where the exercise is open or wrong.
    """
    this = exercise(number)
    if answer is ...:
        return _not_right(this, still_open(number), answer)
    try:
        found = _watch(this, answer)
    except NotImplementedError:
        return _not_right(this, still_open(number), answer)
    except Exception as error:  # whatever the learner's code raises becomes one sentence
        problem = _where(error, answer)
    else:
        problem = _compare(this, answer, found)
    if problem is None:
        print(f"Exercise {number}: right. The lesson goes on with your answer.")
        return answer
    return _not_right(this, f"Exercise {number}: not yet. {problem}\n"
                            "Until then the lesson goes on with our answer.", answer)


def _not_right(this, text, answer):
    if os.environ.get("LESSONS_STRICT", "0") not in ("", "0"):
        notebook = vars(sys.modules["__main__"])  # ours takes the place of a wrong function, so
        if callable(answer):                      # that later exercises do not fail for it
            notebook.update({name: this.ours for name in notebook if notebook[name] is answer})
        raise Unsolved(text.splitlines()[0])
    print(text)
    return this.ours


def _watch(this, answer):
    """What the answer does on every case: a list of dicts name -> tensor or plain value."""
    seen = []
    for case in this.cases():
        arguments = copy.deepcopy(case)
        torch.manual_seed(0)
        result = this.observe(answer, *arguments)
        result = result if isinstance(result, dict) else {"": result}
        for i, (given, left) in enumerate(zip(case, arguments, strict=True)):
            if isinstance(given, (torch.Tensor, np.ndarray)):
                result[f" (argument {i + 1} after the call)"] = left
        seen.append(result)
    return seen


def _compare(this, answer, found):
    """None for a right answer, else a sentence that says what is wrong."""
    wanted = _watch(this, this.ours)
    for ours, yours in zip(wanted, found, strict=True):
        problem = next((p for name in ours if (p := _difference(name, ours[name], yours[name],
                                                                this.tolerance))), None)
        if problem:
            return _like_a_mistake(this, found) or problem
    return None


def _like_a_mistake(this, found):
    """The message of the mistake that behaves as the learner's answer does, if there is one."""
    for message, wrong in this.mistakes:
        try:
            seen = _watch(this, wrong)
        except Exception:  # some mistakes fail on some cases
            continue
        if all(_difference(name, a[name], b[name], this.tolerance) is None
               for a, b in zip(seen, found, strict=True) for name in a):
            return message
    return None


def _difference(name, ours, yours, tolerance):
    """None where two results agree, else a sentence: kind, shape, or values."""
    what = name.strip() or "result"
    if isinstance(yours, np.generic):  # a number all the same
        yours = yours.item()
    if isinstance(yours, np.ndarray):
        yours = np.ascontiguousarray(yours)  # torch refuses what np.flip gives
    if "argument" in name and not _close(ours, yours, 0):
        return "Your function changes its input in place: work on a copy."
    if not isinstance(ours, (torch.Tensor, np.ndarray)):
        plain = isinstance(yours, (int, float, str, tuple, list, type(None), bool))
        same = plain and (abs(ours - yours) <= tolerance * max(1, abs(ours))
                          if isinstance(ours, float) and isinstance(yours, (int, float))
                          else ours == yours)
        return None if same else f"The {what} is {yours!r}, which is not right."
    if type(ours) is not type(yours):
        return f"The {what} is a {type(yours).__name__}, it should be a {type(ours).__name__}."
    if tuple(ours.shape) != tuple(yours.shape):
        return (f"Shape wrong: the {what} has shape {tuple(yours.shape)}, "
                f"it should be {tuple(ours.shape)}.")
    same_kind = ours.dtype == yours.dtype if isinstance(ours, torch.Tensor) else \
        ours.dtype.kind == yours.dtype.kind
    if not same_kind:
        return f"Kind of number wrong: the {what} is {yours.dtype}, it should be {ours.dtype}."
    if _close(ours, yours, tolerance):
        return None
    gap = (torch.as_tensor(ours).double() - torch.as_tensor(yours).double()).abs().nan_to_num(1e30)
    place = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
    at = f" at index {place}" if place else ""
    return (f"Shape right, values wrong: the largest difference in the {what} is"
            f"{at}, where yours is {float(yours[place]):.4g} and it should be "
            f"{float(ours[place]):.4g}.")


def _close(ours, yours, tolerance):
    ours, yours = torch.as_tensor(ours).detach(), torch.as_tensor(yours).detach()
    return ours.shape == yours.shape and torch.allclose(
        ours.double(), yours.double(), rtol=tolerance, atol=tolerance)


def _where(error, answer):
    """One sentence on an error in the learner's code, with the line that raised it."""
    code = getattr(getattr(answer, "forward", answer), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code and f.filename == code.co_filename]
    line = linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""
    text = str(error).splitlines()[0] if str(error) else ""
    return f"Your code raises {type(error).__name__}" + (f" at the line `{line}`" if line else "") \
        + (f": {text}" if text else "") + ("" if text.endswith(".") else ".")
