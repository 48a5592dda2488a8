"""Lesson 7's comparison: what the game over sounds needs."""

import functools

import numpy as np
import torch

from lessons import text_to_video
from lessons.audio import MusicAndShift, SoundDiscriminator, SoundModel, lags
from lessons.frames import mean_and_spread
from lessons.judges.sound import footfall_judge, onsets, read_footfalls
from lessons.priors import train_sound
from lessons.studies.scores import sound_scores
from lessons.studies.study import Study, rounded
from lessons.world import captions
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import CaptionSampler, kinds_of

# name -> is there a joint discriminator, how much do shifted pairs count, and the energy score?
VARIANTS = {"shipped": (True, 1.0, 1.0), "no energy score": (True, 1.0, 0.0),
            "neither": (True, 0.0, 0.0), "sound alone": (False, 0.0, 0.0),
            "no shifted pairs": (True, 0.0, 1.0)}
LAGS = np.linspace(-0.4125, 0.4125, 34)  # edges of the bins of a histogram of lags, in seconds


def training_data(clips=8000, seed=0, **_):
    """What the game over sounds learns from: waves (M, S) in 16 bits, the paths (M, T, D) of their
    films, the `CaptionSampler` of their scenes and their kinds of music (M,)."""
    scenes = Theatre.scenes(clips, seed)
    real, model = Theatre().film(scenes, seed), text_to_video.load_model("theatre", sound=False)
    wordings = CaptionSampler(scenes, seed=seed, vocabulary=model.vocabulary)
    paths = model.autoencoder.paths(real.video)
    return torch.from_numpy(real.audio).half(), paths, wordings, kinds_of(scenes)


def train_variant(data, variant, seed=0, **length):
    """The game of one of VARIANTS over `training_data`: its `SoundModel`, and the Run."""
    waves, paths, *conditions = data
    middle, spread = mean_and_spread(paths)
    joint, shift, energy = VARIANTS[variant]
    run = train_sound(waves, (paths - middle) / spread, *conditions, seed=seed, **length,
                      discriminator=functools.partial(SoundDiscriminator, joint=joint),
                      extra=MusicAndShift(shift, energy))
    model = SoundModel(run.average).to(paths.device)
    model.middle, model.spread = middle, spread
    return model.eval(), run


def measure(data, variant, seed, steps, clips):
    """`sound_scores` of 256 films, "seconds" of training, and "lags", counted in the bins LAGS."""
    scenes = Theatre.scenes(256, 60_000)
    model = text_to_video.load_model("theatre", sound=False)
    model.sound, run = train_variant(data, variant, seed, steps=steps)
    made = text_to_video.film(model, [captions.describe(scene) for scene in scenes], seed=1)
    late = lags(onsets(made.audio), read_footfalls(footfall_judge(), made.video))
    return rounded(sound_scores(made, scenes) | {"seconds": run.seconds}) \
        | {"lags": np.histogram(late, LAGS)[0].tolist()}


STUDY = Study("sound", [list(VARIANTS)], {"steps": 600, "clips": 8000}, measure, training_data)
