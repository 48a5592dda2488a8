"""Lesson 7's comparison: what the game over sounds needs."""

import numpy as np
import torch

from lessons import text_to_video
from lessons.audio import lags
from lessons.frames import mean_and_spread
from lessons.judges.sound import footfall_judge, onsets, read_footfalls
from lessons.priors import VARIANTS, sound_model, train_sound
from lessons.studies.scores import sound_scores
from lessons.studies.study import Study, rounded
from lessons.world import captions
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import Wordings, kinds_of

LAGS = np.linspace(-0.4125, 0.4125, 34)  # edges of the bins of a histogram of lags, in seconds


def training_data(clips=8000, seed=0, **_):
    """What the game over sounds learns from: waves (M, S) in 16 bits, paths (M, T, D) of their
    films by the shipped encoder, as they are, the `Wordings` of their scenes and their kinds of
    music (M,)."""
    scenes = Theatre.scenes(clips, seed)
    real, model = Theatre().film(scenes, seed), text_to_video.load_model("theatre", sound=False)
    wordings = Wordings(scenes, seed=seed, vocabulary=model.vocabulary)
    paths = model.autoencoder.paths(real.video)
    return torch.from_numpy(real.audio).half(), paths, wordings, kinds_of(scenes)


def train_variant(data, variant, seed=0, **length):
    """The game of one of `priors.VARIANTS` over `training_data`: its `SoundModel`, and the Run."""
    waves, paths, *conditions = data
    middle, spread = mean_and_spread(paths)
    run = train_sound(waves, (paths - middle) / spread, *conditions, variant=variant, seed=seed,
                      **length)
    return sound_model(run, paths), run


def measure(data, variant, seed, steps, clips):
    """`sound_scores` of 256 films, "seconds" of training, and how many "lags" lie in each bin of
    LAGS."""
    scenes = Theatre.scenes(256, 60_000)
    model = text_to_video.load_model("theatre", sound=False)
    model.sound, run = train_variant(data, variant, seed, steps=steps)
    made = text_to_video.film(model, [captions.describe(scene) for scene in scenes], seed=1)
    late = lags(onsets(made.audio), read_footfalls(footfall_judge(), made.video))
    return rounded(sound_scores(made, scenes) | {"seconds": run.seconds}) \
        | {"lags": np.histogram(late, LAGS)[0].tolist()}


STUDY = Study("sound", [list(VARIANTS)], {"steps": 600, "clips": 8000}, measure, training_data)
