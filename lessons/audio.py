"""Lesson 7: sound from the path that makes the picture, and measures of how well the two agree.

`python -m lessons.audio footfalls|music` trains a judge and ships it; `sound` trains and ships what
the course's films sound like; `compare` plays the game with parts of it taken out and writes
data/sound.json.

Axes: N clips, S samples of sound, B frequencies, C moments (columns of a spectrogram), T frames,
D numbers a frame of a path, L words of a caption.
"""

import functools
import json
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons import captions, checkpoints, figures, measuring, sound, training
from lessons.errors import CourseError, nearest
from lessons.losses import Relativistic
from lessons.scene import MUSIC
from lessons.text_conditioning import (
    IDS,
    WORDS,
    Matching,
    TextEncoder,
    Wordings,
    contrastive_loss,
    evenly,
    meanings,
)
from lessons.theatre import Theatre
from lessons.video import FRAMES, PATH, Steps, cut

RATE, FPS = 8000, 8              # samples and frames a second
SAMPLES = RATE * FRAMES // FPS   # of a clip
WINDOW, HOP = 256, 100           # samples that one column looks at, and from column to column
BINS = WINDOW // 2 + 1           # frequencies, RATE / WINDOW = 31.25 Hz apart
A_FRAME = RATE // FPS // HOP     # columns that belong to one frame of the film
COLUMNS = A_FRAME * FRAMES
FLOOR = 0.02                     # a magnitude that counts as silence; a loud tone has about 8
NOISE = 8                        # numbers of noise that become one sound
MODEL = "sound"                  # the name that a checkpoint of this lesson carries


# Sound and its pictures -----------------------------------------------------------------------
def transform(waves):
    """The short-time Fourier transform of waves (N, S): complex (N, B, C), C = S / HOP.

    A column is the Fourier transform of WINDOW samples around its moment, faded at both sides.
    """
    window = torch.hann_window(WINDOW, device=waves.device)
    columns = torch.stft(waves, WINDOW, HOP, window=window, pad_mode="constant",
                         return_complex=True)                                  # (N, B, C + 1)
    return columns[..., :waves.shape[1] // HOP]


def inverse(columns):
    """The waves (N, S) of complex columns (N, B, C): overlapping pieces, added and divided by the
    windows' sum. Columns that belong to no wave give the wave whose own are nearest."""
    window = torch.hann_window(WINDOW, device=columns.device)
    return torch.istft(columns, WINDOW, HOP, window=window, length=columns.shape[2] * HOP)


def spectrogram(waves):
    """How loud each frequency is at each moment: waves (N, S) -> levels (N, B, C), 0 for silence.

        level = log(1 + |X| / FLOOR) / 3,   X the short-time Fourier transform

    A level of 2 is a loud tone; from 1 to 2 the magnitude grows twentyfold.
    """
    return torch.log1p(transform(waves).abs() / FLOOR) / 3


def magnitudes(levels):
    """Levels (N, B, C) of `spectrogram` -> magnitudes |X|, of the same shape."""
    return FLOOR * torch.expm1(3 * levels.clamp(min=0))


def mel_filters(bands=64, top=RATE / 2):
    """Triangles that sum frequencies into bands as wide as they sound: float (bands, B).

        mel = 2595 log10(1 + Hz / 700)

    The bands lie evenly in mel, each reaching from the middle of the last to that of the next.
    Source of the formula: O'Shaughnessy, Speech Communication, 1987.
    """
    highest = 2595 * math.log10(1 + top / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, bands + 2) / 2595) - 1)   # in Hz
    hertz = torch.linspace(0, RATE / 2, BINS)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]   # (bands, 1) each
    return torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(0)


def first_phases(size):
    """A guess of the phases (N, B, C) that belong to magnitudes `size` (N, B, C).

    Each bin turns as fast as the tone that is loudest near it: its frequency lies between two bins
    and is read from a parabola through three neighbours.
    """
    level = F.pad((size + 1e-5).log(), (0, 0, 1, 1), mode="replicate")
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    peak = (right - left) / (2 * (2 * middle - left - right)).clamp(min=1e-3)  # in bins
    bins = torch.arange(size.shape[1], device=size.device)[:, None] + peak.clamp(-2, 2)
    return (2 * math.pi * HOP / WINDOW * bins).cumsum(2)


def to_wave(levels, rounds=32, speed=0.99):
    """Back to sound: levels (N, B, C) -> waves (N, S), faded at both ends, -1 to 1.

    The phases are lost, so they are guessed and then made to agree: in each round the columns
    become a wave, the wave becomes columns, and these keep their phases and take the magnitudes
    that are wanted. speed: how much of the last step is made once more (0 for the plain method).
    Source: Griffin and Lim, 1984, doi 10.1109/TASSP.1984.1164317; the fast form is that of
    Perraudin et al., 2013, doi 10.1109/WASPAA.2013.6701851.
    """
    size = magnitudes(levels)
    columns, last = torch.polar(size, first_phases(size)), 0
    for _ in range(rounds):
        now = transform(inverse(columns))
        columns, last = with_size(now + speed * (now - last), size), now
    return sound.fade(inverse(columns), RATE).clamp(-1, 1)


def with_size(columns, size):
    """Complex columns with other magnitudes and the phases that they have, both (N, B, C)."""
    return size * columns / columns.abs().clamp(min=1e-9)


# The networks ---------------------------------------------------------------------------------
@functools.lru_cache
def _moods(device):
    """The words that are added for each of MUSIC, as numbers, and which of WORDS speak of it."""
    speaks = {word for lexicon in captions.LEXICON.values() for phrase, (slot, _) in lexicon.items()
              if slot == "mood" for word in [*phrase.split(), phrase]}
    speaks -= {phrase for lexicon in captions.LEXICON.values()
               for phrase, (slot, _) in lexicon.items() if slot == ""}         # "in" says nothing
    return (torch.tensor([IDS[word] for word in ("without", "calm", "cheerful")], device=device),
            torch.tensor([word in speaks for word in WORDS], device=device))


def with_music(ids, z):
    """Captions with a word on music where they have none: ids (N, L) -> (N, L + 1).

    The first number of the noise z (N, any) draws it, each of MUSIC being equally likely.
    """
    values, speaks = _moods(ids.device)
    word = values[(evenly(z[:, 0]) * len(MUSIC)).long()]                       # (N,)
    return torch.cat([ids, (word * ~speaks[ids].any(1))[:, None]], 1)


class SoundGenerator(nn.Module):
    """G(z, t, path): noise (N, NOISE), captions (N, L), standardised paths (N, T, D) -> levels
    (N, B, C).

    Two sounds with two causes, whose magnitudes are added. Steps are heard where the path says:
    each frame, with its neighbours, gives the ten columns that belong to it. Music is heard as the
    words say: a clock turns as fast as words and noise set it, and what sounds is a function of
    where its hand stands.
    """

    def __init__(self, width=128):
        super().__init__()
        self.frames = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, A_FRAME * 32)
        self.steps = nn.Sequential(Steps(32, 5, 1), nn.Linear(32, 64), nn.LeakyReLU(0.2),
                                   nn.Linear(64, BINS))
        self.text = TextEncoder()
        self.tune = nn.Sequential(nn.Linear(64 + NOISE, width), nn.LeakyReLU(0.2))
        self.pace = nn.Linear(width, 1)
        self.hand, self.key = nn.Linear(12, 96), nn.Linear(width, 96)
        self.music = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(96, 96), nn.LeakyReLU(0.2),
                                   nn.Linear(96, BINS))

    def forward(self, z, ids, paths, *_):
        steps, music = self.footsteps(paths), self.melody(z, ids)              # (N, C, B) each
        # the logarithm of a sum: silence, steps and music, each in units of FLOOR
        total = torch.logsumexp(torch.stack([0 * steps, steps, music]), 0)
        return total.transpose(1, 2) / 3                                       # (N, B, C)

    def footsteps(self, paths):
        """Paths (N, T, D) -> logarithms of magnitudes (N, C, B)."""
        x = self.frames(with_change(paths))                                    # (N, T, width)
        return self.steps(self.spread(x).unflatten(2, (A_FRAME, 32)).flatten(1, 2)) - 2

    def melody(self, z, ids):
        """Noise (N, NOISE), captions (N, L) -> logarithms of magnitudes (N, C, B)."""
        _, _, sentence = self.text(with_music(ids, z))
        tune = self.tune(torch.cat([sentence, z], 1))                          # (N, width)
        seconds = torch.arange(COLUMNS, device=z.device) * HOP / RATE
        turned = 2 * math.pi * F.softplus(self.pace(tune)) * seconds           # (N, C)
        hands = turned[..., None] * 2 ** torch.arange(6, device=z.device)      # (N, C, 6)
        x = self.hand(torch.cat([hands.sin(), hands.cos()], 2))                # (N, C, 96)
        return self.music(x + self.key(tune)[:, None]) - 2


def with_change(paths):
    """Paths (N, T, D) beside their changes from frame to frame, the first being 0: (N, T, 2 D)."""
    return torch.cat([paths, F.pad(paths.diff(dim=1), (0, 0, 1, 0))], 2)


class SoundDiscriminator(nn.Module):
    """Two discriminators that look at one spectrogram.

    The first asks: is this sound real, and does its music fit the caption? The second asks: do
    sound and path belong together, frame by frame?

    forward: levels (N, B, C), captions (N, L), paths (N, T, D) -> logits (N,), the sum of both;
    then, for `MusicAndShift`, a vector of the sound and one of the caption, (N, 64) each, and the
    second logit (N,) twice: with the path in its place, and with a path that is early or late.
    """

    def __init__(self, width=96, joint=True):
        super().__init__()
        self.joint = joint
        self.look = nn.Sequential(nn.Linear(BINS, width), nn.LeakyReLU(0.2),
                                  Steps(width, 4, 2), Steps(width, 5, 5))
        self.near = Steps(width, 3, 1)
        self.sum_up = nn.Sequential(nn.Linear(FRAMES * width, 192), nn.LeakyReLU(0.2))
        self.text = TextEncoder()
        self.fits, self.match = Matching(192), nn.Linear(192, 64)
        self.beside = nn.Sequential(nn.Linear(width + 2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1), nn.Linear(width, 1))

    def forward(self, levels, ids, paths, *_):
        heard = self.look(levels.transpose(1, 2))                              # (N, T, width)
        whole = self.sum_up(self.near(heard).flatten(1))                       # (N, 192)
        _, _, sentence = self.text(ids)                                        # (N, 64)
        seen = with_change(paths)                                              # (N, T, 2 D)
        own, early = shifted(heard, seen, int(torch.randint(1, 9, ())))
        logits = self.fits(whole, sentence)
        if self.joint:
            logits = logits + self.together(heard, seen)
        return logits, self.match(whole), sentence, self.together(*own), self.together(*early)

    def together(self, heard, seen):
        """Frames of a sound (N, T, .) and of a path (N, T, .) -> do they belong together? (N,)"""
        return self.beside(torch.cat([heard, seen], 2)).mean((1, 2))


def shifted(heard, seen, k):
    """Two pairs of T - k frames: one in time, and one whose picture comes k frames too early.

    heard, seen: frames of sound and of picture (N, T, .) that belong together. The sound of both
    pairs is the same, and nothing is rolled round: a seam would give the second pair away.
    """
    return (heard[:, k:], seen[:, k:]), (heard[:, k:], seen[:, :-k])


def energy(one, other, real):
    """The energy score of two generated sounds of one cause beside the real one, a number.

        E |x - y| - 1/2 E |x - x'|,   lengths over the B A_FRAME numbers of each frame

    one, other: x and x', real: y, levels (N, B, C) each. Its mean is smallest where x is drawn from
    the distribution of y: to hit y is not enough, the spread must be right, too. Source: Gneiting
    and Raftery, 2007, doi 10.1198/016214506000001437, equation 22.
    """
    def far(a, b):
        frames = (a - b).unflatten(2, (FRAMES, A_FRAME)).square().sum((1, 3))  # (N, T)
        return (frames + 1e-6).sqrt().mean()
    return (far(one, real) + far(other, real)) / 2 - far(one, other) / 2


class MusicAndShift:
    """What is added to the adversarial losses of sound.

    The discriminator must match sounds with captions by their music, and must tell a pair in time
    from one whose picture is early. The generator must match, too, and its pairs of sounds from one
    cause must have a small energy score. shift, energy: weights, 0 to leave a part out.
    """

    def __init__(self, shift=1.0, energy=0.3):
        self.shift, self.energy = shift, energy

    def discriminator(self, more, conditions):
        _, _, own, early = more
        return self.matching(more, conditions) + self.shift * F.softplus(early - own).mean()

    def generator(self, real, fake, more, conditions):
        loss = 0.3 * self.matching(more, conditions)
        if self.energy:
            one, other = fake.chunk(2)  # `draw_twice` gives each cause twice
            loss = loss + self.energy * energy(one, other, real.chunk(2)[0])
        return loss

    @staticmethod
    def matching(more, conditions):
        heard, sentences, *_ = more
        return contrastive_loss(heard, sentences, 10.0, conditions[2][:, -1:])


class SoundMaker(nn.Module):
    """What makes a film sound: the generator, and the scale of the paths that it knows."""

    def __init__(self):
        super().__init__()
        self.generator = SoundGenerator()
        self.register_buffer("middle", torch.zeros(PATH))
        self.register_buffer("spread", torch.ones(PATH))

    @torch.no_grad()
    def forward(self, z, ids, paths):
        """Noise (N, NOISE), captions (N, L), paths (N, T, D) as the encoder gives them -> waves
        (N, S), -1 to 1."""
        return to_wave(self.generator(z, ids, (paths - self.middle) / self.spread).float())


def train_sound(waves, paths, wordings, folder=None, *, variant="shipped", seed=0, device="cpu",
                batch=32, **length):
    """The `training.Run` of the game over sounds.

    waves (M, S) are the sounds of real films, paths (M, T, D) what the encoder makes of their
    frames, standardised, wordings the `Wordings` of their scenes. variant: one of VARIANTS. folder:
    where the checkpoint is, gone on from if there is one. length: minutes or steps.
    """
    from lessons.video import go_on  # it imports this module
    joint, shift, weight = VARIANTS[variant]
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(waves), (n // 2,), generator=rng).repeat(2)
        ids, said = (part.repeat(2, 1) for part in wordings.draw(rows[:n // 2], rng))
        return spectrogram(waves[rows].float()), ids, paths[rows], said
    run = training.Run(SoundGenerator(), SoundDiscriminator(joint=joint), model=MODEL, seed=seed,
                       device=device)
    return go_on(run, folder, training.fit, draw, loss=Relativistic, latent=NOISE, batch=batch,
                 r1=0.5, r2=0.5, extra=MusicAndShift(shift, weight), decay=0.995, **length)


# name -> is there a joint discriminator, how much do shifted pairs count, and the energy score?
VARIANTS = {"shipped": (True, 1.0, 0.3), "no energy score": (True, 1.0, 0.0),
            "no shifted pairs": (True, 0.0, 0.0), "sound alone": (False, 0.0, 0.0)}
