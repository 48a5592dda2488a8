"""The sound of the theatre: footsteps, landings and music, made for all clips at once.

Axes: N clips, S samples.
"""

import math

import torch

from lessons.signals.spectrogram import fade
from lessons.world.scene import MUSIC

# seconds a note, lowest note in Hz, the pattern in semitones above it, loudness
CALM = (0.5, 130.8, (0, 7, 4, 7), 0.16)                         # slow, from C3, soft
CHEERFUL = (0.1667, 523.3, (0, 4, 7, 12, 7, 4, 9, 12), 0.13)    # three times as fast, from C5


def footsteps(clips, seconds, weights, n, samples, rate):
    """The sound of landings: float (n, samples).

    clips (L,), seconds (L,), weights (L,): which clip, when, and how heavy (0 for a step, above it
    for the landing of a jump). A sound starts on the sample at which the foot lands.
    """
    starts = (seconds * rate).ceil().long()
    inside = starts < samples
    clips, starts, weights = clips[inside], starts[inside], weights[inside]
    length = int(0.12 * rate)
    t = torch.arange(length) / rate
    noise = torch.rand(length, generator=torch.Generator().manual_seed(7)) * 2 - 1
    step = (0.8 * noise + 0.6 * torch.cos(2 * math.pi * 190 * t)) * torch.exp(-t / 0.014)
    thud = (0.4 * noise + 1.0 * torch.cos(2 * math.pi * 75 * t)) * torch.exp(-t / 0.030)
    sound = torch.zeros(n, samples + length)
    heavy = (weights > 0.08).float()[:, None]
    burst = 0.42 * (1 - heavy) * step + 0.5 * heavy * thud     # (L, length)
    sound.view(-1).index_add_(0, (clips[:, None] * (samples + length) + starts[:, None]
                                  + torch.arange(length)).view(-1), burst.view(-1))
    return sound[:, :samples]


def music(kinds, chance, samples, rate):
    """Music for N clips: kinds (list of MUSIC), chance (N, 2) in [0, 1) -> float (N, samples).

    chance: tempo (within 5 %) and key (up to two semitones higher).
    """
    sound = torch.zeros(len(kinds), samples)
    t = torch.arange(samples) / rate
    for name, (beat, lowest, pattern, loudness) in zip(MUSIC[1:], (CALM, CHEERFUL), strict=True):
        rows = [i for i, kind in enumerate(kinds) if kind == name]
        if not rows:
            continue
        beats = beat * (0.95 + 0.1 * chance[rows, :1])                       # (M, 1) seconds
        note = (t / beats).floor()                                           # (M, S)
        since = t - note * beats
        semitones = torch.tensor(pattern)[note.long() % len(pattern)]
        hertz = lowest * 2 ** ((semitones + (chance[rows, 1:] * 3).floor()) / 12)
        envelope = (since / 0.01).clamp(max=1) * ((beats - since) / 0.02).clamp(0, 1) \
            * torch.exp(-since / (0.6 * beats))
        wave = torch.sin(2 * math.pi * hertz * since)
        sound[rows] = loudness * envelope * (wave + 0.25 * wave * wave.abs())
    return sound


def soundtrack(steps, tune, rate):
    """Steps and music together, (N, S) in [-1, 1], faded at both ends."""
    return fade(steps + tune, rate).clamp(-1, 1)
