"""What the course ships, and what makes and scores each: `python -m lessons ship NAME`."""

import functools
import shutil
from pathlib import Path

from lessons import text_to_video
from lessons.engine import weights
from lessons.errors import CourseError, nearest
from lessons.judges.clips import ClipJudge
from lessons.shipping import judges, models
from lessons.studies.scores import score_clips, score_model, score_pictures
from lessons.text_conditioning import TextEncoder

# name -> what trains a judge, given a folder for its checkpoints, and what scores it
JUDGES = {name: (teacher.train, teacher.score) for name, teacher in judges.TEACHERS.items()}
# name -> what makes a model and facts of it, given a folder, and what scores it
MODELS = {"mnist": (models.mnist_generator, models.score_generator),
          "pictures": (models.pictures, score_pictures),
          "sound": (models.sound_maker, models.score_sound_maker)} \
    | {name: (functools.partial(models.worse_generator, name), models.score_generator)
       for name in ("mnist_as_written", "mnist_no_leak", "mnist_no_penalty")}
TRAINED = {"theatre": (models.theatre, score_model),  # by the front door
           "digits": (models.speaking_digits, score_clips)}


def ship(name, folder=None):
    """Train what has this name, score it and write it to data/; returns its scores.

    folder: of a trained model, which "theatre" and "digits" need. What is trained here keeps its
    checkpoints in runs/ship_NAME until it is shipped, and goes on from them. Raises CourseError.
    """
    known = JUDGES | MODELS | TRAINED
    if name not in known:
        raise CourseError(f"The course ships no '{name}'. {nearest(name, known)}")
    if (name in TRAINED) != (folder is not None):
        raise CourseError(f"'{name}' is shipped from a trained model: give its folder with --model."
                          if name in TRAINED else f"'{name}' is trained anew: leave --model away.")
    make, score = known[name]
    scratch = Path("runs") / f"ship_{name}"
    made = make(folder or scratch)
    network, facts = (made, {}) if name in JUDGES else made
    command = f"python -m lessons ship {name}"
    if folder:
        how = f"{facts.pop('how')} " if "how" in facts else ""
        command = f"python -m lessons train --data {name} {how}--out OUT && {command} --model OUT"
    tensors = weights.in_16_bits(network)
    network.load_state_dict(tensors)  # what is scored is what is shipped
    scores = {key: round(float(value), 4) for key, value in (score(network) | facts).items()}
    weights.ship(f"{name}.safetensors", tensors, command, scores, **_facts(network))
    shutil.rmtree(scratch, ignore_errors=True)
    return scores


def _facts(network):
    """What is stored with a network's weights: the words that it knows, or what it answers."""
    if isinstance(network, text_to_video.FilmModel):
        return text_to_video.facts_of(network)
    if isinstance(network, ClipJudge):
        return {"answers": network.answers}
    words = [part.vocabulary for part in network.modules() if isinstance(part, TextEncoder)]
    return {"vocabulary": words[0]} if words else {}
