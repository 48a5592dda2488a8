"""What the course ships, and what makes each anew: `python -m lessons ship NAME`."""

import functools

from lessons import beyond
from lessons.engine import weights
from lessons.errors import CourseError, nearest
from lessons.judges.clips import ClipJudge
from lessons.shipping import judges, models
from lessons.text_conditioning import TextEncoder

JUDGES = {"digit_judge": judges.digits, "clip_judge": judges.clips,
          "picture_judge": judges.pictures, "footfall_judge": judges.footfalls,
          "sound_judge": judges.sounds, "phase_judge": judges.phases,
          "voice_judge": judges.voices}
MODELS = {name: functools.partial(models.mlp_gan, name)
          for name in ("mnist", "mnist_as_written", "mnist_no_leak", "mnist_no_penalty")} \
    | {"pictures": models.pictures, "sound": models.sound}
TRAINED = {"theatre": models.theatre, "digits": models.speaking_digits}  # by the front door


def ship(name, folder=None):
    """Train what has this name, score it and write it to data/; returns its scores.

    folder: of a trained model, which "theatre" and "digits" need. Raises CourseError.
    """
    known = JUDGES | MODELS | TRAINED
    if name not in known:
        raise CourseError(f"The course ships no '{name}'. {nearest(name, known)}")
    if (name in TRAINED) != (folder is not None):
        raise CourseError(f"'{name}' is shipped from a trained model: give its folder with --model."
                          if name in TRAINED else f"'{name}' is trained anew: leave --model away.")
    command = f"python -m lessons ship {name}"
    if folder:
        command = f"python -m lessons train --data {name} {{}}--out OUT && {command} --model OUT"
    network, scores, *how = known[name](folder) if folder else known[name]()
    scores = {key: round(float(value), 4) for key, value in scores.items()}
    weights.ship(f"{name}.safetensors", weights.in_16_bits(network), command.format(*how), scores,
                 **_facts(network))
    return scores


def _facts(network):
    """What is stored with a network's weights: the words that it knows, or what it answers."""
    if isinstance(network, beyond.ClipMaker):
        return beyond.facts_of(network)
    if isinstance(network, ClipJudge):
        return {"answers": network.answers}
    words = [part.vocabulary for part in network.modules() if isinstance(part, TextEncoder)]
    return {"vocabulary": words[0]} if words else {}
