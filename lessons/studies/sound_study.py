"""Lesson 7's comparison: what the game over sounds needs."""


import numpy as np
import torch

from lessons import text_to_video
from lessons.audio import lags
from lessons.frames import mean_and_spread
from lessons.judges.sound import footfall_judge, onsets, read_footfalls
from lessons.priors import VARIANTS, sound_model, train_sound
from lessons.studies.scores import sound_scores
from lessons.world import captions
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import Wordings, kinds_of


# Training, scoring, shipping --------------------------------------------------------------------
def world(clips=8000, seed=0):
    """What the game over sounds learns from: waves (M, S) in 16 bits, paths (M, T, D) of their
    films by the shipped encoder, as they are, the `Wordings` of their scenes and their kinds of
    music (M,)."""
    scenes = Theatre.scenes(clips, seed)
    real = Theatre().film(scenes, seed)
    paths = text_to_video.load_model("theatre", sound=False).autoencoder.paths(real.video)
    return torch.from_numpy(real.audio).half(), paths, Wordings(scenes, seed=seed), kinds_of(scenes)


LAGS = np.linspace(-0.4125, 0.4125, 34)  # edges of the bins of a histogram of lags, in seconds


def compare(steps=600, clips=8000, found=None, write=None):
    """Play with each of VARIANTS on one budget; returns what was measured, a dict.

    "steps" and "variants": name -> the scores of `measured` for 256 films, "seconds" of training,
    and "lags", how many lie in each bin of LAGS. found: what was measured before, to go on from.
    write(found): called after each run.
    """
    if not found or found["steps"] != steps:
        found = {"steps": steps, "variants": {}}
    scenes = Theatre.scenes(256, 60_000)
    texts = [captions.describe(scene) for scene in scenes]
    model, (waves, paths, *said) = text_to_video.load_model("theatre", sound=False), world(clips)
    middle, spread = mean_and_spread(paths)
    for name in [name for name in VARIANTS if name not in found["variants"]]:
        run = train_sound(waves, (paths - middle) / spread, *said, variant=name, steps=steps)
        model.sound = sound_model(run, paths)
        made = text_to_video.film(model, texts, seed=1)
        late = lags(onsets(made.audio), read_footfalls(footfall_judge(), made.video))
        row = {key: round(value, 4) for key, value in sound_scores(made, scenes).items()}
        found["variants"][name] = row | {"seconds": round(run.seconds, 1),
                                         "lags": np.histogram(late, LAGS)[0].tolist()}
        if write:
            write(found)
    return found
