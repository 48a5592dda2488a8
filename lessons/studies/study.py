"""Runs a study of the course, and reads what it found: `python -m lessons study NAME`.

What a study finds is written to data/NAME.json after each of its runs, so that one that was cut
goes on where it stopped.
"""

import importlib
import json

from lessons.engine.checkpoints import write_whole
from lessons.engine.weights import DATA
from lessons.errors import CourseError, nearest

STUDIES = {"losses": "loss_study", "conditioning": "conditioning_study",
           "attention": "attention_study", "consistency": "consistency_study",
           "sound": "sound_study", "ablation": "ablation", "scoreboard": "scoreboard",
           "forms": "forms"}


def run(name):
    """Run the study of this name, going on from what it found before. Raises CourseError."""
    if name not in STUDIES:
        raise CourseError(f"There is no study '{name}'. {nearest(name, STUDIES)}")
    study, path = importlib.import_module(f"lessons.studies.{STUDIES[name]}"), _file(name)
    study.compare(found=found(name) if path.exists() else None, write=lambda found: write_whole(
        path, (json.dumps(found, ensure_ascii=False) + "\n").encode()))


def found(name):
    """What the study of this name found when it was last run, as its `compare` describes it."""
    return json.loads(_file(name).read_text(encoding="utf-8"))


def _file(name):
    return DATA / f"{name}.json"
