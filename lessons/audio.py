"""Lesson 7: sound from the path that makes the picture, and measures of how well the two agree.

`python -m lessons.audio footfalls|music` trains a judge and ships it; `sound` trains and ships what
the course's films sound like; `compare` plays the game with parts of it taken out and writes
data/sound.json.

Axes: N clips, S samples of sound, B frequencies, C moments (columns of a spectrogram), T frames,
D numbers a frame of a path, L words of a caption.
"""

import functools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons.engine import training
from lessons.engine.losses import Relativistic
from lessons.frames import PATH
from lessons.signals.clip import FPS, FRAMES, RATE
from lessons.signals.spectrogram import A_FRAME, BINS, COLUMNS, HOP, LOUDEST, spectrogram, to_wave
from lessons.text_conditioning import Matching, TextEncoder, contrastive_loss, evenly
from lessons.video import Steps
from lessons.world import captions
from lessons.world.scene import MUSIC
from lessons.world.vocabulary import WORDS, is_chinese

NOISE = 8                        # numbers of noise that become one sound
HANDS = 32                       # of the clock that keeps the time of the music
MODEL = "sound"                  # the name that a checkpoint of this lesson carries


# The networks ---------------------------------------------------------------------------------
@functools.lru_cache
def _moods(vocabulary, device):
    """What is added to captions: the words for each of MUSIC in each language, as numbers
    (languages, 3, 3), and which words of the vocabulary speak of music."""
    phrases = {"en": ("without music", "with calm music", "with cheerful music"),
               "zh": ("没有音乐", "配着 平静 音乐", "配着 欢快 音乐")}
    words = [[(row.split() + ["", ""])[:3] for row in phrases[language]]
             for language in captions.LANGUAGES]
    speaks = {word for lexicon in captions.LEXICON.values() for phrase, (slot, _) in lexicon.items()
              if slot == "mood" for word in [*phrase.split(), phrase]}
    speaks -= {phrase for lexicon in captions.LEXICON.values()
               for phrase, (slot, _) in lexicon.items() if slot == ""}         # "in" says nothing
    return (torch.stack([vocabulary.encode(rows) for rows in words]).to(device),
            torch.tensor([word in speaks for word in vocabulary], device=device))


def with_music(ids, kinds, vocabulary):
    """Captions that speak of music: ids (N, L) -> (N, L + 3), with padding where they do already.

    kinds (N,): which of MUSIC to add, in words of the caption's language, where none is named.
    ids: numbers of the words of a `Vocabulary`.
    """
    words, speaks = _moods(vocabulary, ids.device)
    silent = ~speaks[ids].any(1, keepdim=True)                                 # (N, 1)
    added = words[is_chinese(ids, vocabulary), kinds] * silent                 # (N, 3)
    return torch.cat([ids, added], 1)


class SoundGenerator(nn.Module):
    """G(z, t, path): noise (N, NOISE), captions (N, L), standardised paths (N, T, D) -> levels
    (N, B, C).

    Two sounds with two causes, whose magnitudes are added. Steps are heard where the path says:
    each frame, with its neighbours, gives the ten columns that belong to it. Music is heard as the
    words say: a clock goes up to a tenth faster or slower, as noise and words set it, and what
    sounds is a function of where its hands stand. No level is above LOUDEST: on a scale of
    logarithms a small mistake upwards would be a bang.
    """

    def __init__(self, width=128, vocabulary=WORDS):
        super().__init__()
        self.frames = nn.Sequential(nn.Linear(2 * PATH, width), nn.LeakyReLU(0.2),
                                    Steps(width, 3, 1), Steps(width, 3, 1))
        self.spread = nn.Linear(width, A_FRAME * 32)
        self.steps = nn.Sequential(Steps(32, 5, 1), nn.Linear(32, 64), nn.LeakyReLU(0.2),
                                   nn.Linear(64, BINS))
        self.text = TextEncoder(vocabulary)
        self.tune = nn.Sequential(nn.Linear(64 + NOISE, width), nn.LeakyReLU(0.2))
        self.pace = nn.Linear(width, 1)
        self.hands, self.key = nn.Linear(2 * HANDS, width), nn.Linear(width, width)
        self.music = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2),
                                   nn.Linear(width, BINS))

    def forward(self, z, ids, paths, *_):
        steps, music = self.footsteps(paths), self.melody(z, ids)              # (N, C, B) each
        both = torch.logaddexp(steps, music).transpose(1, 2) / 3               # (N, B, C)
        return LOUDEST - F.softplus(8 * (LOUDEST - both)) / 8

    def footsteps(self, paths):
        """Paths (N, T, D) -> logarithms of magnitudes (N, C, B)."""
        x = self.frames(with_change(paths))                                    # (N, T, width)
        return self.steps(self.spread(x).unflatten(2, (A_FRAME, 32)).flatten(1, 2))

    def melody(self, z, ids):
        """Noise (N, NOISE), captions (N, L) -> logarithms of magnitudes (N, C, B)."""
        _, _, sentence = self.text(ids)
        tune = self.tune(torch.cat([sentence, z], 1))                          # (N, width)
        seconds = torch.arange(COLUMNS, device=z.device) * HOP / RATE
        clock = (1 + 0.1 * torch.tanh(self.pace(tune).float())) * seconds      # (N, C)
        # the slowest hand goes round in 4 seconds, the others two, three, ... times as fast
        turned = math.pi / 2 * clock[..., None] * torch.arange(1, HANDS + 1, device=z.device)
        x = self.hands(torch.cat([turned.sin(), turned.cos()], 2))             # (N, C, width)
        return self.music(x + self.key(tune)[:, None])


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

    def __init__(self, width=96, joint=True, vocabulary=WORDS):
        super().__init__()
        self.joint = joint
        self.look = nn.Sequential(nn.Linear(BINS, width), nn.LeakyReLU(0.2),
                                  Steps(width, 4, 2), Steps(width, 5, 5))
        self.near = Steps(width, 3, 1)
        self.sum_up = nn.Sequential(nn.Linear(FRAMES * width, 192), nn.LeakyReLU(0.2))
        self.text = TextEncoder(vocabulary)
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
    from one whose picture is early. The generator must match, too, and its pairs of sounds from one
    cause must have a small energy score. shift, energy: weights, 0 to leave a part out.
    """

    def __init__(self, shift=1.0, energy=1.0):
        self.shift, self.energy = shift, energy

    def discriminator(self, more, conditions):
        _, _, own, early = more
        return self.matching(more, conditions) + self.shift * F.softplus(early - own).mean()

    def generator(self, real, fake, more, conditions):
        loss = 0.3 * self.matching(more, conditions)
        if self.energy:
            one, other = fake.chunk(2)  # each cause is drawn twice, see `train_sound`
            loss = loss + self.energy * energy(one, other, real.chunk(2)[0])
        return loss

    @staticmethod
    def matching(more, conditions):
        heard, sentences, *_ = more
        return contrastive_loss(heard, sentences, 10.0, conditions[2])


class SoundMaker(nn.Module):
    """What makes a film sound: the generator, and the scale of the paths that it knows."""

    def __init__(self, vocabulary=WORDS):
        super().__init__()
        self.generator = SoundGenerator(vocabulary=vocabulary)
        self.register_buffer("middle", torch.zeros(PATH))
        self.register_buffer("spread", torch.ones(PATH))

    @torch.no_grad()
    def forward(self, z, ids, paths):
        """Noise (N, NOISE), captions (N, L), paths (N, T, D) as the encoder gives them -> waves
        (N, S), -1 to 1, on the CPU, where they come out the same on every machine.

        Where a caption leaves the music open, the first number of the noise draws it, each of MUSIC
        being equally likely.
        """
        kinds = (evenly(z[:, 0]) * len(MUSIC)).long()                          # (N,)
        ids = with_music(ids, kinds, self.generator.text.vocabulary)
        return to_wave(self.generator(z, ids, (paths - self.middle) / self.spread).cpu())


def train_sound(waves, paths, wordings, kinds, folder=None, *, variant="shipped", seed=0,
                device="cpu", batch=32, **length):
    """The `training.Run` of the game over sounds.

    waves (M, S) are the sounds of real films, paths (M, T, D) what the encoder makes of their
    frames, standardised, wordings the `Wordings` of their scenes; where a scene has several films,
    they stand in a row. kinds (scenes,): which of MUSIC each has; a caption that leaves it open is
    completed with the truth, so that every sound learnt belongs to its words. variant: one of
    VARIANTS. folder: where the checkpoint is, gone on from if there is one. length: minutes or
    steps.
    """
    joint, shift, weight = VARIANTS[variant]
    torch.manual_seed(seed)

    def draw(n, rng):
        rows = torch.randint(len(waves), (n // 2,), generator=rng)
        scenes = rows * len(kinds) // len(waves)
        ids, _ = wordings.draw(scenes, rng)
        said = with_music(ids, kinds[scenes], wordings.vocabulary)             # (N, L + 3)
        once = spectrogram(waves[rows].float()), said, paths[rows], kinds[scenes, None]
        return [part.repeat(2, *[1] * (part.dim() - 1)) for part in once]
    run = training.Run(SoundGenerator(vocabulary=wordings.vocabulary),
                       SoundDiscriminator(joint=joint, vocabulary=wordings.vocabulary),
                       model=MODEL, seed=seed, device=device)
    return training.fit_to_end(run, folder, draw, loss=Relativistic, latent=NOISE, batch=batch,
                               r1=0.5, r2=0.5, extra=MusicAndShift(shift, weight), decay=0.995,
                               **length)


# name -> is there a joint discriminator, how much do shifted pairs count, and the energy score?
VARIANTS = {"shipped": (True, 1.0, 1.0), "no energy score": (True, 1.0, 0.0),
            "no shifted pairs": (True, 0.0, 0.0), "sound alone": (False, 0.0, 0.0)}


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
    """From each moment heard to the nearest that is seen in its clip, in seconds, one array: above
    0 where the sound is late. Clips in which nothing is seen have none."""
    found = [one[:, None] - other for one, other in zip(heard, seen, strict=True) if len(other)]
    return np.concatenate([row[np.arange(len(row)), np.abs(row).argmin(1)] for row in found])


def av_align(heard, seen, within=1 / FPS):
    """AV-Align of one clip: hits / (heard + seen - hits), 0 to 1; nan where both lists are empty.

    An intersection over a union. Source: Yariv et al., 2024, arXiv 2309.16429, where peaks of
    loudness meet peaks of optical flow.
    """
    pairs = hits(heard, seen, within)
    union = len(heard) + len(seen) - pairs
    return pairs / union if union else math.nan


def scale_of(paths):
    """Mean and spread of each number of paths (M, T, D), (D,) each."""
    return paths.mean((0, 1)), paths.std((0, 1)).clamp(min=1e-3)


def made_of(run, paths):
    """The `SoundMaker` of a finished run; paths: what it learnt from, as the encoder gave them."""
    maker = SoundMaker(run.average.text.vocabulary).to(paths.device)
    maker.generator.load_state_dict(run.average.state_dict())
    maker.middle, maker.spread = scale_of(paths)
    return maker.eval()
