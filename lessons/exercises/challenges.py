"""The open challenge at the end of each lesson, and the reader's own scoreboard."""

import json
import math
import os
import time

from lessons.engine.checkpoints import write_whole
from lessons.engine.weights import DATA
from lessons.errors import CourseError

BOARD = DATA.parent / "runs" / "my_scoreboard.json"


def challenge(number, measure, value, *, beat, lower=True):
    """Say where a reader stands with a lesson's challenge, and keep their best row.

    number: of the lesson, "1". measure: the name of what was measured. value: this try, a number
    or a tensor of one. beat: the course's own number. lower: whether less is better. The rows are
    in runs/my_scoreboard.json, lesson -> measure, value and date; the tests of the course
    (LESSONS_SMOKE=1) keep none.
    """
    value, better = float(value), (lambda a, b: a < b) if lower else (lambda a, b: a > b)
    print(f"Challenge of lesson {number}: {measure}, the"
          f" {'lower' if lower else 'higher'} the better.")
    if not math.isfinite(value):
        print(f"This try gave {value}, which is no number to compare: nothing is kept of it.")
        return
    rows = _rows()
    best = rows.get(number)
    if best is None or best["measure"] != measure or better(value, best["value"]):
        best = {"measure": measure, "value": value, "date": time.strftime("%Y-%m-%d")}
        _keep(rows | {number: best})
    verdict = "beaten!" if better(best["value"], beat) else "not beaten yet."
    print(f"this try {value:.4g} · your best {best['value']:.4g} · to beat {beat:.4g}: {verdict}")


def _rows():
    """The scoreboard; an empty one where there is none. A damaged file is set aside."""
    try:
        rows = json.loads(BOARD.read_bytes())
        for row in rows.values():
            row["measure"], float(row["value"])
        return rows
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        aside = BOARD.with_suffix(f".damaged-{time.time_ns()}")
        BOARD.rename(aside)
        print(f"Your scoreboard could not be read: it is now {aside.name}, and a new one begins.")
        return {}


def _keep(rows):
    if "LESSONS_SMOKE" not in os.environ:
        try:
            write_whole(BOARD, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
        except CourseError as error:  # the lesson goes on
            print(f"Your row was not kept. {error}")
