"""Judges of sound: when a foot is seen to land, when it is heard, which music plays.

Axes: N clips, S samples.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import measuring
from lessons.engine import weights
from lessons.signals import windows
from lessons.signals.clip import FPS, RATE
from lessons.signals.spectrogram import (
    BINS,
    COLUMNS,
    FLOOR,
    HOP,
    mel_filters,
    spectrogram,
    transform,
)
from lessons.world.scene import MUSIC

# Judges, trained on real clips alone ------------------------------------------------------------
MOMENTS = 5  # of each frame: the judge says in which fortieth of a second a foot lands


class FootfallJudge(nn.Module):
    """Reads from the pixels of a film when a foot lands: trained on real films, never shown to a
    generator, and without the path that the generator hears.

    forward: films (N, T, 3, H, W) in [-1, 1] -> logits (N, T MOMENTS).
    """

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(
            nn.PixelUnshuffle(3),                                              # (NT, 27, 16, 8)
            nn.Conv2d(27, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Flatten(), nn.Linear(48 * 4 * 2, 64))                           # (NT, 64)
        self.watch = nn.Sequential(
            nn.Conv1d(64, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 3, padding=1), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, MOMENTS, 1))

    def forward(self, films):
        N, T = films.shape[:2]
        frames = self.look(windows.figures_of(films.flatten(0, 1))).view(N, T, 64)
        return self.watch(frames.transpose(1, 2)).transpose(1, 2).flatten(1)   # (N, T MOMENTS)


def footfall_judge():
    """The shipped judge of footfalls (`FootfallJudge` in evaluation mode)."""
    return weights.load(FootfallJudge(), "footfall_judge")


@torch.no_grad()
def read_footfalls(judge, films, chunk=64):
    """When feet land in films, uint8 (N, 16, H, W, 3), as the judge sees it: a list of N arrays of
    seconds."""
    sure = torch.cat([judge(windows.as_films(films[i:i + chunk])).sigmoid()
                      for i in range(0, len(films), chunk)])                   # (N, T MOMENTS)
    found = peaks(sure, least=0.3, apart=6)
    around = F.pad(sure, (2, 2)).unfold(1, 5, 1)                               # (N, T MOMENTS, 5)
    aside = (around * torch.arange(-2, 3)).sum(2) / around.sum(2)              # the mean moment
    seconds = (torch.arange(sure.shape[1]) + 0.5 + aside) / (FPS * MOMENTS)
    return [row[peak].numpy() for row, peak in zip(seconds, found, strict=True)]


class SoundJudge(nn.Module):
    """Reads what kind of music there is in a sound: trained on real sounds alone.

    forward: waves (N, S) -> 6 numbers: a logit for each of MUSIC; then the tempo and the key of
    the music, and how often a foot lands, all in about -1 to 1. They are a linear function of the
    32 `features`, in which the Fréchet distance between sounds is measured. It hears 64 mel bands.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("mel", mel_filters())
        self.listen = nn.Sequential(
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * COLUMNS // 8, 32), nn.BatchNorm1d(32, affine=False))
        self.answer = nn.Linear(32, len(MUSIC) + 3)

    def features(self, waves):
        bands = self.mel @ transform(waves).abs()                              # (N, 64, C)
        return self.listen(torch.log1p(bands / FLOOR) / 3)                     # (N, 32)

    def forward(self, waves):
        return self.answer(self.features(waves))                               # (N, 6)


def sound_judge():
    """The shipped judge of sounds (`SoundJudge` in evaluation mode)."""
    return weights.load(SoundJudge(), "sound_judge")


@torch.no_grad()
def read_sounds(judge, waves, chunk=256):
    """What a judge hears in waves, float (N, S): dict "music" -> probabilities (N, 3), "tempo",
    "key", "landings" -> (N,), about -1 to 1, "features" -> (N, 32)."""
    features = torch.cat([judge.features(part) for part in torch.as_tensor(waves).split(chunk)])
    kind, numbers = judge.answer(features).split([len(MUSIC), 3], 1)
    return {"music": kind.softmax(1), "features": features} | \
        dict(zip(("tempo", "key", "landings"), numbers.T, strict=True))


# Do sound and picture agree? --------------------------------------------------------------------
def peaks(curve, least, apart):
    """Where a curve (N, C) has a peak: bool (N, C). A peak is at least `least` high, and nothing
    that is nearer than `apart` places is higher."""
    top = F.max_pool1d(curve[:, None], 2 * apart - 1, 1, apart - 1)[:, 0]      # (N, C)
    return (curve == top) & (curve >= least)


def strikes(waves):
    """How suddenly it gets louder above 2 kHz: waves (N, S) -> (N, C), about 1 for a step.

    The mean rise of the levels within two columns. A step is a noise, and noise has all
    frequencies; the tones of the music have few.
    """
    high = spectrogram(waves)[:, BINS // 2:]                                   # (N, B / 2, C)
    return F.pad((high[..., 2:] - high[..., :-2]).clamp(min=0).mean(1), (2, 0))


def onsets(waves):
    """When steps are heard in waves (N, S): a list of N arrays of seconds."""
    found = peaks(strikes(torch.as_tensor(waves)), least=0.4, apart=12)
    return [row.nonzero()[:, 0].numpy() * HOP / RATE for row in found]


def motion_peaks(films):
    """When films uint8 (N, T, H, W, 3) move most: the local peaks of `measuring.frame_change`, a
    list of N arrays of seconds."""
    change = torch.from_numpy(measuring.frame_change(films))                   # (N, T - 1)
    found = peaks(change, least=1e-3, apart=2)
    return [(row.nonzero()[:, 0].numpy() + 1) / FPS for row in found]


def decibels(waves, others):
    """How much louder waves are than others, in dB: 10 log10 of the ratio of their mean squares."""
    return float(10 * np.log10(np.square(waves).mean() / np.square(others).mean()))
