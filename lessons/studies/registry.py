"""The studies by name: `python -m lessons study NAME`."""

from lessons.errors import CourseError, nearest
from lessons.studies import (
    ablations,
    collapse,
    conditioning,
    first_steps,
    forms,
    losses,
    scoreboard,
    sound,
    spoilt,
)

STUDIES = {study.name: study.run for study in (
    collapse.STUDY, losses.STUDY, conditioning.STUDY, first_steps.STUDY, ablations.ATTENTION,
    ablations.CONSISTENCY, sound.STUDY,
    ablations.ABLATION, forms.STUDY,
    spoilt.STUDY)} | {"scoreboard": scoreboard.write_anew}


def run(name):
    """Run the study of this name, going on from its results in data/. Raises CourseError."""
    if name not in STUDIES:
        raise CourseError(f"There is no study '{name}'. {nearest(name, STUDIES)}")
    STUDIES[name]()
