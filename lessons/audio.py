"""Lesson 7: sound from the path that makes the picture, and measures of how well the two agree.

`SoundGenerator` makes any sound; what the theatre's is told beforehand stands in `priors`.

Axes: N clips, S samples of sound, B frequencies, C moments (columns of a spectrogram), T frames,
D numbers a frame of a path, L words of a caption.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons.frames import THEATRE
from lessons.signals.clip import FPS, FRAMES
from lessons.signals.spectrogram import (
    A_FRAME,
    BINS,
    LOUDEST,
    to_wave,
    with_size,
)
from lessons.text_conditioning import Matching, TextEncoder, contrastive_loss
from lessons.video import Steps, mlp
from lessons.world.vocabulary import WORDS


# The networks ---------------------------------------------------------------------------------
class SoundGenerator(nn.Module):
    """G(z, t, path): noise (N, latent), captions (N, L), standardised paths (N, T, D) -> levels
    (N, B, C).

    Each frame gives the ten columns that belong to it, from the path there and near it, from the
    words, the noise, and from when it is: a voice begins where recordings begin.
    """

    latent = 16  # numbers of noise that become one sound

    def __init__(self, layout=THEATRE, vocabulary=WORDS, width=160):
        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.when = nn.Parameter(torch.randn(FRAMES, 32))
        self.enter = nn.Sequential(
            nn.Linear(2 * layout.path + 64 + self.latent + 32, width), nn.LeakyReLU(0.2),
            Steps(width, 3, 1), Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, A_FRAME * 48)
        self.levels = nn.Sequential(nn.LeakyReLU(0.2), Steps(48, 5, 1), nn.Linear(48, 128),
                                    nn.LeakyReLU(0.2), nn.Linear(128, BINS))

    def forward(self, z, ids, paths, *_):
        _, _, sentence = self.text(ids)                                        # (N, 64)
        said = torch.cat([sentence, z], 1)[:, None].expand(-1, FRAMES, -1)
        when = self.when.expand(len(z), -1, -1)                                # (N, T, 32)
        x = self.enter(torch.cat([with_change(paths), said, when], 2))         # (N, T, width)
        x = self.spread(x).unflatten(2, (A_FRAME, 48)).flatten(1, 2)           # (N, C, 48)
        return not_too_loud(self.levels(x).transpose(1, 2))                    # (N, B, C)

    def completed(self, z, ids):
        """Captions with a word for each thing of the sound that they leave open: as they are."""
        return ids


def not_too_loud(levels):
    """Levels of which none is above LOUDEST: on a scale of logarithms a small mistake upwards would
    be a bang."""
    return LOUDEST - F.softplus(8 * (LOUDEST - levels)) / 8


def with_change(paths):
    """Paths (N, T, D) beside their changes from frame to frame, the first being 0: (N, T, 2 D)."""
    return torch.cat([paths, F.pad(paths.diff(dim=1), (0, 0, 1, 0))], 2)


def shifted(heard, seen, k):
    """Two pairs of T - k frames: one in time, and one whose picture comes k frames too late.

    heard, seen: frames of sound and of picture (N, T, .) that belong together. The sound of both
    pairs is the same, and nothing is rolled round: a seam would give the second pair away.
    """
    return (heard[:, k:], seen[:, k:]), (heard[:, k:], seen[:, :-k])


class SoundDiscriminator(nn.Module):
    """Two discriminators that look at one spectrogram.

    The first asks: is this sound real, and does its music fit the caption? The second asks: do
    sound and path belong together, frame by frame?

    forward: levels (N, B, C), captions (N, L), paths (N, T, D) -> logits (N,), the sum of both;
    then, for `MusicAndShift`, a vector of the sound and one of the caption, (N, 64) each, and the
    second logit (N,) twice: with the path in its place, and with a path that is late.
    shifted: see `shifted`, the place for your own.
    """

    def __init__(self, layout=THEATRE, vocabulary=WORDS, width=96, joint=True, shifted=shifted):
        super().__init__()
        self.joint, self.shifted = joint, shifted
        self.look = nn.Sequential(nn.Linear(BINS, width), nn.LeakyReLU(0.2),
                                  Steps(width, 4, 2), Steps(width, 5, 5))
        self.near = Steps(width, 3, 1)
        self.sum_up = mlp(FRAMES * width, 192, last=True)
        self.text = TextEncoder(vocabulary)
        self.fits, self.match = Matching(192), nn.Linear(192, 64)
        self.beside = nn.Sequential(nn.Linear(width + 2 * layout.path, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1), nn.Linear(width, 1))

    def forward(self, levels, ids, paths, *_):
        heard = self.look(levels.transpose(1, 2))                              # (N, T, width)
        whole = self.sum_up(self.near(heard).flatten(1))                       # (N, 192)
        _, _, sentence = self.text(ids)                                        # (N, 64)
        seen = with_change(paths)                                              # (N, T, 2 D)
        own, late = self.shifted(heard, seen, int(torch.randint(1, 9, ())))
        logits = self.fits(whole, sentence)
        if self.joint:
            logits = logits + self.together(heard, seen)
        return logits, self.match(whole), sentence, self.together(*own), self.together(*late)

    def together(self, heard, seen):
        """Frames of a sound (N, T, .) and of a path (N, T, .) -> do they belong together? (N,)"""
        return self.beside(torch.cat([heard, seen], 2)).mean((1, 2))


def energy(one, other, real):
    """The energy score of two generated sounds of one cause beside the real one, a number.

        E |x - y| - 1/2 E |x - x'|,   the length being that of each column, and the mean over all

    one, other: x and x', real: y, levels (N, B, C) each. Its mean is smallest where x is drawn from
    the distribution of y: to hit y is not enough, the spread must be right, too. Source: Gneiting
    and Raftery, 2007, doi 10.1198/016214506000001437, equation 22.
    """
    def far(a, b):
        return ((a - b).square().sum(1) + 1e-6).sqrt().mean()                  # of (N, C) lengths
    return (far(one, real) + far(other, real)) / 2 - far(one, other) / 2


class MusicAndShift:
    """What is added to the adversarial losses of sound.

    The discriminator must match sounds with captions by their music, and must tell a pair in time
    from one whose picture is late. The generator must match, too, and its pairs of sounds from one
    cause must have a small energy score. shift, energy: weights, 0 to leave a part out.
    """

    def __init__(self, shift=1.0, energy=1.0):
        self.shift, self.energy = shift, energy

    def discriminator(self, more, conditions):
        _, _, own, late = more
        return self.matching(more, conditions) + self.shift * F.softplus(late - own).mean()

    def generator(self, real, fake, more, conditions):
        loss = 0.3 * self.matching(more, conditions)
        if self.energy:
            # each cause is there twice, in rows 2i and 2i + 1
            loss = loss + self.energy * energy(fake[::2], fake[1::2], real[::2])
        return loss

    @staticmethod
    def matching(more, conditions):
        heard, sentences, *_ = more
        return contrastive_loss(heard, sentences, 10.0, conditions[2])


class SoundModel(nn.Module):
    """What makes a film sound: a generator, and the scale of the paths that it knows.

    with_size: see `spectrogram.with_size`, the place for your own.
    """

    def __init__(self, generator, layout=THEATRE, with_size=with_size):
        super().__init__()
        self.generator, self.with_size = generator, with_size
        self.register_buffer("middle", torch.zeros(layout.path))
        self.register_buffer("spread", torch.ones(layout.path))

    @torch.no_grad()
    def forward(self, z, ids, paths):
        """Noise (N, latent), captions (N, L), paths (N, T, D) as the encoder gives them -> waves
        (N, S), -1 to 1, on the CPU, where they come out the same on every machine."""
        return self.heard(self.levels(z, self.generator.completed(z, ids), paths))

    def levels(self, z, ids, paths):
        """The same -> levels (N, B, C)."""
        return self.generator(z, ids, (paths - self.middle) / self.spread).cpu()

    def heard(self, levels):
        """Levels (N, B, C) -> waves (N, S)."""
        return to_wave(levels, with_size=self.with_size)


def hits(heard, seen, within=1 / FPS):
    """How many pairs of a moment heard and one seen can be made, none used twice: a whole number.

    heard, seen: seconds in ascending order, any number of them; a pair is at most `within` apart.
    """
    i = j = count = 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= within:
            i, j, count = i + 1, j + 1, count + 1
        elif heard[i] < seen[j]:
            i += 1
        else:
            j += 1
    return count


def sync(heard, seen, within=1 / FPS):
    """How well moments heard and seen agree over N clips, 0 to 1: both lists of N arrays.

        2 hits / (number heard + number seen),   summed over all clips

    1 where each has its partner. A clip in which nothing is heard and nothing seen adds nothing.
    """
    pairs = sum(hits(one, other, within) for one, other in zip(heard, seen, strict=True))
    return 2 * pairs / max(1, sum(map(len, heard)) + sum(map(len, seen)))


def lags(heard, seen):
    """From the nearest moment seen in its clip to each that is heard, in seconds, one array: above
    0 where the sound is late. Clips in which nothing is seen have none."""
    found = []
    for one, other in zip(heard, seen, strict=True):
        for moment in one if len(other) else []:
            found.append(moment - other[np.abs(np.subtract(other, moment)).argmin()])
    return np.array(found)


def av_align(heard, seen, within=1 / FPS):
    """AV-Align of one clip: hits / (heard + seen - hits), 0 to 1; nan where both lists are empty.

    An intersection over a union. Source: Yariv et al., 2024, arXiv 2309.16429, where peaks of
    loudness meet peaks of optical flow.
    """
    pairs = hits(heard, seen, within)
    union = len(heard) + len(seen) - pairs
    return pairs / union if union else math.nan
